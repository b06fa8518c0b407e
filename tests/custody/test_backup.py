"""Backups and what is restored from them: the same estate, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest

from estates import opened, unpacked
from smki_testca.clock import SystemClock
from smki_testca.custody import backup as backing_up
from smki_testca.custody.backup import back_up
from smki_testca.custody.container import ContainerHeader, ContainerReader, ContainerWriter
from smki_testca.custody.contents import BackupManifest, Contents, write_head, write_manifest
from smki_testca.errors import EstateError, OutputError
from smki_testca.estate.audit import AuditLog
from smki_testca.estate.database import FORMAT, Database
from smki_testca.estate.stores import Stores
from smki_testca.estate.tiles import TileStore

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def back(command, tmp_path):
    """Makes a backup by the command, and gives its path."""

    def make(directory, name, *more):
        path = tmp_path / name
        outcome = command("--estate", directory, "backup", path, *more)
        assert outcome.code == 0, outcome.err
        return path

    return make


@pytest.fixture
def bring_back(command, quickstart_original, tmp_path):
    """Restores by the command and gives how that ended; the passphrase is the quickstart's."""

    def run(*files, to="restored", phrase=quickstart_original / "passphrase", more=()):
        words = ("--json", "--passphrase-file", phrase, *more, "restore", *files, tmp_path / to)
        return command(*words)

    return run


def dump(directory):
    """Every table of an estate, row by row."""
    with closing(sqlite3.connect(directory / "estate.sqlite")) as file:
        return list(file.iterdump())


def files_of(directory, *folders):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for folder in folders or ("bulk", "profiles")
        for path in sorted((directory / folder).rglob("*"))
        if path.is_file()
    }


def stored(path, directory):
    """The paths in a backup that the passphrase of an estate opens."""
    with path.open("rb") as file:
        phrase = (directory / "passphrase").read_text().strip()
        found = Contents(ContainerReader.open(file, str(path), [phrase]))
        return [str(one.path) for one in found.files()]


def write_backup(path, phrase, files, manifest):
    """Write a backup of files, whatever they are, by path."""
    octets = sum(map(len, files.values()))
    known: dict[str, Any] = {"at": "", "chain": [], "version": "", **manifest}
    with path.open("wb") as sealed:
        writer = ContainerWriter(sealed, ContainerHeader(), phrase)
        write_manifest(writer, BackupManifest(**known, files=len(files), octets=octets))
        for name, data in files.items():
            write_head(writer, PurePosixPath(name), len(data))
            writer.write(data)
        writer.finish()


def test_what_is_restored_is_what_was_backed_up(tiled, back, bring_back, command, tmp_path):
    path = back(tiled, "one.backup")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    outcome = bring_back(path)
    restored = tmp_path / "restored"
    assert outcome.code == 0, outcome.out
    assert dump(restored) == dump(tiled)
    assert files_of(restored) == files_of(tiled)
    assert len(files_of(restored)) == 2
    assert {one.name for one in restored.iterdir()} == {
        *("estate.sqlite", "bulk", "profiles", ".gitignore"),
    }
    for one in [restored, *restored.rglob("*")]:
        assert stat.S_IMODE(one.stat().st_mode) == (0o700 if one.is_dir() else 0o600)
    with opened(tiled) as estate:
        head = estate.audit.head()
        assert estate.audit.entries()[-1].action == "estate.backup"
    assert (outcome.json["entries"], outcome.json["head"]) == (head.number, head.digest)
    assert outcome.json["tiles"] == 1
    assert outcome.json["keys"] > 10
    shutil.copy(tiled / "passphrase", restored)
    verified = command("--json", "--estate", restored, "audit", "verify", "--keys")
    assert (verified.code, verified.json["entries"]) == (0, head.number)


def test_nothing_of_an_estate_is_in_the_clear(tiled, back):
    octets = back(tiled, "one.backup").read_bytes()
    assert b"SQLite" not in octets
    assert b"meters" not in octets
    assert b"smki-testca" not in octets


