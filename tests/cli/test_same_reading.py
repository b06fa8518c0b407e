"""Every command that reads documents reads the same files."""

from __future__ import annotations

import pytest

import ber
import csrs
from material import pem, zipped
from seeds import revocation_list
from smki_testca.der import encode
from smki_testca.importers.sources import sources


@pytest.fixture(scope="session")
def ca(quickstart_original):
    """The certificate of an issuing CA, DER."""
    chain = quickstart_original / "export/pem/ZAZ1/organisation/ca/Z1-chain.pem"
    return next(iter(sources([str(chain)]))).data


def _bundle(der):
    data = encode.sequence(encode.oid("1.2.840.113549.1.7.1"))
    fields = b"\x02\x01\x01\x31\x00" + data + ber.indefinite(0xA0, der) + b"\x31\x00"
    signed_data = ber.indefinite(0xA0, ber.indefinite(0x30, fields))
    return ber.indefinite(0x30, encode.oid("1.2.840.113549.1.7.2") + signed_data)


FORMS = {
    "text that begins with the digit 0": lambda der: b"0: Certificate\n" + pem(der),
    "a trusted certificate": lambda der: pem(der + b"\x30\x00", header="TRUSTED CERTIFICATE"),
    "PKCS#7 in BER": _bundle,
    "PKCS #7 SIGNED DATA": lambda der: pem(_bundle(der), header="PKCS #7 SIGNED DATA"),
    "hexadecimal": lambda der: der.hex(":").encode(),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_certificate_is_read_in_every_form_by_every_command(
    command, quickstart, ca, tmp_path, form
):
    path, csr = tmp_path / "named", tmp_path / "a.csr"
    path.write_bytes(FORMS[form](ca))
    csr.write_bytes(csrs.pem(csrs.organisation(csrs.new_key())))
    estate = ("--estate", quickstart, "--json")
    (linted,) = command("--json", "lint", path).json["files"]
    assert linted["kind"] == "organisation-issuing-ca"
    assert command("--json", "show", path).json["subject"] == linted["subject"]
    assert command("--json", "compare", csr, path).json["consistent"] is False
    assert command("--json", "lint", "--trust", path, path).json["summary"]["documents"] == 1
    (imported,) = command(*estate, "import", path).json["certificates"]
    assert imported["arrival"] == "own"


@pytest.mark.parametrize("form", ["text that begins with the digit 0", "hexadecimal"])
def test_a_revocation_list_is_read_in_every_form(command, quickstart, tmp_path, form):
    path = tmp_path / "named"
    der = revocation_list()
    path.write_bytes(FORMS[form](der).replace(b"CERTIFICATE", b"X509 CRL"))
    assert command("--json", "lint", path).json["files"][0]["kind"] == "organisation-crl"
    verified = command("--estate", quickstart, "--json", "crl", "verify", path)
    assert verified.code == 1
    assert verified.json["verified"] is False


NO_DOCUMENTS = {
    "a Java key store": (bytes.fromhex("feedfeed00000002"), "keytool -importkeystore"),
    "UTF-16": ("text".encode("utf-16-le"), "UTF-16"),
    "a text": (b"0 certificates\n", "neither DER"),
    "a private key": (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key"),
    "a ZIP of a text": (zipped({"README.txt": b"text"}), "no certificate"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("data", "said"), NO_DOCUMENTS.values(), ids=NO_DOCUMENTS)
def test_what_is_no_document_is_told_by_what_it_is(
    command, quickstart, tmp_path, one_line, data, said
):
    path, csr = tmp_path / "named", tmp_path / "a.csr"
    path.write_bytes(data)
    csr.write_bytes(csrs.pem(csrs.organisation(csrs.new_key())))
    for arguments in (
        ("show", path),
        ("compare", csr, path),
        ("lint", "--trust", path, path),
        ("--estate", quickstart, "crl", "verify", path),
    ):
        outcome = command(*arguments)
        assert outcome.code == 4
        assert said in one_line(outcome)
    linted = command("lint", path)
    assert linted.code == 1
    assert said in linted.out
