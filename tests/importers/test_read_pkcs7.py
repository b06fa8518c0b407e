"""PKCS#7 bundles hold certificates."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from material import (
    documents_in,
    problem_codes,
    take,
)
from smki_testca.der import encode
from smki_testca.der.read import MAX_OCTETS


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_pkcs7_holds_its_certificates_whatever_its_encoding(ders, encoding):
    bundle = pkcs7.serialize_certificates(
        [x509.load_der_x509_certificate(der) for der in ders], encoding
    )
    assert sorted(documents_in(bundle)) == sorted(ders)


def test_pkcs7_without_certificates_is_told():
    oid = bytes.fromhex("06092a864886f70d010702")
    empty = encode.sequence(oid, encode.tlv(0xA0, encode.sequence(b"\x02\x01\x01")))
    assert problem_codes(empty) == ["document.unknown_kind"]
    assert problem_codes(empty[:-2]) == ["document.unknown_kind"]


def test_a_certificate_in_pkcs7_that_is_too_long_is_told():
    oid = bytes.fromhex("06092a864886f70d010702")
    huge = encode.sequence(encode.octet_string(bytes(MAX_OCTETS)))
    content = encode.sequence(b"\x02\x01\x01", b"\x31\x00", b"\x30\x00", encode.tlv(0xA0, huge))
    bundle = encode.sequence(oid, encode.tlv(0xA0, content))
    assert problem_codes(bundle) == ["document.too_long"]


def test_pkcs7_gives_its_certificates_without_labels(pairs):
    ders = [der for der, _ in pairs.values()]
    bundle = pkcs7.serialize_certificates(
        [x509.load_der_x509_certificate(der) for der in ders], serialization.Encoding.DER
    )
    found = take(bundle)
    assert {one.der for one in found.certificates} == set(ders)
    assert {one.label for one in found.certificates} == {None}