def test_the_log_has_each_backup(tiled, back, command):
    back(tiled, "one.backup")
    back(tiled, "two.backup", "--since", tiled.parent / "one.backup")
    outcome = command("--json", "--estate", tiled, "audit", "show", "--action", "estate.backup")
    one, two = (entry["body"] for entry in outcome.json["entries"])
    assert one == {"backup": one["backup"], "file": "one.backup", "tiles": 1}
    since = {"since": one["backup"]}
    assert two == {"backup": two["backup"], "file": "two.backup", "tiles": 0} | since


@pytest.mark.slow
def test_a_later_backup_has_only_the_tiles_that_the_earlier_ones_have_not(
    tiled, back, bring_back, add_run, command, tmp_path
):
    one = back(tiled, "one.backup")
    add_run(tiled, 0x2000)
    two = back(tiled, "two.backup", "--since", one)
    add_run(tiled, 0x3000)
    three = back(tiled, "three.backup", "--since", two)
    for path in (one, two, three):
        assert len([name for name in stored(path, tiled) if name.endswith(".tile")]) == 1
    words = ("--json", "--estate", tiled, "backup", tmp_path / "four.backup", "--since", three)
    document = command(*words).json
    assert (document["tiles"], document["all_tiles"]) == (0, 3)
    assert [link["file"] for link in document["chain"]] == [three.name, two.name, one.name]
    # The files may be given in any order.
    outcome = bring_back(two, tmp_path / "four.backup", one, three)
    assert outcome.code == 0, outcome.out
    assert files_of(tmp_path / "restored") == files_of(tiled)
    assert dump(tmp_path / "restored") == dump(tiled)
    earlier = [link["backup"] for link in document["chain"]]
    assert outcome.json["backups"] == [document["backup"], *earlier]
    # An older one restores what was there then.
    assert bring_back(two, one, to="older").json["tiles"] == 2


@pytest.mark.slow
def test_restore_names_the_backups_that_it_still_needs(tiled, back, bring_back, tmp_path):
    one = back(tiled, "one.backup")
    two = back(tiled, "two.backup", "--since", one)
    three = back(tiled, "three.backup", "--since", two)
    error = bring_back(three).json["error"]
    assert error["code"] == "backup.missing"
    assert "2 earlier backups: two.backup (" in error["message"]
    error = bring_back(three, two).json["error"]
    assert "1 earlier backup: one.backup (" in error["message"]
    assert not (tmp_path / "restored").exists()


def test_backups_that_do_not_build_on_each_other_are_refused(tiled, back, bring_back):
    one = back(tiled, "one.backup")
    two = back(tiled, "two.backup", "--since", one)
    other = back(tiled, "other.backup")
    third = back(tiled, "third.backup", "--since", other)
    for files in ((one, other), (two, other), (two, one, third)):
        assert bring_back(*files).json["error"]["code"] == "backup.chain"
    assert bring_back(two, one, one).code == 0


def test_only_a_backup_of_this_estate_can_be_built_on(tiled, back, command, newcomer, tmp_path):
    one = back(newcomer, "one.backup")
    words = ("--json", "--estate", tiled, "backup", tmp_path / "two.backup", "--since")
    assert command(*words, one).json["error"]["code"] == "backup.unknown"
    assert command(*words, tiled / "estate.sqlite").json["error"]["code"] == "backup.form"
    assert command(*words, tmp_path / "none").json["error"]["code"] == "input.unreadable"
    assert not (tmp_path / "two.backup").exists()


