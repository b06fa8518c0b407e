"""A ZIP is read entry by entry, within its limits."""

from __future__ import annotations

import base64
import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from material import (
    pem,
    pkcs8,
    problem_codes,
    same,
    sources_in,
    zipped,
)
from smki_testca.der.read import MAX_OCTETS
from smki_testca.importers.archive import MAX_ZIP_ENTRIES, MAX_ZIP_OCTETS
from smki_testca.importers.intake import take_in
from smki_testca.importers.sources import sources


@pytest.mark.parametrize(
    "compression",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
)
def test_a_zip_holds_its_entries_whatever_their_compression(tmp_path, ders, compression):
    path = tmp_path / "batch"
    entries = {f"{n}.csr": base64.b64encode(der) for n, der in enumerate(ders)}
    path.write_bytes(zipped(entries, compression))
    every = list(sources([str(path)]))
    assert [one.data for one in every] == ders
    assert [one.file for one in every] == [f"{path}!{n}.csr" for n in range(3)]
    assert [one.data for one in sources_in(path.read_bytes())] == ders


def test_a_zip_inside_a_zip_is_not_opened(ders):
    inner = zipped({"a.csr": ders[0]})
    assert problem_codes(zipped({"inner.zip": inner})) == ["document.zip"]


def test_a_zip_without_files_is_told():
    assert problem_codes(zipped({})) == ["document.zip"]
    assert problem_codes(zipped({"folder/": b""})) == ["document.zip"]


@pytest.mark.slow
def test_a_zip_with_one_file_too_many_is_told_at_once():
    limit = {f"{number}": b"\x30\x00" for number in range(MAX_ZIP_ENTRIES)}
    assert len(sources_in(zipped(limit, zipfile.ZIP_STORED))) == MAX_ZIP_ENTRIES
    over = zipped({**limit, "one more": b"\x30\x00"}, zipfile.ZIP_STORED)
    assert problem_codes(over) == ["document.zip"]
    assert "50001" in sources_in(over)[0].problem.message


@pytest.mark.slow
def test_a_zip_that_unpacks_to_too_much_is_not_unpacked():
    piece = bytes(16 << 20)
    bomb = zipped({str(n): piece for n in range(MAX_ZIP_OCTETS // len(piece) + 1)})
    assert len(bomb) < 1 << 20
    assert problem_codes(bomb) == ["document.zip"]


def test_a_zip_whose_entry_is_longer_than_it_says_is_told():
    bomb = bytearray(zipped({"a": bytes(4 * MAX_OCTETS)}))
    directory = bomb.index(b"PK\x01\x02")
    for at in (22, directory + 24):
        bomb[at : at + 4] = struct.pack("<I", 10)
    assert problem_codes(bytes(bomb)) == ["document.zip"]


def test_an_encrypted_zip_is_told(ders):
    packed = bytearray(zipped({"a": ders[0]}))
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    assert problem_codes(bytes(packed)) == ["document.zip"]


@pytest.mark.parametrize("keep", [4, 40, 0.5, 0.99])
def test_a_zip_that_is_cut_off_is_told(ders, keep):
    packed = zipped({"a": ders[0], "b": ders[1]})
    cut = packed[: keep if isinstance(keep, int) else int(keep * len(packed))]
    assert problem_codes(cut) == ["document.zip"]


def test_a_zip_of_an_unknown_compression_is_told(ders):
    packed = bytearray(zipped({"a": ders[0]}))
    packed[8] = 99
    packed[packed.index(b"PK\x01\x02") + 10] = 99
    assert problem_codes(bytes(packed)) == ["document.zip"]


def test_an_entry_that_is_too_long_is_told_and_the_next_one_is_read(ders):
    packed = zipped({"a": bytes(MAX_OCTETS + 1), "b": ders[0]})
    assert problem_codes(packed) == ["document.too_long", None]


def test_an_entry_that_is_broken_is_told_and_the_next_one_is_read(ders):
    packed = bytearray(zipped({"a": ders[0], "b": ders[1]}))
    at = 30 + 1 + 40
    packed[at : at + 8] = bytes(8)
    every = sources_in(bytes(packed))
    assert [one.problem and one.problem.code for one in every] == ["document.zip", None]
    assert every[1].data == ders[1]


def test_org_crypto_zip_is_paired_and_labelled_by_its_entries(tmp_path, pairs):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, (der, key) in pairs.items():
            archive.writestr(f"org/cert/{name}.pem", pem(der))
            archive.writestr(f"org/key/{name}.key", pkcs8(key))
    (tmp_path / "org-crypto.zip").write_bytes(packed.getvalue())
    found = take_in([str(tmp_path / "org-crypto.zip")])
    assert [one.label for one in found.certificates] == list(pairs)
    assert found.certificates[0].source == f"org-crypto.zip!org/cert/{next(iter(pairs))}.pem"
    assert all(same(a, b) for a, b in zip(found.certificates, pairs.values(), strict=True))


def test_an_entry_without_a_name_is_read_like_any_other(ders):
    """A zero octet ends a name, so this one is empty."""
    (source,) = sources_in(zipped({"nameless": ders[0]}).replace(b"nameless", bytes(8)))
    assert (source.file, source.data) == ("-!", ders[0])


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4))
def test_a_zip_with_octets_changed_is_read_or_a_problem(changes):
    packed = bytearray(zipped({"a": b"\x30\x00", "b": b"first" * 20, "c/": b""}))
    for at, octet in changes:
        packed[at % len(packed)] = octet
    for source in sources_in(bytes(packed)):
        assert source.problem is None or source.problem.code.startswith("document.")


def test_a_name_in_a_zip_is_the_one_that_was_meant(ders):
    """UTF-8 without the flag, as Info-ZIP and macOS write it; with octets of its own."""
    name = "Z\u00e4hler.der".encode()
    packed = zipped({"x" * len(name): ders[0]}).replace(b"x" * len(name), name)
    (one,) = sources_in(packed)
    assert (one.file, one.data) == ("-!Z\u00e4hler.der", ders[0])
    found = take_in(["-"], packed)
    assert found.certificates[0].label == "Z\u00e4hler"
