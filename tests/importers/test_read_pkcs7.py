"""PKCS#7 bundles hold certificates."""

from __future__ import annotations

import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

import ber
from material import (
    documents_in,
    needs_openssl,
    pem,
    problem_codes,
    sources_in,
    take,
)
from smki_testca.der import encode
from smki_testca.der.read import MAX_OCTETS
from smki_testca.importers import pkcs7 as reader


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


def signed_data(ders, *, depth=1):
    """A SignedData in BER, as BouncyCastle, EJBCA and Apple write it: certificates in DER."""
    content = ber.segmented(0x04, b"what is signed" * 20, depth=depth)
    data = ber.indefinite(0x30, encode.oid("1.2.840.113549.1.7.1") + ber.indefinite(0xA0, content))
    certificates = ber.indefinite(0xA0, b"".join(ders))
    fields = ber.indefinite(0x30, b"\x02\x01\x01\x31\x00" + data + certificates + b"\x31\x00")
    oid = encode.oid("1.2.840.113549.1.7.2")
    return ber.indefinite(0x30, oid + ber.indefinite(0xA0, fields))


@pytest.mark.parametrize("depth", [1, 4])
def test_pkcs7_in_ber_holds_its_certificates_octet_for_octet(ders, depth):
    assert documents_in(signed_data(ders, depth=depth)) == ders


@pytest.mark.parametrize("header", ["PKCS7", "CMS", "PKCS #7 SIGNED DATA"])
def test_pkcs7_in_pem_has_any_of_its_labels(ders, header):
    assert documents_in(pem(signed_data(ders), header=header)) == ders


@pytest.mark.slow
@needs_openssl
@pytest.mark.parametrize("command", ["cms", "smime"])
def test_what_openssl_streams_holds_its_certificates(tmp_path, command):
    made = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out one.pem -subj /CN=one"
    subprocess.run(made.split(), cwd=tmp_path, check=True, capture_output=True)
    sign = "-sign -stream -binary -nodetach -signer one.pem -inkey key -outform DER -out made"
    done = ["openssl", command, *sign.split()]
    subprocess.run(done, cwd=tmp_path, check=True, input=bytes(100_000), capture_output=True)
    data = (tmp_path / "made").read_bytes()
    assert data.startswith(b"\x30\x80")
    assert documents_in(data) == documents_in((tmp_path / "one.pem").read_bytes())


def test_pkcs7_in_ber_that_is_cut_off_is_told(ders):
    data = signed_data(ders)
    for length in range(30, len(data) - 1, 97):
        assert problem_codes(data[:length]) == ["document.unknown_kind"]


def test_a_defective_certificate_in_pkcs7_stays_defective(ders):
    padded = ders[0][:1] + b"\x83\x00" + ders[0][2:]
    assert documents_in(signed_data([padded])) == [padded]


def test_one_bundle_holds_so_many_certificates_and_no_more(monkeypatch, ders):
    monkeypatch.setattr(reader, "MAX_CERTIFICATES", 2)
    assert len(documents_in(signed_data(ders[:2]))) == 2
    assert problem_codes(signed_data(ders)) == ["document.unknown_kind"]


def test_pkcs7_that_is_encrypted_holds_no_certificates():
    oid = encode.oid("1.2.840.113549.1.7.3")
    (one,) = sources_in(encode.sequence(oid, encode.tlv(0xA0, encode.sequence(b"\x02\x01\x00"))))
    assert one.problem.message == "it is PKCS#7, but holds no certificates"
