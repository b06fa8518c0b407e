"""Holds every case of the corpus to what it states: the finding, the change, the texts."""

import re
from collections import Counter

import pytest

import corpus_severities
from corpora import declared, every_case, findings_of
from smki_testca.corpus.bases import bases
from smki_testca.corpus.declared import DECLARING
from smki_testca.corpus.defect import Level, Need, Verdict
from smki_testca.corpus.difference import children_of
from smki_testca.corpus.pki import corpus_pki
from smki_testca.der.encode import tlv
from smki_testca.der.read import read
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis

pytestmark = pytest.mark.slow

MODULES = [module.__name__ for module in DECLARING]
BASES = [f"good-{name}" for name in bases(corpus_pki())]


@pytest.fixture(params=MODULES, ids=lambda name: ".".join(name.split(".")[-2:]))
def stated(request):
    """The cases that a module declares, each with the findings that it states."""
    cases = every_case()
    return [
        (cases[case_id], Counter(defect.findings_on(base)))
        for defect, case_id, base in declared()
        if defect.make.__module__ == request.param
    ]


def _codes(case):
    return Counter(finding.code for finding in findings_of(case))


def test_the_linter_finds_what_a_case_states_and_nothing_else(stated):
    wrong = {case.id: (_codes(case), codes) for case, codes in stated if _codes(case) != codes}
    assert not wrong


def test_a_defect_has_a_finding_and_a_good_case_only_notices(stated):
    silent = [
        case.id
        for case, codes in stated
        if not case.is_good and not codes and Need.NAMES not in case.needs
    ]
    assert not silent, "a defect states its finding"
    loud = [
        case.id
        for case, _ in stated
        if case.is_good and any(finding.severity is not Severity.NOTICE for finding in case.also)
    ]
    assert not loud, "a good case has neither warnings nor errors"


def test_a_case_differs_from_its_base_in_its_change_alone(stated):
    for case, _ in stated:
        _check_change(case, every_case()[case.base])


def _check_change(case, base):
    change = case.change
    assert change is not None, case.id
    before, after = base.der, case.der
    if change.path.startswith("chain["):
        number = int(re.match(r"chain\[(\d)\]", change.path)[1])
        assert case.der == base.der, case.id
        before, after = base.chain[number], case.chain[number]
        # What is above a CA that another one issued is the other's.
        assert case.chain[:number] == base.chain[:number], case.id
    elif change.path.startswith("crls["):
        assert (case.der, case.chain) == (base.der, base.chain), case.id
        before, after = b"", case.crls[0]
    assert before[change.offset : change.offset + len(change.before)] == change.before, case.id
    if before:
        assert any(_is_case(made, before, after, change) for made in _remade(before, change)), (
            case.id
        )
    else:
        assert change.after == after, case.id


def _remade(before, change):
    """What a change may make of a document: the lengths of the elements around it follow.

    Which those are depends on the change: a header is in the element whose length it states.
    """
    first, last = change.offset, change.offset + len(change.before)
    whole = (0, len(before))
    around = []
    nodes = [read(before)[0]]
    while nodes:
        inside = [node for node in nodes if node.start <= first and last <= node.end]
        around += inside[:1]
        nodes = children_of(inside[0]) if inside else []
    for depth in range(len(around) + 1):
        outer = around[:depth]
        start, end = (outer[-1].start, outer[-1].end) if outer else whole
        made = before[start:first] + change.after + before[last:end]
        for place, node in reversed(list(enumerate(outer))):
            start, end = (outer[place - 1].start, outer[place - 1].end) if place else whole
            made = before[start : node.offset] + tlv(node.tag, made) + before[node.stop : end]
        yield made


def _is_case(made, before, after, change):
    """Whether a document is that of a case, but for the signature over what changed."""
    if not change.resigned:
        return made == after
    behind = len(before) - read(before)[0].children[0].stop
    signed, rest = _content(made)[:-behind], _content(after)
    return rest.startswith(signed) and rest[len(signed) :].startswith(b"\x30")


def _content(octets):
    """What is behind the header of an element, whatever its length says."""
    return octets[2 + (octets[1] & 0x7F if octets[1] & 0x80 else 0) :]


