"""Writes outputs that are sets of files: the folder appears whole, or its files do, or none.

Folders are for their owner only, mode 0700.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import stat
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.estate_files import check_outside, has_own_name
from smki_testca.files import (
    NO_HARD_LINKS,
    check_takes_files,
    exists_error,
    give_name,
    sync_file,
    sync_folder,
    write_error,
)
from smki_testca.streams import is_standard_output, is_stream
from smki_testca.unfinished import is_unfinished, move_up, sweep, unfinished_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import PurePath, PurePosixPath

LOST_AND_FOUND = "lost+found"
"""The folder that a file system of Linux has at its top."""

_MANY_FILES = 32
"""From so many on, the system is asked once to write everything: each alone takes much longer."""
_VERY_MANY_FILES = 10_000
"""From so many on, it is asked for nothing else where it tells of errors then: to ask for each file
takes 1 ms, whether there is anything to write or not."""


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file to write, below the folder that the user named."""

    path: PurePosixPath
    data: bytes


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield a folder to fill; its content appears when the block ends without an error.

    A folder that does not exist yet gets its name then. One that does is never replaced: it may
    be a mount point, the current directory, or one's own in another's. The content moves into it.
    If the process is killed on the way, the next ``sweep`` of it moves the rest.

    The files in it must be safe on the disk by then: see ``settle``.

    Args:
        out: a folder that does not exist yet, or is empty.

    Raises:
        InputError: if it is an estate's own.
        OSError: if it cannot be made, or is not empty.
    """
    check_outside(out)
    target = Path(os.path.realpath(out))
    if not target.exists():
        with _named_folder(target) as work:
            yield work
        return
    sweep(target)
    if first_entry(target) is not None:
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(out))
    with unfinished_folder(target, target.name) as place:
        work = place / "new"
        work.mkdir(mode=0o700)
        yield work
        if any(path != place for path in _entries(target)):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(out))
        move_up(place, target)
    sync_folder(target)


def first_entry(folder: Path) -> Path | None:
    """Something that a folder holds, other than what a file system puts there; None if empty.

    Raises:
        OSError: if it is no folder, or cannot be read.
    """
    return next(_entries(folder), None)


def _entries(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.name != LOST_AND_FOUND)


@contextlib.contextmanager
def _named_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to fill, which gets its name when the block ends without an error."""
    created = make_folders(target.parent)
    sweep(target.parent)
    try:
        with unfinished_folder(target.parent, target.name) as place:
            work = place / "new"
            work.mkdir(mode=0o700)
            yield work
            work.rename(target)  # one that somebody made meanwhile gives way if it is empty
    except BaseException:
        remove_folders(created)
        raise
    for folder in (target.parent, *(folder.parent for folder in created)):
        sync_folder(folder)


@contextlib.contextmanager
def output_folder(out: Path, *, force: bool) -> Iterator[Path]:
    """Yield a folder to fill; its files appear below another when the block ends without an error.

    Where that other folder is new, everything appears at once. Where it exists, the files move
    into it one by one: after an error the old ones are back and the new ones gone; if the process
    is killed on the way, each file is the old one or the new one. The folder itself may be a link.
    Links to folders below it are not followed, for they lead out of it; those to files are
    replaced.

    Args:
        out: the folder; it is made if need be.
        force: whether files may take the place of existing ones.

    Raises:
        InputError: if a file exists and ``force`` is not set, or one cannot be made; if it is a
            device, a pipe or a socket; if it, or a file below it, is an estate's own; if a folder
            below it is a link.
        OutputError: if the disk is full or fails.
    """
    if is_stream(out):
        name = "Standard output" if is_standard_output(out) else out
        raise InputError("export.unwritable", f"{name} is not a folder.", "Name one with --out.")
    check_outside(out)
    work = out
    try:
        with _merged(out, force=force) if out.is_dir() else new_folder(out) as work:
            yield work
            settle(work)
    except OSError as error:
        # The unfinished folder is gone, or was never made: name the file that would have been.
        name = os.fsdecode(error.filename2 or error.filename or out).replace(str(work), str(out))
        if any(map(is_unfinished, Path(name).parts)):
            name = str(out)
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY}:
            raise exists_error(Path(name), "Name another folder, or add --force.") from error
        raise write_error("export.unwritable", f"{name} cannot be written", error) from error


def check_folder(out: Path) -> None:
    """Check before long work that files can be written below a folder, which is made if need be.

    Raises:
        InputError: if they cannot; if it is an estate's own.
        OutputError: if the disk is full or fails.
    """
    check_outside(out)
    try:
        check_takes_files(out)
    except OSError as error:
        raise write_error("export.unwritable", f"{out} cannot be written", error) from error


def put(path: Path, data: bytes) -> None:
    """Write a new file into a folder that is not finished, and make its folders.

    Raises:
        OSError: if it cannot be written.
    """
    if not path.parent.is_dir():
        make_folders(path.parent)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def write(files: Iterable[OutputFile], out: Path, *, force: bool) -> list[Path]:
    """Write all files below a folder, or none; make the folder if it is missing.

    Args:
        files: what to write; of two with one path, the last.
        out: the folder.
        force: whether to overwrite existing files.

    Returns:
        Their paths.

    Raises:
        InputError: if a file exists and ``force`` is not set, or cannot be written.
        OutputError: if the disk is full or fails.
    """
    files = list(files)
    by_path = {file.path: file.data for file in files}
    paths = [out.joinpath(*path.parts) for path in by_path]
    present = None if force else taken(files, out)
    if present is not None:
        raise exists_error(present, "Name another folder, or add --force.")
    if by_path:
        with output_folder(out, force=force) as work:
            for path, data in by_path.items():
                put(work.joinpath(*path.parts), data)
    return paths


