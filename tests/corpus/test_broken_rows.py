"""Holds the corpus to the profiles: each row of a certificate is broken, each rule found."""

from __future__ import annotations

from functools import cache

import pytest

from corpora import every_case
from smki_testca.corpus.defect import Importance
from smki_testca.lint.row_checks import aspects, rule_of
from smki_testca.profiles import Library

# Every case is made and linted once.
pytestmark = pytest.mark.slow

LIBRARY = Library()
WITHOUT_DOCUMENT = {"dccki-personnel"}
"""Nobody read what the certificate of a person is like."""
CERTIFICATES = [profile for profile in LIBRARY.profiles if profile.name not in WITHOUT_DOCUMENT]


def _is_of_little_importance(case):
    return case.importance is Importance.LOW


@cache
def _findings(chosen=lambda _: True):
    """Each finding in the chosen cases, with the profile of the document that it is in."""
    cases = filter(chosen, every_case().values())
    return {
        (case.profile, finding.code, finding.severity, finding.basis, finding.source)
        for case in cases
        for finding in (*([case.finding] if case.finding else []), *case.also)
    }


def _is_main(case):
    return case.is_main


SPEAKS_FOR = {
    # What RFC 5280 or the structure of an element says comes first, and is a finding of its own.
    (
        "extensions.certificatePolicies.policyIdentifier.missing",
        None,
    ): "structure.PolicyInformation",
    ("extensions.certificatePolicies.policyIdentifier.unreadable", None): (
        "structure.PolicyInformation"
    ),
    ("extensions.extKeyUsage.unreadable", None): "structure.ExtKeyUsageSyntax",
    # The same, where the row is assumed.
    ("extensions.keyUsage.unreadable", "notice"): "structure.KeyUsage",
    ("extensions.subjectKeyIdentifier.critical", "notice"): "extensions.must_not_be_critical",
    ("extensions.subjectKeyIdentifier.unreadable", "notice"): "structure.SubjectKeyIdentifier",
    ("extensions.authorityKeyIdentifier.critical", "notice"): "extensions.must_not_be_critical",
    ("subject.organizationName.length", "notice"): "subject.too_long",
    ("subject.organizationalUnitName.length", "notice"): "subject.too_long",
    ("subject.organizationName.unreadable", "notice"): "subject.value_type",
    ("subject.organizationalUnitName.unreadable", "notice"): "subject.value_type",
    ("subject.organizationalUnitName.unreadable", "warning"): "subject.value_type",
    ("subject.commonName.unreadable", "notice"): "subject.value_type",
    ("subject.commonName.unreadable", "warning"): "subject.value_type",
}
"""Rules, with their severity or for any, that are never found, and the code found instead."""


def _rules(profile):
    """Each row of a profile, and the rules that it makes."""
    for row in profile.rows:
        made = [rule_of(row, f"{row.field.path}.{aspect}") for aspect in aspects(profile, row)]
        if made:
            yield row, made


def _said(rule):
    return rule.code, rule.severity, rule.basis, rule.source


def _is_spoken_for(rule):
    return not {(rule.code, None), (rule.code, rule.severity.value)}.isdisjoint(SPEAKS_FOR)


def test_every_profile_of_a_certificate_has_a_good_document_but_one():
    documents = {case.profile for case in every_case().values() if case.kind == "certificate"}
    assert {profile.name for profile in LIBRARY.profiles} - documents == WITHOUT_DOCUMENT


@pytest.mark.parametrize("profile", CERTIFICATES, ids=lambda profile: profile.name)
def test_every_row_of_a_certificate_is_broken(profile):
    unbroken = [
        f"row {row.number}, {row.field.path}"
        for row, rules in _rules(profile)
        if not any((profile.name, *_said(rule)) in _findings() for rule in rules)
    ]
    assert unbroken == []


@pytest.mark.parametrize("name", ["device", "organisation"])
def test_every_row_of_these_that_matters_is_broken_in_what_is_delivered_by_default(name):
    profile = LIBRARY.profile(name)
    unbroken = [
        f"row {row.number}, {row.field.path}"
        for row, rules in _rules(profile)
        if not any((name, *_said(rule)) in _findings(_is_main) for rule in rules)
        and not any((name, *_said(rule)) in _findings(_is_of_little_importance) for rule in rules)
    ]
    assert unbroken == []


def test_every_good_certificate_has_a_case_in_what_is_delivered_by_default():
    bases = {
        case.id
        for case in every_case().values()
        if case.base is None and case.kind == "certificate"
    }
    assert bases - {case.base for case in every_case().values() if case.is_main} == set()


def test_every_rule_of_rows_is_broken():
    said = {finding[1:] for finding in _findings()}
    unbroken = {
        rule.code + " " + rule.severity + " " + rule.source
        for profile in CERTIFICATES
        for _, rules in _rules(profile)
        for rule in rules
        if _said(rule) not in said and not _is_spoken_for(rule)
    }
    assert unbroken == set()


def test_what_speaks_for_another_rule_is_found_and_the_other_is_not():
    found = {(code, severity.value) for _, code, severity, _, _ in _findings()}
    codes = {code for code, _ in found}
    assert set(SPEAKS_FOR.values()) <= codes
    assert not {
        (code, severity)
        for code, severity in SPEAKS_FOR
        if (code in codes if severity is None else (code, severity) in found)
    }
