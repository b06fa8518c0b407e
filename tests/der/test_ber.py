"""Elements are found in BER, and nothing of an element of definite length is parsed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ber
from smki_testca.der import ber as reader
from smki_testca.der import encode
from smki_testca.der.ber import BerReader
from smki_testca.der.read import MAX_DEPTH, DerError


def element(data):
    return BerReader(data).element(0, len(data))


def code(data):
    with pytest.raises(DerError) as caught:
        element(data)
    return caught.value.code


def children(data):
    found = BerReader(data)
    return [
        data[child.offset : child.stop] for child in found.children(found.element(0, len(data)))
    ]


PARTS = [encode.integer(5), encode.octet_string(bytes(200)), encode.sequence(encode.integer(1))]


@pytest.mark.parametrize("whole", [encode.sequence(*PARTS), ber.indefinite(0x30, b"".join(PARTS))])
def test_the_elements_in_another_are_found_octet_for_octet(whole):
    assert children(whole) == PARTS
    assert element(whole + b"more").stop == len(whole)


def test_elements_of_indefinite_length_nest():
    inner = ber.indefinite(0x30, ber.indefinite(0xA0, encode.integer(1)))
    assert children(ber.indefinite(0x30, inner + PARTS[0])) == [inner, PARTS[0]]


def test_the_content_of_an_element_of_definite_length_is_not_parsed():
    noise = encode.tlv(0x30, b"\xff" * 50)
    assert children(ber.indefinite(0x30, noise)) == [noise]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "der.truncated"),
        (b"\x30", "der.truncated"),
        (b"\x30\x05\x02", "der.truncated"),
        (b"\x30\x80", "der.truncated"),
        (b"\x30\x80\x02\x01\x05", "der.truncated"),
        (b"\x30\x80\x00", "der.truncated"),
        (b"\x04\x80\x00\x00", "der.length"),
        (b"\x30\x89" + bytes(9), "der.length"),
        (b"\x3f\x81\x00", "der.tag"),
    ],
)
def test_what_cannot_be_read_is_told(data, expected):
    assert code(data) == expected


def test_the_depth_is_limited():
    def nested(depth):
        return b"\x30\x80" * depth + b"\x00\x00" * depth

    assert element(nested(MAX_DEPTH)).stop == 4 * MAX_DEPTH
    assert code(nested(MAX_DEPTH + 1)) == "der.too_deep"
    assert code(nested(1_000_000)) == "der.too_deep"


def test_the_number_of_headers_is_limited(monkeypatch):
    monkeypatch.setattr(reader, "MAX_HEADERS", 10)
    assert element(ber.indefinite(0x30, encode.integer(1) * 9))
    assert code(ber.indefinite(0x30, encode.integer(1) * 10)) == "der.too_many"


@given(st.binary(max_size=60))
def test_any_octets_are_elements_or_an_error(data):
    found = BerReader(data)
    try:
        whole = found.element(0, len(data))
        inside = list(found.children(whole))
    except DerError:
        return
    assert whole.start <= whole.end <= whole.stop <= len(data)
    assert all(whole.start <= one.offset < one.stop <= whole.end for one in inside)
