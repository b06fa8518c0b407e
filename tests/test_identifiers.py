from __future__ import annotations

from itertools import islice, pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from smki_testca.entropy import SeededEntropy, SystemEntropy
from smki_testca.errors import ExitCode, InputError
from smki_testca.identifiers import (
    Eui64,
    IdRange,
    RegistryEntry,
    SerialNumber,
    Signifier,
    parse_object_identifier,
)
from smki_testca.text import shown
from strategies import (
    eui64s,
    object_identifiers,
    printable_ascii,
    registry_entries,
    serials,
    signifiers,
)

ZAZ1 = RegistryEntry.parse("90-B3-D5-1F-3")


def organisation_range(number, bits=12, entry=ZAZ1):
    return IdRange.of_organisation(entry, number, bits)


# EUI-64


@given(eui64s)
def test_an_eui64_reads_back_from_each_of_its_forms(eui64):
    for text in (str(eui64), str(eui64).lower(), eui64.plain, eui64.plain.upper()):
        assert Eui64.parse(text) == eui64
    assert Eui64.from_octets(eui64.octets) == eui64


@given(eui64s)
def test_an_eui64_is_written_in_the_forms_of_the_field(eui64):
    assert str(eui64).replace("-", "") == eui64.plain.upper()
    assert [len(pair) for pair in str(eui64).split("-")] == [2] * 8
    assert bytes.fromhex(eui64.plain) == eui64.octets


def test_an_eui64_keeps_its_leading_zeros():
    eui64 = Eui64.parse("00-00-00-00-00-00-00-0A")
    assert (str(eui64), eui64.plain) == ("00-00-00-00-00-00-00-0A", "000000000000000a")
    assert eui64.octets == bytes(7) + b"\x0a"


@given(eui64s, eui64s)
def test_eui64s_are_ordered_as_their_text_is(one, other):
    assert (one < other) == (str(one) < str(other))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "90-B3-D5-1F-30-01-00",
        "90-B3-D5-1F-30-01-00-00-00",
        "90b3d51f300100",
        "90b3d51f3001000000",
        "90b3d51f3001000",
        "90b3d51f300100000",
        "00-DB-12-34-56-78",
        "00db12345678",
        "0x90b3d51f30010000",
        "0x90b3d51f300100",
        " 90b3d51f30010000",
        "90b3d51f30010000 ",
        "90b3d51f30010000\n",
        "90 B3 D5 1F 30 01 00 00",
        "90:B3:D5:1F:30:01:00:00",
        "90.B3.D5.1F.30.01.00.00",
        "90-B3-D5-1F-30-01-00-00-",
        "-90-B3-D5-1F-30-01-00-00",
        "90-B3-D5-1F-30-010000",
        "90B3-D51F-3001-0000",
        "90--B3-D5-1F-30-01-00-00",
        "9-0B-3D-51-F3-00-10-00-0",
        "90-B3-D5-1F-30-01-00-0G",
        "90_b3d51f3001000",
        "+0b3d51f30010000",
        "\u0669\u0660b3d51f30010000",
        "\uff19\uff10-B3-D5-1F-30-01-00-00",
        "90\u2013B3\u2013D5\u20131F\u201330\u201301\u201300\u201300",
        "90b3d51f30010000" * 1000,
    ],
)
def test_nothing_but_the_two_forms_is_an_eui64(text):
    with pytest.raises(InputError) as caught:
        Eui64.parse(text)
    assert caught.value.code == "eui64.form"
    assert caught.value.exit_code is ExitCode.INPUT
    assert "90-B3-D5-1F-30-01-00-00" in caught.value.remedy
    assert len(caught.value.message) < 200
    assert "\n" not in caught.value.message


