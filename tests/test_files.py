"""Files that are written for their owner only, all of a set or none."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path, PurePosixPath

import pytest

from smki_testca.errors import InputError, OutputError
from smki_testca.files import create, output, replace, write_texts
from smki_testca.folders import OutputFile, new_folder, output_folder, put, write
from smki_testca.unfinished import sweep

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


# An output is whole under its name, or not there.


class _FailingError(Exception):
    pass


@pytest.mark.parametrize("force", [False, True])
def test_a_file_has_its_name_only_when_it_is_whole(tmp_path, force):
    path = tmp_path / "out"
    with pytest.raises(_FailingError), output(path, force=force) as file:  # noqa: PT012 - the block itself is what fails
        file.write(b"half")
        file.flush()
        assert not path.exists()
        raise _FailingError
    assert list(tmp_path.iterdir()) == []
    with output(path, force=force) as file:
        file.write(b"whole")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"whole"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(_FailingError), output(path, force=True) as file:  # noqa: PT012 - the block itself is what fails
        file.write(b"half")
        file.flush()
        assert path.read_bytes() == b"old"
        raise _FailingError
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_somebody_makes_meanwhile_is_not_overwritten(tmp_path, monkeypatch, links):
    if not links:  # as on FAT

        def refuse(*_given, **_named):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr("smki_testca.files.os.link", refuse)
    path = tmp_path / "out"
    with pytest.raises(InputError) as caught, output(path, force=False) as file:  # noqa: PT012 - the block itself is what fails
        file.write(b"mine")
        path.write_bytes(b"theirs")
    assert caught.value.code == "export.exists"
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"theirs"]
    with output(tmp_path / "other", force=False) as file:
        file.write(b"mine")
    assert (tmp_path / "other").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["EIO", "ENOSPC", "EDQUOT", "EROFS", "EFBIG"])
def test_what_the_disk_does_not_take_is_exit_5_and_nothing_is_left_of_it(
    tmp_path, monkeypatch, name
):
    number = getattr(errno, name)

    def fail(_descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("smki_testca.files.os.fsync", fail)
    old = tmp_path / "old"
    old.write_bytes(b"old")
    for attempt in (
        lambda: output(tmp_path / "new", force=False),
        lambda: output(old, force=True),
        lambda: output_folder(tmp_path / "folder", force=False),
        lambda: output_folder(tmp_path, force=True),
    ):
        with pytest.raises(OutputError) as caught, attempt() as place:  # noqa: PT012 - the block itself is what fails
            if isinstance(place, Path):
                put(place / "old", b"new")
            else:
                place.write(b"new")
        assert (caught.value.code, caught.value.exit_code) == ("output.failed", 5)
        assert os.strerror(number) in caught.value.message
        assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


@modes
def test_an_unfinished_file_is_for_its_owner_only_and_has_no_name_to_guess(tmp_path):
    seen = set()
    for _ in range(2):
        with output(tmp_path / "out", force=True) as file:
            file.write(b"octets")
            (unfinished,) = tmp_path.glob("*.unfinished")
            seen.add(unfinished.name)
            assert mode(unfinished) == 0o600
    assert len(seen) == 2
    assert all(re.fullmatch(r"\.out\.[0-9a-f]{32}\.unfinished", name) for name in seen)


@modes
def test_a_document_is_not_written_through_a_link_beside_it(tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"mine")
    (tmp_path / ".list.pem.new").symlink_to(tmp_path / "elsewhere")
    replace(tmp_path / "list.pem", b"new")
    assert (tmp_path / "elsewhere").read_bytes() == b"mine"
    assert (tmp_path / "list.pem").read_bytes() == b"new"


def test_names_as_long_as_a_file_system_takes_can_be_written(tmp_path):
    path = tmp_path / ("ä" * 127)
    write([OutputFile(PurePosixPath("one"), b"octets")], path, force=False)
    replace(path / ("ö" * 127), b"octets")
    assert len(list(path.iterdir())) == 2


@modes
def test_a_pipe_and_standard_output_are_written_to_directly(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with output(pipe, force=True) as file:
            file.write(b"octets")
        assert os.read(reader, 100) == b"octets"
        assert pipe.is_fifo()
    finally:
        os.close(reader)


@modes
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc")
def test_an_open_file_of_the_process_goes_on_where_it_is(tmp_path):
    with (tmp_path / "log").open("w+b") as file:
        file.write(b"before ")
        file.flush()
        link = tmp_path / "stdout"
        link.symlink_to(f"/proc/self/fd/{file.fileno()}")
        with output(link, force=True) as written:
            written.write(b"octets")
        replace(link, b" and more")
        assert link.is_symlink()
    assert (tmp_path / "log").read_bytes() == b"before octets and more"


@pytest.mark.parametrize("at", [1, 2])
def test_of_texts_that_belong_together_all_appear_or_none(tmp_path, monkeypatch, at):
    paths = [tmp_path / "a" / "key", tmp_path / "b" / "csr"]
    for path in paths:
        path.parent.mkdir()
    new = dict.fromkeys(paths, "new")

    def fail():
        named, calls = Path.replace, []

        def fail_at(path, target):
            calls.append(target)
            if len(calls) == at:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(target))
            return named(path, target)

        monkeypatch.setattr("pathlib.Path.replace", fail_at)
        with pytest.raises(OutputError):
            write_texts(new, force=True)
        monkeypatch.undo()

    def left():
        return [path.read_text() for path in sorted(tmp_path.rglob("*")) if path.is_file()]

    fail()
    assert left() == []
    for path in paths:
        path.write_text("old")
    with pytest.raises(InputError):
        write_texts(new, force=False)
    fail()
    assert left() == ["old", "old"]
    write_texts(new, force=True)
    assert left() == ["new", "new"]


# Sets of files.


def test_a_new_folder_appears_whole(tmp_path):
    with pytest.raises(_FailingError), output_folder(tmp_path / "a" / "b", force=False) as work:  # noqa: PT012 - the block itself is what fails
        put(work / "one", b"1")
        assert not (tmp_path / "a" / "b").exists()
        raise _FailingError
    assert list(tmp_path.iterdir()) == []
    with output_folder(tmp_path / "a" / "b", force=False) as work:
        put(work / "deep" / "one", b"1")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert (tmp_path / "a" / "b" / "deep" / "one").read_bytes() == b"1"


def test_an_empty_folder_is_filled_and_not_replaced(tmp_path, monkeypatch):
    folder = tmp_path / "empty"
    folder.mkdir(mode=0o750)
    before = folder.stat()
    # A file system's own folder does not count: this may be a mount point.
    (folder / "lost+found").mkdir()
    monkeypatch.chdir(folder)
    with new_folder(Path()) as work:
        put(work / "deep" / "one", b"1")
        put(work / "two", b"2")
        assert not (folder / "two").exists()
    after = folder.stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    with pytest.raises(OSError, match="not empty"), new_folder(folder) as work:
        put(work / "three", b"3")
    assert sorted(path.name for path in folder.iterdir()) == ["deep", "lost+found", "two"]
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_folder_that_cannot_be_filled_to_its_end_is_empty_again(tmp_path, monkeypatch):
    renamed, calls = Path.rename, []

    def fail_at(path, target):
        calls.append(target)
        if len(calls) == 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(target))
        return renamed(path, target)

    monkeypatch.setattr("pathlib.Path.rename", fail_at)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), new_folder(tmp_path) as work:  # noqa: PT012 - the block itself is what fails
        for name in ("one", "two", "three"):
            put(work / name, b"octets")
    assert list(tmp_path.iterdir()) == []


@modes
@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_folder_whose_maker_is_killed_while_it_is_filled_is_filled_by_the_next(tmp_path, moved):
    place = tmp_path / f".folder.{'0' * 32}.unfinished"
    names = ["one", "three", "two"]
    for number, name in enumerate(names):
        put((tmp_path if number < moved else place / "whole") / name, b"octets")
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == names


@modes
def test_what_is_in_the_way_of_a_folder_that_is_filled_later_stays_and_nothing_is_lost(tmp_path):
    place = tmp_path / f".folder.{'0' * 32}.unfinished"
    put(place / "whole" / "one", b"made")
    put(tmp_path / "one", b"mine")
    put(tmp_path / "one.1", b"mine, too")
    sweep(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "one": b"mine",
        "one.1": b"mine, too",
        "one.2": b"made",
    }


@modes
def test_what_was_not_whole_when_its_maker_was_killed_is_removed(tmp_path):
    put(tmp_path / f".folder.{'0' * 32}.unfinished" / "new" / "one", b"octets")
    with new_folder(tmp_path) as work:
        put(work / "two", b"2")
    assert [path.name for path in tmp_path.iterdir()] == ["two"]


@modes
def test_a_link_in_the_place_of_what_is_whole_leads_nowhere(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    put(elsewhere / "mine", b"mine")
    place = tmp_path / "folder" / f".folder.{'0' * 32}.unfinished"
    place.mkdir(parents=True)
    (place / "whole").symlink_to(elsewhere)
    sweep(tmp_path / "folder")
    assert list((tmp_path / "folder").iterdir()) == []
    assert (elsewhere / "mine").exists()


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("links", [True, False])
def test_a_set_that_cannot_be_moved_to_its_end_leaves_the_old_files(
    tmp_path, monkeypatch, at, links
):
    old = {"a/one": b"old 1", "mine": b"mine", "two": b"old 2"}
    for name, octets in old.items():
        put(tmp_path / name, octets)
    replaced, calls = Path.replace, []

    def fail_at(path, target):
        calls.append(target)
        if len(calls) == at:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(target))
        return replaced(path, target)

    monkeypatch.setattr("pathlib.Path.replace", fail_at)
    if not links:

        def refuse(*_given, **_named):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr("smki_testca.files.os.link", refuse)
    new = [OutputFile(PurePosixPath(name), b"new") for name in ("a/one", "b/three", "two")]
    with pytest.raises(OutputError):
        write(new, tmp_path, force=True)
    assert {
        str(path.relative_to(tmp_path)): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    } == old
    assert not (tmp_path / "b").exists()


def test_a_set_does_not_overwrite_what_somebody_makes_meanwhile(tmp_path):
    with pytest.raises(InputError) as caught, output_folder(tmp_path, force=False) as work:  # noqa: PT012 - the block itself is what fails
        put(work / "one", b"1")
        put(work / "two", b"2")
        (tmp_path / "two").write_bytes(b"theirs")
    assert caught.value.code == "export.exists"
    assert str(tmp_path / "two") in caught.value.message
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"theirs"]
