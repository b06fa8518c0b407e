"""One change is one finding: what a fault brings with it is not told as another.

The exceptions are faults of more than one element: an extension that a profile does not have is
told besides what is wrong inside it, and each field that a row demands is told as missing.
"""

from __future__ import annotations

import pytest

from corpora import good, good_settings
from nodes import rebuilt
from smki_testca.der import encode
from smki_testca.der.read import read
from smki_testca.importers.sources import Source
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.x509 import names
from smki_testca.x509.view import view_certificate

KINDS = ("organisation-issuing-ca", "organisation", "device", "dccki", "iki")
VALUES = {"of nothing": b"", "NULL": b"\x05\x00"}
SIGNED = {"signature.invalid"}
"""A changed document is not signed again here, so this is told of each."""


@pytest.fixture(scope="module")
def told():
    settings = good_settings()
    linter = Linter(settings, gathered(settings.trusted))
    return lambda der: [
        finding.code
        for finding in linter.lint(Source("-", 0, der)).findings
        if finding.code not in SIGNED
    ]


def with_value(der, name, octets):
    """A certificate with another value of one extension."""
    view = view_certificate(der)
    changed = []
    for label, node in zip(view.extension_order, view.extension_nodes, strict=True):
        parts = [part.encoded for part in node.children]
        if label == name:
            parts[-1] = encode.octet_string(octets)
        changed.append(encode.sequence(*parts))
    return rebuilt(der, extensions=changed)


def with_part(der, number, octets):
    """A certificate with another element in one place of its signed part."""
    tbs, algorithm, signature = read(der)[0].children
    parts = [part.encoded for part in tbs.children]
    parts[number] = octets
    return encode.sequence(encode.sequence(*parts), algorithm.encoded, signature.encoded)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("octets", VALUES.values(), ids=VALUES)
def test_a_broken_value_of_an_extension_is_one_finding(told, kind, octets):
    der = good(kind)
    for name in view_certificate(der).extension_order:
        codes = told(with_value(der, name, octets))
        assert len(codes) == 1, (name, codes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_serial_of_zero_is_one_finding(told, kind):
    assert told(with_part(good(kind), 1, encode.integer(0))) == ["serialNumber.value"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_validity_that_ends_before_it_begins_is_one_finding(told, kind):
    der = good(kind)
    start, end = read(der)[0].children[0].children[4].children
    swapped = encode.sequence(end.encoded, start.encoded)
    codes = [one for one in told(with_part(der, 4, swapped)) if one != "validity.not_yet_valid"]
    assert codes == ["validity.order"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_list_of_extensions_is_one_finding(told, kind):
    der = good(kind)
    extensions = read(der)[0].children[0].children[-1].encoded
    codes = told(with_part(der, -1, extensions + extensions))
    assert codes == ["structure.TBSCertificate"]


@pytest.mark.parametrize("kind", ["organisation", "iki"])
def test_an_empty_role_is_one_finding(told, kind):
    der = good(kind)
    unit = encode.oid(names.ATTRIBUTES["organizationalUnitName"])
    relatives = []
    for relative in read(der)[0].children[0].children[5].children:
        attribute = relative.children[0]
        if attribute.children[0].encoded == unit:
            empty = encode.tlv(encode.SET, encode.sequence(unit, b"\x0c\x00"))
            relatives.append(empty)
        else:
            relatives.append(relative.encoded)
    assert told(rebuilt(der, subject=relatives)) == ["subject.empty_attribute"]


def test_an_attribute_without_a_value_is_one_finding(told):
    der = good("dccki")
    *others, last = read(der)[0].children[0].children[5].children
    short = encode.tlv(encode.SET, encode.sequence(last.children[0].children[0].encoded))
    codes = told(rebuilt(der, subject=[*(one.encoded for one in others), short]))
    assert codes == ["structure.AttributeTypeAndValue"]


@pytest.mark.parametrize(
    "octets", [encode.sequence(b"\x01\x01\x00"), encode.sequence(b"\x01\x01\xff\x01\x01\xff")]
)
def test_a_ca_that_says_it_is_none_is_one_finding(told, octets):
    codes = told(with_value(good("organisation-issuing-ca"), "basicConstraints", octets))
    assert len(codes) == 1, codes
