"""The container of a backup: hostile files are errors that name them, within limits."""

from __future__ import annotations

import io
import json
import os
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.custody import contents
from smki_testca.custody.container import HEADER, ContainerHeader, ContainerReader, ContainerWriter
from smki_testca.custody.contents import Contents
from smki_testca.errors import InputError
from smki_testca.estate.sealing import Cost
from smki_testca.sealed_stream import SealingStream

CHEAP = Cost(2, 1, 1)
IDENTITY = bytes(range(16))
NOISE = random.Random(7).randbytes(150_000)
"""Content that does not shrink: three chunks."""


def container(content):
    file = io.BytesIO()
    writer = ContainerWriter(file, ContainerHeader(IDENTITY, CHEAP), "phrase")
    writer.write(content)
    writer.finish()
    return file.getvalue()


def read(octets, *passphrases):
    with io.BytesIO(octets) as file:
        reader = ContainerReader.open(file, "a file", passphrases or ("phrase",))
        return b"".join(iter(lambda: reader.read(1 << 16), b""))


def refused(octets, *passphrases):
    with pytest.raises(InputError) as caught:
        read(octets, *passphrases)
    assert "a file" in caught.value.message
    return caught.value.code


NOISY = container(NOISE)


def test_a_container_opens_with_any_of_the_passphrases_that_fits():
    assert read(NOISY) == read(NOISY, "wrong", "phrase") == NOISE
    assert refused(NOISY, "wrong", "other") == "backup.passphrase"
    assert read(container(b"")) == b""


@given(st.integers(0, len(NOISY) - 1), st.integers(0, 7))
def test_any_bit_that_is_changed_is_found(place, bit):
    octets = bytearray(NOISY)
    octets[place] ^= 1 << bit
    # A changed cost must not make the test derive a key for minutes.
    cost = Cost(1 << octets[10], octets[11], octets[12])
    if not cost.is_sound or cost.memory <= 1 << 20:
        known = {"form", "version", "passphrase", "damaged"}
        assert refused(bytes(octets)) in {f"backup.{name}" for name in known}


@given(st.integers(0, len(NOISY) - 1))
def test_any_cut_is_found(length):
    assert refused(NOISY[:length]).startswith("backup.")


def test_octets_after_the_end_are_found():
    assert refused(NOISY + b"\0") == "backup.damaged"


def test_what_is_no_backup_or_of_a_later_version_is_refused_in_words():
    assert refused(b"SQLite format 3\0" + bytes(100)) == "backup.form"
    assert refused(NOISY[:9]) == "backup.form"
    assert refused(NOISY[:9] + b"\2" + NOISY[10:]) == "backup.version"


@pytest.mark.parametrize("cost", [(63, 8, 1), (18, 8, 2), (0, 8, 1), (10, 0, 1), (10, 8, 17)])
def test_a_header_that_asks_for_too_much_work_is_refused_before_any(cost):
    octets = bytearray(NOISY)
    octets[10:13] = bytes(cost)
    assert refused(bytes(octets)) == "backup.damaged"


def of_raw(raw):
    """A container whose stream has octets that no program compressed."""
    file, header = io.BytesIO(), ContainerHeader(IDENTITY, CHEAP)
    file.write(header.octets)
    stream = SealingStream(file, header.key("phrase"), header.octets)
    stream.write(raw)
    stream.finish()
    return file.getvalue()


def test_a_stream_that_is_not_compressed_or_goes_on_after_its_end_is_refused():
    assert refused(of_raw(b"no zlib")) == "backup.damaged"
    assert refused(of_raw(zlib.compress(b"content")[:-3])) == "backup.damaged"
    assert refused(of_raw(zlib.compress(b"content") + b"more")) == "backup.damaged"
    assert refused(of_raw(zlib.compress(b"content") + NOISE)) == "backup.damaged"


# What is in it.


def manifest(files=0, octets=0, **more):
    return {
        "at": "2030-01-01T00:00:00Z",
        "chain": [],
        "entries": 1,
        "head": "",
        "format": 6,
        "version": "1",
        "files": files,
        "octets": octets,
        **more,
    }


def content(head, *files):
    lines = [json.dumps(head).encode()]
    octets = lines[0] + b"\n"
    for path, data in files:
        octets += json.dumps({"path": path, "octets": len(data)}).encode() + b"\n" + data
    return octets


def files_of(octets):
    with io.BytesIO(container(octets)) as file:
        found = Contents(ContainerReader.open(file, "a file", ["phrase"]))
        return {str(one.path): b"".join(one.pieces) for one in found.files()}


def damage_of(octets):
    with pytest.raises(InputError) as caught:
        files_of(octets)
    assert caught.value.code == "backup.damaged"
    return caught.value.message


