"""Holds every case of the corpus to what it states: the finding, the change, the octets."""

import re
from collections import Counter

import pytest

from smki_testca.corpus.bases import bases, corpus_pki
from smki_testca.corpus.build import Builder
from smki_testca.corpus.declared import DEFECTS
from smki_testca.corpus.defect import Level, Need, Verdict
from smki_testca.profiles.model import Severity

BUILDER = Builder(corpus_pki(), "ZAZ1")
CASES = {case.id: case for case in BUILDER.cases(every_base=True)}
STATED = {
    f"{'good-' if defect.is_good else ''}{base}-{defect.name}": defect.findings_on(base)
    for namesakes in DEFECTS.values()
    for defect in namesakes
    for base in defect.on
}
DEFECTIVE = [case for case in CASES.values() if not case.is_good]
GOOD = [case for case in CASES.values() if case.is_good]


def _codes(case):
    own = [case.finding] if case.finding else []
    return Counter(finding.code for finding in (*own, *case.also))


@pytest.mark.parametrize("case", DEFECTIVE, ids=lambda case: case.id)
def test_the_linter_finds_what_a_defect_states_and_nothing_else(case):
    assert STATED[case.id] or Need.NAMES in case.needs, "a defect states its finding"
    assert _codes(case) == Counter(STATED[case.id])


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.id)
def test_the_linter_finds_nothing_in_a_good_case_but_what_it_states(case):
    assert _codes(case) == Counter(STATED.get(case.id, ()))
    assert all(finding.severity is Severity.NOTICE for finding in case.also)


@pytest.mark.parametrize(
    "case", [case for case in CASES.values() if case.base], ids=lambda case: case.id
)
def test_a_case_differs_from_its_base_in_its_change_alone(case):
    base = CASES[case.base]
    change = case.change
    assert change is not None
    before, after = base.der, case.der
    if change.path.startswith("chain["):
        number = int(re.match(r"chain\[(\d)\]", change.path)[1])
        assert case.der == base.der
        before, after = base.chain[number], case.chain[number]
        # What is above a CA that another one issued is the other's.
        assert case.chain[:number] == base.chain[:number]
    elif change.path.startswith("crls["):
        assert (case.der, case.chain) == (base.der, base.chain)
        before, after = b"", case.crls[0]
    assert before[change.offset : change.offset + len(change.before)] == change.before
    assert change.after in after


def test_ids_are_unique_and_in_kebab_case():
    ids = [case.id for case in BUILDER.cases(every_base=True)]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each) for each in ids)


def test_a_defect_is_declared_on_bases_that_there_are():
    known = set(bases(corpus_pki()))
    named = {base for namesakes in DEFECTS.values() for one in namesakes for base in one.on}
    assert named <= known


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.id)
def test_a_case_says_what_a_reader_of_the_report_needs(case):
    assert case.title
    assert case.why.endswith(".")
    assert case.is_good or case.remedy
    for level in Level:
        assert case.expect[level].source
    good = {case.verdict(level) for level in Level} == {Verdict.ACCEPT}
    assert good == case.is_good
