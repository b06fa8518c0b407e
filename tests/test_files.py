"""Files that are written for their owner only, all of a set or none."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

import pytest

from smki_testca.errors import InputError, OutputError
from smki_testca.files import OutputFile, create, output, replace, write

modes = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes and links")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def no_umask():
    before = os.umask(0)
    yield
    os.umask(before)


@modes
@pytest.mark.usefixtures("no_umask")
def test_a_file_is_created_for_its_owner_only_and_over_nothing(tmp_path):
    path = tmp_path / "file"
    create(path, b"octets")
    assert (path.read_bytes(), mode(path)) == (b"octets", 0o600)
    with pytest.raises(FileExistsError):
        create(path, b"others")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        create(tmp_path / "link", b"others")
    assert path.read_bytes() == b"octets"
    assert not (tmp_path / "elsewhere").exists()


@modes
@pytest.mark.usefixtures("no_umask")
def test_a_new_file_takes_the_place_of_one_that_others_may_read_and_of_a_link(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine")
    link, readable = tmp_path / "link", tmp_path / "readable"
    link.symlink_to(elsewhere)
    readable.write_bytes(b"before")
    for path in (link, readable):
        with output(path, force=True, text=True) as file:
            file.write("ä\r\n")
        assert path.read_bytes() == "ä\r\n".encode()
        assert not path.is_symlink()
        assert mode(path) == 0o600
    assert elsewhere.read_bytes() == b"mine"


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), KeyboardInterrupt()],
    ids=["full", "interrupt"],
)
def test_an_export_that_does_not_come_to_its_end_leaves_nothing(tmp_path, monkeypatch, error):
    class Failing:
        def __fspath__(self):
            raise error

    kept = tmp_path / "out" / "kept"
    kept.parent.mkdir()
    kept.write_bytes(b"mine")
    opened = os.open

    def fail_at_the_second(path, *given, **named):
        return opened(Failing() if Path(path).name == "two" else path, *given, **named)

    monkeypatch.setattr("smki_testca.files.os.open", fail_at_the_second)
    made = [OutputFile(PurePosixPath("a") / name, b"octets") for name in ("one", "two")]
    with pytest.raises((OutputError, KeyboardInterrupt)):
        write(made, tmp_path / "out", force=False)
    assert list(kept.parent.iterdir()) == [kept]


@modes
def test_writing_makes_folders_for_the_owner_only(tmp_path):
    paths = write(
        [OutputFile(PurePosixPath("a/b/c.pem"), b"octets")], tmp_path / "new" / "out", force=False
    )
    assert [path.read_bytes() for path in paths] == [b"octets"]
    for folder in (tmp_path / "new", tmp_path / "new" / "out", tmp_path / "new" / "out" / "a"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_set_leaves_what_is_there_alone_unless_forced(tmp_path):
    (tmp_path / "two").write_bytes(b"mine")
    both = [OutputFile(PurePosixPath(name), b"octets") for name in ("one", "two")]
    with pytest.raises(InputError) as caught:
        write(both, tmp_path, force=False)
    assert caught.value.code == "export.exists"
    assert [path.name for path in tmp_path.iterdir()] == ["two"]
    assert [path.read_bytes() for path in write(both, tmp_path, force=True)] == [b"octets"] * 2


@modes
def test_a_link_stays_where_the_file_behind_it_is_replaced(tmp_path):
    (tmp_path / "real").write_bytes(b"before")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    replace(tmp_path / "link", b"after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"after"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_a_file_that_cannot_be_replaced_leaves_nothing_beside_it(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r".+"):
        replace(tmp_path / "folder", b"octets")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