TILE = f"bulk/000001-{'ab' * 16}/000000-{'cd' * 16}.tile"


def test_the_files_are_read_in_their_order():
    files = [("estate.sqlite", NOISE), (TILE, b"tile"), (f"profiles/kits/{'z' * 255}", b"")]
    octets = content(manifest(3, len(NOISE) + 4), *files)
    assert files_of(octets) == dict(files)


@pytest.mark.parametrize(
    "path",
    [
        *("../estate.sqlite", "/estate.sqlite", "bulk/../estate.sqlite", "passphrase"),
        *(".unfinished",),
        *("", ".", "..", "estate.sqlite/", "estate.sqlite-journal", "estate.sqlite-wal", "bulk/x"),
        *(f"{TILE}/x", f"x/{TILE}", TILE.replace("/", "//", 1), TILE.replace("0", "../", 1)),
        *("profiles", "profiles/..", "profiles/../x", "profiles/a/../../x", "profiles/a/b/c"),
        *(f"profiles/{'z' * 256}", f"profiles/{'z' * 256}/a", f"profiles/{'é' * 128}"),
        *("profiles/a\0b", "profiles//a", "./profiles/a", "Profiles/a", "smki-testca.toml"),
    ],
)  # fmt: skip
def test_no_path_but_those_of_an_estate_is_read(path):
    assert "a file" in damage_of(content(manifest(1, 1), (path, b"x")))


@pytest.mark.parametrize(
    "octets",
    [
        b"no JSON\n",
        b"{}\n",
        b"[" * 10_000 + b"\n",
        content(manifest(files=-1)),
        content(manifest(octets="many")),
        content(manifest(chain=[{"backup": "../x", "at": "", "file": ""}])),
        content(manifest(1, 1), ("estate.sqlite", b"longer")),
        content(manifest(1, 9), ("estate.sqlite", b"shorter")),
        content(manifest(1, 1), ("estate.sqlite", b"x")) + b"more",
        content(manifest(2, 1), ("estate.sqlite", b"x")),
        content(manifest(2, 2), (TILE, b"x"), (TILE, b"y")),
        content(manifest(1, 5)) + b'{"path": "estate.sqlite", "octets": 5}\nend',
        content(manifest(1, 5)) + b'{"path": "estate.sqlite", "octets": -5}\n',
    ],
)
def test_what_does_not_fit_its_manifest_is_refused(octets):
    assert "damaged" in damage_of(octets)


def test_the_limits_hold(monkeypatch):
    monkeypatch.setattr(contents, "MAX_TILE_OCTETS", 3)
    monkeypatch.setattr(contents, "MAX_PROFILE_OCTETS", 2)
    for path, most in ((TILE, 3), ("profiles/roles.toml", 2)):
        files_of(content(manifest(1, most), (path, bytes(most))))
        damage_of(content(manifest(1, most + 1), (path, bytes(most + 1))))
    line = b" " * contents.MAX_MANIFEST_OCTETS + b"\n"
    assert f"within {contents.MAX_MANIFEST_OCTETS} octets" in damage_of(line)
    head = content(manifest(1)) + b" " * contents.MAX_HEAD_OCTETS
    assert f"within {contents.MAX_HEAD_OCTETS} octets" in damage_of(head)
    chain = [{"backup": os.urandom(16).hex(), "at": "", "file": ""}] * (contents.MAX_CHAIN + 1)
    assert "manifest" in damage_of(content(manifest(chain=chain)))


def test_what_expands_to_very_much_is_given_a_piece_at_a_time():
    octets = container(bytes(1 << 26))
    assert len(octets) < 1 << 19
    with io.BytesIO(octets) as file:
        reader = ContainerReader.open(file, "a file", ["phrase"])
        assert len(reader.read(1 << 30)) <= 1 << 20


def test_the_header_is_as_the_documentation_says():
    salt = bytes(16)
    assert HEADER.size == 45
    octets = ContainerHeader(IDENTITY, Cost(1 << 17, 8, 1), salt).octets
    assert octets == b"SMKIBKUP" + bytes([0, 1, 17, 8, 1]) + salt + IDENTITY


def test_a_disk_that_fails_is_told_from_a_changed_file():
    class Failing(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 100_000:
                raise OSError(5, "Input/output error")
            return super().read(size)

    reader = ContainerReader.open(Failing(NOISY), "a file", ["phrase"])
    with pytest.raises(InputError) as caught:
        list(iter(lambda: reader.read(1 << 16), b""))
    assert caught.value.code == "input.unreadable"
    assert caught.value.message == "a file cannot be read: Input/output error."
