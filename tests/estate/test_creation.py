"""Estates are made whole; what a killed process left of one is removed by the next maker."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from estates import opened
from makers import maker
from smki_testca.api import Estate
from smki_testca.errors import EstateError, InputError
from smki_testca.estate.creation import creating, is_unfinished
from smki_testca.estate_files import MARKER

MAKER = """
import sys, time
from pathlib import Path
from smki_testca.api import Estate
from smki_testca.estate.creation import creating
from smki_testca.estate_files import FILES
directory = Path(sys.argv[1])
with creating(directory, *FILES, "passphrase", "export"):
    estate = Estate.create(directory, "phrase")
    (directory / "passphrase").write_text("phrase")
    (directory / "export").mkdir()
    (directory / "export" / "one.key").write_text("a key in the clear")
    print("made", flush=True)
    time.sleep(600)
"""

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")


def _create(directory):
    with Estate.create(directory, "phrase"):
        pass


def test_an_estate_that_was_made_has_no_marker(tmp_path):
    _create(tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"estate.sqlite", ".gitignore"}
    with creating(tmp_path / "other"):
        assert is_unfinished(tmp_path / "other")
    assert not is_unfinished(tmp_path / "other")


@pytest.mark.slow
@pytest.mark.parametrize("parts", [("new",), ("deep", "new"), ()])
def test_an_estate_that_cannot_be_made_leaves_nothing(tmp_path, parts):
    directory = tmp_path.joinpath("place", *parts)
    if not parts:
        (directory / "profiles").mkdir(parents=True)

    def fail():
        assert is_unfinished(directory)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Estate.create(directory, fail)
    names = ("estate.sqlite", "export")
    with pytest.raises(EstateError), creating(directory, *names):  # noqa: PT012
        _create(directory)
        (directory / "export").mkdir()
        raise EstateError("estate.unusable", "no room")
    expected = ["place"] if not parts else []
    assert [path.name for path in tmp_path.iterdir()] == expected
    if not parts:
        assert [path.name for path in directory.iterdir()] == ["profiles"]
    _create(directory)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("words", [("quickstart",), ("init",)])
def test_what_a_killed_command_left_is_removed_by_the_next(command, tmp_path, monkeypatch, words):
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", "another phrase")
    directory = tmp_path / "new"
    with maker(MAKER, directory):
        for again in (("quickstart",), ("init",)):
            outcome = command("--json", *again, directory)
            assert (outcome.code, outcome.json["error"]["code"]) == (5, "estate.unfinished")
        assert (directory / "export" / "one.key").exists()
    for look in (("list",), ("audit", "verify"), ("batch", "list")):
        outcome = command("--json", "--estate", directory, *look)
        assert (outcome.code, outcome.json["error"]["code"]) == (5, "estate.unfinished")
    outcome = command(*words, directory)
    assert outcome.code == 0, outcome.err
    assert not (directory / "export" / "one.key").exists()
    assert not is_unfinished(directory)
    assert command("--estate", directory, "audit", "verify").code == 0


@posix
def test_only_what_the_killed_process_named_is_removed(tmp_path):
    directory = tmp_path / "new"
    (directory / "profiles").mkdir(parents=True)
    (tmp_path / "outside").write_text("mine")
    (directory / "diary").write_text("mine")
    (directory / "estate.sqlite").write_text("half")
    names = '["estate.sqlite", "profiles", "../outside", "..", ".", 1, "a\\u0000b"]'
    (directory / MARKER).write_text(names)
    with pytest.raises(InputError) as caught:
        _create(directory)
    assert caught.value.code == "estate.not_empty"
    assert "diary" in caught.value.message
    assert (directory / "profiles").is_dir()
    assert (tmp_path / "outside").exists()
    assert not (directory / "estate.sqlite").exists()


@posix
def test_a_marker_that_was_cut_off_names_nothing(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / MARKER).write_bytes(b'["est')
    _create(tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"estate.sqlite", ".gitignore"}


@pytest.mark.slow
def test_quickstart_makes_its_estate_beside_profiles_that_are_there(command, tmp_path):
    (tmp_path / "new" / "profiles").mkdir(parents=True)
    assert command("quickstart", tmp_path / "new").code == 0
    with opened(tmp_path / "new") as estate:
        assert estate.audit.verify()


WRITER = """
import sys
from pathlib import Path
from smki_testca.estate.creation import creating
from smki_testca.passphrases import leave_passphrase
directory = Path(sys.argv[1])
with creating(directory, "passphrase"):
    leave_passphrase(directory, "phrase")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the library is preloaded as on Linux")
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler (cc)")
def test_whichever_write_is_the_last_of_a_killed_maker_the_next_one_can_make(tmp_path):
    library, source = tmp_path / "fault.so", Path(__file__).parents[1] / "write_fault.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    directory, count = tmp_path / "new", tmp_path / "count"
    left = set()
    for at in itertools.count(1):
        count.write_bytes(bytes(8))
        faults = {
            "LD_PRELOAD": str(library),
            "FAULT_BELOW": str(directory),
            "FAULT_AT": str(at),
            "FAULT_COUNT": str(count),
            "FAULT_ERRNO": "0",
        }
        call = [sys.executable, "-c", WRITER, directory]
        code = subprocess.run(call, check=False, env=os.environ | faults).returncode
        assert code in {0, -signal.SIGKILL}
        if is_unfinished(directory):
            left |= {path.name.partition(".unfinished")[0][:6] for path in directory.iterdir()}
        if code == 0:
            break
        if directory.exists() and not is_unfinished(directory):
            # It was killed right after its end, or before its beginning.
            shutil.rmtree(directory)
        with creating(directory, "passphrase"):
            pass
        assert {path.name for path in directory.iterdir()} == {".gitignore"}
        shutil.rmtree(directory)
    assert {"..giti", ".passp"} <= left  # kills in the middle of both files were among them