def test_no_backup_takes_the_place_of_one_that_it_builds_on(tiled, back, command, tmp_path):
    one = back(tiled, "one.backup")
    two = back(tiled, "two.backup", "--since", one)
    elsewhere = tmp_path / "copy.backup"
    shutil.copy(one, elsewhere)
    (tmp_path / "link.backup").symlink_to(two)
    before = dump(tiled)
    for path in (one, two, elsewhere, tmp_path / "link.backup"):
        octets = path.read_bytes()
        outcome = command(
            *("--json", "--estate", tiled, "backup", path, "--since", two, "--force"),
        )
        assert (outcome.code, outcome.json["error"]["code"]) == (4, "backup.overwrites")
        assert path.read_bytes() == octets
    assert dump(tiled) == before
    # One that it does not build on may go, as may what is no backup.
    back(tiled, "two.backup", "--since", one, "--force")
    elsewhere.write_bytes(b"no backup")
    back(tiled, "copy.backup", "--since", one, "--force")


def test_a_restored_estate_goes_on_with_its_backups(tiled, back, bring_back, add_run, tmp_path):
    one = back(tiled, "one.backup")
    assert bring_back(one).code == 0
    restored = tmp_path / "restored"
    shutil.copy(tiled / "passphrase", restored)
    add_run(restored, 0x2000)
    two = back(restored, "two.backup", "--since", one)
    assert bring_back(one, two, to="again").json["tiles"] == 2


def test_the_number_of_links_is_limited(tiled, back, command, monkeypatch, tmp_path):
    monkeypatch.setattr(backing_up, "MAX_CHAIN", 1)
    one = back(tiled, "one.backup")
    two = back(tiled, "two.backup", "--since", one)
    words = ("--json", "--estate", tiled, "backup", tmp_path / "three.backup", "--since", two)
    assert command(*words).json["error"]["code"] == "backup.chain"


# While others write.


@pytest.mark.slow
def test_backups_are_whole_while_others_write(tiled, bring_back, tmp_path):
    phrase = (tiled / "passphrase").read_text().strip()
    stop = threading.Event()
    written = []

    def write():
        with opened(tiled) as estate:
            while not stop.is_set():
                estate.accounts.add(f"account-{len(written)}", "a password", None)
                written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        paths = []
        for number in range(2):
            path = tmp_path / f"{number}.backup"
            with opened(tiled) as estate:
                back_up(estate, phrase, path, since=paths[-1] if paths else None)
            paths.append(path)
    finally:
        stop.set()
        writer.join()
    assert written
    for number in range(2):
        outcome = bring_back(*paths[: number + 1], to=f"restored-{number}")
        assert outcome.code == 0, outcome.out


def test_others_write_while_tiles_are_copied(tiled, monkeypatch, tmp_path):
    read = TileStore.octets
    phrase = (tiled / "passphrase").read_text().strip()

    def reading(self, tile):
        with opened(tiled) as other:
            other.accounts.add("meanwhile", "a password", None)
        return read(self, tile)

    monkeypatch.setattr(TileStore, "octets", reading)
    with opened(tiled) as estate:
        back_up(estate, phrase, tmp_path / "one.backup")
        assert estate.accounts.get("meanwhile")


@pytest.mark.slow
def test_a_tile_that_is_recorded_just_before_the_copy_is_in_it(
    tiled, monkeypatch, add_run, bring_back, tmp_path
):
    copy = Stores.copy_file
    phrase = (tiled / "passphrase").read_text().strip()

    def copying(self, path):
        add_run(tiled, 0x2000)
        copy(self, path)

    with opened(tiled) as estate:
        monkeypatch.setattr(Stores, "copy_file", copying)
        assert back_up(estate, phrase, tmp_path / "one.backup").tiles == 2
        monkeypatch.undo()
        # The next one has that tile again: the log tells only what was there before its entry.
        later = back_up(estate, phrase, tmp_path / "two.backup", since=tmp_path / "one.backup")
    assert later.tiles == 1
    outcome = bring_back(tmp_path / "one.backup", tmp_path / "two.backup")
    assert outcome.json["tiles"] == 2


