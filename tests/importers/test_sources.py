"""Files and folders are read in order, and private keys are passed over."""

from __future__ import annotations

import base64
import os

import pytest

from material import (
    pem,
)
from smki_testca.errors import InputError
from smki_testca.importers.sources import MAX_FILE_OCTETS, Source, sources


def test_a_folder_is_walked_in_the_order_of_its_paths(tmp_path, ders):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.pem").write_bytes(pem(ders[1]))
    (tmp_path / "a.der").write_bytes(ders[0])
    (tmp_path / "c.cer").write_bytes(base64.b64encode(ders[2]))
    assert list(sources([str(tmp_path)])) == [
        Source(str(tmp_path / "a.der"), 0, ders[0]),
        Source(str(tmp_path / "b" / "1.pem"), 0, ders[1]),
        Source(str(tmp_path / "c.cer"), 0, ders[2]),
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_named_pipe_in_a_folder_is_not_waited_for(tmp_path, ders):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "one.der").write_bytes(ders[0])
    assert [one.data for one in sources([str(tmp_path)])] == [ders[0]]


def test_a_folder_that_links_to_itself_is_walked_once(tmp_path, ders):
    (tmp_path / "one.der").write_bytes(ders[0])
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert [one.data for one in sources([str(tmp_path)])] == [ders[0]]


def test_the_name_of_a_file_says_nothing_of_what_it_holds(tmp_path, ders):
    (tmp_path / "key.zip").write_bytes(pem(ders[0]))
    assert [one.data for one in sources([str(tmp_path / "key.zip")])] == [ders[0]]


@pytest.mark.parametrize("name", ["missing.pem", "no/such/folder"])
def test_a_file_that_is_not_there_is_an_error(tmp_path, name):
    with pytest.raises(InputError) as caught:
        list(sources([str(tmp_path / name)]))
    assert caught.value.code == "input.unreadable"
    assert name in caught.value.message


def test_a_file_that_is_too_long_is_told_and_the_next_one_is_read(tmp_path, ders):
    with (tmp_path / "a").open("wb") as file:
        file.truncate(MAX_FILE_OCTETS + 1)
    (tmp_path / "b").write_bytes(ders[0])
    first, second = sources([str(tmp_path)])
    assert first.problem.code == "document.too_long"
    assert second.data == ders[0]
