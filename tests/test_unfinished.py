"""What a killed process left unfinished is removed by the next, and nothing else is."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest

from makers import maker
from smki_testca.files import output, replace
from smki_testca.folders import OutputFile, write
from smki_testca.unfinished import stale, sweep

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")

MAKER = """
import sys, time
from pathlib import Path
from smki_testca.files import output, replace
from smki_testca.folders import output_folder, put
folder = Path(sys.argv[1])
with output(folder / "keys", force=True) as file, output_folder(folder / "set", force=True) as work:
    file.write(b"a key in the clear")
    file.flush()
    put(work / "deep" / "key", b"a key in the clear")
    print("made", flush=True)
    time.sleep(600)
"""


def _left(folder):
    return [path for path in folder.rglob("*") if path.is_file() and b"key" in path.read_bytes()]


def _file(folder):
    with output(folder / "other", force=False) as file:
        file.write(b"octets")


def _set(folder):
    write([OutputFile(PurePosixPath("one"), b"octets")], folder / "others", force=False)


def _document(folder):
    replace(folder / "document", b"octets")


@pytest.mark.slow
@pytest.mark.parametrize("make", [_file, _set, _document])
def test_no_key_in_the_clear_is_left_after_the_next_output_beside_it(tmp_path, make):
    with maker(MAKER, tmp_path):
        sweep(tmp_path)
        assert len(_left(tmp_path)) == 2
    assert len(_left(tmp_path)) == 2
    make(tmp_path)
    assert _left(tmp_path) == []


def test_other_names_links_and_files_are_left_alone(tmp_path):
    end = f"{'0' * 32}.unfinished"
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / f"no-dot.{end}").write_bytes(b"mine")
    (tmp_path / ".short.0123.unfinished").write_bytes(b"mine")
    (tmp_path / f".link.{end}").symlink_to(tmp_path / "mine")
    os.mkfifo(tmp_path / f".pipe.{end}")
    sweep(tmp_path)
    assert len([path for path in tmp_path.iterdir() if path.name.endswith("mine")]) == 1
    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert (tmp_path / f"no-dot.{end}").exists()
    assert (tmp_path / ".short.0123.unfinished").exists()


def test_what_is_left_is_found_by_the_name_that_it_would_have_had(tmp_path):
    (tmp_path / f".000001-ab.{'0' * 32}.unfinished").mkdir()
    assert [(name, path.is_dir()) for name, path in stale(tmp_path)] == [("000001-ab", True)]


def test_a_folder_that_is_not_there_has_nothing_left(tmp_path):
    sweep(tmp_path / "gone")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_what_another_user_left_is_not_touched(tmp_path):
    path = tmp_path / f".file.{'0' * 32}.unfinished"
    path.write_bytes(b"theirs")
    os.chown(path, 12345, 12345)
    sweep(tmp_path)
    assert path.exists()
