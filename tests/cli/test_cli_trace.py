"""``trace``: every rule and paragraph, one of them whole, and what is none."""

from __future__ import annotations

import pytest

from smki_testca.traceability.requirement import requirements


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_all_are_listed_in_80_columns_with_how_many_are_enforced(command):
    outcome = command("trace")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert max(map(len, lines)) <= 80
    for one in requirements():
        assert any(line.startswith(f"{one.id} ") for line in lines), one.id
    enforced = sum(one.is_enforced for one in requirements())
    assert f"{enforced} are enforced; for {len(requirements()) - enforced} there is" in outcome.out


@pytest.mark.slow
def test_each_is_shown_whole_in_80_columns(command):
    outcome = command("trace", *(one.id for one in requirements()))
    assert (outcome.code, outcome.err) == (0, "")
    assert max(map(len, outcome.out.splitlines())) <= 80


def test_one_says_where_it_is_enforced_what_shows_it_and_what_tells_of_it(command):
    text = " ".join(command("trace", "r12").out.split())
    assert text.startswith("R12 An ID lies in the range of the organisation that uses it.")
    assert "Enforced in smki_testca.register.gate" in text
    assert "tests/register/test_gate.py: an id outside the range is refused" in text
    assert "Told by id.outside_range id.not_allocated" in text
    assert "Nothing to enforce" not in text


def test_what_is_no_matter_of_a_test_ca_says_why(command):
    text = " ".join(command("trace", "25").out.split())
    assert "Nothing to enforce It reports what respondents thought" in text
    assert "Shown by" not in text


def test_a_code_leads_to_the_paragraph_behind_it(command):
    ids = [one["id"] for one in command("--json", "trace", "agreement.none").json["requirements"]]
    assert ids == ["3-issue-2", "H14.11", "R2"]


def test_json_has_every_requirement_with_every_key(command):
    told = command("--json", "trace").json["requirements"]
    assert [one["id"] for one in told] == [one.id for one in requirements()]
    by_id = {one["id"]: one for one in told}
    assert by_id["R12"]["tests"][0].startswith("tests/register/test_gate.py::test_each_refusal")
    assert by_id["R12"]["enforced"] is True
    assert by_id["R12"]["nothing_to_enforce"] is None
    assert (by_id["¶25"]["enforced"], by_id["¶25"]["tests"]) == (False, [])
    assert by_id["¶33"]["rules"] == ["R10", "R11"]


def test_what_is_none_is_one_line(command):
    outcome = command("trace", "R12", "R99")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (4, "", 1)
    assert "There is no rule, paragraph, statement or code 'R99'." in outcome.err
    assert command("--json", "trace", "R99").json["error"]["code"] == "trace.unknown"
