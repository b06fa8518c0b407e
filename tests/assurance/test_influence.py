"""Influence on SMKI Assessment Reports (R19): one golden record for each way to have it."""

from __future__ import annotations

import pytest

from records import CASES, findings, judged


def verdict_and_codes(case):
    judgement = judged((CASES / f"{case}.toml").read_text("utf-8"))
    return judgement.verdict.value, {finding.code for finding in findings(judgement)}


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("part", "independence.part"),
        ("part-director", "independence.part"),
        ("board", "independence.board"),
    ],
)
@pytest.mark.shows("5-issue-2", "¶42", "Appendix C", "R19")
def test_no_director_or_employee_of_the_dcc_or_a_provider_influences_a_report(case, code):
    verdict, codes = verdict_and_codes(case)
    assert verdict == "not-independent"
    assert code in codes


@pytest.mark.shows("5-issue-2", "Appendix C", "R19")
def test_a_seat_on_the_board_of_the_scheme_alone_is_no_breach():
    assert verdict_and_codes("board-recused") == ("independent", set())


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("dcc", "independence.dcc"),
        ("employer", "independence.employer"),
        ("outcome", "independence.outcome"),
        ("nobody", "independence.nobody"),
        ("scheme", "independence.scheme"),
    ],
)
@pytest.mark.shows("R19")
def test_a_record_that_does_not_say_who_had_influence_shows_nothing(case, code):
    assert verdict_and_codes(case) == ("not-shown", {code})


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("providers", "independence.providers"),
        ("scheme_itself", "independence.scheme_itself"),
        ("presence", "independence.presence"),
        ("late_record", "independence.late_record"),
        ("oversight", "independence.oversight"),
        ("post", "independence.post"),
        ("group", "independence.group"),
        ("left", "independence.left"),
        ("offer", "independence.offer"),
        ("joins", "independence.joins"),
    ],
)
@pytest.mark.shows("R19")
def test_influence_that_rests_on_an_assumption_is_a_warning(case, code):
    verdict, codes = verdict_and_codes(case)
    assert verdict == "independent"
    assert code in codes


@pytest.mark.shows("5-issue-1", "R19")
def test_a_scheme_is_approved_by_the_pma_before_its_first_outcome():
    assert verdict_and_codes("scheme") == ("not-shown", {"independence.scheme"})
    assert verdict_and_codes("scheme_late") == ("independent", {"independence.scheme_late"})
