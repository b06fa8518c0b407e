"""What a reader must have read in a case, what it is asked for, and what it answers of a CRL."""

from collections import Counter

import pytest

from corpora import every_case, main_cases
from smki_testca.corpus.bases import bases
from smki_testca.corpus.case import ListAnswer
from smki_testca.corpus.defect import Importance, Level, Need, Stage, Verdict
from smki_testca.corpus.parts import at
from smki_testca.corpus.pki import corpus_pki
from smki_testca.corpus.run import target_answers
from smki_testca.corpus.run.loaded_corpus import of_cases
from smki_testca.corpus.run.outcomes import CaseOutcome, judge
from smki_testca.corpus.run.target_answers import Behaviour
from smki_testca.x509.entries import entries
from smki_testca.x509.view import view_certificate, view_revocation_list

pytestmark = pytest.mark.slow

USAGES = {"digitalSignature": "digital-signature", "keyAgreement": "key-agreement"}
REMOVED = 8


def _read(case):
    """The facts of a certificate, read with the package's own reader."""
    view = view_certificate(case.der)
    identifiers = [
        view.octets("extensions.subjectAltName.hardwareModuleName.hwSerialNum"),
        view.octets("subject.x500UniqueIdentifier"),
    ]
    unit = view.text("subject.organizationalUnitName")
    usages = view.value("extensions.keyUsage")
    found = {
        "eui64": next((octets.hex().upper() for octets in identifiers if octets), None),
        "usage": USAGES.get(usages[0]) if isinstance(usages, tuple) and len(usages) == 1 else None,
        "role": unit,
        "signifier": unit,
    }
    return {name: found[name] for name in case.facts}


def _listed(octets):
    """The entries of a CRL."""
    listed = view_revocation_list(octets).fields.get("revokedCertificates")
    return list(entries(listed.node)) if listed else []


def _status(case):
    """What a list says of a certificate to somebody who takes it (RFC 5280 6.3.3)."""
    serial = view_certificate(case.about).value("serialNumber")
    found = [
        each
        for each in _listed(case.der)
        if each.serial == serial and "certificateIssuer" not in each.criticality
    ]
    return "revoked" if any(each.reason != REMOVED for each in found) else "good"


@pytest.fixture(scope="module")
def lists():
    """The cases of CRLs."""
    return [case for case in every_case().values() if case.kind == "CRL"]


def test_the_facts_of_a_good_certificate_are_what_is_in_it():
    for case in every_case().values():
        if case.is_good and case.kind == "certificate":
            assert _read(case) == case.facts, case.id
            assert case.wanted == case.facts, case.id


def test_a_certificate_that_is_anothers_says_so_and_the_base_is_wanted():
    others = [case for case in every_case().values() if Need.NAMES in case.needs]
    assert others
    for case in others:
        assert case.wanted == every_case()[case.base].facts, case.id
        if case.kind == "certificate":
            assert _read(case) == case.facts, case.id
            # No reader can tell the older of two certificates of one holder by itself.
            is_told = case.wanted != case.facts
            assert is_told or case.verdict(Level.GBCS) is Verdict.EITHER, case.id


def test_a_list_says_what_the_case_states(lists):
    readable = [
        case
        for case in lists
        if case.is_good or case.stage in {Stage.PROFILE, Stage.PATH, Stage.USE}
    ]
    assert not [case.id for case in readable if _status(case) != case.facts["status"]]


def test_of_a_revoked_certificate_no_list_may_say_good(lists):
    for case in lists:
        for level in Level:
            answers = case.answers(level)
            assert answers, case.id
            if case.facts["status"] == "revoked" or case.verdict(level) is Verdict.REJECT:
                assert ListAnswer.GOOD not in answers, case.id
        if case.facts["status"] == "revoked":
            assert case.is_dangerously_good, case.id
        if case.is_good:
            assert case.answers(Level.GBCS) == {ListAnswer(case.facts["status"])}, case.id


SEEN = {
    ListAnswer.REVOKED: Behaviour.REVOKED,
    ListAnswer.GOOD: Behaviour.ACCEPTED,
    ListAnswer.UNKNOWN: Behaviour.REJECTED,
}


@pytest.mark.parametrize("level", Level)
def test_a_run_finds_right_what_the_case_of_a_list_says_is_right(lists, level):
    loaded = {case.id: case for case in of_cases(lists).cases}
    for case in lists:
        for answer, seen in SEEN.items():
            judged = judge(loaded[case.id], target_answers.TargetAnswer(seen), level)
            is_right = judged.outcome in {CaseOutcome.RIGHT, CaseOutcome.EITHER}
            assert is_right == (answer in case.answers(level)), (case.id, answer)
            passes = answer is ListAnswer.GOOD and ListAnswer.GOOD not in case.answers(level)
            assert judged.is_dangerous == passes, (case.id, answer)


def test_the_certificate_that_a_good_list_is_asked_about_is_valid_at_that_time(lists):
    """Else a parser that refuses it for its age would be wrong about the list."""
    for case in lists:
        if case.is_good:
            view = view_certificate(case.about)
            begins, ends = map(view.instant, ("validity.notBefore", "validity.notAfter"))
            assert begins <= at(case.at.rstrip("Z")) <= ends, case.id


def test_no_two_cases_ask_the_same():
    same = Counter(
        (case.der, case.chain, case.crls, case.about, case.at, tuple(case.wanted.items()))
        for case in every_case().values()
    )
    assert max(same.values()) == 1


def test_each_reason_of_a_list_has_a_good_case(lists):
    """But the two of RFC 5280 5.3.1 that are defects: unspecified and removeFromCRL."""
    reasons = {each.reason for case in lists if case.is_good for each in _listed(case.der)}
    assert reasons == {None, 1, 2, 3, 4, 5, 6, 9, 10}


def test_a_padded_serial_in_a_list_is_critical():
    """A needless zero octet before it was seen to free the certificate in five libraries."""
    case = every_case()["organisation-crl-serial-padded"]
    assert case.importance is Importance.CRITICAL
    assert case.answers(Level.RFC5280) == {ListAnswer.UNKNOWN}


def test_a_certificate_that_a_list_revokes_brings_the_list():
    revoked = [case for case in every_case().values() if case.crls]
    assert {case.verdict(Level.RFC5280) for case in revoked} == {Verdict.REJECT}
    for case in revoked:
        assert {Need.CRL, Need.TIME} <= set(case.needs)
        serial = view_certificate(case.der).value("serialNumber")
        assert serial in {each.serial for each in _listed(case.crls[0])}


def test_the_corpus_has_sixty_oddities_and_every_base():
    good = [case for case in main_cases() if case.is_good]
    assert len([case for case in good if case.base is not None]) >= 60
    assert {case.id for case in good if case.base is None} == {
        f"good-{name}" for name in bases(corpus_pki())
    }
