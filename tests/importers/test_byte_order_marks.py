"""A byte order mark is no content of a certificate, a key, a key store or a public key."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec

import batches
from smki_testca.importers.content import ContentKind
from smki_testca.importers.formats import contents_of
from smki_testca.issuance.batch.manifest import columns, lines
from smki_testca.issuance.batch.row_requests import RowRequest, from_manifest
from smki_testca.profiles import Library
from smki_testca.x509.pem import to_pem
from smki_testca.x509.private_keys import from_pem

ENCODINGS = pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
ABOVE = "Zähler Nürnberg\r\n"


@pytest.fixture
def certificate(quickstart):
    path = next((quickstart / "export").rglob("Z1-supplier-ds.pem"))
    return next(
        content.data
        for content in contents_of(path.read_bytes())
        if content.kind is ContentKind.DOCUMENT
    )


KEY = ec.derive_private_key(1 << 200, ec.SECP256R1())
PKCS8 = KEY.private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption())
SPKI = KEY.public_key().public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)


@ENCODINGS
def test_every_text_form_of_a_certificate_is_read(encoding, certificate):
    pem = to_pem(certificate).decode()
    bare = base64.encodebytes(certificate).decode()
    store = json.dumps({"x": {"digitalSignature": {"1": {"certificate": pem}}}})
    for text in (pem, ABOVE + pem, pem + ABOVE, bare, store):
        found = [content.data for content in contents_of(text.encode(encoding))]
        assert found == [certificate]


@ENCODINGS
def test_marks_within_a_file_of_joined_files_are_passed_over(encoding, certificate):
    pem = to_pem(certificate).decode()
    text = pem + "\ufeff" + pem
    assert [content.data for content in contents_of(text.encode(encoding))] == [certificate] * 2


@ENCODINGS
def test_a_private_key_is_read(encoding):
    text = ABOVE + to_pem(PKCS8, "PRIVATE KEY").decode()
    assert from_pem(text.encode(encoding), "a key").private_numbers() == KEY.private_numbers()
    (found,) = contents_of(text.encode(encoding))
    assert found.kind is ContentKind.PRIVATE_KEY


@ENCODINGS
def test_the_public_key_of_a_row_is_read(encoding, estate, tmp_path):
    text = (ABOVE + to_pem(SPKI, "PUBLIC KEY").decode()).encode(encoding)
    row = batches.device() | {"public-key-file": "key.pem"}
    path = batches.write(tmp_path / "rows.csv", [row])
    (found,) = from_manifest(estate, lines(path, columns(Library())), lambda _: text)
    assert isinstance(found, RowRequest)
    assert found.public_key == SPKI
