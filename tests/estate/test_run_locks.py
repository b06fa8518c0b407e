"""Which runs a living process works on."""

import os
import subprocess
import sys

import pytest

from batches import PATIENCE
from smki_testca.estate.run_locks import RunLocks


@pytest.fixture
def locks(tmp_path):
    """The locks of two processes on one estate, and the folders of its runs."""

    def folder(run):
        return tmp_path / "bulk" / f"{run:06d}"

    own, other = RunLocks(folder), RunLocks(folder)
    yield own, other, folder
    own.close()
    other.close()


def test_a_run_is_held_until_the_last_of_its_processes_lets_go(locks):
    own, other, folder = locks
    assert not own.is_held(1)
    own.hold(1)
    own.hold(1)
    assert own.is_held(1)
    assert other.is_held(1)
    assert not other.is_held(2)
    with other.holding(1):
        own.release(1)
        assert own.is_held(1)
        assert folder(1).is_dir()
    assert not own.is_held(1)


def test_a_folder_that_stayed_empty_goes_and_one_with_tiles_stays(locks):
    own, _, folder = locks
    own.hold(1)
    own.hold(2)
    (folder(2) / "a.tile").touch()
    own.close()
    assert not folder(1).exists()
    assert folder(2).exists()
    assert not own.is_held(2)


def test_a_number_that_was_rolled_back_is_held_for_its_next_run(tmp_path):
    names = ["first", "second"]
    locks = RunLocks(lambda _: tmp_path / "bulk" / names[0])
    locks.hold(1)
    names.pop(0)
    assert not locks.is_held(1)
    locks.hold(1)
    assert locks.is_held(1)
    assert not (tmp_path / "bulk" / "first").exists()
    locks.close()


def test_a_link_in_the_place_of_a_folder_is_not_followed(locks, tmp_path):
    own, _, folder = locks
    folder(1).parent.mkdir()
    (tmp_path / "elsewhere").mkdir()
    folder(1).symlink_to(tmp_path / "elsewhere")
    own.hold(1)
    own.release(1)
    assert folder(1).is_symlink()
    assert (tmp_path / "elsewhere").is_dir()


@pytest.mark.skipif(os.name != "posix", reason="a lock of another process needs flock")
def test_a_lock_ends_with_its_process_however_that_ends(locks):
    own, _, folder = locks
    code = (
        "import sys, time; from pathlib import Path;"
        "from smki_testca.estate.run_locks import RunLocks;"
        "locks = RunLocks(lambda run: Path(sys.argv[1])); locks.hold(1);"
        "print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, folder(1)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    assert own.is_held(1)
    process.kill()
    process.wait(PATIENCE)
    process.stdout.close()
    assert not own.is_held(1)
