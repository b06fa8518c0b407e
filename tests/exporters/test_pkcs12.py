"""PKCS#12 stores, one for each certificate."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from exported import PHRASE, ders, files, needs_openssl, openssl


@pytest.mark.slow
def test_pkcs12_stores_hold_certificate_key_and_chain(export, estate):
    outcome, folder = export("pkcs12", "--with-keys", "--profile", "organisation", encrypted=True)
    assert outcome.code == 0
    found = set()
    for path in files(folder, ".p12"):
        store = pkcs12.load_pkcs12(path.read_bytes(), PHRASE.encode())
        certificate = store.cert.certificate
        found.add(certificate.public_bytes(serialization.Encoding.DER))
        assert store.key.public_key() == certificate.public_key()
        assert store.cert.friendly_name == path.stem.encode()
        names = [one.certificate.subject.rfc4514_string() for one in store.additional_certs]
        assert names == ["CN=Z1,OU=07", "CN=ZA,OU=00"]
        with pytest.raises(ValueError, match="password"):
            pkcs12.load_pkcs12(path.read_bytes(), b"another")
    assert found == ders(estate, profile="organisation")


def test_pkcs12_needs_a_passphrase_and_writes_nothing_without(export):
    outcome, folder = export("pkcs12", "--with-keys")
    assert outcome.code == 4
    assert outcome.json["error"]["code"] == "export.passphrase"
    assert not folder.exists()


@needs_openssl
@pytest.mark.interop
def test_openssl_reads_a_store(export):
    selection = ("--label", "dccki-rdp-one", "--with-keys")
    _, folder = export("pkcs12", *selection, encrypted=True)
    (store,) = files(folder, ".p12")
    text = openssl("pkcs12", "-in", store, "-passin", f"pass:{PHRASE}", "-noenc")
    assert text.count(b"BEGIN CERTIFICATE") == 3
    assert text.count(b"BEGIN PRIVATE KEY") == 1
