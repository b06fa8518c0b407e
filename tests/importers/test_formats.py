"""The format of a file shows in its octets."""

from __future__ import annotations

import pytest

import csrs
from material import (
    documents_in,
    problem_codes,
)


def test_csrs_are_documents_in_every_text_form_of_the_portal():
    der = csrs.device(csrs.new_key())
    for form, data in csrs.text_forms(der).items():
        assert documents_in(data) == [der], form


@pytest.mark.parametrize("data", [b"", b"\n", b"hello", b"\x00\x01", b"PK", "übrigens".encode()])
def test_anything_else_is_of_an_unknown_kind(data):
    assert problem_codes(data) == ["document.unknown_kind"]
