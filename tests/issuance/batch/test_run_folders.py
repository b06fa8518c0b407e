"""Each run has a folder of its own, which no other copy of the estate's file touches."""

import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import batches
from estates import opened
from smki_testca.errors import EstateError
from smki_testca.estate import tile

PATIENCE = 300
BEGUN = """
import sys, time
from pathlib import Path
from smki_testca.estate import tile
sys.path.insert(0, sys.argv[2])
from estates import opened
estate = opened(Path(sys.argv[1]))
with estate.tiles.attempt(1) as attempt:
    digests = [tile.write(attempt, number, b"octets %d" % number) for number in (7, 8)]
    if sys.argv[3] == "adopted":
        with estate.transaction():
            estate.tiles.adopt(1, attempt, [(7, digests[0])])
            print("begun", flush=True)
            time.sleep(600)
    print("begun", flush=True)
    time.sleep(600)
"""

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")


def _run(command, estate, number=0):
    rows = [batches.device(0x200 + number)]
    manifest = batches.write(estate.parent / f"{number}.csv", rows)
    return batches.issue(command, estate, manifest, "--workers", 1)


def _tiles(estate):
    return {path.relative_to(estate): path.read_bytes() for path in estate.glob("bulk/**/*.tile")}


def _left_by_a_kill(estate, how):
    process = subprocess.Popen(
        [sys.executable, "-c", BEGUN, estate, Path(batches.__file__).parent, how],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "begun\n"
    process.kill()
    process.communicate(timeout=PATIENCE)


@pytest.mark.slow
def test_a_folder_is_named_by_the_number_and_the_identity_of_its_run(command, quickstart):
    for number in range(2):
        _run(command, quickstart, number)
    with sqlite3.connect(quickstart / "estate.sqlite") as file:
        identities = [row[0] for row in file.execute("SELECT identity FROM runs ORDER BY id")]
    file.close()
    assert len({*identities}) == 2
    assert {len(identity) for identity in identities} == {16}
    assert sorted(path.name for path in (quickstart / "bulk").iterdir()) == [
        f"{number:06d}-{identity.hex()}" for number, identity in enumerate(identities, 1)
    ]
    assert "identity" not in command("--json", "--estate", quickstart, "batch", "show", 1).out


@pytest.mark.slow
def test_with_one_seed_two_copies_have_different_folders(command, quickstart):
    copy = quickstart.with_name("copy")
    shutil.copytree(quickstart, copy)
    for estate in (quickstart, copy):
        batches.issue(command, estate, *batches.range_of(2), "--seed", "00" * 32, "--workers", 1)
    (one,), (other,) = (list((estate / "bulk").iterdir()) for estate in (quickstart, copy))
    assert one.name != other.name


@pytest.mark.slow
def test_an_older_file_put_back_leaves_the_tiles_of_the_newer_one(command, quickstart):
    file = quickstart / "estate.sqlite"
    _run(command, quickstart, 0)
    older = file.read_bytes()
    _run(command, quickstart, 1)
    newer, tiles = file.read_bytes(), _tiles(quickstart)
    file.write_bytes(older)
    _run(command, quickstart, 2)
    assert command("--estate", quickstart, "audit", "verify").code == 0
    assert tiles.items() <= _tiles(quickstart).items()
    file.write_bytes(newer)
    assert command("--estate", quickstart, "audit", "verify").code == 0


@posix
@pytest.mark.slow
@pytest.mark.parametrize("how", ["written", "adopted"])
@pytest.mark.parametrize("next_command", ["issue", "cancel"])
def test_what_a_killed_process_never_recorded_is_removed(command, quickstart, how, next_command):
    _run(command, quickstart)
    recorded = _tiles(quickstart)
    with sqlite3.connect(quickstart / "estate.sqlite") as file:
        file.execute("UPDATE runs SET state = 'running', finished = NULL WHERE id = 1")
    file.close()
    _left_by_a_kill(quickstart, how)
    assert len(_tiles(quickstart)) == len(recorded) + 2
    if next_command == "issue":
        _run(command, quickstart, 1)
    else:
        assert command("--estate", quickstart, "batch", "cancel", 1).code == 0
    assert not list((quickstart / "bulk").glob("*.unfinished"))
    first = {path: octets for path, octets in _tiles(quickstart).items() if "/000001" in str(path)}
    assert first == recorded


@posix
@pytest.mark.slow
def test_what_another_copy_was_about_to_record_is_left(command, quickstart):
    """The newer file may have recorded it: the older one cannot know, and must not remove it."""
    file = quickstart / "estate.sqlite"
    _run(command, quickstart)
    older = file.read_bytes()
    _run(command, quickstart, 1)
    _left_by_a_kill(quickstart, "adopted")
    adopted = [path for path in _tiles(quickstart) if "000007-" in path.name]
    assert adopted
    file.write_bytes(older)
    for journal in quickstart.glob("estate.sqlite-*"):
        journal.unlink()
    _run(command, quickstart, 2)
    assert set(adopted) <= set(_tiles(quickstart))


@pytest.mark.slow
@posix
def test_what_is_unfinished_of_a_run_that_only_another_copy_has_is_left(command, quickstart):
    _run(command, quickstart)
    theirs = quickstart / "bulk" / f".000009-{'ab' * 16}.{'0' * 32}.unfinished"
    others = quickstart / "bulk" / f".000001-{'ab' * 16}.{'0' * 32}.unfinished"
    for folder in (theirs, others):
        folder.mkdir()
    with opened(quickstart) as estate:
        estate.tiles.sweep()
    assert theirs.is_dir()
    assert others.is_dir()


@pytest.mark.slow
def test_a_transaction_that_fails_leaves_no_tile_in_the_folder_of_the_run(command, quickstart):
    _run(command, quickstart)
    recorded = _tiles(quickstart)
    with opened(quickstart) as estate, estate.tiles.attempt(1) as attempt:
        digest = tile.write(attempt, 7, b"octets")
        with contextlib.suppress(EstateError), estate.transaction():
            estate.tiles.adopt(1, attempt, [(7, digest)])
            raise EstateError("estate.unusable", "no room")
        assert (estate.tiles.folder(1) / tile.file_name(7, digest)).exists()
        estate.tiles.take_back(1, attempt)
        assert (attempt / tile.file_name(7, digest)).read_bytes() == b"octets"
    assert _tiles(quickstart) == recorded
    assert len(list((quickstart / "bulk").iterdir())) == 1


def _full(*_given, **_named):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.slow
@posix
@pytest.mark.parametrize("failing", [("rename",), ("rename", "unlink")])
def test_a_disk_too_full_to_take_a_tile_back_leaves_no_stray(
    command, quickstart, monkeypatch, failing
):
    _run(command, quickstart)
    recorded = _tiles(quickstart)
    with (
        opened(quickstart) as estate,
        contextlib.suppress(OSError),
        estate.tiles.attempt(1) as attempt,
    ):
        digest = tile.write(attempt, 7, b"octets")
        with contextlib.suppress(EstateError), estate.transaction():
            estate.tiles.adopt(1, attempt, [(7, digest)])
            raise EstateError("estate.unusable", "no room")
        with monkeypatch.context() as patch:
            for name in failing:
                patch.setattr(f"pathlib.Path.{name}", _full)
            estate.tiles.take_back(1, attempt)
    assert _verified(command, quickstart) is None
    with opened(quickstart) as estate:
        estate.tiles.sweep()
    assert _tiles(quickstart) == recorded
    assert len(list((quickstart / "bulk").iterdir())) == 1


def _verified(command, estate):
    outcome = command("--json", "--estate", estate, "audit", "verify")
    return outcome.json["error"]["code"] if outcome.code else None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stray", "000007-" + "0" * 32 + ".tile", ".hidden", "folder/x"])
def test_what_does_not_belong_in_the_folder_of_a_run_is_told(command, quickstart, name):
    _run(command, quickstart)
    (folder,) = (quickstart / "bulk").iterdir()
    (quickstart / "bulk" / f"000009-{'ab' * 16}").mkdir()
    (quickstart / "bulk" / f"000009-{'ab' * 16}" / "x").touch()  # another copy may have that run
    assert _verified(command, quickstart) is None
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).touch()
    assert _verified(command, quickstart) == "bulk.stray"


