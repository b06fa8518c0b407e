"""The format of a file shows in its octets."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import csrs
from material import (
    documents_in,
    pem,
    problem_codes,
    sources_in,
)
from smki_testca.importers.content import ContentKind
from smki_testca.importers.formats import documents_of


def test_csrs_are_documents_in_every_text_form_of_the_portal():
    der = csrs.device(csrs.new_key())
    for form, data in csrs.text_forms(der).items():
        assert documents_in(data) == [der], form


@pytest.mark.parametrize("data", [b"", b"\n", b"hello", b"\x00\x01", b"PK", "übrigens".encode()])
def test_anything_else_is_of_an_unknown_kind(data):
    assert problem_codes(data) == ["document.unknown_kind"]


BEGINNINGS = [
    b"",
    b"0",
    b"{",
    b"3082",
    b"\xff\xfe",
    b"\xfe\xed\xfe\xed",
    b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80",
    b"\x30\x02\x30\x00\x30\x02\x30\x00",
    b"-----BEGIN TRUSTED CERTIFICATE-----\n",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"-----BEGIN CERTIFICATE-----\n",
    b"-----BEGIN PKCS7-----\n",
    b"-----BEGIN PRIVATE KEY-----",
    b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02",
    b"\x30\x03\x02\x01\x03\x30",
]


@pytest.mark.parametrize("first", ["0: Certificate", "0", "0 \u00e9", "00:00:00 made", "0\t0"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252"])
def test_text_that_begins_with_the_digit_0_is_text(ders, first, encoding):
    """The octet 30 is the digit and the tag of a SEQUENCE; ``openssl storeutl`` begins so."""
    text = f"{first}\n".encode(encoding)
    assert documents_in(text + pem(ders[0]) + b"1: Certificate\n" + pem(ders[1])) == ders[:2]
    assert problem_codes(text) == ["document.unknown_kind"]


@pytest.mark.parametrize("der", [b"\x30\x00", b"\x30\x03\x02\x01\x05", b"\x30\x80\x00\x00"])
def test_short_der_is_der(der):
    assert documents_in(der) == [der]


HEXADECIMAL = {
    "plain": lambda der: der.hex(),
    "upper case": lambda der: der.hex().upper(),
    "with spaces": lambda der: der.hex(" "),
    "with colons, as OpenSSL prints": lambda der: der.hex(":"),
    "in lines": lambda der: "\r\n".join(re.findall("..{0,59}", der.hex())),
    "with 0x": lambda der: f"0x{der.hex()}",
    "between empty lines": lambda der: f"\n\n  {der.hex()}  \n",
}


@pytest.mark.parametrize("form", HEXADECIMAL)
def test_hexadecimal_is_read(ders, form):
    assert documents_in(HEXADECIMAL[form](ders[0]).encode()) == [ders[0]]


def test_hexadecimal_without_its_last_digit_is_told(ders):
    assert problem_codes(ders[0].hex()[:-1].encode()) == ["document.hexadecimal"]


@pytest.mark.parametrize("text", ["3012345678901234", "3" * 64, "deadbeef" * 8])
def test_a_number_is_neither_hexadecimal_nor_base64_of_a_document(text):
    assert problem_codes(text.encode()) == ["document.unknown_kind"]


@pytest.mark.parametrize("text", ["the quick brown fox jumps over", "Certificates\n" * 4])
def test_words_are_not_base64(text):
    assert problem_codes(text.encode()) == ["document.unknown_kind"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_text_in_utf_16_is_told_to_be_that(ders, encoding):
    (one,) = sources_in(pem(ders[0]).decode().encode(encoding))
    assert one.problem.message == "it is text in UTF-16; save it as UTF-8"


@pytest.mark.parametrize(("magic", "name"), [("feedfeed", "JKS"), ("cececece", "JCEKS")])
def test_a_key_store_of_java_is_told_how_to_convert(magic, name):
    (one,) = sources_in(bytes.fromhex(magic) + b"\0\0\0\2-----BEGIN CERTIFICATE-----")
    assert one.problem.code == "document.unknown_kind"
    assert f"({name}); convert it with: keytool -importkeystore " in one.problem.message


@given(st.sampled_from(BEGINNINGS), st.binary(max_size=100))
@example(b"-----BEGIN ", b"-----END")
@example(b"\x30\x80", b"\x00\x00")
def test_any_octets_are_documents_or_a_problem_of_files(beginning, data):
    for source in sources_in(beginning + data):
        assert source.problem is None or source.problem.code.startswith("document.")
        assert source.problem is None or source.problem.message
    documents = list(documents_of(beginning + data))
    assert all(one.kind is ContentKind.DOCUMENT for one in documents)


OTHER_TEXTS = {
    "a hexadecimal dump with offsets": "00000000: 3082 01a8 3082 014f a003 0201 0202 1015  0...\n",
    "with 0x before each octet": "0x30, 0x82, 0x01, 0xa8, 0x30, 0x82\n",
    "S/MIME": 'MIME-Version: 1.0\nContent-Type: application/pkcs7-mime; name="smime.p7m"\n\nMIIB\n',
}


@pytest.mark.parametrize("cause", OTHER_TEXTS)
def test_text_that_holds_a_document_in_another_form_is_told_by_its_name(cause):
    (one,) = sources_in(OTHER_TEXTS[cause].encode())
    assert cause in one.problem.message
