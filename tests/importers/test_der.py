"""DER is a document, a private key or a store."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

import csrs
from material import (
    documents_in,
    pem,
    problem_codes,
    sources_in,
)


def test_der_is_one_document(ders):
    assert documents_in(ders[0]) == [ders[0]]


def private_keys():
    key, other = csrs.new_key(), csrs.rsa_key()
    no, secret = serialization.NoEncryption(), serialization.BestAvailableEncryption(b"secret")
    private = serialization.PrivateFormat
    return {
        "PKCS#8 P-256": (key, private.PKCS8, no),
        "PKCS#8 RSA": (other, private.PKCS8, no),
        "EC": (key, private.TraditionalOpenSSL, no),
        "RSA": (other, private.TraditionalOpenSSL, no),
        "encrypted PKCS#8": (key, private.PKCS8, secret),
    }


@pytest.mark.parametrize("name", private_keys())
@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_a_private_key_is_no_document_whatever_its_form(ders, name, encoding):
    key, form, encryption = private_keys()[name]
    data = key.private_bytes(encoding, form, encryption)
    (alone,) = sources_in(data)
    assert alone.problem.code == "document.unknown_kind"
    assert alone.problem.message.endswith("but a private key")
    if encoding is serialization.Encoding.PEM:
        assert documents_in(data + pem(ders[0])) == [ders[0]]


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
@pytest.mark.parametrize("new_key", [csrs.new_key, csrs.rsa_key])
def test_a_public_key_is_no_document(ders, new_key, encoding):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    data = new_key().public_key().public_bytes(encoding, form)
    (alone,) = sources_in(data)
    assert alone.problem.message.endswith("but a public key")
    if encoding is serialization.Encoding.PEM:
        assert documents_in(data + pem(ders[0])) == [ders[0]]


@pytest.mark.parametrize("form", ["PBESv1SHA1And3KeyTripleDESCBC", "PBESv2SHA256AndAES256CBC"])
def test_a_pkcs12_store_is_told_and_not_opened(ders, form):
    encryption = (
        serialization.PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(getattr(pkcs12.PBES, form))
        .build(b"secret")
    )
    certificate = x509.load_der_x509_certificate(ders[0])
    store = pkcs12.serialize_key_and_certificates(None, None, certificate, None, encryption)
    assert problem_codes(store) == ["document.unknown_kind"]
    assert problem_codes(base64.b64encode(store)) == ["document.unknown_kind"]
