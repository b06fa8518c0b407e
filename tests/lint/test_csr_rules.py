"""The rules of CSRs follow from the profile of the certificate that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import csrs
from smki_testca.lint import csr
from smki_testca.profiles import Library
from smki_testca.x509.view import view_request

LIBRARY = Library()
KEY = csrs.rsa_key()
SUBJECT = (
    csrs.attribute(csrs.ORGANISATION, b"Supplier One"),
    csrs.attribute(csrs.ROLE, b"SUP1"),
    csrs.attribute(csrs.COMMON_NAME, b"gateway.example"),
)
BOTH = bytes.fromhex("030205a0")
USAGE = csrs.extension(csrs.KEY_USAGE, BOTH)
HOST = csrs.tlv(0x82, b"gateway.example")
PURPOSES = csrs.tlv(0x30, csrs.tlv(0x06, bytes.fromhex("2b06010505070302")))
URL = csrs.tlv(0x86, b"http://gateway.example/")
IDENTIFIER = csrs.attribute(csrs.IDENTIFIER, csrs.SUPPLIER_ID, 0x03)


def names(*parts, critical=False):
    return csrs.extension(csrs.ALTERNATIVE_NAME, csrs.tlv(0x30, *parts), critical=critical)


def faults(profile, *extensions, subject=SUBJECT, key=KEY, **changed):
    view = view_request(csrs.raw(key, subject, extensions, **changed))
    return [one.code for one in csr.breaches(view, LIBRARY.roles, profile)]


@pytest.fixture(scope="module")
def dccki():
    return LIBRARY.profile("dccki")


@pytest.mark.parametrize(
    "extensions",
    [(USAGE, names(HOST)), (USAGE,), (names(HOST),), (names(HOST, critical=True),)],
    ids=["all", "no host", "no usage", "critical"],
)
def test_a_csr_for_another_profile_may_ask_for_what_its_rows_take(dccki, extensions):
    assert faults(dccki, *extensions) == []


def test_a_csr_need_not_ask_for_extensions_if_its_profile_demands_none(dccki):
    assert faults(dccki, attributes=[]) == []
    assert "csr.attributes" in faults(LIBRARY.profile("iki"), attributes=[])


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("csr.subject", {"subject": SUBJECT[:2]}),
        ("csr.subject", {"subject": SUBJECT[1:]}),
        ("csr.subject", {"subject": (*SUBJECT, IDENTIFIER)}),
        ("csr.subject", {"subject": (*SUBJECT, SUBJECT[0])}),
        ("csr.extension", {"extensions": [csrs.extension("551d25", PURPOSES)]}),
        ("csr.extension", {"extensions": [USAGE, USAGE]}),
        ("csr.extension", {"extensions": [names(URL)]}),
        ("csr.extension", {"extensions": [names(HOST, URL)]}),
        ("csr.extension", {"extensions": [names(HOST, HOST)]}),
        ("csr.criticality", {"extensions": [csrs.extension(csrs.KEY_USAGE, BOTH, critical=False)]}),
        ("csr.key_usage", {"extensions": [csrs.extension(csrs.KEY_USAGE, csrs.DIGITAL_SIGNATURE)]}),
        ("csr.key_usage", {"extensions": [csrs.extension(csrs.KEY_USAGE, csrs.BOTH_USAGES)]}),
        ("csr.version", {"version": 1}),
    ],
)
def test_each_fault_in_a_csr_for_another_profile_has_its_code(dccki, code, given):
    extensions = given.get("extensions", [USAGE])
    changed = {key: value for key, value in given.items() if key != "extensions"}
    assert faults(dccki, *extensions, **changed) == [code]


def test_the_key_and_its_algorithm_are_those_of_the_profile(dccki):
    assert faults(dccki, USAGE, key=csrs.new_key()) == ["csr.key", "csr.algorithm"]


def test_a_type_of_an_operator_is_checked_by_its_own_rows(dccki, tmp_path):
    text = Path(dccki.origin).read_text("utf-8")
    text = text.replace('name = "dccki"', 'name = "gateway"')
    for old, new in (
        ('constant = ["digitalSignature", "keyEncipherment"]', 'input = "usage"'),
        ('{ input = "dns", optional = true }', '{ input = "dns" }'),
        ('key-type = "rsa-2048"', 'key-type = "p-256"'),
    ):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "gateway.toml").write_text(text, "utf-8")
    gateway = Library(tmp_path).profile("gateway")
    one = csrs.extension(csrs.KEY_USAGE, csrs.KEY_AGREEMENT)
    key = csrs.new_key()
    assert faults(gateway, one, names(HOST), key=key) == []
    assert faults(gateway, one, key=key) == ["csr.extension"]
    assert faults(gateway, names(HOST), key=key) == ["csr.key_usage"]
    assert faults(gateway, attributes=[], key=key) == [
        "csr.attributes",
        "csr.extension",
        "csr.key_usage",
    ]


@pytest.mark.parametrize("name", ["organisation", "device", "iki"])
def test_the_kind_of_a_csr_is_the_name_of_its_profile(name):
    maker: Any = {"organisation": csrs.organisation, "device": csrs.device, "iki": csrs.iki}[name]
    view = view_request(maker(KEY if name == "iki" else csrs.new_key()))
    assert csr.kind(view) == name
    assert list(csr.breaches(view, LIBRARY.roles, LIBRARY.profile(name))) == []
