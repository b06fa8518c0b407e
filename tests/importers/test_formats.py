"""The format of a file shows in its octets."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import csrs
from material import (
    documents_in,
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
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"-----BEGIN CERTIFICATE-----\n",
    b"-----BEGIN PKCS7-----\n",
    b"-----BEGIN PRIVATE KEY-----",
    b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02",
    b"\x30\x03\x02\x01\x03\x30",
]


@given(st.sampled_from(BEGINNINGS), st.binary(max_size=100))
@example(b"-----BEGIN ", b"-----END")
@example(b"\x30\x80", b"\x00\x00")
def test_any_octets_are_documents_or_a_problem_of_files(beginning, data):
    for source in sources_in(beginning + data):
        assert source.problem is None or source.problem.code.startswith("document.")
        assert source.problem is None or source.problem.message
    documents = list(documents_of(beginning + data))
    assert all(one.kind is ContentKind.DOCUMENT for one in documents)
