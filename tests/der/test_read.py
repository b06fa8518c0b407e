from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.der import DerError, encode, read
from smki_testca.der.read import MAX_DEPTH, MAX_ELEMENTS, MAX_OCTETS, read_wrapped
from smki_testca.errors import ExitCode
from strategies import elements


def nested(depth, tag=0x30):
    data = b""
    for _ in range(depth):
        data = encode.tlv(tag, data)
    return data


def walk(node):
    yield node
    for child in node.children:
        yield from walk(child)


def holds_together(data, root, anomalies):
    """What is true of anything that could be read."""
    for node in walk(root):
        assert 0 <= node.offset < node.start <= node.end <= node.stop <= len(data)
        assert node.tag == data[node.offset]
        assert node.encoded == data[node.offset : node.stop]
        assert node.content == data[node.start : node.end]
        assert node.constructed == bool(node.children) or node.start == node.end
        position = node.start
        for child in node.children:
            assert child.offset == position
            position = child.stop
        assert not node.children or position == node.end
    assert all(0 <= anomaly.offset < len(data) for anomaly in anomalies)


def refused(data):
    with pytest.raises(DerError) as caught:
        read(data)
    assert caught.value.exit_code is ExitCode.INPUT
    assert f"(at octet {caught.value.offset})" in caught.value.message
    return caught.value.code, caught.value.offset


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda data: b"\x30\x80" + data))
def test_arbitrary_octets_are_read_whole_or_refused(data):
    try:
        root, anomalies = read(data)
    except DerError:
        return
    holds_together(data, root, anomalies)


@given(elements, st.data())
def test_der_with_some_octets_changed_is_read_whole_or_refused(element, data):
    octets = bytearray(element)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at] = data.draw(st.integers(0, 255))
    try:
        root, anomalies = read(bytes(octets))
    except DerError:
        return
    holds_together(octets, root, anomalies)


@given(elements)
def test_der_is_read_without_anomalies_and_to_its_end(element):
    root, anomalies = read(element)
    holds_together(element, root, anomalies)
    assert anomalies == []
    assert root.encoded == element


@pytest.mark.slow
@given(elements)
def test_der_cut_off_anywhere_is_refused(element):
    for count in range(len(element)):
        assert refused(element[:count])[0] == "der.truncated"


@pytest.mark.slow
@given(elements, st.binary(min_size=1, max_size=20))
def test_octets_after_the_end_are_an_anomaly_that_says_where(element, rest):
    root, anomalies = read(element + rest, noun="certificate")
    assert root.stop == len(element)
    assert [(one.code, one.offset) for one in anomalies] == [("der.trailing_octets", len(element))]
    told = "1 octet follows" if len(rest) == 1 else f"{len(rest)} octets follow"
    assert anomalies[0].message == f"{told} the end of the certificate"


@pytest.mark.parametrize(
    ("octets", "code", "offset"),
    [
        ("", "der.truncated", 0),
        ("30", "der.truncated", 0),
        ("3082", "der.truncated", 0),
        ("308201", "der.truncated", 0),
        ("040200", "der.truncated", 0),
        ("3003020201", "der.truncated", 2),
        ("3004300402ff", "der.truncated", 2),
        ("300102", "der.truncated", 2),
        ("1f0100", "der.tag", 0),
        ("3f0100", "der.tag", 0),
        ("30031f0100", "der.tag", 2),
        ("ff0100", "der.tag", 0),
        ("0489000000000000000001" + "00", "der.length", 0),
        ("04ff", "der.length", 0),
        ("0488ffffffffffffffff00", "der.truncated", 0),
        ("048001020000", "der.length", 0),
        ("3080020105", "der.truncated", 5),
        ("308002010500", "der.truncated", 5),
        ("300530800201050000", "der.truncated", 7),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(octets, code, offset):
    assert refused(bytes.fromhex(octets)) == (code, offset)


def test_a_claim_of_more_content_than_there_is_says_how_much_is_left():
    with pytest.raises(DerError, match="claims 5 content octets where 1 is left"):
        read(bytes.fromhex("040500"))


@pytest.mark.parametrize(
    ("octets", "offset"),
    [
        ("04810100", 1),
        ("0481" + "7f" + "00" * 127, 1),
        ("04820080" + "00" * 128, 1),
        ("0484" + "00000001" + "00", 1),
        ("0488" + "0000000000000000", 1),
        ("3004" + "04810100", 3),
    ],
)
def test_a_length_longer_than_it_need_be_is_read_and_told(octets, offset):
    data = bytes.fromhex(octets)
    root, anomalies = read(data)
    holds_together(data, root, anomalies)
    assert [(one.code, one.offset) for one in anomalies] == [("der.length_not_minimal", offset)]


@pytest.mark.parametrize("count", [128, 255, 256, 65535, 65536])
def test_a_long_length_in_the_fewest_octets_is_no_anomaly(count):
    root, anomalies = read(encode.octet_string(bytes(count)))
    assert anomalies == []
    assert len(root.content) == count


def test_an_indefinite_length_is_read_to_its_end_and_told():
    data = bytes.fromhex("308002010530800401aa00000000")
    root, anomalies = read(data)
    holds_together(data, root, anomalies)
    assert [(one.code, one.offset) for one in anomalies] == [
        ("der.length_indefinite", 1),
        ("der.length_indefinite", 6),
    ]
    number, inner = root.children
    assert number.content == b"\x05"
    assert inner.children[0].content == b"\xaa"
    assert (root.end, root.stop) == (len(data) - 2, len(data))


def test_elements_may_nest_up_to_the_limit():
    root, anomalies = read(nested(MAX_DEPTH))
    assert len(list(walk(root))) == MAX_DEPTH
    assert anomalies == []


@pytest.mark.slow
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1000, 100_000])
def test_elements_that_nest_deeper_are_refused(depth):
    assert refused(nested(depth))[0] == "der.too_deep"


