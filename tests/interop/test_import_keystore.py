"""The published key store is imported, and what is good of it signed again for its own client."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import npm
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from smki_testca.api import Estate
from smki_testca.clock import FixedClock
from smki_testca.estate.certificates import Selection
from smki_testca.exporters.export import export
from smki_testca.importers.intake import take_in
from smki_testca.issuance.re_signing import ReSigningTerms
from smki_testca.profiles.model import Severity
from smki_testca.shipped import shipped
from smki_testca.x509.view import view_certificate

pytestmark = pytest.mark.interop

SCRIPT = Path(__file__).parent / "key_store.js"
AT = datetime(2026, 2, 1, tzinfo=UTC)
SELF_SIGNED = {
    "xml-sign-00DB123456780004-ds",
    "dsp-xml-sign-90B3D51F30000002-ds",
    "xml-sign-90B3D51F30010000-ds",
    "xml-sign-90B3D51F30020000-ds",
}
NULL_PARAMETERS = {"mdr-ds", "mdr-ka"}
NOT_EXPIRED = {"Z1-loadController-ds", "Z1-loadController-ka"}

# The published Other User has its ID under another entry than the SEC's.
OTHER_USER = """\
ranges = [
  { registry-entry = "00-DB-12-34-5", organisation-number = "67800", organisation-bits = 20, \
exception = "the published set has it here" },
]
ids = [{ eui64 = "00-DB-12-34-56-78-00-04", user-roles = ["Other User"] }]
"""
ORDINARY = """\
ranges = [{ registry-entry = "90-B3-D5-1F-3", organisation-number = "004" }]
ids = [
  { eui64 = "90-B3-D5-1F-30-04-00-00", user-roles = ["Other User"] },
]
"""


@pytest.fixture(scope="module")
def published():
    return npm.package(npm.KEYSTORE) / "keystore.json"


@pytest.fixture(scope="module")
def estate(published, tmp_path_factory):
    """An estate that imported the key store; the tests share it."""
    directory = tmp_path_factory.mktemp("published") / "estate"
    participants = (shipped("examples") / "participants.toml").read_text("utf-8")
    assert ORDINARY in participants
    with Estate.create(directory, "phrase", clock=FixedClock(AT)) as made:
        made.add_environment("ZAZ1")
        made.register.import_file(participants.replace(ORDINARY, OTHER_USER).encode(), "-")
        made.import_material(take_in([str(published)]))
        yield made


@pytest.fixture(scope="module")
def signed(estate):
    """What came of signing everything again, and then the defective too."""
    return (
        estate.re_sign(Selection(), ReSigningTerms("uept")),
        estate.re_sign(Selection(), ReSigningTerms("uept", with_defects=True)),
    )


def errors(estate, records):
    found = {}
    for record, linted in zip(records, estate.externals.lint(records, AT), strict=True):
        codes = {one.code for one in linted.findings if one.severity is Severity.ERROR}
        if codes:
            found[record.label] = codes
    return found


def test_all_thirty_three_come_in_with_labels_and_keys(estate, published):
    records = estate.externals.select()
    assert len(records) == 33
    assert all(one.has_key for one in records)
    entries = [
        (eui64, serial, entry)
        for eui64, usages in json.loads(published.read_text("utf-8")).items()
        for by_serial in usages.values()
        for serial, entry in by_serial.items()
    ]
    for record, (eui64, serial, entry) in zip(records, entries, strict=True):
        assert record.eui64.plain == eui64
        assert int(record.serial_text, 16) == int(serial)
        assert record.label == entry["name"]
        assert record.role == entry["role"]
        key = serialization.load_pem_private_key(entry["privateKey"].encode(), None)
        got = serialization.load_der_private_key(estate.externals.private_key(record), None)
        assert got.private_numbers() == key.private_numbers()


def test_importing_it_again_changes_nothing(estate, published):
    before = estate.audit.entries()[-1].number
    again = estate.import_material(take_in([str(published)]))
    assert not again.changed
    assert estate.audit.entries()[-1].number == before


def test_the_expired_and_the_defective_are_told_apart(estate):
    records = estate.externals.select()
    found = errors(estate, records)
    assert found == {
        **{label: {"issuer.self_signed"} for label in SELF_SIGNED},
        **{label: {"signature.parameters_null"} for label in NULL_PARAMETERS},
    }
    expired = {one.label for one in records if one.is_expired(AT)}
    every = {one.label for one in records}
    assert expired == every - SELF_SIGNED - NULL_PARAMETERS - NOT_EXPIRED
    assert len(expired) == 25


def test_the_good_ones_are_signed_again_and_the_defective_left_out(signed):
    good, _ = signed
    assert len(good.re_signed) == 27
    assert {one.external.label for one in good.left_out} == SELF_SIGNED | NULL_PARAMETERS
    assert {one.error.code for one in good.left_out} == {"re_sign.defective"}


def test_what_is_defective_is_mended_where_that_is_asked_for(signed):
    _, rest = signed
    assert {one.external.label for one in rest.re_signed} == SELF_SIGNED | NULL_PARAMETERS
    assert {one.error.code for one in rest.left_out} == {"re_sign.already"}


def subject_and_key(der):
    """The subject, public key and subjectKeyIdentifier, as OpenSSL reads them."""
    asked = ["-noout", "-subject", "-nameopt", "RFC2253,show_type", "-pubkey"]
    done = subprocess.run(
        ["openssl", "x509", "-inform", "DER", *asked, "-ext", "subjectKeyIdentifier"],
        input=der,
        capture_output=True,
        check=True,
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(which("openssl") is None, reason="openssl is not installed")
def test_subject_and_key_stay_to_the_octet(signed):
    for one in (*signed[0].re_signed, *signed[1].re_signed):
        old, new = view_certificate(one.external.der), view_certificate(one.record.der)
        for path in ("subject", "subjectPublicKeyInfo", "extensions.subjectKeyIdentifier"):
            assert old.octets(path) == new.octets(path)
        assert not any("octets" in warning for warning in one.warnings)
    for one in (*signed[0].re_signed[::7], *signed[1].re_signed[::3]):
        assert subject_and_key(one.external.der) == subject_and_key(one.record.der)


@pytest.mark.slow
def test_the_label_stays_and_serial_issuer_and_dates_are_new(estate, signed):
    done = [*signed[0].re_signed, *signed[1].re_signed]
    authority = estate.certificates.chain(done[0].record)[0]
    issuer = x509.load_der_x509_certificate(authority.der)
    serials = {one.record.serial for one in done}
    assert len(serials) == 33
    for one in done:
        new = x509.load_der_x509_certificate(one.record.der)
        assert one.record.label == one.external.label
        assert f"{new.serial_number:032X}" != one.external.serial_text
        new.verify_directly_issued_by(issuer)
        assert new.not_valid_before_utc <= AT < new.not_valid_after_utc
        assert new.not_valid_after_utc.year == 2036
    assert estate.audit.verify() > 0


@pytest.mark.slow
@pytest.mark.skipif(which("node") is None, reason="node is not installed")
def test_the_client_finds_each_with_its_key(estate, signed, tmp_path):
    done = [*signed[0].re_signed, *signed[1].re_signed]
    records = [one.record for one in done]
    export(estate, records, "keystore-json", tmp_path, with_keys=True)
    tasks = [
        {"query": {"serial": str(one.serial.value), "lookup": lookup}}
        for one in records
        for lookup in ("certificate", "privateKey")
    ]
    package = npm.package(npm.KEYSTORE)
    ran = subprocess.run(
        ["node", SCRIPT, package, tmp_path / "keystore.json", tmp_path / "local.json"],
        input=json.dumps(tasks),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    results = iter(json.loads(ran.stdout))
    for one in done:
        (certificate,), (private,) = next(results)["found"], next(results)["found"]
        assert certificate["certificate"] == one.record.der.hex()
        assert certificate["eui"] == one.external.eui64.plain
        assert certificate["role"] == one.external.role
        assert certificate["name"] == one.external.label
        got = serialization.load_der_private_key(bytes.fromhex(private["key"]), None)
        theirs = estate.externals.private_key(one.external)
        assert got.private_numbers() == (
            serialization.load_der_private_key(theirs, None).private_numbers()
        )