@pytest.mark.slow
@given(st.text(max_size=30) | st.from_regex(r"[0-9A-Fa-f -]{15,24}", fullmatch=True))
def test_a_text_is_an_eui64_in_its_own_form_or_a_clear_error(text):
    try:
        eui64 = Eui64.parse(text)
    except InputError:
        return
    assert text.lower() in {eui64.plain, str(eui64).lower()}


@pytest.mark.parametrize("count", [0, 6, 7, 9, 16])
def test_an_eui64_has_eight_octets(count):
    with pytest.raises(InputError, match=f"8 octets, not {count}"):
        Eui64.from_octets(bytes(count))


# Registry Entries


@pytest.mark.parametrize(
    ("text", "kind", "bits", "first", "last"),
    [
        ("90-B3-D5-1F-3", "MA-S", 28, "90-B3-D5-1F-30-00-00-00", "90-B3-D5-1F-3F-FF-FF-FF"),
        ("12-34-56-7", "MA-M", 36, "12-34-56-70-00-00-00-00", "12-34-56-7F-FF-FF-FF-FF"),
        ("00-DB-12", "MA-L", 40, "00-DB-12-00-00-00-00-00", "00-DB-12-FF-FF-FF-FF-FF"),
    ],
)
@pytest.mark.shows("R10")
def test_a_registry_entry_is_known_by_its_digits(text, kind, bits, first, last):
    entry = RegistryEntry.parse(text)
    assert (entry.kind, entry.extension_bits) == (kind, bits)
    assert (str(entry.range.first), str(entry.range.last)) == (first, last)
    assert len(entry.range) == 1 << bits


@given(registry_entries)
def test_a_registry_entry_reads_back_from_its_text(entry):
    assert RegistryEntry.parse(str(entry)) == entry
    assert RegistryEntry.parse(str(entry).lower()) == entry


@given(registry_entries, eui64s)
def test_an_id_lies_under_an_entry_when_it_begins_with_its_digits(entry, eui64):
    digits = str(entry).replace("-", "").lower()
    assert (eui64 in entry) == eui64.plain.startswith(digits)
    assert (eui64 in entry) == (eui64 in entry.range)


@given(registry_entries)
def test_the_ends_of_an_entry_are_in_it_and_their_neighbours_are_not(entry):
    first, last = entry.range.first.value, entry.range.last.value
    assert Eui64(first) in entry
    assert Eui64(last) in entry
    assert Eui64(first - 1) not in entry.range
    assert Eui64(last + 1) not in entry.range


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-DB",
        "00-DB-1",
        "00-DB-12-34",
        "90-B3-D5-1F",
        "90-B3-D5-1F-30",
        "00DB12",
        "90B3D51F3",
        "90-B3-D5-1F-3 ",
        "90-B3-D5-1F-G",
        "90-B3-D5-1-F3",
        "0x-DB-12",
        "\u0660\u0660-DB-12",
    ],
)
def test_other_digits_are_no_registry_entry(text):
    with pytest.raises(InputError) as caught:
        RegistryEntry.parse(text)
    assert caught.value.code == "registry_entry.form"


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("90-B3-D5", "90-B3-D5-1F-3", True),
        ("90-B3-D5-1", "90-B3-D5-1F-3", True),
        ("90-B3-D5-1F-3", "90-B3-D5-1F-3", True),
        ("90-B3-D5-2", "90-B3-D5-1F-3", False),
        ("70-B3-D5-1F-3", "90-B3-D5-1F-3", False),
    ],
)
def test_entries_of_different_kinds_overlap_when_one_holds_the_other(one, other, overlap):
    first, second = RegistryEntry.parse(one), RegistryEntry.parse(other)
    assert first.overlaps(second) is overlap
    assert second.overlaps(first) is overlap


# Ranges


@pytest.mark.shows("¶32", "R10")
def test_twelve_bits_of_an_ma_s_leave_an_organisation_sixteen():
    span = organisation_range(0x001)
    assert str(span) == "90-B3-D5-1F-30-01-00-00 to 90-B3-D5-1F-30-01-FF-FF"
    assert len(span) == 1 << 16