def test_what_is_unfinished_is_left_out(tiled, back, bring_back):
    run = next((tiled / "bulk").iterdir())
    (tiled / "bulk" / f".{run.name}.{'0' * 32}.unfinished").mkdir()
    (tiled / "bulk" / f".{run.name}.{'0' * 32}.unfinished" / "000001.tile").write_bytes(b"x")
    (run / f"000009-{'0' * 32}.tile").write_bytes(b"not recorded")
    (tiled / "estate.sqlite-journal").write_bytes(b"")
    path = back(tiled, "one.backup")
    assert [name.split("/")[0] for name in stored(path, tiled)] == [
        *("estate.sqlite", "profiles", "bulk"),
    ]
    assert bring_back(path).code == 0


def test_nothing_is_left_in_the_estate(tiled, back):
    before = set(tiled.rglob("*"))
    back(tiled, "one.backup")
    assert set(tiled.rglob("*")) == before


# What is wrong with the estate or the files.


@pytest.mark.slow
def test_a_damaged_estate_is_not_backed_up(tiled, command, tmp_path):
    tile = next((tiled / "bulk").rglob("*.tile"))
    octets = tile.read_bytes()
    words = ("--json", "--estate", tiled, "backup", tmp_path / "one.backup")
    tile.write_bytes(octets[:-1] + bytes([octets[-1] ^ 1]))
    assert command(*words).json["error"]["code"] == "bulk.damaged"
    tile.unlink()
    assert command(*words).json["error"]["code"] == "bulk.missing"
    tile.write_bytes(octets)
    assert command(*words).code == 0
    with closing(sqlite3.connect(tiled / "estate.sqlite")) as file, file:
        file.execute("UPDATE certificates SET label = 'other' WHERE rowid = 1")
    outcome = command(*words, "--force")
    assert (outcome.code, outcome.json["error"]["code"]) == (5, "audit.rows")


def test_the_keys_must_open(tiled, command, tmp_path):
    (tiled / "passphrase").write_text("wrong\n")
    outcome = command("--json", "--estate", tiled, "backup", tmp_path / "one.backup")
    assert outcome.json["error"]["code"] == "estate.passphrase"
    assert not (tmp_path / "one.backup").exists()


def test_the_file_is_not_overwritten_unasked_nor_is_one_of_the_estate(tiled, back, command):
    path = back(tiled, "one.backup")
    before = path.read_bytes()
    words = ("--json", "--estate", tiled, "backup")
    assert command(*words, path).json["error"]["code"] == "export.exists"
    assert path.read_bytes() == before
    for own in ("estate.sqlite", "passphrase", "bulk/x"):
        assert command(*words, tiled / own, "--force").json["error"]["code"] == "export.estate"
    assert command(*words, "-").code == 2
    back(tiled, "one.backup", "--force")
    assert path.read_bytes() != before


def test_a_directory_that_is_not_empty_is_left_as_it_is(tiled, back, bring_back, tmp_path):
    path = back(tiled, "one.backup")
    assert bring_back(path, to="estate").json["error"]["code"] == "estate.not_empty"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    assert bring_back(path, to="full").json["error"]["code"] == "estate.not_empty"
    assert [one.name for one in (tmp_path / "full").iterdir()] == ["mine"]
    (tmp_path / "empty").mkdir()
    assert bring_back(path, to="empty").code == 0


def test_profiles_that_are_there_stay_and_must_be_those_of_the_backup(
    tiled, back, bring_back, tmp_path
):
    path = back(tiled, "one.backup")
    shutil.copytree(tiled / "profiles", tmp_path / "alike" / "profiles")
    assert bring_back(path, to="alike").code == 0
    (tmp_path / "other" / "profiles").mkdir(parents=True)
    (tmp_path / "other" / "profiles" / "roles.toml").write_text("")
    assert bring_back(path, to="other").json["error"]["code"] == "estate.not_empty"
    assert files_of(tmp_path / "other") == {"profiles/roles.toml": b""}


