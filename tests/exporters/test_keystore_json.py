"""The key store of DCC's TypeScript client."""

from __future__ import annotations

import json

import pytest
from cryptography import x509
from exported import device, fits, names, reasons, records

CA, DCCKI, IKI = "is a CA's", "is of DCCKI", "is of IKI"
USAGES = {"digitalSignature": "digital-signature", "keyAgreement": "key-agreement"}


@pytest.fixture
def keystore(export):
    outcome, folder = export("keystore-json", "--with-keys")
    assert outcome.code == 0, outcome.out
    assert names(folder) == ["keystore.json"]
    return outcome, json.loads((folder / "keystore.json").read_text("utf-8"))


def entries(store):
    for eui64, usages in store.items():
        for usage, by_serial in usages.items():
            for serial, entry in by_serial.items():
                yield eui64, usage, serial, entry


def test_keystore_json_has_the_shape_of_the_client_and_nothing_more(keystore):
    _, store = keystore
    for eui64, usage, serial, entry in entries(store):
        assert len(eui64) == 16
        assert eui64 == eui64.lower()
        assert usage in USAGES
        certificate = x509.load_pem_x509_certificate(entry["certificate"].encode())
        assert serial == str(certificate.serial_number)
        assert entry["privateKey"].startswith("-----BEGIN PRIVATE KEY-----\n")
        assert set(entry) - {"role"} == {"certificate", "privateKey", "name"}
        assert fits(entry["certificate"].encode(), entry["privateKey"].encode())


def test_keystore_json_holds_every_organisation_and_device_certificate_where_it_belongs(
    keystore, estate
):
    _, store = keystore
    found = {
        int(serial): (eui64, USAGES[usage], entry.get("role"), entry["name"])
        for eui64, usage, serial, entry in entries(store)
    }
    assert found == {
        one.serial.value: (one.eui64.plain, one.usage, one.role, one.label)
        for one in (*records(estate, profile="organisation"), *records(estate, profile="device"))
    }
    roles = {entry.get("role") for _, _, _, entry in entries(store)}
    assert roles == {None, 1, 2, 3, 4, 5, 6, 8, 127, 135, 136, 137}


def test_keystore_json_says_what_it_leaves_out(keystore):
    assert reasons(keystore[0]) == {CA: 8, DCCKI: 3, IKI: 1}


def test_a_certificate_without_a_label_has_its_file_name_for_a_name(command, quickstart, export):
    serial = device(command, quickstart, "00db12000000000a")
    _, folder = export("keystore-json", "--with-keys", "--serial", serial)
    store = json.loads((folder / "keystore.json").read_text("utf-8"))
    ((_, _, _, entry),) = entries(store)
    assert entry["name"] == "00db12000000000a-digital-signature"
