from __future__ import annotations

import pytest

from smki_testca.errors import InputError
from smki_testca.roles import KeyUsage

DS, KA = KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT

REMOTE_PARTY_ROLES = [
    ("00", "root", "", ""),
    ("01", "recovery", "DCC", "DS"),
    ("02", "supplier", "IS ES GS", "DS KA"),
    ("03", "networkOperator", "ED GT", "DS KA"),
    ("04", "accessControlBroker", "DCC", "DS KA"),
    ("05", "transitionalCoS", "DCC", "DS"),
    ("06", "wanProvider", "DCC", "DS"),
    ("07", "issuingAuthority", "", ""),
    ("08", "loadController", "LC", "DS KA"),
    ("7F", "other", "OU RSA MDR", "DS KA"),
    ("87", "xmlSign", "IS ES GS ED GT OU RSA MDR LC", "DS"),
    ("88", "rdpFileSign", "RDP", "DS"),
    ("89", "dSPXmlSign", "DCC", "DS"),
]


@pytest.mark.parametrize(("code", "name", "held_by", "usages"), REMOTE_PARTY_ROLES)
def test_every_remote_party_role_of_the_field_is_there(library, code, name, held_by, usages):
    role = library.roles.remote_party_role(name)
    assert role.hex == code
    assert role.code == int(code, 16)
    assert set(role.held_by) == set(held_by.split())
    assert set(role.usages) == {{"DS": DS, "KA": KA}[usage] for usage in usages.split()}


def test_there_are_no_other_remote_party_roles(library):
    assert {role.hex for role in library.roles.remote_party_roles} == {
        code for code, *_ in REMOTE_PARTY_ROLES
    }


@pytest.mark.parametrize(
    "text",
    [
        "networkOperator",
        "networkoperator",
        "NETWORKOPERATOR",
        "network-operator",
        "network_operator",
        "Network Operator",
        "03",
    ],
)
def test_a_remote_party_role_is_found_by_name_in_any_case_or_by_two_digits(library, text):
    assert library.roles.remote_party_role(text).name == "networkOperator"


@pytest.mark.parametrize("text", ["7f", "7F"])
def test_hexadecimal_digits_are_read_in_either_case(library, text):
    assert library.roles.remote_party_role(text).name == "other"


@pytest.mark.parametrize("text", ["0_3", "0 3", "0-3", " 03", "03 ", "+3", "\u0660\u0663", "_03"])
def test_what_python_reads_as_a_number_is_no_role(library, text):
    assert library.roles.by_hex(text) is None
    with pytest.raises(InputError, match="There is no RemotePartyRole"):
        library.roles.remote_party_role(text)


@pytest.mark.parametrize("text", ["", "3", "003", "0x03", "127", "137", "80", "8A", "suplier"])
def test_an_unknown_remote_party_role_is_an_error_that_lists_those_there_are(library, text):
    with pytest.raises(InputError) as caught:
        library.roles.remote_party_role(text)
    assert caught.value.code == "role.unknown"
    for code, name, *_ in REMOTE_PARTY_ROLES:
        assert f"{name} ({code})" in caught.value.remedy


def test_a_remote_party_role_is_found_by_its_number(library):
    assert library.roles.by_code(0x89).name == "dSPXmlSign"
    assert library.roles.by_code(0x80) is None
    assert library.roles.by_code(0x189) is None


USER_ROLES = [
    ("IS", "Import Supplier"),
    ("ES", "Export Supplier"),
    ("GS", "Gas Supplier"),
    ("ED", "Electricity Distributor"),
    ("GT", "Gas Transporter"),
    ("OU", "Other User"),
    ("RSA", "Registered Supplier Agent"),
    ("MDR", "Meter Data Retriever"),
    ("LC", "Load Controller"),
    ("DCC", "DCC"),
    ("RDP", "Registration Data Provider"),
]


@pytest.mark.parametrize(("code", "name"), USER_ROLES)
def test_every_user_role_is_found_by_abbreviation_and_by_name(library, code, name):
    for text in (code, code.lower(), name, name.upper(), name.lower().replace(" ", "-")):
        found = library.roles.user_role(text)
        assert (found.code, found.name) == (code, name)


def test_there_are_no_other_user_roles(library):
    assert [(role.code, role.name) for role in library.roles.user_roles] == USER_ROLES


@pytest.mark.parametrize("text", ["", "I", "supplier", "XX", "Importer", "02"])
def test_an_unknown_user_role_is_an_error_that_lists_those_there_are(library, text):
    with pytest.raises(InputError) as caught:
        library.roles.user_role(text)
    assert caught.value.code == "user_role.unknown"
    assert "Import Supplier (IS)" in caught.value.remedy


def test_every_role_says_how_well_it_is_known_and_from_where(library):
    for role in (*library.roles.remote_party_roles, *library.roles.user_roles):
        assert role.basis in {"specified", "observed", "assumed"}
        assert role.source
    unconfirmed = [r.name for r in library.roles.remote_party_roles if r.basis == "assumed"]
    assert unconfirmed == ["rdpFileSign"]
