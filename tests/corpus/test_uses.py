"""What a reader must have read in a case, what it is asked for, and what it answers of a CRL."""

from collections import Counter

import pytest

from smki_testca.corpus.bases import corpus_pki
from smki_testca.corpus.build import Builder, corpus
from smki_testca.corpus.case import Answer
from smki_testca.corpus.defect import Importance, Level, Need, Stage, Verdict
from smki_testca.x509.entries import entries
from smki_testca.x509.view import view_certificate, view_revocation_list

EVERY = {case.id: case for case in corpus(every_base=True)}
GOOD = [case for case in EVERY.values() if case.is_good]
LISTS = [case for case in EVERY.values() if case.kind == "CRL"]
USAGES = {("digitalSignature",): "digital-signature", ("keyAgreement",): "key-agreement"}


def _read(case):
    """The facts of a certificate, read with the package's own reader."""
    view = view_certificate(case.der)
    identifiers = [
        view.octets("extensions.subjectAltName.hardwareModuleName.hwSerialNum"),
        view.octets("subject.x500UniqueIdentifier"),
    ]
    unit = view.text("subject.organizationalUnitName")
    found = {
        "eui64": next((octets.hex().upper() for octets in identifiers if octets), None),
        "usage": USAGES.get(view.value("extensions.keyUsage")),
        "role": unit,
        "signifier": unit,
    }
    return {name: found[name] for name in case.facts}


@pytest.mark.parametrize(
    "case", [case for case in GOOD if case.kind == "certificate"], ids=lambda case: case.id
)
def test_the_facts_of_a_good_certificate_are_what_is_in_it(case):
    assert _read(case) == case.facts
    assert case.wanted == case.facts


@pytest.mark.parametrize(
    "case",
    [case for case in EVERY.values() if Need.NAMES in case.needs and case.kind == "certificate"],
    ids=lambda case: case.id,
)
def test_a_certificate_that_is_anothers_is_right_in_itself(case):
    assert _read(case) == case.facts
    assert case.wanted == EVERY[case.base].facts
    assert case.finding is None
    if case.wanted == case.facts:
        # The older of two certificates of one holder: no reader can tell by itself.
        assert case.verdict(Level.GBCS) is Verdict.EITHER


def _status(case):
    """What a list says of a certificate to somebody who takes it (RFC 5280 6.3.3)."""
    serial = view_certificate(case.about).value("serialNumber")
    listed = view_revocation_list(case.der).fields.get("revokedCertificates")
    found = [each for each in (entries(listed.node) if listed else ()) if each.serial == serial]
    return "revoked" if any(each.reason != 8 for each in found) else "good"


@pytest.mark.parametrize("case", LISTS, ids=lambda case: case.id)
def test_a_list_says_what_the_case_states(case):
    if case.stage not in {Stage.DER, Stage.STRUCTURE} or case.is_good:
        assert _status(case) == case.facts["status"]


@pytest.mark.parametrize("case", LISTS, ids=lambda case: case.id)
def test_of_a_revoked_certificate_no_list_may_say_good(case):
    for level in Level:
        answers = case.answers(level)
        assert answers
        if case.facts["status"] == "revoked" or case.verdict(level) is Verdict.REJECT:
            assert Answer.GOOD not in answers
            assert case.is_dangerously_good
    if case.is_good:
        assert case.answers(Level.GBCS) == {Answer(case.facts["status"])}


def test_no_two_cases_ask_the_same():
    def asked(case):
        return case.der, case.chain, case.crls, case.about, case.at, tuple(case.wanted.items())

    same = Counter(asked(case) for case in EVERY.values())
    assert {case.id for case in EVERY.values() if same[asked(case)] > 1} <= {
        # Both are stated: what the date is, and how it is written.
        "device-time-thirteenth-month",
        "device-not-before-month-13",
        "organisation-time-thirteenth-month",
        "organisation-not-before-month-13",
        "device-time-generalized-before-2050",
        "device-not-before-generalized-time",
        "organisation-time-generalized-before-2050",
        "organisation-not-before-generalized-time",
    }


def test_the_reasons_of_a_list_are_all_there():
    """Each reason of RFC 5280 5.3.1 but the two that are defects has a good list."""
    reasons = set()
    for case in LISTS:
        if case.is_good:
            listed = view_revocation_list(case.der).fields.get("revokedCertificates")
            reasons |= {each.reason for each in (entries(listed.node) if listed else ())}
    assert reasons == {None, 1, 2, 3, 4, 5, 6, 9, 10}


def test_the_dangerous_list_cases_matter_most():
    """A needless zero octet before a serial was seen to free certificates in five libraries."""
    case = EVERY["organisation-crl-entry-serial-padded"]
    assert case.importance is Importance.CRITICAL
    assert case.answers(Level.RFC5280) == {Answer.UNKNOWN}


def test_a_certificate_that_a_list_revokes_brings_the_list():
    revoked = [case for case in EVERY.values() if case.crls]
    assert {case.verdict(Level.RFC5280) for case in revoked} == {Verdict.REJECT}
    for case in revoked:
        assert {Need.CRL, Need.TIME} <= set(case.needs)
        serial = view_certificate(case.der).value("serialNumber")
        listed = view_revocation_list(case.crls[0]).fields["revokedCertificates"]
        assert serial in {each.serial for each in entries(listed.node)}


def test_there_are_sixty_good_cases_without_the_bases():
    main = [case for case in corpus() if case.is_good]
    assert len([case for case in main if case.base is not None]) >= 60
    assert len([case for case in main if case.base is None]) == len(
        Builder(corpus_pki(), "ZAZ1").bases
    )
