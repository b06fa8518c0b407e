"""Lints every golden case; tests/golden/README.md tells what one is.

Together with the cases of the corpus they show every rule and break every row. What the linter
says of those, ``tests/corpus/test_cases.py`` compares.
"""

from __future__ import annotations

from functools import cache

import pytest

from corpora import every_case, findings_of, good, good_settings, is_of_its_document
from golden_cases import CASES, as_settings, read
from smki_testca.importers.sources import sources
from smki_testca.lint import certificate, chain, crl, csr, engine, sets, strict
from smki_testca.lint.catalogue import rules
from smki_testca.lint.findings import Breach
from smki_testca.lint.guard import run
from smki_testca.lint.row_checks import aspects
from smki_testca.lint.whole_input import lint_all
from smki_testca.profiles import Library

FILES = sorted(CASES.glob("*.pem"))
LIBRARY = Library()
SMKI = [one for one in LIBRARY.profiles if one.name.startswith(("organisation", "device"))]
IN_FULL = [*SMKI, *LIBRARY.revocation_list_profiles]


def lint(octets, settings, directory):
    file = directory / "case"
    file.write_bytes(octets)
    with pytest.MonkeyPatch.context() as patch:
        # Reading the profiles takes far longer than linting a case by them.
        patch.setattr(engine, "Library", lambda: LIBRARY)
        return lint_all(sources([str(file)]), settings)


def lint_case(path, directory):
    _, heads, octets = read(path)
    return lint(octets, as_settings(heads), directory)


def told(linted):
    return sorted((one.index, f.code, f.severity.value) for one in linted for f in one.findings)


@pytest.fixture(scope="module")
def linted(tmp_path_factory):
    """What the linter says of a case; each is linted once."""
    directory = tmp_path_factory.mktemp("golden")
    return cache(lambda path: lint_case(path, directory))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_case_has_exactly_the_findings_that_it_expects(path, linted):
    expects, _, _ = read(path)
    assert told(linted(path)) == expects


# No input brings about a fault of this program or of the system.
WITHOUT_CASE = {"internal.rule_failed", "document.unreadable"}
# The structure, or subject.too_long, speaks for these rows, unless a profile of the operator's
# makes them errors.
WITHOUT_CASE |= {
    "extensions.certificatePolicies.policyIdentifier.missing",
    "extensions.certificatePolicies.policyIdentifier.unreadable",
    "extensions.extKeyUsage.unreadable",
    "subject.organizationalUnitName.length",
}


@pytest.mark.slow
def test_every_rule_has_a_case_that_expects_it():
    expected = {code for path in FILES for _, code, _ in read(path)[0]}
    expected |= {finding.code for case in every_case().values() for finding in findings_of(case)}
    listed = {rule.code for rule in rules(LIBRARY)}
    assert listed - expected == WITHOUT_CASE


def breaks(finding, profile, row):
    path, _, aspect = finding.code.rpartition(".")
    if path != row.field.path:
        return False
    possible = aspects(profile, row)
    if not possible:
        # Rules of their own judge the issuer and the public key; their rows only fill them.
        return True
    said = (finding.severity, finding.basis, finding.source)
    return aspect in possible and said == (row.severity, row.basis, row.source)


@pytest.mark.slow
@pytest.mark.parametrize("profile", IN_FULL, ids=[profile.name for profile in IN_FULL])
def test_every_row_of_the_profile_has_a_case_that_breaks_it(profile, linted):
    documents = [one for path in FILES for one in linted(path) if one.kind == profile.name]
    findings = [finding for one in documents for finding in one.findings]
    cases = [case for case in every_case().values() if case.profile == profile.name]
    findings += [one for case in cases if is_of_its_document(case) for one in findings_of(case)]
    untouched = [
        f"row {row.number}, {row.field.path}"
        for row in profile.rows
        if not any(breaks(finding, profile, row) for finding in findings)
    ]
    assert untouched == []


@pytest.mark.slow
def test_every_finding_is_of_a_rule_in_the_list(linted):
    every = rules(LIBRARY)
    # Of a CSR that SEC App. M does not describe, the evidence is another than the list has.
    of_csrs = [rule for rule in every if rule.code.startswith("csr.")]
    every += [csr.evidence(rule, LIBRARY.profile("dccki")) for rule in of_csrs]
    listed = {(rule.code, rule.severity, rule.basis, rule.source) for rule in every}
    # How well the type of a key is known, the profile says.
    (of_key,) = (rule for rule in every if rule.code == "subjectPublicKeyInfo.type")
    listed |= {
        (of_key.code, of_key.severity, row.basis, row.source)
        for profile in LIBRARY.profiles
        for row in profile.rows
        if row.field.path == "subjectPublicKeyInfo"
    }
    found = [finding for path in FILES for one in linted(path) for finding in one.findings]
    found += [finding for case in every_case().values() for finding in findings_of(case)]
    for finding in found:
        assert (finding.code, finding.severity, finding.basis, finding.source) in listed


def test_a_rule_that_raises_is_a_finding_and_the_run_goes_on(monkeypatch, tmp_path):
    path = CASES / "o04-role-decimal.pem"
    monkeypatch.setattr(certificate, "_TYPOS", None)
    (one,) = lint_case(path, tmp_path)
    assert told([one]) == sorted([*read(path)[0], (0, "internal.rule_failed", "warning")])
    (failed,) = (f for f in one.findings if f.code == "internal.rule_failed")
    assert failed.message.startswith("The rule typos failed: AttributeError: ")


def fails(document):
    yield Breach("validity.order", None, "found before the failure", "")
    raise ZeroDivisionError(type(document).__name__)


def goes_on(_):
    yield Breach("validity.expired", None, "found after it", "")


def test_an_exception_is_a_breach_among_those_found_before_and_after_it():
    found = []
    run((fails, goes_on), "a text", found)
    assert [one.code for one in found] == [
        "validity.order",
        "internal.rule_failed",
        "validity.expired",
    ]
    assert found[1].message == "the rule fails failed: ZeroDivisionError: str"


@pytest.mark.parametrize(
    ("base", "module", "name"),
    [
        ("organisation", strict, "_defaults"),
        ("organisation", chain, "_signature_test"),
        ("organisation", certificate, "key_type_of"),
        ("organisation", engine, "check"),
        ("organisation", sets, "defaultdict"),
        ("device-csr", csr, "public_key_octets"),
        ("device-csr", csr, "kind"),
        ("organisation-crl", crl, "_shape_breaches"),
        ("organisation-crl", crl, "_shape"),
        ("organisation-crl", crl, "check"),
    ],
)
def test_whatever_fails_in_a_rule_is_a_finding_and_the_run_goes_on(
    base, module, name, monkeypatch, tmp_path
):
    def broken(*_args, **_named):
        raise ZeroDivisionError

    octets, settings = good(base), good_settings()
    assert told(lint(octets, settings, tmp_path)) == []
    monkeypatch.setattr(module, name, broken)
    codes = [code for _, code, _ in told(lint(octets, settings, tmp_path))]
    assert "internal.rule_failed" in codes
    assert set(codes) <= {"internal.rule_failed", "issuer.unknown"}
