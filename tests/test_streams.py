"""Outputs that are no regular files: they are written to, and never replaced."""

from __future__ import annotations

import os
import socket
from pathlib import Path, PurePosixPath

import pytest

from smki_testca.errors import InputError, UsageError
from smki_testca.files import check_free, output, replace
from smki_testca.folders import OutputFile, output_folder, write
from smki_testca.streams import STANDARD_OUTPUT, check_no_terminal, is_standard_output

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


@pytest.mark.parametrize("force", [True, False])
def test_the_null_device_stays_a_device(force):
    before = Path(os.devnull).stat()
    with output(Path(os.devnull), force=force) as file:
        file.write(b"octets")
    assert Path(os.devnull).stat()[:3] == before[:3]


@pytest.mark.parametrize("force", [True, False])
def test_a_link_to_a_device_is_followed_and_stays(tmp_path, force):
    link = tmp_path / "link"
    link.symlink_to(os.devnull)
    with output(link, force=force, text=True) as file:
        file.write("text")
    assert link.is_symlink()
    assert Path(os.devnull).is_char_device()


def test_a_socket_cannot_be_written_to_and_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's name is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for attempt in (
            lambda: output(Path("socket"), force=True),
            lambda: output(Path("socket"), force=False),
            lambda: output_folder(Path("socket"), force=True),
        ):
            with pytest.raises(InputError) as caught, attempt():
                pass
            assert caught.value.code == "export.unwritable"
            assert Path("socket").is_socket()
        with pytest.raises(OSError, match="socket"):
            replace(Path("socket"), b"octets")
    assert [path.name for path in tmp_path.iterdir()] == ["socket"]


def test_a_pipe_in_the_place_of_a_file_of_a_set_stays_and_nothing_is_written(tmp_path):
    os.mkfifo(tmp_path / "two")
    files = [OutputFile(PurePosixPath(name), b"octets") for name in ("one", "two")]
    with pytest.raises(InputError) as caught:
        write(files, tmp_path, force=True)
    assert str(tmp_path / "two") in caught.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["two"]
    assert (tmp_path / "two").is_fifo()


def test_only_a_file_or_a_folder_is_in_the_way(tmp_path):
    (tmp_path / "file").write_bytes(b"octets")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("file", "dangling", "."):
        with pytest.raises(InputError) as caught:
            check_free(tmp_path / name, force=False)
        assert caught.value.code == "export.exists"
        check_free(tmp_path / name, force=True)
    check_free(tmp_path / "new", force=False)
    check_free(Path(os.devnull), force=False)
    check_free(STANDARD_OUTPUT, force=False)


def test_binary_data_is_not_written_to_a_terminal():
    import pty  # noqa: PLC0415 - not on Windows

    one, other = pty.openpty()
    try:
        terminal = Path(os.ttyname(other))
        with pytest.raises(UsageError, match="terminal"):
            check_no_terminal(terminal)
        with pytest.raises(UsageError, match="terminal"), output(terminal, force=True):
            pass
        with output(terminal, force=False, text=True) as file:
            file.write("text")
        assert os.read(one, 100) == b"text"
    finally:
        os.close(one)
        os.close(other)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc")
def test_standard_output_has_several_names(tmp_path):
    (tmp_path / "link").symlink_to("/dev/stdout")
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        assert is_standard_output(Path(name))
    assert not is_standard_output(Path("/dev/stderr"))
    assert not is_standard_output(tmp_path / "file")