@given(registry_entries, st.data())
@pytest.mark.shows("4-issue-2", "R10")
def test_a_range_is_its_entry_its_number_and_every_extension(entry, data):
    bits = data.draw(st.integers(1, entry.extension_bits - 1))
    number = data.draw(st.integers(0, (1 << bits) - 1))
    span = organisation_range(number, bits, entry)
    prefix = f"{entry.prefix:0{entry.bits}b}{number:0{bits}b}"
    own = 64 - len(prefix)
    assert f"{span.first.value:064b}" == prefix + "0" * own
    assert f"{span.last.value:064b}" == prefix + "1" * own


@given(st.integers(0, 4095), st.integers(0, 4095), st.integers(1, 27))
def test_ranges_of_two_numbers_overlap_only_if_they_are_the_same(one, other, bits):
    assume(max(one, other) < 1 << bits)
    assert organisation_range(one, bits).overlaps(organisation_range(other, bits)) == (one == other)


def test_ranges_of_different_splits_overlap_where_one_holds_the_other():
    assert organisation_range(0x0, 4).overlaps(organisation_range(0x001, 12))
    assert not organisation_range(0x1, 4).overlaps(organisation_range(0x001, 12))


@given(eui64s, eui64s, eui64s, eui64s)
def test_ranges_overlap_when_an_end_of_one_lies_in_the_other(a, b, c, d):
    one, other = IdRange(min(a, b), max(a, b)), IdRange(min(c, d), max(c, d))
    shared = any(end in one for end in (other.first, other.last)) or one.first in other
    assert one.overlaps(other) == other.overlaps(one) == shared


@pytest.mark.parametrize("bits", [-1, 0, 28, 29, 64])
def test_a_split_leaves_bits_on_both_sides(bits):
    with pytest.raises(InputError) as caught:
        organisation_range(0, bits)
    assert caught.value.code == "id_range.split"
    assert "28 bits" in caught.value.message


@pytest.mark.parametrize(("number", "bits"), [(0x1000, 12), (-1, 12), (2, 1)])
def test_an_organisation_number_fits_its_bits(number, bits):
    with pytest.raises(InputError) as caught:
        organisation_range(number, bits)
    assert caught.value.code == "id_range.organisation_number"


def test_a_range_cannot_end_before_it_begins():
    with pytest.raises(InputError) as caught:
        IdRange(Eui64(2), Eui64(1))
    assert caught.value.code == "id_range.order"
    assert len(IdRange(Eui64(1), Eui64(1))) == 1


def test_ids_are_counted_in_hexadecimal():
    after = organisation_range(1).ascending_after(Eui64.parse("90-B3-D5-1F-30-01-00-08"))
    assert [str(eui64)[-5:] for eui64 in islice(after, 3)] == ["00-09", "00-0A", "00-0B"]
    after = organisation_range(1).ascending_after(Eui64.parse("90-B3-D5-1F-30-01-00-FE"))
    assert [str(eui64)[-5:] for eui64 in islice(after, 3)] == ["00-FF", "01-00", "01-01"]


def test_counting_without_a_start_begins_at_the_first():
    span = organisation_range(1)
    assert next(span.ascending_after(None)) == span.first


@given(st.integers(0, 7), st.data())
def test_counting_gives_every_id_once_and_wraps_at_the_end(number, data):
    span = organisation_range(number, 24)
    start = Eui64(data.draw(st.integers(span.first.value, span.last.value)))
    counted = [eui64.value for eui64 in span.ascending_after(start)]
    assert sorted(counted) == list(range(span.first.value, span.last.value + 1))
    assert counted[-1] == start.value
    steps = {(later - earlier) % len(span) for earlier, later in pairwise(counted)}
    assert steps == {1}


# Signifiers


@given(signifiers)
def test_a_signifier_is_kept_as_it_is(text):
    assert str(Signifier.parse(text)) == text


