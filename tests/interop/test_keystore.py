"""The published certificates of a test key store, which is fetched and never kept here."""

from __future__ import annotations

import json
import re
from typing import Any

import npm
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.importers.sources import sources

pytestmark = pytest.mark.interop

AT = "2024-06-01"

SELF_SIGNED = "names Z1 as its issuer, but is signed with its own key and has no AKI"
NULL_PARAMETERS = "ecdsa-with-SHA256 has NULL parameters, inside and outside"
# By serial number, as the key store writes it.
DEFECTIVE = {
    # XML signing, EUI-64 00-DB-12-34-56-78-00-04
    "37250744094852421200045328576547436839": ("issuer.self_signed", SELF_SIGNED),
    # XML signing of the DSP, 90-B3-D5-1F-30-00-00-02
    "167048897159233642262001557408276884033": ("issuer.self_signed", SELF_SIGNED),
    # XML signing of a supplier, 90-B3-D5-1F-30-01-00-00
    "27572613927499351639968579586655397031": ("issuer.self_signed", SELF_SIGNED),
    # XML signing of a network operator, 90-B3-D5-1F-30-02-00-00
    "40938316298935008147424226388667426413": ("issuer.self_signed", SELF_SIGNED),
    # Meter Data Retriever, key agreement, 90-B3-D5-1F-30-01-00-09
    "143760648054440290131736313218196740108": ("signature.parameters_null", NULL_PARAMETERS),
    # Meter Data Retriever, digital signature, 90-B3-D5-1F-30-01-00-09
    "30888891657525916479869933105972500128": ("signature.parameters_null", NULL_PARAMETERS),
}


@pytest.fixture(scope="session")
def package():
    return npm.package(npm.KEYSTORE)


@pytest.fixture(scope="session")
def serials(package):
    """The serial numbers in the order of the file, which is that of the documents."""
    store = json.loads((package / "keystore.json").read_text("utf-8"))
    return [
        serial for usages in store.values() for entries in usages.values() for serial in entries
    ]


@pytest.fixture(scope="session")
def ders(package, serials):
    found = [one.data for one in sources([str(package / "keystore.json")])]
    return dict(zip(serials, found, strict=True))


@pytest.fixture
def linted(command, package, serials):
    """The documents of the key store by serial number, and the exit code."""
    outcome = command("--json", "lint", "--at", AT, package / "keystore.json")
    files = outcome.json["files"]
    assert [one["index"] for one in files] == list(range(len(serials)))
    return dict(zip(serials, files, strict=True)), outcome.code


def codes(document, severity):
    return {one["code"] for one in document["findings"] if one["severity"] == severity}


def test_all_thirty_three_are_organisation_certificates(linted):
    documents, _ = linted
    assert len(documents) == 33
    assert {one["kind"] for one in documents.values()} == {"organisation"}


def test_exactly_the_defective_ones_have_an_error_and_each_has_one(linted):
    documents, code = linted
    wrong = {serial: codes(one, "error") for serial, one in documents.items()}
    assert {serial: found for serial, found in wrong.items() if found} == {
        serial: {code} for serial, (code, _) in DEFECTIVE.items()
    }
    assert all(
        sum(finding["severity"] == "error" for finding in one["findings"]) <= 1
        for one in documents.values()
    )
    assert code == 1


def test_the_reasons_for_the_defective_ones_are_in_their_octets(ders):
    null_parameters = bytes.fromhex("300c06082a8648ce3d0403020500")
    for serial, der in ders.items():
        code = DEFECTIVE.get(serial, ("", ""))[0]
        assert (der.count(null_parameters) == 2) == (code == "signature.parameters_null")
        if null_parameters not in der:  # which cryptography does not load
            assert signed_by_itself(der) == (code == "issuer.self_signed")


def signed_by_itself(der):
    certificate = x509.load_der_x509_certificate(der)
    key: Any = certificate.public_key()
    try:
        key.verify(
            certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256())
        )
    except InvalidSignature:
        return False
    return True


def test_an_unknown_issuer_alone_is_a_notice(linted):
    documents, _ = linted
    for serial, one in documents.items():
        unknown = [finding for finding in one["findings"] if finding["code"] == "issuer.unknown"]
        is_self_signed = DEFECTIVE.get(serial, ("", ""))[0] == "issuer.self_signed"
        severities = [finding["severity"] for finding in unknown]
        assert severities == ([] if is_self_signed else ["notice"])


def test_all_were_in_force_at_that_time_and_most_have_run_out_since(command, linted, package):
    documents, _ = linted
    found = {finding["code"] for one in documents.values() for finding in one["findings"]}
    assert not found & {"validity.expired", "validity.not_yet_valid", "validity.ends_soon"}
    later = command("--json", "lint", "--at", "2026-02-01", package / "keystore.json")
    expired = [
        one
        for one in later.json["files"]
        if "validity.expired" in {finding["code"] for finding in one["findings"]}
    ]
    assert len(expired) > len(documents) / 2
    assert all("validity.expired" not in codes(one, "error") for one in expired)


def test_prepayment_key_agreement_certificates_and_renewals_are_told_as_notices(linted):
    documents, _ = linted
    told = [
        finding
        for one in documents.values()
        for finding in one["findings"]
        if finding["code"] == "set.key_agreement_pair"
    ]
    assert told
    assert {finding["severity"] for finding in told} == {"notice"}


@pytest.mark.slow
def test_the_private_keys_beside_them_are_never_repeated(command, package):
    text = (package / "keystore.json").read_text("utf-8")
    keys = re.findall(r"BEGIN PRIVATE KEY-----\\n([A-Za-z0-9+/]{60})", text)
    assert len(keys) == 33
    for form in ("text", "json", "sarif", "junit"):
        out = command("lint", "--format", form, package / "keystore.json").out
        assert not any(key in out for key in keys)
