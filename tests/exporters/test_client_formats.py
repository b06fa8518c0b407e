"""The forms that the clients of the field load: keystore.json, folders of two tools, a ZIP."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from exported import device, names, reasons, records

from smki_testca.exporters import FORMATS, items

CA, DCCKI, IKI = "is a CA's", "is of DCCKI", "is of IKI"
DEVICE, KEY_AGREEMENT = "is a Device Certificate", "is for key-agreement"
USAGES = {"digitalSignature": "digital-signature", "keyAgreement": "key-agreement"}


def fits(certificate, key):
    """Whether a private key belongs to a certificate, both PEM or DER."""
    pem = certificate.startswith(b"-----")
    load = x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate
    pem = key.startswith(b"-----")
    open_key = serialization.load_pem_private_key if pem else serialization.load_der_private_key
    return load(certificate).public_key() == open_key(key, None).public_key()


# keystore.json


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


def test_a_certificate_whose_key_is_elsewhere_is_left_out_and_told(estate):
    selected = items(estate, records(estate, profile="device"), with_keys=True)
    without = [replace(selected[0], private_key=None), *selected[1:]]
    for form in ("keystore-json", "gbcs-parser"):
        (left_out,) = FORMATS[form].left_out(without)
        assert (left_out.item, left_out.reason) == (without[0], "has no private key here")
        files = list(FORMATS[form].files(without, None))
        assert files
        assert not any(without[0].name in one.path.name for one in files)
        assert not any(str(left_out.item.record.serial.value).encode() in one.data for one in files)


# The signing tool's folder.


def test_the_signing_tools_folder_has_pem_certificates_with_keys_in_der(export, estate):
    outcome, folder = export("signing-tool", "--with-keys")
    signing = [
        one for one in records(estate, profile="organisation") if one.usage == "digital-signature"
    ]
    assert names(folder) == sorted(
        f"{one.label}.{suffix}" for one in signing for suffix in ("pem", "key")
    )
    for one in signing:
        certificate = (folder / f"{one.label}.pem").read_bytes()
        key = (folder / f"{one.label}.key").read_bytes()
        assert certificate.startswith(b"-----BEGIN CERTIFICATE-----\n")
        assert key[0] == 0x30
        assert fits(certificate, key)
    assert reasons(outcome) == {CA: 8, KEY_AGREEMENT: 6, DEVICE: 8, DCCKI: 3, IKI: 1}


def test_the_signing_tools_folder_has_no_certificate_in_which_it_finds_no_identifier(estate):
    selected = items(estate, records(estate, label="xml-sign-90B3D51F30010000-ds"), with_keys=True)
    (item,) = selected
    assert FORMATS["signing-tool"].left_out(selected) == []
    # The last attribute of the subject is another than x500UniqueIdentifier.
    identifier, another = bytes.fromhex("060355042d"), bytes.fromhex("060355042e")
    assert item.record.der.count(identifier) == 1
    record = replace(item.record, der=item.record.der.replace(identifier, another))
    (left_out,) = FORMATS["signing-tool"].left_out([replace(item, record=record)])
    assert left_out.reason == "has a subject in which the tool finds no EUI-64"


# gbcs-parser's folder.


def test_gbcs_parsers_folder_names_files_after_eui_64_and_use(export, estate):
    outcome, folder = export("gbcs-parser", "--with-keys", "--participant", "supplier-one")
    assert names(folder) == [
        f"90b3d51f3001000{user}-{use}.{suffix}"
        for user, uses in (("0", ("ds", "ka", "pp-ka")), ("8", ("ds", "ka")))
        for use in uses
        for suffix in ("key", "pem")
    ]
    for path in folder.glob("*.pem"):
        assert fits(path.read_bytes(), path.with_suffix(".key").read_bytes())
    labels = {"ds": "Z1-supplier-ds", "ka": "Z1-supplier-ka", "pp-ka": "Z1-supplierPP-ka"}
    for use, label in labels.items():
        (record,) = records(estate, label=label)
        written = x509.load_pem_x509_certificate(
            (folder / f"90b3d51f30010000-{use}.pem").read_bytes()
        )
        assert written.public_bytes(serialization.Encoding.DER) == record.der
    xml = "is for signing XML or files, not GBCS messages"
    assert reasons(outcome) == {xml: 1, DCCKI: 1, IKI: 1}


def test_of_two_certificates_of_one_name_gbcs_parser_gets_the_newer_in_use(
    command, quickstart, export
):
    older, newer = (device(command, quickstart, "00db12000000000a") for _ in range(2))

    def written(out):
        outcome, folder = export(
            "gbcs-parser", "--with-keys", "--eui64", "00db12000000000a", out=out
        )
        (path,) = folder.glob("*.pem")
        (left_out,) = outcome.json["left_out"]
        assert left_out["reason"] == "would have the file name of another, which is in use or newer"
        serial = x509.load_pem_x509_certificate(path.read_bytes()).serial_number
        return f"{serial:032X}", left_out["serial"]

    assert written("one") == (newer, older)
    done = command("--estate", quickstart, "set-status", "not-in-use", "--serial", newer)
    assert done.code == 0, done.err
    assert written("two") == (older, newer)


# org-crypto.zip


def test_org_crypto_has_a_key_of_the_same_name_beside_each_certificate(export, estate):
    outcome, folder = export("org-crypto", "--with-keys")
    assert names(folder) == ["org-crypto.zip"]
    with zipfile.ZipFile(folder / "org-crypto.zip") as archive:
        assert archive.testzip() is None
        contents = {name: archive.read(name) for name in archive.namelist()}
    organisation = records(estate, profile="organisation")
    assert set(contents) == {
        f"org-crypto/{place}"
        for one in organisation
        for place in (f"cert/{one.label}.pem", f"key/{one.label}.key")
    }
    for one in organisation:
        key = contents[f"org-crypto/key/{one.label}.key"]
        assert key.startswith(b"-----BEGIN PRIVATE KEY-----\n")
        assert fits(contents[f"org-crypto/cert/{one.label}.pem"], key)
    assert reasons(outcome) == {CA: 8, DEVICE: 8, DCCKI: 3, IKI: 1}


def test_the_same_certificates_make_the_same_zip_in_whatever_order(estate):
    selected = items(estate, records(estate, profile="organisation"), with_keys=True)
    digests = {
        hashlib.sha256(one.data).hexdigest()
        for order in (selected, list(reversed(selected)))
        for one in FORMATS["org-crypto"].files(order, None)
    }
    assert len(digests) == 1
