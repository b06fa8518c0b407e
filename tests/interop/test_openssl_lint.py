"""A second opinion: what ``openssl verify`` and ``openssl asn1parse`` say of broken certificates.

Whatever makes OpenSSL refuse a certificate must be an error of ours, too, or it is listed in
``MILDER`` with the reason. What OpenSSL lets pass it has no opinion of: it reads BER, and it
knows nothing of GB profiles.
"""

from __future__ import annotations

import fnmatch
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from shutil import which

import pytest

import golden_cases
from broken import CHANGES, chain_and_leaf
from corpora import every_case, findings_of, good_settings, is_of_its_document
from csrs import pem
from judge import AT
from smki_testca.clock import iso
from smki_testca.importers.sources import Source, sources
from smki_testca.lint.chain import gathered
from smki_testca.lint.drawing import asn1_lines
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import Linted, LintSettings
from smki_testca.profiles import Library
from smki_testca.profiles.model import Severity

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed"),
]

PROFILES = Library().profile_names
UNREADABLE = 0
# OpenSSL's error number; patterns of our milder codes, none where we say nothing; the reason.
MILDER = {
    UNREADABLE: (
        ["validity.notAfter.missing", "subject.*.unreadable"],
        "the rows of these fields are observed or assumed, so a breach of them is no error",
    ),
    9: (["validity.not_yet_valid"], "a certificate whose time has not come is not malformed"),
    10: (
        ["validity.expired", "validity.ends_soon"],
        "an old certificate is not malformed; its last second is still its own (RFC 5280 4.1.2.5)",
    ),
    14: (["validity.notAfter.unreadable"], "the row is observed or assumed"),
    18: (["*"], "whether a root is trusted is its user's business, not a property of its octets"),
    20: (
        [
            *("issuer.unknown", "extensions.extKeyUsage.unreadable"),
            "extensions.authorityKeyIdentifier.keyIdentifier.value",
        ],
        "an issuer not at hand leaves the signature unchecked; these rows are assumed",
    ),
    34: (["extensions.unexpected"], "which extensions there may be is observed"),
    42: (
        ["extensions.certificatePolicies.policyIdentifier.*"],
        "the row of the policy is observed: whose OID it is differs by environment",
    ),
    80: (["extensions.basicConstraints.present"], "that end entities leave it out is observed"),
    84: (["subject.commonName.missing"], "the name of an Issuing DCA is assumed"),
    85: (["extensions.authorityKeyIdentifier.*"], "the row is assumed in DCCKI and IKI"),
}


def openssl(*arguments, stdin=b""):
    return subprocess.run(
        ["openssl", *map(str, arguments)], input=stdin, capture_output=True, timeout=60, check=False
    )


def verify(folder, certificates, trusted, at):
    """The error number of each certificate that OpenSSL refuses, by its position."""
    chain = folder / "chain.pem"
    chain.write_bytes(b"".join(pem(der, header="CERTIFICATE") for der in trusted))
    files = []
    for number, der in enumerate(certificates):
        files.append(folder / f"{number}.pem")
        files[-1].write_bytes(pem(der, header="CERTIFICATE"))
    strictly = ["-x509_strict", "-policy_check", "-no-CApath", "-no-CAstore"]
    when = ["-attime", str(int(at.timestamp()))]
    done = openssl("verify", *strictly, *when, "-CAfile", chain, "-untrusted", chain, *files)
    said = done.stderr.decode("utf-8", "replace")
    passed = {int(n) for n in re.findall(r"(\d+)\.pem: OK", done.stdout.decode("utf-8"))}
    refused = {n: UNREADABLE for n in range(len(files)) if n not in passed}
    refusals = re.findall(r"error (\d+) at \d+ depth lookup:(?:.*\n)+?error \S*?(\d+)\.pem: ", said)
    return refused | {int(number): int(error) for error, number in refusals}


def unexplained(refused, linted):
    left = {}
    for number, error in refused.items():
        findings = linted[number].findings
        is_error = any(one.severity is Severity.ERROR for one in findings)
        patterns, _ = MILDER.get(error, ([], ""))
        said = [one.code for one in findings] or [""]
        is_milder = any(fnmatch.fnmatchcase(code, one) for code in said for one in patterns)
        if not is_error and not is_milder:
            left[linted[number].file] = (error, [one.code for one in findings])
    return left


def lint(linter, names, certificates):
    return [
        linter.lint(Source(name, 0, der)) for name, der in zip(names, certificates, strict=True)
    ]