def taken(files: Iterable[OutputFile], out: Path) -> Path | None:
    """The first path of some files below a folder that is taken; None if all are free."""
    paths = (out.joinpath(*file.path.parts) for file in files)
    return next((path for path in paths if os.path.lexists(path)), None)


def settle(folder: Path) -> None:
    """Wait until everything below a folder is safe on the disk.

    Raises:
        OSError: if it cannot be written.
    """
    count = sum(1 for _ in islice(_files(folder), _VERY_MANY_FILES))
    if count == _VERY_MANY_FILES and _sync_file_system(folder):
        return
    if count > _MANY_FILES and hasattr(os, "sync"):
        os.sync()  # it does not tell of errors: the calls below do, and have little left to do
    for file in _files(folder):
        sync_file(file)
    for place, _, _ in os.walk(folder):
        sync_folder(Path(place))


def _sync_file_system(folder: Path) -> bool:
    """Wait until the whole file system of a folder is safe on the disk.

    Returns:
        False where the system cannot do that, or does not tell of errors.

    Raises:
        OSError: if something cannot be written.
    """
    if sys.platform != "linux" or _version_of_linux() < (5, 8):
        return False
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if not hasattr(library, "syncfs"):
            return False
        if library.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)
    return True


def _version_of_linux() -> tuple[int, ...]:
    """The version of the kernel; from 5.8 on, ``syncfs`` tells of errors."""
    return tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))


def make_folders(folder: Path) -> list[Path]:
    """Make a folder and its parents.

    Returns:
        Those that were missing, the outermost first.

    Raises:
        OSError: if one cannot be made; none is left then.
    """
    missing = [each for each in (folder, *folder.absolute().parents) if not each.exists()][::-1]
    created: list[Path] = []
    try:
        for each in missing:
            with contextlib.suppress(FileExistsError):  # somebody else was quicker
                each.mkdir(mode=0o700)
                created.append(each)
    except BaseException:
        remove_folders(created)
        raise
    return created


def remove_folders(created: list[Path]) -> None:
    """Remove what ``make_folders`` made, unless it holds something."""
    for folder in reversed(created):
        with contextlib.suppress(OSError):
            folder.rmdir()


@contextlib.contextmanager
def _merged(out: Path, *, force: bool) -> Iterator[Path]:
    """Yield a folder to fill; at the end, its files move into an existing one, or none does."""
    sweep(out)
    with unfinished_folder(out, out.name) as place:
        new, old = place / "new", place / "old"
        new.mkdir(mode=0o700)
        old.mkdir(mode=0o700)
        yield new
        folders: list[Path] = []
        moved: list[tuple[Path, Path | None]] = []
        files = sorted(_files(new))
        for folder in dict.fromkeys(file.parent.relative_to(new) for file in files):
            check_no_link(out, folder)
        try:
            for number, file in enumerate(files):
                path = out / file.relative_to(new)
                folders += make_folders(path.parent)
                kept = old / str(number) if force and os.path.lexists(path) else None
                if kept is not None or has_own_name(file.relative_to(new)):
                    check_outside(path)
                if kept is not None:
                    _keep(path, kept)
                    moved.append((path, kept))
                give_name(file, path, force=force)
                if kept is None:
                    moved.append((path, None))
            for folder in dict.fromkeys(path.parent for path, _ in moved):
                sync_folder(folder)
            for folder in folders:
                sync_folder(folder.parent)
        except BaseException:
            for path, kept in reversed(moved):
                with contextlib.suppress(OSError):
                    if kept is None:
                        path.unlink(missing_ok=True)
                    else:
                        kept.replace(path)
            remove_folders(folders)
            raise


def check_no_link(out: Path, folder: PurePath) -> None:
    """Check that a folder below another one is in it, and not where a link leads.

    Args:
        out: the outer one, which may be a link itself.
        folder: the path of the inner one below it.

    Raises:
        InputError: if a link leads to it.
    """
    link = link_below(out, folder)
    if link is not None:
        raise InputError(
            "export.link",
            f"{link} is a link: what is written below it would leave {out}.",
            "Remove the link, or name another folder.",
        )


def link_below(out: Path, folder: PurePath) -> Path | None:
    """The first link on the way from a folder to one below it; None if there is none."""
    way = [folder, *folder.parents][:-1]
    return next((out / each for each in reversed(way) if (out / each).is_symlink()), None)


def _keep(path: Path, kept: Path) -> None:
    """Give an existing file a second name, from which it can come back.

    Raises:
        OSError: if it is neither a file nor a link.
    """
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "it is a device, a pipe or a socket", str(path))
    try:
        os.link(path, kept, follow_symlinks=False)
    except (OSError, NotImplementedError) as error:
        if path.is_dir() and not path.is_symlink():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path)) from error
        if isinstance(error, OSError) and error.errno not in NO_HARD_LINKS:
            raise
        path.rename(kept)


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)
