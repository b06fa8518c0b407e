"""Documents in DER one after the other are read one by one, whatever the size of their file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from material import documents_in, problem_codes, sources_in, zipped
from smki_testca.der import encode
from smki_testca.importers import der_stream
from smki_testca.importers import sources as reader
from smki_testca.importers.der_stream import contents_of_stream, is_stream
from smki_testca.importers.sources import MAX_FILE_OCTETS, Documents, sources
from smki_testca.workers import call_bounded


def test_each_document_of_a_stream_is_one(ders):
    assert documents_in(b"".join(ders)) == ders
    assert [one.data for one in sources_in(zipped({"certificates": b"".join(ders)}))] == ders


def test_octets_that_follow_one_document_are_a_defect_of_it(ders):
    for tail in (b"\x00", b"\x30", b"-", b"\x02\x01\x05", b"\x30\x00"):
        assert documents_in(ders[0] + tail) == [ders[0] + tail]


def test_a_stream_that_is_cut_off_gives_what_is_whole_and_the_rest(ders):
    for length in (1, 5, 100, len(ders[2]) - 1):
        assert documents_in(ders[0] + ders[1] + ders[2][:length]) == [*ders[:2], ders[2][:length]]


def test_what_is_no_document_in_a_stream_is_the_last(ders):
    rest = b"\x00" * 20 + ders[2]
    assert documents_in(ders[0] + ders[1] + rest) == [*ders[:2], rest]


@pytest.mark.parametrize("size", [1, 3, 100, 500, 10_000])
def test_a_stream_is_the_same_however_it_is_cut_into_chunks(ders, size):
    whole = b"".join(ders * 3)
    chunks = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert [one.data for one in contents_of_stream(chunks)] == ders * 3


def test_a_document_that_is_too_long_is_told_and_nothing_is_kept(ders, tmp_path):
    huge = encode.header(0x30, 200 << 20) + b"\x30" + bytes(2 << 20)
    assert problem_codes(ders[0] + ders[1] + huge) == [None, None, "document.too_long"]
    (tmp_path / "a").write_bytes(ders[0] + ders[1] + huge)
    found = [one.problem and one.problem.code for one in sources([str(tmp_path / "a")])]
    assert found == [None, None, "document.too_long"]


def test_one_stream_holds_so_many_documents_and_no_more(ders, tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "MAX_STREAM_DOCUMENTS", 2)
    (tmp_path / "a").write_bytes(b"".join(ders))
    *_, last = sources([str(tmp_path / "a")])
    assert (last.index, last.problem.code) == (2, "document.too_long")


@given(st.binary(max_size=80), st.integers(1, 20))
def test_any_octets_are_a_stream_or_not(data, size):
    data = b"\x30\x03\x30\x01\x00" * 2 + data
    assert is_stream(data)
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    contents = list(contents_of_stream(chunks))
    assert all(one.problem is not None or one.data for one in contents)


def _count(path):
    documents = Documents([path])
    return sum(one.problem is None for one in documents)


@pytest.mark.slow
def test_a_stream_longer_than_any_other_file_is_read_within_little_memory(ders, tmp_path):
    path = tmp_path / "certificates.der"
    count = MAX_FILE_OCTETS // len(ders[0]) + 10_000
    with path.open("wb") as file:
        for _ in range(count):
            file.write(ders[0])
    assert path.stat().st_size > MAX_FILE_OCTETS
    octets = 8 * der_stream.CHUNK_OCTETS
    assert call_bounded(_count, str(path), seconds=300, octets=octets) == count
