"""The PKCS#7 bundle."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from exported import ders, needs_openssl, openssl

from smki_testca.estate.certificates import Selection


def test_pkcs7_holds_each_certificate_and_ca_once(export, estate):
    outcome, folder = export("pkcs7", "--participant", "supplier-one", "--with-keys")
    assert outcome.code == 0
    (path,) = (one for one in folder.rglob("*") if one.is_file())
    loaded = pkcs7.load_pem_pkcs7_certificates(path.read_bytes())
    octets = [one.public_bytes(serialization.Encoding.DER) for one in loaded]
    assert len(octets) == len(set(octets))
    hierarchies = {
        one.hierarchy for one in estate.certificates.select(Selection(participant="supplier-one"))
    }
    above = {one.der for one in estate.certificates.authorities() if one.hierarchy in hierarchies}
    assert set(octets) == ders(estate, participant="supplier-one") | above


@needs_openssl
@pytest.mark.interop
def test_openssl_reads_the_bundle(export):
    selection = ("--label", "dccki-rdp-one", "--with-keys")
    _, folder = export("pkcs7", *selection, out="bundle")
    bundle = openssl("pkcs7", "-in", folder / "certificates.p7b", "-print_certs", "-noout")
    assert bundle.count(b"subject=") == 3
