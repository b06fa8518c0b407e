"""``lint``, ``lint rules``, ``lint explain`` and ``compare``, as a user runs them."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET  # reads only what this package wrote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
)

import csrs
from broken import CHANGES, chain_and_leaf, field
from estates import certificates_in
from golden_cases import CASES, GOLDEN
from seeds import revocation_list
from smki_testca.der import encode
from smki_testca.importers.sources import sources
from smki_testca.x509.view import view_certificate

NOW = datetime.now(UTC)
AT = f"{NOW + timedelta(days=1):%Y-%m-%d}"


@pytest.fixture(scope="session")
def pem(quickstart_original):
    """The certificates of a quickstart estate; not to be changed."""
    return quickstart_original / "export" / "pem" / "ZAZ1"


@pytest.fixture(scope="session")
def meter(pem):
    return pem / "device" / "meters-one" / "ESME-ds.pem"


@pytest.fixture(scope="session")
def device_chain(pem):
    return pem / "device" / "ca" / "DZ1-chain.pem"


@pytest.fixture
def broken(quickstart_original, tmp_path):
    """Write a broken certificate and the chain it is under."""

    def make(change, kind="device"):
        chain, der = chain_and_leaf(quickstart_original, kind)
        path = tmp_path / "broken.pem"
        path.write_bytes(csrs.pem(chain.issue(der, CHANGES[change]), header="CERTIFICATE"))
        trust = [csrs.pem(one, header="CERTIFICATE") for one in (chain.issuing, chain.root)]
        (tmp_path / "trust.pem").write_bytes(b"".join(trust))
        return path, tmp_path / "trust.pem"

    return make


def der_of(path):
    return next(iter(sources([str(path)]))).data


def codes(outcome):
    return [finding["code"] for one in outcome.json["files"] for finding in one["findings"]]


@pytest.mark.shows("3-issue-3", "¶27", "R4")
def test_a_whole_estate_is_clean_without_an_estate_being_named(command, pem):
    outcome = command("lint", pem)
    assert outcome.code == 0
    assert outcome.err == ""
    assert " 0 errors, 0 warnings, " in outcome.out.splitlines()[-1]


def test_json_has_exactly_the_documented_shape(command, broken):
    path, trust = broken("keyUsage nonRepudiation")
    outcome = command("--json", "lint", "--at", AT, "--trust", trust, path)
    assert outcome.code == 1
    assert list(outcome.json) == ["files", "summary"]
    (document,) = outcome.json["files"]
    assert list(document) == ["file", "index", "kind", "subject", "findings"]
    assert document["file"] == str(path)
    assert document["index"] == 0
    assert document["kind"] == "device"
    assert document["subject"].startswith("00-DB-12-")
    (finding,) = document["findings"]
    assert list(finding) == [
        *("code", "severity", "path", "offset", "message", "basis", "source", "remedy"),
    ]
    assert finding["code"] == "extensions.keyUsage.value"
    assert finding["severity"] == "error"
    assert finding["path"] == "extensions.keyUsage"
    assert finding["basis"] == "specified"
    der = der_of(path)
    assert der[finding["offset"] :].startswith(bytes.fromhex("03020640"))
    assert outcome.json["summary"] == {
        "files": 1,
        "documents": 1,
        "clean": 0,
        "errors": 1,
        "warnings": 0,
        "notices": 0,
        "passed_over": 0,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "by_level"),
    [
        ("unchanged", {"error": 0, "warning": 0, "notice": 0}),
        ("basicConstraints CA:FALSE", {"error": 0, "warning": 0, "notice": 1}),
        ("keyUsage missing", {"error": 1, "warning": 1, "notice": 1}),
    ],
)
def test_the_exit_code_follows_fail_on(command, broken, change, by_level):
    path, trust = broken(change)
    arguments = ("lint", "--at", AT, "--trust", trust)
    assert command(*arguments, path).code == by_level["error"]
    for level, code in by_level.items():
        assert command(*arguments, "--fail-on", level, path).code == code


@pytest.mark.slow
def test_validity_is_judged_at_the_time_given_and_is_never_an_error(command, pem):
    supplier = pem / "organisation" / "supplier-one" / "Z1-supplier-ds.pem"
    end = view_certificate(der_of(supplier)).instant("validity.notAfter")
    said = {
        "2001-01-01": "validity.not_yet_valid",
        f"{end + timedelta(days=1):%Y-%m-%d}": "validity.expired",
        f"{end - timedelta(days=89):%Y-%m-%d}": "validity.ends_soon",
    }
    for at, code in said.items():
        outcome = command("--json", "lint", "--at", at, supplier)
        assert outcome.code == 0
        assert code in codes(outcome)
        assert command("lint", "--at", at, "--fail-on", "notice", supplier).code == 1
    assert not any(
        code.startswith("validity.")
        for code in codes(
            command("--json", "lint", "--at", f"{end - timedelta(days=91):%Y-%m-%d}", supplier)
        )
    )
    # The global clock does the same.
    assert "validity.expired" in codes(command("--clock", "2099-01-01", "--json", "lint", supplier))


def test_the_issuer_is_unknown_until_it_is_trusted(command, meter, device_chain):
    alone = command("--json", "lint", meter)
    assert codes(alone) == ["issuer.unknown"]
    assert alone.code == 0
    assert codes(command("--json", "lint", "--trust", device_chain, meter)) == []


def test_a_ca_of_the_issuers_name_with_another_key_makes_no_signature_invalid(
    command, meter, newcomer
):
    # The golden cases, this estate and the newcomer's have a DZ1 each.
    trust = GOLDEN / "trust.pem"
    for words in (
        ("--json", "lint", "--trust", trust, meter),
        ("--estate", newcomer, "--json", "lint", meter),
        ("--estate", newcomer, "--json", "lint", "--trust", trust, meter),
        ("--json", "lint", meter, trust),
    ):
        outcome = command(*words)
        assert outcome.code == 0
        (finding,) = (f for f in outcome.json["files"][0]["findings"] if f["code"][:6] == "issuer")
        assert finding["code"] == "issuer.unknown"
        assert "a CA of its name is, but has another key" in finding["message"]


def test_a_certificate_given_beside_its_issuer_needs_no_trust(command, meter, device_chain):
    assert "issuer.unknown" not in codes(command("--json", "lint", meter, device_chain))


def test_an_estate_that_is_named_is_trusted(command, meter, quickstart):
    assert codes(command("--estate", quickstart, "--json", "lint", meter)) == []


def test_a_file_of_trust_that_holds_no_certificates_is_an_error(command, meter, tmp_path, one_line):
    (tmp_path / "trust").write_text("nothing")
    outcome = command("lint", "--trust", tmp_path / "trust", meter)
    assert outcome.code == 4
    assert "trust" in one_line(outcome)


def untrustworthy():
    """What is no certificate, and how the refusal names it."""
    key = csrs.new_key()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    csr = csrs.pem(csrs.device(key))
    return {
        "a CSR": (csr, "a CSR"),
        "a CRL": (csrs.pem(revocation_list(), header="X509 CRL"), "a CRL"),
        "junk in DER": (b"\x30\x03\x02\x01\x05", "something else"),
        "text": (b"not a certificate", "neither DER"),
        "a private key": (private, "a private key"),
        "a public key": (public, "a public key"),
        "nothing": (b"", "empty"),
    }


UNTRUSTWORTHY = untrustworthy()


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(("data", "said"), UNTRUSTWORTHY.values(), ids=UNTRUSTWORTHY)
def test_only_certificates_are_trusted(
    command, meter, device_chain, tmp_path, one_line, data, said, is_first
):
    (tmp_path / "trust").write_bytes(data)
    trust = [tmp_path / "trust", device_chain]
    options = [option for path in trust[:: 1 if is_first else -1] for option in ("--trust", path)]
    outcome = command("lint", *options, meter)
    assert outcome.code == 4
    assert said in one_line(outcome)
    assert str(tmp_path / "trust") in outcome.err
    assert command("--json", "lint", *options, meter).json["error"]["code"] == "lint.trust"


def test_a_csr_beside_a_certificate_to_trust_is_told_with_its_place(
    command, meter, device_chain, tmp_path, one_line
):
    csr = csrs.pem(csrs.device(csrs.new_key()))
    (tmp_path / "trust").write_bytes(device_chain.read_bytes() + csr)
    assert "trust (2) cannot be trusted" in one_line(
        command("lint", "--trust", tmp_path / "trust", meter)
    )


def test_certificates_are_trusted_in_a_folder_whatever_else_it_holds(
    command, meter, device_chain, tmp_path
):
    (tmp_path / "a.csr").write_bytes(csrs.pem(csrs.device(csrs.new_key())))
    (tmp_path / "README.txt").write_text("the CAs")
    assert command("lint", "--trust", tmp_path, meter).code == 4
    shutil.copy(device_chain, tmp_path)
    assert codes(command("--json", "lint", "--trust", tmp_path, meter)) == []


def test_as_holds_a_certificate_to_another_profile(command, meter, device_chain):
    arguments = ("--json", "lint", "--trust", device_chain)
    assert command(*arguments, meter).json["files"][0]["kind"] == "device"
    forced = command(*arguments, "--as", "organisation", meter)
    assert forced.code == 1
    assert forced.json["files"][0]["kind"] == "organisation"
    assert "subject.organizationalUnitName.missing" in codes(forced)


def test_the_environment_decides_which_policies_may_be(
    command, quickstart_original, tmp_path, meter, device_chain
):
    policy = "extensions.certificatePolicies.policyIdentifier"
    chain, der = chain_and_leaf(quickstart_original, "device")
    foreign = tmp_path / "foreign.pem"
    changed = chain.issue(der, field(policy, encode.oid("1.2.3.4")))
    foreign.write_bytes(csrs.pem(changed, header="CERTIFICATE"))
    within = ("--json", "lint", "--trust", device_chain, "--environment", "ZAZ1")
    assert f"{policy}.policy" not in codes(command("--json", "lint", foreign))
    assert f"{policy}.policy" in codes(command(*within, foreign))
    assert codes(command(*within, meter)) == []


@pytest.mark.parametrize(
    "option",
    [
        ("--as", "no-such-profile"),
        ("--environment", "no-such-environment"),
        ("--at", "yesterday"),
        ("--trust", "missing.pem"),
    ],
)
def test_an_option_that_cannot_be_used_is_an_error_on_one_line(command, meter, option, one_line):
    outcome = command("lint", *option, meter)
    assert outcome.code == 4
    assert option[1] in one_line(outcome)


@pytest.mark.parametrize("option", [("--format", "html"), ("--fail-on", "never"), ("--nonsense",)])
def test_a_choice_that_there_is_not_is_wrong_usage(command, meter, option, one_line):
    outcome = command("lint", *option, meter)
    assert outcome.code == 2
    one_line(outcome)


def test_a_file_that_is_missing_is_an_error(command, tmp_path, one_line):
    outcome = command("lint", tmp_path / "missing.pem")
    assert outcome.code == 4
    assert "missing.pem" in one_line(outcome)
    assert command("--json", "lint", tmp_path / "missing.pem").json["error"]["code"]


def test_a_file_that_is_missing_does_not_end_the_run(command, meter, device_chain, tmp_path):
    arguments = ("lint", "--trust", device_chain, tmp_path / "missing.pem", meter)
    outcome = command("--json", *arguments)
    assert outcome.code == 4
    missing, linted = outcome.json["files"]
    assert missing["file"] == str(tmp_path / "missing.pem")
    assert [each["code"] for each in missing["findings"]] == ["document.unreadable"]
    assert (linted["kind"], linted["findings"]) == ("device", [])
    assert "It cannot be read: No such file" in command(*arguments).out
    for form in ("sarif", "junit"):
        assert "missing.pem" in command(*arguments, "--format", form).out


def test_findings_are_reported_beside_a_file_that_is_missing(command, broken, tmp_path):
    path, trust = broken("keyUsage nonRepudiation")
    outcome = command("--json", "lint", "--trust", trust, path, tmp_path / "missing.pem")
    assert outcome.code == 4
    assert set(codes(outcome)) >= {"document.unreadable", "extensions.keyUsage.value"}


@pytest.mark.parametrize("named", ["a private key", "an empty folder", "an empty file", "a text"])
def test_what_is_named_and_holds_nothing_to_lint_is_an_error(command, meter, tmp_path, named):
    path = tmp_path / "named"
    match named:
        case "a private key":
            path = meter.with_suffix(".key")
        case "an empty folder":
            path.mkdir()
        case "an empty file":
            path.touch()
        case "a text":
            path.write_text("These are our certificates.")
    for arguments in ([path], [path, meter]):
        outcome = command("--json", "lint", *arguments)
        assert outcome.code == 1
        assert outcome.json["files"][0]["file"] == str(path)
        assert codes(outcome)[0] in {"document.unknown_kind", "document.nothing"}
        assert outcome.json["summary"]["passed_over"] == 0


@pytest.mark.slow
def test_what_a_batch_run_exports_in_der_is_linted(command, device_chain, meter, tmp_path):
    ders = [der_of(path) for path in certificates_in(meter.parent)]
    (tmp_path / "certificates.der").write_bytes(b"".join(ders))
    outcome = command("--json", "lint", "--trust", device_chain, tmp_path / "certificates.der")
    assert outcome.code == 0
    assert [one["index"] for one in outcome.json["files"]] == list(range(len(ders)))
    assert {one["kind"] for one in outcome.json["files"]} == {"device"}


def test_a_folder_named_like_a_command_can_be_linted_by_its_path(command, tmp_path, meter):
    (tmp_path / "rules").mkdir()
    shutil.copy(meter, tmp_path / "rules" / "a.pem")
    assert len(command("--json", "lint", tmp_path / "rules").json["files"]) == 1


def zipped(entries):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return packed.getvalue()


def forms(ders):
    certificates = [x509.load_der_x509_certificate(der) for der in ders]
    pems = [csrs.pem(der, header="CERTIFICATE") for der in ders]
    entries = {str(n): {"certificate": one.decode()} for n, one in enumerate(pems)}
    return {
        "PEM": b"".join(pems),
        "ZIP": zipped({f"{n}.crt": base64.b64encode(der) for n, der in enumerate(ders)}),
        "PKCS#7": pkcs7.serialize_certificates(certificates, Encoding.DER),
        "PKCS#7 as PEM": pkcs7.serialize_certificates(certificates, Encoding.PEM),
        "key store": json.dumps({"00db123456780004": {"digitalSignature": entries}}).encode(),
    }


@pytest.mark.slow
@pytest.mark.parametrize("form", ["PEM", "ZIP", "PKCS#7", "PKCS#7 as PEM", "key store"])
@pytest.mark.parametrize("way", ["a file", "standard input", "a folder"])
def test_every_form_of_several_documents_is_read_in_every_way(
    command, pem, device_chain, tmp_path, form, way
):
    meters = certificates_in(pem / "device" / "meters-one")
    ders = [der_of(path) for path in meters]
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "documents"
    path.write_bytes(forms(ders)[form])
    what = {"a file": path, "standard input": "-", "a folder": tmp_path / "in"}[way]
    stdin = path.read_bytes() if way == "standard input" else b""
    outcome = command("--json", "lint", "--trust", device_chain, what, stdin=stdin)
    assert outcome.code == 0
    files = outcome.json["files"]
    assert len(files) == len(ders)
    assert {one["kind"] for one in files} == {"device"}
    assert all(one["findings"] == [] for one in files)
    subjects = [command("--json", "show", path).json["subject"] for path in meters]
    assert sorted(one["subject"] for one in files) == sorted(subjects)
    if form == "ZIP":
        assert [one["file"].split("!")[1] for one in files] == [
            f"{n}.crt" for n in range(len(ders))
        ]
    else:
        assert [one["index"] for one in files] == list(range(len(ders)))


def test_entries_of_a_key_store_are_shown_by_their_names_and_equal_findings_once(
    command, pem, tmp_path
):
    ders = [der_of(path) for path in certificates_in(pem / "device" / "meters-one")]
    assert len(ders) >= 5
    entries = {
        str(n): {"certificate": csrs.pem(der, header="CERTIFICATE").decode(), "name": f"meter-{n}"}
        for n, der in enumerate(ders)
    }
    path = tmp_path / "keystore.json"
    path.write_text(json.dumps({"00db123456780004": {"digitalSignature": entries}}))
    outcome = command("lint", path)
    group, named, _ = outcome.out.splitlines()
    assert group.startswith(f"{len(ders)} documents: notice: ")
    assert "[issuer.unknown; " in group
    first = ", ".join(f"{path} ({n}: meter-{n})" for n in range(3))
    assert named == f"  {first} and {len(ders) - 3} more; --all-findings names every one"
    full = command("lint", "--all-findings", path).out
    assert full.count("[issuer.unknown at octet ") == len(ders)
    for n in range(len(ders)):
        assert f"{path} ({n}: meter-{n}): device " in full
    listed = command("--json", "lint", path).json["files"]
    assert [one["name"] for one in listed] == [f"meter-{n}" for n in range(len(ders))]
    assert all(one["findings"] for one in listed)


def test_what_belongs_to_no_pki_is_told_of_once_unless_a_profile_is_named(command):
    lamp = CASES / "other-pki-attestation.pem"
    outcome = command("--json", "lint", lamp)
    (document,) = outcome.json["files"]
    assert document["kind"] == "certificate"
    assert codes(outcome) == ["certificate.other_pki"]
    assert outcome.code == 1
    in_full = command("--json", "lint", "--as", "device", lamp)
    assert in_full.json["files"][0]["kind"] == "device"
    assert "certificate.other_pki" not in codes(in_full)
    assert "extensions.subjectAltName.missing" in codes(in_full)


def test_der_and_bare_base64_are_read(command, meter, device_chain):
    der = der_of(meter)
    for data in (der, base64.b64encode(der), base64.encodebytes(der).replace(b"\n", b"\r\n")):
        outcome = command("--json", "lint", "--trust", device_chain, "-", stdin=data)
        assert [one["kind"] for one in outcome.json["files"]] == ["device"]
        assert codes(outcome) == []


def test_csrs_and_crls_are_linted_beside_certificates(command, meter, tmp_path):
    (tmp_path / "a.csr").write_bytes(csrs.pem(csrs.device(csrs.new_key())))
    (tmp_path / "b.csr").write_bytes(csrs.pem(csrs.organisation(csrs.new_key(), role="supplier")))
    (tmp_path / "c.csr").write_bytes(csrs.pem(csrs.iki(csrs.rsa_key())))
    (tmp_path / "d.crl").write_bytes(csrs.pem(revocation_list(), header="X509 CRL"))
    outcome = command("--json", "lint", tmp_path, meter)
    assert [one["kind"] for one in outcome.json["files"]] == [
        *("csr-device", "csr-organisation", "csr-iki", "organisation-crl", "device"),
    ]
    assert outcome.code == 1
    errors = [
        finding["code"]
        for one in outcome.json["files"]
        for finding in one["findings"]
        if finding["severity"] == "error"
    ]
    assert sorted(errors) == ["csr.role", "extensions.authorityKeyIdentifier.missing"]


def test_an_unknown_kind_is_itself_a_finding(command, tmp_path):
    (tmp_path / "notes.txt").write_text("not a certificate")
    outcome = command("--json", "lint", tmp_path / "notes.txt")
    assert outcome.code == 1
    (document,) = outcome.json["files"]
    assert document["kind"] == "unknown"
    assert codes(outcome) == ["document.unknown_kind"]


def test_private_keys_are_passed_over_and_never_printed(command, pem, tmp_path):
    (tmp_path / "keys").mkdir()
    keys = sorted(pem.rglob("*.key"))[:5]
    for number, path in enumerate(keys):
        shutil.copy(path, tmp_path / "keys" / f"{number}.key")
    shutil.copy(keys[0].with_suffix(".pem"), tmp_path / "keys")
    outcome = command("--json", "lint", tmp_path / "keys")
    assert outcome.code == 0
    assert outcome.json["summary"]["documents"] == 1
    assert outcome.json["summary"]["passed_over"] == 5
    whole = command("--json", "lint", pem).out
    assert not any(path.read_text().splitlines()[1] in whole for path in keys)


def hostile_zips():
    locked = bytearray(zipped({"a.csr": b"x"}))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    return {
        "a bomb": lambda: zipped({str(n): bytes(16 << 20) for n in range(17)}),
        "encrypted": lambda: bytes(locked),
        "50,001 entries": lambda: zipped({str(n): b"" for n in range(50_001)}),
        "nested": lambda: zipped({"inner.zip": zipped({"a.csr": b"x"})}),
        "cut off": lambda: zipped({"a.csr": b"x" * 1000})[:60],
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a bomb", "encrypted", "50,001 entries", "nested", "cut off"])
def test_a_hostile_zip_is_one_finding(command, tmp_path, name):
    (tmp_path / "batch.zip").write_bytes(hostile_zips()[name]())
    outcome = command("--json", "lint", tmp_path / "batch.zip")
    assert outcome.code == 1
    assert codes(outcome) == ["document.zip"]


def test_sarif_and_junit_can_be_read(command, broken):
    path, trust = broken("keyUsage nonRepudiation")
    arguments = ("lint", "--at", AT, "--trust", trust, path, "--format")
    sarif = command(*arguments, "sarif")
    assert sarif.code == 1
    (result,) = sarif.json["runs"][0]["results"]
    assert result["ruleId"] == "extensions.keyUsage.value"
    junit = command(*arguments, "junit")
    assert junit.code == 1
    suite = ET.fromstring(junit.out)  # noqa: S314
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")


def test_text_names_the_file_the_field_the_rule_and_its_basis(command, broken):
    path, trust = broken("keyUsage nonRepudiation")
    lines = command("lint", "--at", AT, "--trust", trust, path).out.splitlines()
    assert lines[0].startswith(f"{path}: device 00-DB-12-")
    assert lines[1].startswith("  error: extensions.keyUsage is nonRepudiation")
    assert "[extensions.keyUsage.value at octet " in lines[1]
    assert "; specified, " in lines[1]
    assert lines[2].startswith("1 document in 1 file: 0 clean, 1 error")


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit"])
def test_control_characters_in_names_never_reach_the_terminal(
    command, quickstart_original, tmp_path, form
):
    chain, der = chain_and_leaf(quickstart_original, "organisation")
    name = "A\x1b[2J\x9b1m\u202eB\nC\x07"
    change = field("subject.commonName", encode.text(0x0C, name))
    path = tmp_path / "a.pem"
    path.write_bytes(csrs.pem(chain.issue(der, change), header="CERTIFICATE"))
    outcome = command("lint", "--format", form, path)
    assert "[2J" in outcome.out or form in {"sarif", "junit"}
    assert all(line.isprintable() for line in outcome.out.split("\n"))


@pytest.mark.slow
def test_a_folder_linted_over_all_cores_gives_what_one_process_gives(
    command, pem, tmp_path, device_chain
):
    meters = certificates_in(pem / "device" / "meters-one")
    for number in range(450):
        shutil.copy(meters[number % len(meters)], tmp_path / f"{number:03}.pem")
    (tmp_path / "200.pem").write_text("-----BEGIN CERTIFICATE-----\nbroken")
    arguments = ["--json", "lint", "--at", AT, "--trust", str(device_chain), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "smki_testca", *arguments], capture_output=True, check=False
    )
    assert done.returncode == 1, done.stderr
    files = json.loads(done.stdout)["files"]
    assert [one["file"] for one in files] == [str(tmp_path / f"{n:03}.pem") for n in range(450)]
    alone = command(*arguments[:-1], *meters[:1], tmp_path / "200.pem").json["files"]
    assert {**files[200]} == alone[1]
    assert files[0]["findings"] == alone[0]["findings"] == []
    assert all(one["findings"] == [] for n, one in enumerate(files) if n != 200)


@pytest.mark.slow
def test_rules_are_listed_without_any_document(command):
    outcome = command("--json", "lint", "rules")
    assert outcome.code == 0
    rules = outcome.json["rules"]
    assert len(rules) > 200
    assert list(rules[0]) == [
        *("code", "severity", "basis", "source", "meaning", "remedy", "good", "bad", "profiles"),
        "since",
    ]
    assert {"der.boolean", "issuer.self_signed", "extensions.keyUsage.value"} <= {
        rule["code"] for rule in rules
    }
    table = command("lint", "rules")
    assert table.code == 0
    heads = {line.split()[0] for line in table.out.splitlines()[1:]}
    assert {rule["code"] for rule in rules} <= heads


def test_the_rules_of_an_operators_profiles_are_listed(command, tmp_path, library):
    (tmp_path / "certificates").mkdir()
    text = Path(library.profile("dccki").origin).read_text("utf-8")
    changed = text.replace("no public certificate or policy was found", "our own policy 1.2")
    (tmp_path / "certificates" / "dccki.toml").write_text(changed, "utf-8")
    rules = command("--profiles", tmp_path, "--json", "lint", "rules").json["rules"]
    assert {rule["source"] for rule in rules if "dccki" in rule["profiles"]} >= {
        "our own policy 1.2"
    }


def test_a_rule_is_explained_with_a_good_and_a_bad_example(command):
    outcome = command("lint", "explain", "signature.integer_padded")
    assert outcome.code == 0
    for said in ("02 1f 34", "02 20 00 34", "specified", "X.690 8.3.2", "error"):
        assert said in outcome.out
    (rule,) = command("--json", "lint", "explain", "signature.integer_padded").json["rules"]
    assert rule["good"] == "02 1f 34 …"


def test_rules_of_one_code_are_explained_one_by_one(command):
    rules = command("--json", "lint", "explain", "serialNumber.octets").json["rules"]
    assert len(rules) > 1
    assert command("lint", "explain", "serialNumber.octets").out.count("\n\nCode") == len(rules) - 1


@pytest.mark.slow
@pytest.mark.parametrize("code", ["nothing", "der.booleans", "x\x1b[31m"])
def test_an_unknown_rule_cannot_be_explained(command, code, one_line):
    outcome = command("lint", "explain", code)
    assert outcome.code == 4
    assert "lint rules" in one_line(outcome)
    assert command("--json", "lint", "explain", code).json["error"]["code"] == "rule.unknown"


def signed(command, quickstart, tmp_path, request):
    (tmp_path / "a.csr").write_bytes(csrs.pem(request))
    outcome = command(
        *("--estate", quickstart, "--json", "sign", tmp_path / "a.csr"),
        *("--participant", "supplier-one", "--purpose", "uept"),
    )
    assert outcome.code == 0, outcome.out
    serial = outcome.json["certificates"][0]["serial"]
    command(
        "--estate",
        quickstart,
        "export",
        "--format",
        "pem",
        "--out",
        tmp_path / "out",
        "--serial",
        serial,
    )
    (path,) = (one for one in certificates_in(tmp_path / "out") if one.parent.name != "ca")
    return tmp_path / "a.csr", path


def test_a_certificate_is_compared_with_its_csr(command, quickstart, tmp_path):
    csr, certificate = signed(
        command, quickstart, tmp_path, csrs.organisation(csrs.new_key(), usage="ds")
    )
    same = command("compare", csr, certificate)
    assert same.code == 0
    assert same.out == "The certificate is what the CSR asks for.\n"
    assert command("--json", "compare", csr, certificate).json == {
        "consistent": True,
        "differences": [],
    }


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({}, "the public key differs"),
        ({"usage": "ka"}, "the key usage differs"),
        ({"role": "03"}, "the role differs"),
        ({"eui64": bytes.fromhex("90b3d51f30030000")}, "the EUI-64 differs"),
        ({"common_name": "SUPPLIER TWO"}, "the common name differs"),
    ],
)
def test_a_certificate_that_is_not_what_the_csr_asks_for_is_told(
    command, pem, tmp_path, other, said
):
    (tmp_path / "a.csr").write_bytes(csrs.pem(csrs.organisation(csrs.new_key(), **other)))
    certificate = pem / "organisation" / "supplier-one" / "Z1-supplier-ds.pem"
    outcome = command("compare", tmp_path / "a.csr", certificate)
    assert outcome.code == 1
    assert all(line.startswith("error: ") for line in outcome.out.splitlines())
    assert said in outcome.out
    inside = command("--json", "compare", tmp_path / "a.csr", certificate)
    assert inside.code == 1
    assert inside.json["consistent"] is False
    assert len(inside.json["differences"]) == len(outcome.out.splitlines())


def test_compare_needs_a_csr_and_one_certificate(command, meter, tmp_path, one_line):
    (tmp_path / "a.csr").write_bytes(csrs.pem(csrs.device(csrs.new_key())))
    two = tmp_path / "two.pem"
    two.write_bytes(meter.read_bytes() * 2)
    for arguments in (
        (tmp_path / "a.csr", tmp_path / "a.csr"),
        (tmp_path / "a.csr", two),
        (tmp_path / "a.csr", tmp_path / "missing.pem"),
        (tmp_path / "missing.csr", meter),
        (two, meter),
    ):
        outcome = command("compare", *arguments)
        assert outcome.code == 4, arguments
        one_line(outcome)
