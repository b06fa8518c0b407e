"""Holds the low-level defects to the rules: each rule about octets has a case that breaks it."""

import smki_testca.lint.engine  # noqa: F401 - declares every rule
from smki_testca.corpus.declared import DEFECTS
from smki_testca.corpus.defect import Stage
from smki_testca.lint.rule import RULES

EVERY = [defect for namesakes in DEFECTS.values() for defect in namesakes if not defect.is_good]
ABOUT_OCTETS = ("der.", "structure.", "signature.", "subjectPublicKeyInfo.")


def test_each_rule_about_octets_has_a_case():
    found = {code for defect in EVERY for codes in defect.findings.values() for code in codes}
    assert {code for code in RULES if code.startswith(ABOUT_OCTETS)} <= found


def test_each_kind_of_document_has_cases_of_each_low_stage():
    kinds = {"certificate": ("organisation", "device"), "CRL": ("organisation-crl",)}
    for stage in (Stage.DER, Stage.STRUCTURE, Stage.SIGNATURE):
        on = {base for defect in EVERY if defect.stage is stage for base in defect.on}
        assert all(on.intersection(names) for names in kinds.values())
        assert "device-csr" in on