def is_certificate(linted):
    return linted.kind in PROFILES


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["organisation", "device"])
def test_it_refuses_nothing_that_we_pass(quickstart_original, tmp_path, kind):
    chain, der = chain_and_leaf(quickstart_original, kind)
    at, trusted = AT + timedelta(days=30), [chain.root, chain.issuing]
    certificates = [chain.issue(der, change) for change in CHANGES.values()]
    linted = lint(Linter(LintSettings(at), gathered(trusted)), CHANGES, certificates)
    refused = verify(tmp_path, certificates, trusted, at)
    assert 0 not in refused
    assert len(refused) > 10
    assert unexplained(refused, linted) == {}


@pytest.mark.slow
def test_it_refuses_no_golden_case_that_we_pass(tmp_path):
    at, trusted = golden_cases.AT, golden_cases.TRUSTED
    linter = Linter(LintSettings(at), gathered(trusted))
    paths = sorted(golden_cases.CASES.glob("*.pem"))
    found = [one for one in sources(map(str, paths)) if one.problem is None]
    found = [one for one in found if is_certificate(linter.lint(one))]
    names = [f"{Path(one.file).stem}-{one.index}" for one in found]
    ders = [one.data for one in found]
    refused = verify(tmp_path, ders, trusted, at)
    assert len(refused) > len(found) / 10
    assert unexplained(refused, lint(linter, names, ders)) == {}


@pytest.mark.slow
def test_it_refuses_nothing_of_the_corpus_that_we_pass(tmp_path):
    settings = good_settings()
    cases = [
        case
        for case in every_case().values()
        if case.kind == "certificate" and is_of_its_document(case)
        # Those of another instant test the clock; ours is asked of one only.
        if case.at == iso(settings.at)
    ]
    refused = verify(tmp_path, [case.der for case in cases], settings.trusted, settings.at)
    assert len(refused) > len(cases) / 10
    linted = [Linted(case.id, 0, case.profile, "", findings_of(case)) for case in cases]
    assert unexplained(refused, linted) == {}


def test_it_verifies_every_certificate_that_we_find_nothing_wrong_with(
    quickstart_original, tmp_path
):
    found = list(sources([str(quickstart_original / "export" / "pem")]))
    ders = list(dict.fromkeys(one.data for one in found))
    authorities = [one.data for one in found if f"{Path(one.file).parent.name}" == "ca"]
    at = AT + timedelta(days=30)
    linted = lint(Linter(LintSettings(at), gathered(authorities)), map(str, range(len(ders))), ders)
    assert not any(f.severity is Severity.ERROR for one in linted for f in one.findings)
    assert verify(tmp_path, ders, authorities, at) == {}


def parses(der):
    return openssl("asn1parse", "-inform", "DER", stdin=der).returncode == 0


def test_what_asn1parse_cannot_read_we_call_unreadable_and_the_other_way_round(quickstart_original):
    chain, der = chain_and_leaf(quickstart_original, "device")
    linter = Linter(LintSettings(AT), gathered([chain.root, chain.issuing]))
    broken = {
        "cut off": der[:-1],
        "cut off in its header": der[:1],
        "a length that lies": der[:2] + b"\xff\xff" + der[4:],
        "a length of nine octets": b"\x30\x89" + der,
        "a primitive element of indefinite length": b"\x30\x04\x02\x80\x00\x00",
        "an element longer than what it lies in": b"\x30\x03\x02\x05\x01",
    }
    for name, data in {**broken, "whole": der}.items():
        codes = {one.code for one in linter.lint(Source(name, 0, data)).findings}
        is_readable = not codes & {"der.truncated", "der.length", "der.tag", "der.structure"}
        assert parses(data) == is_readable == (name == "whole"), (name, codes)


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_our_dump_has_the_elements_and_offsets_of_asn1parse(quickstart_original, change):
    chain, der = chain_and_leaf(quickstart_original, "device")
    der = chain.issue(der, CHANGES[change])
    text = openssl("asn1parse", "-inform", "DER", stdin=der).stdout.decode("utf-8")
    theirs = [
        tuple(map(int, one)) for one in re.findall(r"(?m)^ *(\d+):d=(\d+) .*? l= *(\d+)", text)
    ]
    ours = {
        (line["offset"], line["depth"], line["length"])
        for line in asn1_lines(der)
        if "depth" in line
    }
    assert len(theirs) > 20
    assert set(theirs) <= ours
