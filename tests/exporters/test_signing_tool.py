"""The folder of the DUIS signing tool."""

from __future__ import annotations

from dataclasses import replace

from exported import fits, names, reasons, records

from smki_testca.exporters.export import items
from smki_testca.exporters.registry import FORMATS

CA, DCCKI, IKI = "is a CA's", "is of DCCKI", "is of IKI"
DEVICE, KEY_AGREEMENT = "is a Device Certificate", "is for key-agreement"


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
