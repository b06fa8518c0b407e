"""What the corpus says that a Device answers to its Organisation Certificates."""

from __future__ import annotations

from collections import Counter

import pytest

from corpora import main_cases
from smki_testca.corpus.build import ENVIRONMENT
from smki_testca.corpus.defect import Level, Verdict
from smki_testca.corpus.pki import corpus_pki
from smki_testca.device.judge import Judge
from smki_testca.profiles import Library

pytestmark = pytest.mark.slow


def _certificates(profile):
    return {
        case.id: case
        for case in main_cases()
        if case.kind == "certificate" and case.profile == profile
    }


@pytest.fixture(scope="module")
def cases():
    """Every Organisation Certificate of the corpus by its id."""
    return _certificates("organisation")


@pytest.fixture(scope="module")
def own():
    """Every Device Certificate of the corpus by its id."""
    return _certificates("device")


def test_every_organisation_certificate_of_a_role_with_a_cell_has_a_status(cases):
    without = {
        cases[case.base or case.id].facts["role"] for case in cases.values() if not case.device
    }
    assert without <= {"7F", "87", "88", "89"}
    assert sum(bool(case.device) for case in cases.values()) > 150


def test_a_device_takes_every_good_certificate(cases):
    good = [case for case in cases.values() if case.is_good and case.device]
    assert len(good) > 40
    assert {case.id: case.device[0].status for case in good} == {case.id: 0 for case in good}


def test_a_device_takes_nothing_that_rfc_5280_rejects_but_what_a_crl_revokes(cases):
    taken = {
        case.id
        for case in cases.values()
        if case.device
        and case.verdict(Level.RFC5280) is Verdict.REJECT
        and case.device[0].status == 0
    }
    assert taken
    assert all(cases[one].finding.code == "validity.revoked" for one in taken)


def test_what_differs_by_time_alone_has_two_statuses(cases):
    two = {case.id for case in cases.values() if len(case.device) == 2}
    assert {"organisation-expired", "organisation-not-yet-valid", "organisation-ca-expired"} <= two
    for one in two:
        applied, disapplied = cases[one].device
        assert (applied.time_checks, disapplied.time_checks) == (True, False)
        assert applied.status != 0 == disapplied.status


def test_the_validity_of_a_root_makes_no_difference(cases):
    (answer,) = cases["organisation-root-expired"].device
    assert answer.name == "success"


def test_a_status_that_was_not_seen_is_assumed(cases):
    answers = Counter((each.status, each.basis) for case in cases.values() for each in case.device)
    assert {status for status, basis in answers if basis == "observed"} == {0, 10}
    assert answers[5, "assumed"] > 50
    observed = {
        case.id
        for case in cases.values()
        for each in case.device
        if (each.status, each.basis) == (0, "observed") and case.base is not None
    }
    assert observed == {"good-organisation-renewed-with-its-key"}


@pytest.mark.parametrize(
    ("ending", "of_others"),
    [
        ("the other replacements of the command succeed", 0),
        ("all replacements of the command fail", 10),
    ],
)
def test_what_a_vector_shows_of_the_other_replacements_the_model_answers_too(
    cases, ending, of_others
):
    good = cases["good-organisation-ka"]
    library = Library()
    cells = library.device_types["ESME"].cells
    cell = next(cell for cell in cells if cell.short == "supplier/KA")
    seen = [case for case in cases.values() for each in case.device if each.source.endswith(ending)]
    assert seen
    for case in seen:
        *path, root = case.chain
        judge = Judge(root, path, corpus_pki().at, library, ENVIRONMENT)
        assert judge.verdicts(good.der, cell).with_time_checks.status.number == of_others, case.id


def test_a_device_certificate_has_the_answer_of_a_device_to_its_own(own):
    """O7 is the one that a vector shows: keyUsage changed, so that the signature is broken."""
    (changed,) = own["device-usage-changed"].device
    assert (changed.status, changed.name, changed.basis) == (1, "invalidCertificate", "observed")
    (another,) = own["device-of-another-device"].device
    assert (another.status, another.name, another.basis) == (2, "wrongDeviceIdentity", "assumed")
    (good,) = own["good-device"].device
    assert (good.status, good.basis) == (0, "observed")
    assert own["device-for-key-agreement"].device[0].name == "invalidKeyUsage"
    below_others = {case.id for case in own.values() if not case.device}
    assert all(own[one].chain != own["good-device"].chain for one in below_others)


def test_a_device_takes_every_good_certificate_of_its_own_and_none_that_rfc_5280_rejects(own):
    for case in own.values():
        for answer in case.device:
            if case.is_good:
                assert answer.status == 0, case.id
            if case.verdict(Level.RFC5280) is Verdict.REJECT:
                assert answer.status != 0 or case.finding.code.startswith("validity."), case.id