@pytest.mark.parametrize("at", [0.01, 0.5, 0.99])
def test_of_a_file_that_was_changed_or_cut_no_estate_is_made(tiled, back, bring_back, tmp_path, at):
    path = back(tiled, "one.backup")
    octets = bytearray(path.read_bytes())
    place = int(len(octets) * at)
    path.write_bytes(octets[:place])
    assert bring_back(path).json["error"]["code"] in {"backup.damaged", "backup.passphrase"}
    octets[place] ^= 1
    path.write_bytes(octets)
    assert bring_back(path).json["error"]["code"] in {"backup.damaged", "backup.passphrase"}
    assert not (tmp_path / "restored").exists()


STRAY = "bulk/000009-ab/000000-" + "0" * 32 + ".tile"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "manifest", "reason"),
    [
        ({"profiles/a": b"", "profiles/a/b": b""}, {}, "'profiles/a/b' is a file and a folder"),
        ({"profiles/a/b": b"", "profiles/a": b""}, {}, "'profiles/a' is a file and a folder"),
        ({STRAY: b"x"}, {}, f"names no tile {STRAY}"),
        ({}, {"format": 5}, "another format"),
        ({}, {"entries": 1}, "ends otherwise"),
        ({}, {"head": "0" * 64}, "ends otherwise"),
    ],
)
def test_a_backup_that_is_no_estates_is_refused_though_its_passphrase_is_known(
    tiled, back, bring_back, tmp_path, more, manifest, reason
):
    path = back(tiled, "one.backup")
    phrase = (tiled / "passphrase").read_text().strip()
    with path.open("rb") as opened_file:
        found = Contents(ContainerReader.open(opened_file, str(path), [phrase]))
        known = {name: getattr(found.manifest, name) for name in ("entries", "head", "format")}
        files = {str(one.path): b"".join(one.pieces) for one in found.files()}
    write_backup(path, phrase, files | more, known | manifest)
    outcome = bring_back(path)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "backup.damaged")
    assert reason in outcome.json["error"]["message"]
    assert not (tmp_path / "restored").exists()


def test_a_name_that_the_system_refuses_is_told_in_words(tiled, back, bring_back, monkeypatch):
    path = back(tiled, "one.backup")
    made = os.open

    def refusing(name, *more, **options):
        if str(name).endswith(".toml"):
            raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ))
        return made(name, *more, **options)

    monkeypatch.setattr("smki_testca.custody.restoring.os.open", refusing)
    error = bring_back(path).json["error"]
    assert error["code"] == "backup.damaged"
    assert "testing-services.toml' in it cannot be written: " in error["message"]


def test_a_full_disk_is_found_before_anything_is_written(
    tiled, back, bring_back, monkeypatch, tmp_path
):
    path = back(tiled, "one.backup")
    monkeypatch.setattr(
        "smki_testca.custody.restoring.shutil.disk_usage", lambda _: SimpleNamespace(free=1000)
    )
    error = bring_back(path).json["error"]
    assert (error["code"], "1000 free" in error["message"]) == ("output.failed", True)
    assert not (tmp_path / "restored").exists()


# Passphrases.


def test_a_backup_can_have_a_passphrase_of_its_own(tiled, back, bring_back, tmp_path):
    (tmp_path / "own").write_text("of the backup\n")
    path = back(tiled, "one.backup", "--backup-passphrase-file", tmp_path / "own")
    assert bring_back(path).json["error"]["code"] == "backup.passphrase"
    own = ("--backup-passphrase-file", tmp_path / "own")
    outcome = bring_back(*own, path)
    assert outcome.code == 0, outcome.out
    # The estate's is needed, too.
    error = bring_back(*own, path, to="other", phrase=tmp_path / "own").json["error"]
    assert error["code"] == "estate.passphrase"
    assert not (tmp_path / "other").exists()


def test_a_chain_may_have_several_passphrases(tiled, back, bring_back, command, tmp_path):
    shutil.copy(tiled / "passphrase", tmp_path / "old")
    (tmp_path / "new").write_text("another\n")
    one = back(tiled, "one.backup")
    change = ("passphrase", "change", "--new-passphrase-file", tmp_path / "new")
    assert command("--estate", tiled, *change).code == 0
    two = back(tiled, "two.backup", "--since", one)
    outcome = bring_back(
        "--backup-passphrase-file", tmp_path / "old", two, one, phrase=tmp_path / "new"
    )
    assert outcome.code == 0, outcome.out
    # The older one still opens with the old passphrase.
    assert bring_back(one, to="older").code == 0


