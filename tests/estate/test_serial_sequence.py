import os

from hypothesis import given
from hypothesis import strategies as st

from smki_testca.der import encode
from smki_testca.estate.serials import SerialSequence
from smki_testca.estate.terms import Secrets

KEYS = st.binary(min_size=16, max_size=16)
ROWS = st.integers(0, 1 << 40)


@given(KEYS, ROWS, st.integers(1, 300))
def test_each_row_has_its_own_serial_and_each_serial_leads_back_to_its_row(key, first, count):
    sequence = SerialSequence(key)
    serials = sequence.serials(first, count)
    assert len(set(serials)) == count
    assert [sequence.row(serial) for serial in serials] == list(range(first, first + count))


@given(KEYS, ROWS, st.integers(2, 200), st.data())
def test_a_row_has_the_same_serial_in_whatever_tile_it_is_cut(key, first, count, data):
    whole = SerialSequence(key).serials(first, count)
    cut = data.draw(st.integers(1, count - 1))
    parts = SerialSequence(key)
    later = parts.serials(first + cut, count - cut)
    assert parts.serials(first, cut) + later == whole


@given(KEYS, ROWS)
def test_a_serial_has_16_content_octets_and_a_first_digit_of_1_to_7(key, row):
    (serial,) = SerialSequence(key).serials(row, 1)
    assert len(serial) == 16
    assert serial.hex()[0] in "1234567"
    assert encode.integer(int.from_bytes(serial)) == b"\x02\x10" + serial


@given(KEYS, st.binary(min_size=16, max_size=16).filter(lambda one: not 0x10 <= one[0] < 0x80))
def test_octets_that_are_no_serial_of_a_run_have_no_row(key, octets):
    assert SerialSequence(key).row(octets) is None


def test_runs_with_other_keys_have_other_serials():
    rows = 5_000
    serials = {
        serial for _ in range(4) for serial in SerialSequence(os.urandom(16)).serials(0, rows)
    }
    assert len(serials) == 4 * rows


@given(st.binary(min_size=8, max_size=64), st.binary(min_size=8, max_size=64))
def test_a_seed_settles_serial_key_and_key_seed_and_another_seed_gives_others(one, other):
    sealing = [os.urandom(32) for _ in range(2)]
    first, again = (Secrets.from_seed(one, key) for key in sealing)
    assert (first.serial_key, first.seed) == (again.serial_key, again.seed)
    assert first.seed != one
    if one != other:
        different = Secrets.from_seed(other, sealing[0])
        assert different.serial_key != first.serial_key
        assert different.seed != first.seed
