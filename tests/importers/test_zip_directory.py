"""A ZIP is refused for the size and the shape of its directory before entries are made of it."""

from __future__ import annotations

import bz2
import lzma
import struct
import zipfile

import pytest

from material import problem_codes, sources_in, zipped
from smki_testca.importers import archive, zip_directory
from smki_testca.importers.zip_directory import ZipError, read_directory
from smki_testca.issuance.batch import portal_zip
from smki_testca.workers import call_bounded

CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")


def _entries(count, *, extra=b"", comment=b""):
    """A ZIP of nothing but a directory of so many entries."""
    name = b"a.csr"
    header = (b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), len(extra), len(comment))
    entry = CENTRAL.pack(*header, 0, 0, 0, 0) + name + extra + comment
    directory = entry * count
    stated = count & 0xFFFF
    return directory + END.pack(b"PK\x05\x06", 0, 0, stated, stated, len(directory), 0, 0)


def _refusal(data):
    try:
        read_directory(data, 50_000)
    except ZipError as error:
        return str(error)
    return None


@pytest.mark.slow
@pytest.mark.parametrize("read", [_refusal, problem_codes])
def test_millions_of_entries_are_refused_before_any_is_made(read):
    data = b"PK\x03\x04" + _entries(1_000_000)
    assert call_bounded(read, data, seconds=300, octets=256 << 20)


@pytest.mark.slow
def test_a_portal_batch_of_millions_of_entries_is_refused_in_the_same_way():
    data = _entries(1_000_000)
    with pytest.raises(Exception, match="holds 1000000 files"):
        call_bounded(portal_zip.directory, "a.zip", data, seconds=300, octets=256 << 20)


@pytest.mark.slow
def test_a_directory_of_few_entries_and_many_octets_is_refused():
    data = _entries(600, comment=bytes(60_000))
    assert "directory is longer" in _refusal(data)


@pytest.mark.parametrize("comment", [b"", b"a comment"])
def test_the_size_of_the_directory_is_read_in_zip64_too(monkeypatch, comment):
    monkeypatch.setattr(zip_directory, "MAX_DIRECTORY_OCTETS", 99)
    data = zipped({"a": b"", "b": b""})
    end = data.index(b"PK\x05\x06")
    start = data.index(b"PK\x01\x02")
    size = end - start
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2, 2, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    last = END.pack(b"PK\x05\x06", 0, 0, 2, 2, 0, start, len(comment)) + comment
    whole = data[:end] + record + locator + last
    assert _refusal(whole) is None
    monkeypatch.setattr(zip_directory, "MAX_DIRECTORY_OCTETS", size - 1)
    assert "directory is longer" in _refusal(whole)


def test_files_that_share_octets_are_refused():
    data = bytearray(zipped({"a": b"x" * 100, "b": b"y" * 100}, zipfile.ZIP_STORED))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<L", 10)
    assert "overlap" in _refusal(bytes(data))
    assert problem_codes(bytes(data)) == ["document.zip"]


@pytest.mark.slow
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("stated", [10, 1 << 20])
def test_a_bomb_is_unpacked_no_further_than_it_says(method, stated):
    bomb = bytearray(zipped({"a": bytes(200 << 20)}, method))
    directory = bomb.index(b"PK\x01\x02")
    for at in (22, directory + 24):
        bomb[at : at + 4] = struct.pack("<I", stated)
    found = call_bounded(sources_in, bytes(bomb), seconds=300, octets=64 << 20)
    assert [one.problem.code for one in found] == ["document.zip"]
    assert "not as long as it says" in found[0].problem.message


def test_lzma_does_not_choose_its_own_memory():
    packed = bytearray(zipped({"a": b"hello" * 100}, zipfile.ZIP_LZMA))
    at = 30 + 1
    assert packed[at + 2 : at + 4] == b"\x05\x00"
    packed[at + 5 : at + 9] = struct.pack("<L", 0xFFFFFFFF)
    info = read_directory(bytes(packed), 10)[0]
    unpacked = call_bounded(archive.unpack, bytes(packed), info, seconds=300, octets=64 << 20)
    assert unpacked == b"hello" * 100


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
def test_what_is_cut_off_or_no_such_data_is_a_problem_of_its_file(method):
    packed = bytearray(zipped({"a": b"hello" * 100, "b": b"-"}, method))
    packed[31:40] = b"\xff" * 9
    assert problem_codes(bytes(packed))[0] == "document.zip"


def test_the_compressions_are_those_of_the_library():
    assert archive.decompressed(bz2.compress(b"x" * 50), zipfile.ZIP_BZIP2, 10) == b"x" * 10
    with pytest.raises((ZipError, lzma.LZMAError, struct.error)):
        archive.decompressed(b"", zipfile.ZIP_LZMA, 10)
