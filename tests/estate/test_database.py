"""The file of an estate: where it lies, how it is opened, and which error SQLite's are."""

# ruff: noqa: SLF001 - settings of the connection are seen nowhere else

import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from estates import opened
from smki_testca.api import Estate
from smki_testca.errors import EstateError
from smki_testca.estate import database as databases


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("file:estate", "file:x?mode=memory", "file:///tmp/x", "FILE:x", ":memory:", "?", "a?b"),
        *("#a", "a%20b", "%00", "two\nlines", "--json", "-", "a;b", "'", '"', "ü", " "),
    ],
)
def test_an_estate_is_in_the_directory_named(tmp_path, monkeypatch, name):
    if os.name != "posix":
        pytest.skip("other systems forbid some of these names")
    monkeypatch.chdir(tmp_path)
    with Estate.create(name, "phrase") as made:
        head = made.audit.head()
    with Estate.open(name, "phrase") as again:
        assert again.audit.head() == head
        assert again.audit.verify() == 1
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    path = tmp_path / name / "estate.sqlite"
    assert files == {path, path.with_name(".gitignore")}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_transaction_is_on_the_disk_when_it_is_committed(estate):
    with estate.transaction():
        pass
    connection = estate._database._connection
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 3  # EXTRA
    assert connection.execute("PRAGMA recursive_triggers").fetchone()[0] == 1
    assert connection.execute("PRAGMA trusted_schema").fetchone()[0] == 0


def test_a_file_in_another_journal_mode_is_brought_back(quickstart):
    with sqlite3.connect(quickstart / "estate.sqlite") as file:
        file.execute("PRAGMA journal_mode = WAL")
    file.close()
    with opened(quickstart) as estate:
        estate.register.set_suspended("SEC-2020-001", suspended=True)
        assert estate.audit.verify()
        assert estate._database.value("PRAGMA journal_mode") == "delete"


@pytest.fixture
def synced(monkeypatch):
    """The folders that are synced."""
    folders = []
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("what a descriptor is of is read from /proc")
    fsync = os.fsync

    def noted(descriptor):
        folders.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    return folders


def test_the_names_of_a_new_estate_and_its_folders_are_synced(tmp_path, synced):
    with Estate.create(tmp_path / "new" / "estate", "phrase") as made:
        assert {str(tmp_path), str(tmp_path / "new"), str(tmp_path / "new/estate")} <= set(synced)
        synced.clear()
        with made.tiles.attempt(1):
            pass
    assert {str(tmp_path / "new/estate"), str(tmp_path / "new/estate/bulk")} <= set(synced)


def _translated(directory, code):
    """The estate error for an error of SQLite."""
    error = sqlite3.OperationalError("something")
    error.sqlite_errorcode = code
    with pytest.raises(EstateError) as raised, databases._translated(directory / "estate.sqlite"):
        raise error
    return raised.value


@pytest.mark.parametrize(
    "code",
    [
        *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR | 3 << 8),
        *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CANTOPEN | 2 << 8),
    ],
)
def test_what_is_no_damage_is_told_with_its_remedy(tmp_path, code):
    error = _translated(tmp_path, code)
    assert error.code == "estate.unusable"
    assert error.message.endswith("cannot be used: something.")
    assert error.remedy == "Check that the disk has space and that you have permission."


@pytest.mark.parametrize(
    "code",
    [
        *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR),
        *(sqlite3.SQLITE_CORRUPT | 1 << 8, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_FORMAT),
    ],
)
def test_damage_is_told_as_damage(tmp_path, code):
    error = _translated(tmp_path, code)
    assert error.code == "estate.damaged"
    assert error.message.endswith("is damaged: something.")
    assert error.remedy == databases.RESTORE


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_that_may_not_be_written_is_told(quickstart):
    (quickstart / "estate.sqlite").chmod(0o400)
    with opened(quickstart) as estate, pytest.raises(EstateError) as raised:
        estate.register.set_suspended("SEC-2020-001", suspended=True)
    assert raised.value.code == "estate.unusable"


def test_a_copy_of_a_newer_format_is_not_written_to(quickstart, tmp_path):
    copy = shutil.copytree(quickstart, tmp_path / "copy")
    with sqlite3.connect(copy / "estate.sqlite") as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(EstateError) as raised:
        opened(copy)
    assert raised.value.code == "estate.newer"


def test_an_estate_may_be_closed_twice(quickstart):
    with opened(quickstart) as estate:
        estate.close()
        with pytest.raises(EstateError):
            estate.certificates.authorities()