# Older formats.


@pytest.mark.slow
def test_a_backup_of_an_older_format_is_restored_as_it_was(bring_back, command, tmp_path):
    old = unpacked(5, tmp_path / "old")
    file = (old / "estate.sqlite").read_bytes()
    tiles = files_of(old, "bulk")
    with closing(Database.open(old / "estate.sqlite")) as database:
        head = AuditLog(database, SystemClock()).head()
    known = {"entries": head.number, "head": head.digest, "format": 5}
    path, phrase = tmp_path / "old.backup", (old / "passphrase").read_text().strip()
    write_backup(path, phrase, {"estate.sqlite": file, **tiles}, known)
    outcome = bring_back(path, phrase=old / "passphrase")
    assert outcome.code == 0, outcome.out
    assert (outcome.json["entries"], outcome.json["head"]) == (head.number, head.digest)
    assert (tmp_path / "restored" / "estate.sqlite").read_bytes() == file
    shutil.copy(old / "passphrase", tmp_path / "restored")
    shown = command("--json", "--estate", tmp_path / "restored", "audit", "show", "--last", 1)
    assert shown.json["entries"][0]["body"] == {"from": 5, "to": FORMAT}


@pytest.mark.slow
def test_an_estate_of_an_older_format_is_backed_up(back, bring_back, tmp_path):
    old = unpacked(3, tmp_path / "old")
    path = back(old, "one.backup")
    assert bring_back(path, phrase=old / "passphrase").json["tiles"] == 3


# From Python.


def test_a_failing_disk_leaves_no_backup_and_an_estate_as_before(tiled, monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    with opened(tiled) as estate:
        monkeypatch.setattr(backing_up, "ContainerWriter", full)
        with pytest.raises(OutputError):
            back_up(estate, "phrase", tmp_path / "one.backup")
    assert not list(tmp_path.glob("*backup*"))


def test_a_link_in_place_of_a_tile_is_not_followed(tiled, tmp_path):
    tile = next((tiled / "bulk").rglob("*.tile"))
    tile.rename(tmp_path / "elsewhere")
    tile.symlink_to(tmp_path / "elsewhere")
    with opened(tiled) as estate, pytest.raises(EstateError):
        back_up(estate, "phrase", tmp_path / "one.backup")


def test_identities_differ_and_tell_backups_apart(tiled, back):
    digests = {hashlib.sha256(back(tiled, f"{n}").read_bytes()[:45]).digest() for n in range(2)}
    assert len(digests) == 2


def test_the_program_in_the_documentation_reads_a_backup(tiled, back, tmp_path):
    text = (DOCS / "backup.md").read_text("utf-8")
    (program,) = re.findall(r"(?s)```python\n(.*?)```", text)
    phrase = tmp_path / "phrase"
    phrase.write_text(" spaces at both ends \n")
    path = back(tiled, "one.backup", "--backup-passphrase-file", phrase)
    call = [sys.executable, "-W", "ignore", "-c", program, path, phrase]
    printed = subprocess.run(call, check=True, capture_output=True, text=True).stdout
    assert printed.splitlines() == stored(back(tiled, "other.backup"), tiled)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals to open")
def test_nothing_binary_is_written_to_a_terminal(tiled, command):
    ours, theirs = os.openpty()
    try:
        before = (tiled / "estate.sqlite").read_bytes()
        outcome = command("--json", "--estate", tiled, "backup", os.ttyname(theirs), "--force")
    finally:
        os.close(ours)
        os.close(theirs)
    assert (outcome.code, outcome.json["error"]["code"]) == (2, "usage")
    assert (tiled / "estate.sqlite").read_bytes() == before
