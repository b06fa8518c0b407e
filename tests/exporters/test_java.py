from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from exported import PHRASE, names, needs_openssl, openssl, records

from smki_testca.exporters.export import items
from smki_testca.exporters.registry import FORMATS
from smki_testca.profiles.model import Tier


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def test_the_truststore_holds_each_ca_under_its_name(export, estate):
    _, folder = export("java", encrypted=True)
    assert names(folder) == ["ZAZ1/truststore.p12"]
    loaded = pkcs12.load_pkcs12((folder / "ZAZ1" / "truststore.p12").read_bytes(), PHRASE.encode())
    assert loaded.key is None
    found = {der(one.certificate): one.friendly_name.decode() for one in loaded.additional_certs}
    cas = [one for one in records(estate) if one.tier is not Tier.END_ENTITY]
    assert set(found) == {one.der for one in cas}
    assert {"ZA", "Z1", "DZ", "DZ1", "Issuing-ICA-ZAZ1-Test"} < set(found.values())


def test_the_keystore_is_written_with_keys_only_and_holds_them_all(export, estate):
    outcome, folder = export("java", "--with-keys", "--profile", "organisation", encrypted=True)
    assert names(folder) == ["ZAZ1/keystore.p12", "ZAZ1/truststore.p12"]
    assert outcome.json["left_out"] == []
    octets = (folder / "ZAZ1" / "keystore.p12").read_bytes()
    loaded = pkcs12.load_pkcs12(octets, PHRASE.encode())
    assert loaded.key.public_key() == loaded.cert.certificate.public_key()
    certificates = [der(one.certificate) for one in (loaded.cert, *loaded.additional_certs)]
    expected = [one.der for one in records(estate, profile="organisation")]
    above = [one.der for one in records(estate) if one.label in {"ZA", "Z1"}]
    assert sorted(certificates) == sorted(expected + above)
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_pkcs12(octets, b"another")


@pytest.mark.slow
def test_a_family_has_stores_of_its_own(command, export, quickstart):
    done = command("--estate", quickstart, "init", quickstart, "--environment", "UIT-A")
    assert done.code == 0, done.err
    _, folder = export("java", "--with-keys", encrypted=True)
    assert names(folder) == ["UIT/truststore.p12", "ZAZ1/keystore.p12", "ZAZ1/truststore.p12"]
    data = (folder / "UIT" / "truststore.p12").read_bytes()
    loaded = pkcs12.load_pkcs12(data, PHRASE.encode())
    assert {"UA", "U2"} < {one.friendly_name.decode() for one in loaded.additional_certs}


def test_java_stores_need_a_passphrase_that_java_can_use(tmp_path, export):
    outcome, _ = export("java", "--with-keys")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.passphrase")
    phrase = tmp_path / "other"
    phrase.write_text("pässword\n", "utf-8")
    outcome, folder = export("java", "--export-passphrase-file", phrase)
    error = outcome.json["error"]
    assert (outcome.code, error["code"]) == (4, "export.passphrase_characters")
    assert not folder.exists()


def test_an_end_entity_whose_key_is_elsewhere_is_left_out_of_the_keystore_and_told(estate):
    one, other = items(estate, records(estate, role=3, profile="organisation"), with_keys=True)
    selected = [one, replace(other, private_key=None)]
    (left_out,) = FORMATS["java"].left_out(selected)
    assert (left_out.item, left_out.reason) == (selected[1], "has no private key here")


@pytest.mark.slow
@needs_openssl
@pytest.mark.interop
def test_openssl_reads_every_key_and_alias_of_a_keystore(export, estate):
    _, folder = export("java", "--with-keys", encrypted=True)
    path = folder / "ZAZ1" / "keystore.p12"
    text = openssl("pkcs12", "-in", path, "-passin", f"pass:{PHRASE}", "-noenc").decode()
    aliases = {line.partition(": ")[2] for line in text.splitlines() if "friendlyName" in line}
    keyed = [one for one in records(estate) if one.tier is Tier.END_ENTITY]
    assert aliases == {one.label for one in keyed}
    blocks = text.split("-----BEGIN PRIVATE KEY-----")[1:]
    assert len(blocks) == len(keyed)
    ids = set()
    for block in blocks:
        pem = f"-----BEGIN PRIVATE KEY-----{block.split('-----END')[0]}-----END PRIVATE KEY-----\n"
        public = serialization.load_pem_private_key(pem.encode(), None).public_key()
        spki = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        ids.add(hashlib.sha256(spki).digest())
    assert ids == {one.key_id for one in keyed}
    wrong = subprocess.run(
        ["openssl", "pkcs12", "-in", path, "-passin", "pass:another", "-noout"],
        capture_output=True,
        check=False,
    )
    assert wrong.returncode != 0