def test_a_case_says_what_a_reader_of_the_report_needs(stated):
    for case, _ in stated:
        assert case.title, case.id
        assert case.why.endswith("."), case.id
        assert case.is_good or case.remedy, case.id
        assert all(case.expect[level].source for level in Level), case.id
        taken = {case.verdict(level) for level in Level} == {Verdict.ACCEPT}
        assert taken == case.is_good, case.id


def test_what_any_library_must_refuse_is_known_no_less_well_of_this_field():
    ranks = [Basis.SPECIFIED, Basis.OBSERVED, Basis.ASSUMED]
    for case in every_case().values():
        library, field = (case.expect[level] for level in (Level.RFC5280, Level.GBCS))
        if library.verdict is Verdict.REJECT:
            assert field.verdict is Verdict.REJECT, case.id
            assert ranks.index(field.basis) <= ranks.index(library.basis), case.id


def test_what_was_in_no_vector_was_not_observed():
    for case in every_case().values():
        for expected in case.expect.values():
            is_seen = "in no vector" not in expected.source
            assert is_seen or expected.basis is Basis.ASSUMED, case.id


def test_a_good_base_is_known_as_well_as_its_profile():
    known = {name: every_case()[name].expect[Level.GBCS].basis for name in BASES}
    assert known["good-device"] is known["good-organisation"] is Basis.OBSERVED
    assert known["good-device-csr"] is known["good-iki-csr"] is Basis.SPECIFIED
    assert {known[name] for name in BASES if "dccki" in name} == {Basis.ASSUMED}
    assert {known[name] for name in BASES if name.endswith(("crl", "arl"))} == {Basis.ASSUMED}
    for case in every_case().values():
        if case.is_good and case.base and known[case.base] is Basis.ASSUMED:
            assert case.expect[Level.GBCS].basis is Basis.ASSUMED, case.id


def test_a_rule_of_the_key_is_known_as_well_as_the_profile_says():
    found = every_case()["dccki-modulus-1024"].finding
    assert (found.code, found.basis) == ("subjectPublicKeyInfo.type", Basis.ASSUMED)


@pytest.mark.parametrize("name", BASES)
def test_nothing_is_wrong_with_a_base(name):
    assert not _codes(every_case()[name])


def test_ids_are_unique_and_in_kebab_case():
    ids = [case_id for _, case_id, _ in declared()] + BASES
    assert len(ids) == len(set(ids)) == len(every_case())
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each) for each in ids)


def test_a_defect_is_declared_on_bases_that_there_are():
    known = set(bases(corpus_pki()))
    assert {base for _, _, base in declared()} <= known


def test_there_are_as_many_cases_as_promised():
    main = [case for case in every_case().values() if case.is_main]
    assert sum(not case.is_good for case in main) >= 600
    assert sum(case.is_good for case in main) >= 60


def test_each_finding_has_the_severity_that_the_table_states():
    table = corpus_severities.TABLE.read_text("ascii").splitlines()
    wrong = Counter(corpus_severities.lines(every_case().values())) - Counter(table)
    gone = Counter(table) - Counter(corpus_severities.lines(every_case().values()))
    told = {"not in the table": sorted(wrong), "in the table alone": sorted(gone)}
    assert not wrong + gone, f"{told}; python tools/corpus_severities.py writes the table"


def test_what_a_case_warns_of_can_happen_to_its_document():
    for case in every_case().values():
        if "no signature covers" in case.why:
            assert not case.change.resigned, case.id
        if re.search("a (shorter|longer) point", case.why):
            is_longer = len(case.der) > len(every_case()[case.base].der)
            assert ("longer" in case.why) is is_longer, case.id


def test_a_remedy_names_what_is_there():
    for case in every_case().values():
        assert case.kind == "certificate" or "the certificate again" not in case.remedy, case.id
        if case.finding is not None and case.finding.code in ("der.structure", "crl.entry"):
            assert "each element" in case.remedy, case.id
        if "its own ASN.1 type" in case.remedy:
            assert "value" in case.remedy, case.id
