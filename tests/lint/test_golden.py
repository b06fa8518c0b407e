"""Lints every case of the golden corpus; tests/golden/README.md tells what a case is."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from smki_testca.clock import parse_instant
from smki_testca.importers.sources import sources
from smki_testca.lint import certificate, chain, crl, csr, engine, sets, strict
from smki_testca.lint.catalogue import rules
from smki_testca.lint.findings import Breach
from smki_testca.lint.guard import run
from smki_testca.lint.linted import Settings
from smki_testca.lint.rows import aspects
from smki_testca.lint.whole_input import lint_all
from smki_testca.profiles import Library

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = sorted((GOLDEN / "cases").glob("*.pem"))
LIBRARY = Library()
SMKI = [one for one in LIBRARY.profiles if one.name.startswith(("organisation", "device"))]
IN_FULL = [*SMKI, *LIBRARY.revocation_list_profiles]
HEADS = {"at": "2026-12-01", "environment": "ZAZ1", "as": None, "trust": "trust.pem"}


@cache
def read(path):
    """A case: what it expects, the other lines of its head, its octets."""
    head, _, body = path.read_bytes().partition(b"\n\n")
    expects, heads = [], {}
    for line in head.decode("utf-8").splitlines():
        key, _, text = line.partition(": ")
        if key == "expects":
            *index, code, severity = text.split()
            expects.append((int(index[0]) if index else 0, code, severity))
        else:
            assert key in {"about", *HEADS}, f"nothing is known of {line!r}"
            assert key not in heads
            heads[key] = text
    assert heads.pop("about")
    octets = bytes.fromhex(body[4:].decode("ascii")) if body.startswith(b"hex:") else body
    return sorted(expects), HEADS | heads, octets


def lint(path, directory):
    _, heads, octets = read(path)
    file = directory / "case"
    file.write_bytes(octets)
    trust = [] if heads["trust"] == "none" else sources([str(GOLDEN / heads["trust"])])
    settings = Settings(
        parse_instant(heads["at"]),
        environment=None if heads["environment"] == "none" else heads["environment"],
        as_profile=heads["as"],
        trusted=tuple(one.data for one in trust),
    )
    with pytest.MonkeyPatch.context() as patch:
        # Reading the profiles takes far longer than linting a case by them.
        patch.setattr(engine, "Library", lambda: LIBRARY)
        return lint_all(sources([str(file)]), settings)


def told(linted):
    return sorted((one.index, f.code, f.severity.value) for one in linted for f in one.findings)


@pytest.fixture(scope="module")
def linted(tmp_path_factory):
    """What the linter says of a case; each is linted once."""
    directory = tmp_path_factory.mktemp("golden")
    return cache(lambda path: lint(path, directory))


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


def test_every_rule_has_a_case_that_expects_it():
    expected = {code for path in FILES for _, code, _ in read(path)[0]}
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
    untouched = [
        f"row {row.number}, {row.field.path}"
        for row in profile.rows
        if not any(breaks(finding, profile, row) for finding in findings)
    ]
    assert untouched == []


@pytest.mark.slow
def test_every_finding_is_of_a_rule_in_the_list(linted):
    listed = {(rule.code, rule.severity, rule.basis, rule.source) for rule in rules(LIBRARY)}
    for finding in (f for path in FILES for one in linted(path) for f in one.findings):
        assert (finding.code, finding.severity, finding.basis, finding.source) in listed


@pytest.mark.slow
def test_the_script_writes_the_corpus_as_it_stands(tmp_path):
    subprocess.run([sys.executable, GOLDEN / "make.py", tmp_path], check=True)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.pem")}
    assert Path("trust.pem") in made
    for path, octets in made.items():
        assert (GOLDEN / path).read_bytes() == octets, path


def test_a_rule_that_raises_is_a_finding_and_the_run_goes_on(monkeypatch, tmp_path):
    path = GOLDEN / "cases" / "o10-expired.pem"
    monkeypatch.setattr(certificate, "_TYPOS", None)
    (one,) = lint(path, tmp_path)
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
    ("case", "module", "name"),
    [
        ("good-organisation", strict, "_defaults"),
        ("good-organisation", chain, "_signature_test"),
        ("good-organisation", certificate, "key_type_of"),
        ("good-organisation", engine, "check"),
        ("good-organisation", sets, "defaultdict"),
        ("good-csr-device", csr, "public_key_octets"),
        ("good-csr-device", csr, "kind"),
        ("good-organisation-crl", crl, "_shape_breaches"),
        ("good-organisation-crl", crl, "_shape"),
        ("good-organisation-crl", crl, "check"),
    ],
)
def test_whatever_fails_in_a_rule_is_a_finding_and_the_run_goes_on(
    case, module, name, monkeypatch, tmp_path
):
    def broken(*_args, **_named):
        raise ZeroDivisionError

    path = GOLDEN / "cases" / f"{case}.pem"
    assert read(path)[0] == []
    monkeypatch.setattr(module, name, broken)
    codes = [code for _, code, _ in told(lint(path, tmp_path))]
    assert "internal.rule_failed" in codes
    assert set(codes) <= {"internal.rule_failed", "issuer.unknown"}