def test_indefinite_lengths_that_nest_deeper_are_refused():
    assert refused(b"\x30\x80" * 100_000) == ("der.too_deep", 2 * MAX_DEPTH)


def test_a_document_may_hold_elements_up_to_the_limit():
    root, _ = read(encode.sequence(b"\x05\x00" * (MAX_ELEMENTS - 1)))
    assert len(root.children) == MAX_ELEMENTS - 1


def test_more_elements_are_refused():
    data = encode.sequence(b"\x05\x00" * MAX_ELEMENTS)
    assert refused(data) == ("der.too_many", len(data) - 2)


def test_a_document_may_be_as_long_as_the_limit():
    content = bytes(MAX_OCTETS - 5)
    data = encode.octet_string(content)
    assert len(data) == MAX_OCTETS
    assert read(data)[0].content == content


def test_a_longer_document_is_refused_unread():
    with pytest.raises(DerError) as caught:
        read(bytes(MAX_OCTETS + 1), noun="CSR")
    assert caught.value.code == "der.too_long"
    assert f"the CSR has {MAX_OCTETS + 1} octets" in caught.value.message


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        b"\x30\x80" * (MAX_OCTETS // 2),
        b"\x30\x84\x00\x0f\xff\xfa" + b"\x05\x00" * ((MAX_OCTETS - 6) // 2),
        b"\xff" * MAX_OCTETS,
        bytes(MAX_OCTETS),
    ],
    ids=["nested", "many", "ones", "zeros"],
)
def test_a_hostile_document_of_full_length_costs_little(data):
    begun = time.process_time()
    with contextlib.suppress(DerError):
        read(data)
    assert time.process_time() - begun < 2


@pytest.mark.slow
@given(elements)
def test_a_wrapped_element_is_read_with_its_place_in_the_document(element):
    document = encode.sequence(encode.integer(1), encode.octet_string(element))
    inner, anomalies = read_wrapped(read(document)[0].children[1])
    assert inner is not None
    assert anomalies == []
    assert inner.encoded == document[inner.offset : inner.stop] == element


@pytest.mark.parametrize(
    ("content", "code", "offset"),
    [
        ("", "der.truncated", 2),
        ("05", "der.truncated", 2),
        ("0501", "der.truncated", 2),
        ("1f0100", "der.tag", 2),
        ("30020580", "der.length", 4),
    ],
)
def test_a_wrapped_content_that_cannot_be_read_is_an_anomaly(content, code, offset):
    inner, anomalies = read_wrapped(read(encode.octet_string(bytes.fromhex(content)))[0])
    assert inner is None
    assert [(one.code, one.offset) for one in anomalies] == [(code, offset)]


@pytest.mark.parametrize(
    ("content", "code", "offset"),
    [
        ("050000", "der.trailing_octets", 4),
        ("02010102", "der.trailing_octets", 5),
        ("04810100", "der.length_not_minimal", 3),
        ("30800000", "der.length_indefinite", 3),
    ],
)
def test_a_wrapped_element_that_is_no_der_is_read_and_told(content, code, offset):
    inner, anomalies = read_wrapped(read(encode.octet_string(bytes.fromhex(content)))[0])
    assert inner is not None
    assert [(one.code, one.offset) for one in anomalies] == [(code, offset)]
