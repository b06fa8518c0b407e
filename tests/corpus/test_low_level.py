"""Holds the low-level defects to the rules: each rule about octets has a case that breaks it."""

import re
from pathlib import Path

import pytest

import smki_testca.lint.engine  # noqa: F401 - declares every rule
from corpora import every_case
from smki_testca.corpus.declared import DEFECTS
from smki_testca.corpus.defect import Stage
from smki_testca.der.encode import GENERALIZED_TIME, UTC_TIME
from smki_testca.lint.rule import RULES

EVERY = [defect for namesakes in DEFECTS.values() for defect in namesakes if not defect.is_good]
ABOUT_OCTETS = ("der.", "structure.", "signature.", "subjectPublicKeyInfo.")


@pytest.fixture(scope="module")
def every_low():
    """Every defect on every base."""
    return [case for case in every_case().values() if not case.is_good]


def test_each_rule_about_octets_has_a_case():
    found = {code for defect in EVERY for codes in defect.findings.values() for code in codes}
    assert {code for code in RULES if code.startswith(ABOUT_OCTETS)} <= found


def test_each_kind_of_document_has_cases_of_each_low_stage():
    kinds = {"certificate": ("organisation", "device"), "CRL": ("organisation-crl",)}
    for stage in (Stage.DER, Stage.STRUCTURE, Stage.SIGNATURE):
        on = {base for defect in EVERY if defect.stage is stage for base in defect.on}
        assert all(on.intersection(names) for names in kinds.values())
        assert "device-csr" in on


@pytest.mark.slow
def test_der_alone_tells_no_wrong_class_and_no_type_that_is_not_due(every_low):
    """Readers of DER do not know which tag is due: to blame them would be wrong."""
    tagged = [
        case.id
        for case in every_low
        if case.stage is Stage.DER
        and case.finding is not None
        and not case.finding.code.startswith(("der.", "version."))
        and case.change.after[0] & 0xC0
    ]
    assert not tagged


@pytest.mark.slow
def test_a_time_that_no_calendar_has_is_due_where_it_is_read(every_low):
    for case in every_low:
        if re.fullmatch(r"validity\.\w+\.unreadable", case.finding.code if case.finding else ""):
            is_time = case.change.after[0] in (UTC_TIME, GENERALIZED_TIME)
            assert case.stage is (Stage.DER if is_time else Stage.STRUCTURE), case.id


@pytest.mark.slow
def test_lint_takes_no_file_for_der_whose_first_octet_is_not_that_of_a_sequence(
    every_low, command, tmp_path
):
    hidden = [case for case in every_low if case.der[0] != 0x30 or len(case.der) < 2]
    ids = {case.id for case in hidden}
    assert {"device-tag-high-form", "device-document-primitive", "device-truncated-tag"} <= ids
    for case in (*hidden, every_case()["device-length-padded"]):
        (tmp_path / f"{case.id}.der").write_bytes(case.der)
    files = command("--json", "lint", *map(str, tmp_path.iterdir())).json["files"]
    unknown = {
        Path(document["file"]).stem
        for document in files
        if any(finding["code"] == "document.unknown_kind" for finding in document["findings"])
    }
    assert unknown == ids
    in_folder = command("--json", "lint", str(tmp_path)).json
    assert in_folder["summary"]["passed_over"] == len(ids)
