import hashlib
import os
import stat

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.errors import EstateError
from smki_testca.estate import tile
from smki_testca.estate.tile import Extra, Header, Tile

SEALING_KEY = bytes(range(32))
SERIALS = st.binary(min_size=16, max_size=16)
IDS = st.integers(0, (1 << 64) - 1)
DERS = st.binary(min_size=1, max_size=2_000)
KEYS = st.none() | st.binary(min_size=32, max_size=32) | st.binary(min_size=100, max_size=1_300)


@st.composite
def contents(draw):
    rows = draw(st.lists(st.tuples(SERIALS, IDS, DERS, KEYS), min_size=1, max_size=20))
    places = st.integers(0, len(rows) - 1)
    labels = draw(st.dictionaries(places, st.text(max_size=20), max_size=5))
    lines = draw(st.just([]) | st.lists(st.integers(1), min_size=len(rows), max_size=len(rows)))
    return rows, draw(st.booleans()), Extra(labels, lines)


def _assembled(rows, has_ids=True, extra=Extra(), **changed):  # noqa: B008, FBT002 - frozen; a test's
    encoded = msgspec.json.encode(extra)
    header = Header(
        **{
            "run": 3,
            "number": 5,
            "section": 0,
            "first_row": 10_000,
            "count": len(rows),
            "has_ids": has_ids,
            "der_octets": sum(len(row[2]) for row in rows),
            "extra_octets": len(encoded),
            "seeded": False,
        }
        | changed
    )
    serials, ids, ders, keys = zip(*rows, strict=True)
    return tile.assemble(header, serials, ids if has_ids else (), ders, encoded, keys, SEALING_KEY)


ONE = (bytes(15) + b"\x01", 7, b"certificate", b"\xa5" * 32)


@pytest.mark.slow
@given(contents())
def test_what_goes_into_a_tile_comes_out_again(content):
    rows, has_ids, extra = content
    read = Tile(_assembled(rows, has_ids, extra))
    assert len(read) == len(rows)
    assert [read.serial(n).to_bytes(16) for n in range(len(rows))] == [row[0] for row in rows]
    assert [read.eui64(n) for n in range(len(rows))] == [
        row[1] if has_ids else None for row in rows
    ]
    assert [read.der(n) for n in range(len(rows))] == [row[2] for row in rows]
    assert read.keys(SEALING_KEY) == [row[3] for row in rows]
    assert read.extra() == extra


@given(st.binary(min_size=32, max_size=32).filter(lambda key: len(set(key)) > 8))
def test_no_private_key_stands_in_a_tile_in_clear(scalar):
    data = _assembled([(*ONE[:3], scalar)])
    assert scalar not in data
    assert Tile(data).keys(SEALING_KEY) == [scalar]


def test_the_keys_open_with_their_own_key_only():
    read = Tile(_assembled([ONE]))
    with pytest.raises(EstateError) as raised:
        read.keys(bytes(32))
    assert raised.value.code == "bulk.damaged"


@given(st.data())
def test_a_bit_changed_in_the_sealed_keys_is_noticed(data):
    whole = _assembled([ONE])
    sealed = 12 + 16 + len(msgspec.msgpack.encode([ONE[3]]))
    place = data.draw(st.integers(len(whole) - sealed, len(whole) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    changed = whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :]
    with pytest.raises(EstateError):
        Tile(changed).keys(SEALING_KEY)


def test_the_keys_of_one_tile_do_not_open_in_another():
    theirs = _assembled([ONE], number=6)
    own = _assembled([ONE])
    at = len(own) - (12 + 16 + len(msgspec.msgpack.encode([ONE[3]])))
    with pytest.raises(EstateError):
        Tile(own[:at] + theirs[at:]).keys(SEALING_KEY)


def test_two_tiles_of_the_same_content_are_sealed_with_other_nonces():
    assert _assembled([ONE]) != _assembled([ONE])


def test_a_file_that_is_no_tile_is_not_read():
    with pytest.raises(EstateError) as raised:
        Tile(b"PAR1" + bytes(100))
    assert raised.value.code == "bulk.damaged"


def test_a_written_tile_is_for_its_owner_only_and_leaves_no_other_file(tmp_path):
    data = _assembled([ONE])
    before = os.umask(0)
    try:
        digest = tile.write(tmp_path, 7, data)
    finally:
        os.umask(before)
    assert digest == hashlib.sha256(data).digest()
    (path,) = tmp_path.iterdir()
    assert path.name == tile.file_name(7, digest)
    assert path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_tile_read_with_its_digest_must_be_it_to_the_octet(tmp_path):
    data = _assembled([ONE])
    digest = tile.write(tmp_path, 0, data)
    path = tmp_path / tile.file_name(0, digest)
    assert Tile.read(path, digest).der(0) == ONE[2]
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(EstateError) as raised:
        Tile.read(path, digest)
    assert raised.value.code == "bulk.damaged"


def test_a_tile_that_was_written_can_be_settled_and_then_is_as_it_was(tmp_path):
    data = _assembled([ONE])
    digest = tile.write(tmp_path, 3, data)
    tile.settle(tmp_path, [(3, digest)])
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == data
    with pytest.raises(OSError, match="No such file"):
        tile.settle(tmp_path, [(3, digest), (4, digest)])


def test_no_room_for_a_tile_leaves_nothing_of_it(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        tile.write(tmp_path / "gone", 0, _assembled([ONE]))
    assert list(tmp_path.iterdir()) == []


def test_a_tile_that_is_gone_is_told_of_by_its_path(tmp_path):
    with pytest.raises(EstateError, match=r"gone\.tile") as raised:
        Tile.read(tmp_path / "gone.tile")
    assert raised.value.code == "bulk.missing"