@given(signifiers, signifiers)
def test_signifiers_are_compared_exactly(one, other):
    assert (Signifier.parse(one) == Signifier.parse(other)) == (one == other)
    assert Signifier.parse("a" + one[:63]) != Signifier.parse("A" + one[:63])


@pytest.mark.parametrize("text", ["", "A" * 65, "TPTY\n", "TPTY\x00", "TPTÝ", "T\x7f", "\t"])
def test_a_signifier_is_up_to_64_printable_ascii_characters(text):
    with pytest.raises(InputError) as caught:
        Signifier.parse(text)
    assert caught.value.code == "signifier.form"


# Serial numbers


@given(serials)
def test_a_serial_reads_back_from_its_text_with_and_without_zeros_and_colons(value):
    serial = SerialNumber(value)
    text = str(serial)
    colons = ":".join(text[at : at + 2] for at in range(0, 32, 2))
    for form in (text, text.lower(), text.lstrip("0"), colons):
        assert SerialNumber.parse(form) == serial


@given(st.binary(min_size=16, max_size=16))
def test_a_generated_serial_has_16_content_octets_in_hexadecimal_and_decimal(seed):
    serial = SerialNumber.generate(SeededEntropy(seed))
    assert serial.value.bit_length() // 8 + 1 == 16
    assert str(serial)[0] in "1234567"
    assert SerialNumber.parse(str(serial)) == serial
    assert SerialNumber.parse(str(serial.value)) == serial


def test_generated_serials_differ():
    assert len({SerialNumber.generate(SystemEntropy()) for _ in range(200)}) == 200


@pytest.mark.parametrize("value", [0, -1, 1 << 127, 1 << 160])
def test_a_serial_is_positive_and_fits_16_octets(value):
    with pytest.raises(InputError) as caught:
        SerialNumber(value)
    assert caught.value.code == "serial.range"


def test_the_largest_serial_is_allowed():
    assert str(SerialNumber((1 << 127) - 1)) == "7F" + "FF" * 15


@pytest.mark.parametrize("text", ["0", "00", "8" + "0" * 31, "9" * 39])
def test_a_text_of_a_serial_out_of_range_is_refused(text):
    with pytest.raises(InputError) as caught:
        SerialNumber.parse(text)
    assert caught.value.code == "serial.range"


@pytest.mark.parametrize(
    "text",
    ["", ":", "-1", "0x1F", "1F ", " 1F", "G", "F" * 33, "1" * 40, "\uff11\uff12"],
)
def test_other_text_is_no_serial(text):
    with pytest.raises(InputError) as caught:
        SerialNumber.parse(text)
    assert caught.value.code == "serial.form"


# OBJECT IDENTIFIERs


@given(object_identifiers.filter(lambda oid: oid.count(".") <= 31))
def test_every_object_identifier_is_accepted_unchanged(oid):
    assert parse_object_identifier(oid) == oid


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.",
        ".1",
        "1..2",
        "1.2.",
        "3.1",
        "0.40",
        "1.40.1",
        "1.02",
        "01.2",
        "1.2.-3",
        "1.2.3 ",
        "1,2,3",
        "urn:oid:1.2.3",
        "1.2.\u0663",
        "1.2." + "9" * 40,
        ".".join(["1"] * 34),
    ],
)
def test_other_text_is_no_object_identifier(text):
    with pytest.raises(InputError) as caught:
        parse_object_identifier(text)
    assert caught.value.code == "oid.form"


# How a text is shown in a message


@given(st.text(max_size=200))
def test_a_message_shows_any_text_on_one_short_line(text):
    line = shown(text)
    assert line.isprintable()
    assert len(line) <= 12 * 42


@given(st.text(printable_ascii.filter(lambda c: c not in "'\\"), max_size=40))
def test_a_message_shows_plain_text_whole(text):
    assert shown(text) == f"'{text}'"