@pytest.mark.slow
@posix
@pytest.mark.parametrize("what", ["tile", "folder"])
def test_a_link_is_not_followed_to_a_tile(command, quickstart, what):
    _run(command, quickstart)
    (folder,) = (quickstart / "bulk").iterdir()
    (tile_file,) = folder.iterdir()
    place = tile_file if what == "tile" else folder
    moved = place.rename(quickstart.parent / "moved")
    place.symlink_to(moved)
    assert _verified(command, quickstart) == "bulk.missing"


@posix
def test_a_pipe_in_the_place_of_a_tile_is_told(command, quickstart):
    _run(command, quickstart)
    (path,) = _tiles(quickstart)
    (quickstart / path).unlink()
    os.mkfifo(quickstart / path)
    assert _verified(command, quickstart) == "bulk.missing"


def test_what_a_process_is_about_to_record_is_no_stray(command, quickstart):
    _run(command, quickstart)
    with opened(quickstart) as estate, opened(quickstart) as reader:
        with estate.tiles.attempt(1) as attempt:
            digest = tile.write(attempt, 7, b"octets")
            assert reader.tiles.verify() == 1
            with contextlib.suppress(KeyError), estate.transaction():
                estate.tiles.adopt(1, attempt, [(7, digest)])
                assert reader.tiles.verify() == 1
                raise KeyError
            assert reader.tiles.verify() == 1
            estate.tiles.take_back(1, attempt)
        assert reader.tiles.verify() == 1
