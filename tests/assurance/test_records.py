"""Each golden record gives the verdict and the findings that its comments state, in any order."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import CASES, expected, findings, judged
from smki_testca.assurance.record_rules import rules

EVERY = sorted(CASES.glob("*.toml"))


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
@pytest.mark.shows("R19")
def test_a_golden_record_gives_what_it_states(path):
    text = path.read_text("utf-8")
    judgement = judged(text)
    found = [
        (one.severity.value, one.code, one.decision, one.person, str(one.line))
        for one in findings(judgement)
    ]
    assert (judgement.verdict.value, found) == expected(text)


def test_each_rule_has_a_golden_record_of_its_name():
    for rule in rules():
        text = (CASES / f"{rule.code.split('.')[1]}.toml").read_text("utf-8")
        assert rule.code in {code for _, code, *_ in expected(text)[1]}


def test_a_finding_has_the_severity_and_basis_of_its_rule_as_shipped():
    by_code = {rule.code: rule for rule in rules()}
    for rule in rules():
        text = (CASES / f"{rule.code.split('.')[1]}.toml").read_text("utf-8")
        found = [one for one in findings(judged(text)) if one.code == rule.code]
        assert {(one.severity, one.basis, one.remedy) for one in found} == {
            (rule.severity, rule.basis, by_code[rule.code].remedy)
        }


def _without_lines(text):
    judgement = judged(text)
    return judgement.verdict, [
        (one.code, one.severity, one.decision, one.person, one.message)
        for one in findings(judgement)
    ]


@pytest.mark.slow
@given(data=st.data())
def test_the_order_of_tables_does_not_matter(data):
    text = data.draw(st.sampled_from(EVERY)).read_text("utf-8")
    blocks = [f"{block.rstrip()}\n" for block in re.split(r"(?m)^(?=\[)", text)[1:]]
    of_report = [block for block in blocks if block.startswith("[[report.")]
    (report,) = (block for block in blocks if block.startswith("[[report]]"))
    others = [block for block in blocks if not block.startswith("[[report")]
    shuffled = [
        *data.draw(st.permutations(others)),
        report,
        *data.draw(st.permutations(of_report)),
    ]
    assert _without_lines("\n".join(shuffled)) == _without_lines(text)
