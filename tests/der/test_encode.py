from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.der import encoder
from pyasn1.type import char, univ, useful

from smki_testca.der import encode, read
from strategies import elements, instants, object_identifiers


@given(st.integers() | st.integers(0, 300) | st.integers(-300, 0))
def test_integers_are_written_as_pyasn1_writes_them(value):
    assert encode.integer(value) == encoder.encode(univ.Integer(value))


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (0, "020100"),
        (127, "02017f"),
        (128, "02020080"),
        (255, "020200ff"),
        (256, "02020100"),
        (-1, "0201ff"),
        (-129, "0202ff7f"),
    ],
)
def test_an_integer_takes_the_fewest_octets(value, octets):
    assert encode.integer(value).hex() == octets


@given(object_identifiers)
def test_object_identifiers_are_written_as_pyasn1_writes_them(oid):
    assert encode.oid(oid) == encoder.encode(univ.ObjectIdentifier(oid))


def test_a_known_object_identifier_has_its_known_octets():
    assert encode.oid("1.2.826.0.1.8641679.1.2.1.4").hex() == "060d2a863a0001848fb90f01020104"


@given(st.sets(st.integers(0, 24)))
def test_named_bits_are_written_as_pyasn1_writes_them(numbers):
    bits = tuple(int(number in numbers) for number in range(max(numbers, default=-1) + 1))
    assert encode.named_bits(numbers) == encoder.encode(univ.BitString(bits))


@pytest.mark.parametrize(
    ("numbers", "octets"),
    [
        ([0], "03020780"),
        ([4], "03020308"),
        ([5, 6], "03020106"),
        ([8], "0303070080"),
        ([0, 8], "0303078080"),
        ([], "030100"),
    ],
)
def test_key_usages_have_their_known_octets(numbers, octets):
    assert encode.named_bits(numbers).hex() == octets


@given(instants)
def test_a_time_is_written_as_pyasn1_writes_the_type_that_rfc_5280_asks_for(instant):
    text = instant.strftime("%m%d%H%M%SZ")
    if instant.year < 2050:
        expected = useful.UTCTime(f"{instant.year % 100:02d}{text}")
    else:
        expected = useful.GeneralizedTime(f"{instant.year:04d}{text}")
    assert encode.time(instant) == encoder.encode(expected)


@pytest.mark.parametrize(
    ("instant", "tag", "text"),
    [
        (datetime(1949, 12, 31, 23, 59, 59, tzinfo=UTC), 0x18, "19491231235959Z"),
        (datetime(1950, 1, 1, tzinfo=UTC), 0x17, "500101000000Z"),
        (datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), 0x17, "991231235959Z"),
        (datetime(2000, 1, 1, tzinfo=UTC), 0x17, "000101000000Z"),
        (datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), 0x17, "491231235959Z"),
        (datetime(2050, 1, 1, tzinfo=UTC), 0x18, "20500101000000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), 0x18, "99991231235959Z"),
        (datetime(987, 6, 5, 4, 3, 2, tzinfo=UTC), 0x18, "09870605040302Z"),
    ],
)
def test_a_time_is_utctime_from_1950_to_2049_and_generalizedtime_otherwise(instant, tag, text):
    assert encode.time(instant) == bytes((tag, len(text))) + text.encode()


@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 255, 256, 257, 65535, 65536, 1 << 20])
def test_lengths_are_written_as_pyasn1_writes_them(count):
    assert encode.octet_string(bytes(count)) == encoder.encode(univ.OctetString(bytes(count)))


@given(st.binary(max_size=300), st.sampled_from([0x04, 0x30, 0x80, 0xA3]))
def test_a_header_is_its_tag_and_the_shortest_length(content, tag):
    header = encode.header(tag, len(content))
    assert encode.tlv(tag, content) == header + content
    assert header[0] == tag
    if len(content) < 128:
        assert header[1:] == bytes((len(content),))
    else:
        assert header[1] == 0x80 | len(header) - 2
        assert header[2] != 0
        assert int.from_bytes(header[2:]) == len(content)


@given(st.binary(max_size=40))
def test_octet_and_bit_strings_are_written_as_pyasn1_writes_them(octets):
    assert encode.octet_string(octets) == encoder.encode(univ.OctetString(octets))
    expected = encoder.encode(univ.BitString.fromOctetString(octets))
    assert encode.bit_string(octets) == expected


@pytest.mark.parametrize("value", [True, False])
def test_booleans_are_written_as_pyasn1_writes_them(value):
    assert encode.boolean(value=value) == encoder.encode(univ.Boolean(value))


@given(st.text(max_size=40).filter(lambda text: text.isascii() or text.isprintable()))
def test_utf8_strings_are_written_as_pyasn1_writes_them(text):
    assert encode.text(encode.UTF8_STRING, text) == encoder.encode(char.UTF8String(text))


@given(st.text("abcXYZ019 '()+,-./:=?", max_size=40))
def test_printable_and_ia5_strings_are_written_as_pyasn1_writes_them(text):
    printable = encode.text(encode.PRINTABLE_STRING, text)
    assert printable == encoder.encode(char.PrintableString(text))
    assert encode.text(encode.IA5_STRING, text) == encoder.encode(char.IA5String(text))


@given(st.lists(st.binary(max_size=6), min_size=1, max_size=8))
def test_the_elements_of_a_set_come_in_the_order_pyasn1_gives_them(contents):
    expected = univ.SetOf(componentType=univ.OctetString())
    expected.extend(contents)
    made = encode.set_of(encode.octet_string(content) for content in contents)
    assert made == encoder.encode(expected)


@pytest.mark.slow
@given(st.lists(elements, max_size=5))
def test_what_is_encoded_reads_back_whole_and_without_anomalies(parts):
    root, anomalies = read(encode.sequence(*parts))
    assert anomalies == []
    assert [child.encoded for child in root.children] == parts
