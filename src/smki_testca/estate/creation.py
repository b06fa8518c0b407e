"""Creates estates whole: what a killed process left of one is removed by the next that makes it.

While an estate is made, its directory holds a marker: a file that names what is being made there,
locked by its maker. The removal of the marker is the moment from which the estate exists.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

from smki_testca.errors import MEDIUM_ERRORS, EstateError, InputError
from smki_testca.estate_files import FILE_NAME, MARKER, PROFILES_FOLDER
from smki_testca.files import create, sync_folder
from smki_testca.folders import LOST_AND_FOUND, make_folders, remove_folders
from smki_testca.gitignore import GITIGNORE, LEAVE_OUT_ALL
from smki_testca.unfinished import keep, lock, remove, stale

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_MAX_OCTETS = 4096

_made_here: set[str] = set()
"""The directories of the estates that this process is making."""


def is_unfinished(directory: Path) -> bool:
    """Whether an estate is being made in a directory, or its maker was killed."""
    return os.path.lexists(directory / MARKER)


def check_finished(directory: Path) -> None:
    """Check that the estate in a directory is whole, or is made by this process.

    Raises:
        EstateError: if it is not.
    """
    if is_unfinished(directory) and os.path.realpath(directory) not in _made_here:
        raise EstateError(
            "estate.unfinished",
            f"The estate in {directory} is not complete: it is being made, or its making was"
            " interrupted.",
            "If nobody is making it, run init, quickstart or restore again: it removes what is"
            " left.",
        )


@contextlib.contextmanager
def creating(directory: Path, *names: str) -> Iterator[None]:
    """Make a directory for an estate; unless the block ends without an error, remove it again.

    Within another for the same directory, it does nothing.

    Args:
        directory: one that is new or empty; it may hold a folder ``profiles``.
        names: of the files and folders that the block makes in it. A name that the block of the
            one within makes is named here, too. A file ``.gitignore`` is made here.

    Raises:
        InputError: if the directory holds anything else.
        EstateError: if it cannot be made, or another process is making an estate there.
    """
    place = os.path.realpath(directory)
    if place in _made_here:
        yield
        return
    directory.exists()  # raises the OSError of a name that can be no file's
    folders: list[Path] = []
    try:
        folders += make_folders(directory)
        _clear(directory)
        _check_empty(directory)
        directory.chmod(0o700)
        descriptor = _mark(directory, names)
    except OSError as error:
        remove_folders(folders)
        raise _unwritable(directory, error) from error
    _made_here.add(place)
    try:
        create(directory / GITIGNORE, LEAVE_OUT_ALL)
        yield
        sync_folder(directory)
        for folder in folders:
            sync_folder(folder.absolute().parent)
        (directory / MARKER).unlink()
    except BaseException as error:  # also after Ctrl-C, nothing is left of the estate
        _remove(directory, names)
        remove_folders(folders)
        if isinstance(error, OSError) and error.errno in MEDIUM_ERRORS:
            raise _unwritable(directory, error) from error
        raise
    finally:
        _made_here.discard(place)
        os.close(descriptor)
    # The estate is there, also if the system cannot promise that it outlives a loss of power.
    with contextlib.suppress(OSError):
        sync_folder(directory)


def _mark(directory: Path, names: tuple[str, ...]) -> int:
    """Create the marker, and return its descriptor, which holds the lock."""
    path = directory / MARKER
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _NO_LINK, 0o600)
    except FileExistsError as error:
        raise _being_made(directory) from error
    if not keep(descriptor, path):
        os.close(descriptor)
        raise _being_made(directory)
    try:
        os.write(descriptor, json.dumps(names).encode())
        os.fsync(descriptor)
        sync_folder(directory)
    except BaseException:  # also after Ctrl-C: the marker would keep others from the directory
        remove(path)
        os.close(descriptor)
        raise
    return descriptor


def _clear(directory: Path) -> None:
    """Remove what a killed process left of an estate.

    Raises:
        EstateError: if its process is alive.
    """
    try:
        descriptor = os.open(directory / MARKER, os.O_RDONLY | _NO_LINK)
    except FileNotFoundError:
        return
    try:
        if not lock(descriptor):
            raise _being_made(directory)
        try:
            names = json.loads(os.read(descriptor, _MAX_OCTETS))
        except ValueError:
            names = None
        # Cut off, it is of a process that was killed before it made anything.
        _remove(directory, tuple(names) if isinstance(names, list) else ())
    finally:
        os.close(descriptor)


def _remove(directory: Path, names: tuple[str, ...]) -> None:
    """Remove what was made of an estate, and the marker last."""
    ours = [name for name in (*names, GITIGNORE) if _is_ours(name)]
    # A file of that name was being written.
    begun = [path for name, path in stale(directory) if name in ours]
    paths = [*begun, *(directory / name for name in ours)]
    for path in paths:
        remove(path)
    if not any(os.path.lexists(path) for path in paths):
        remove(directory / MARKER)


def _is_ours(name: object) -> bool:
    """Whether a marker may name that: a file or folder right in the directory."""
    if not isinstance(name, str) or name in {"", ".", "..", PROFILES_FOLDER, LOST_AND_FOUND}:
        return False
    return not set(name) & {"/", os.sep, "\0"}


def _check_empty(directory: Path) -> None:
    stray = next(
        (
            path
            for path in directory.iterdir()
            if path.name not in {PROFILES_FOLDER, LOST_AND_FOUND}
        ),
        None,
    )
    if stray is not None and is_unfinished(directory):
        raise _being_made(directory)
    if (directory / FILE_NAME).is_file():
        raise InputError(
            "estate.not_empty",
            f"There is an estate in {directory} already.",
            f"Use it with --estate {directory}, or choose a new directory.",
        )
    if stray is not None:
        raise InputError(
            "estate.not_empty",
            f"{directory} is not empty: it holds {stray.name}.",
            "Choose a new directory.",
        )


def _being_made(directory: Path) -> EstateError:
    return EstateError(
        "estate.unfinished",
        f"Another process is making an estate in {directory}.",
        "Wait for it to end, or name a new directory.",
    )


def _unwritable(directory: Path, error: OSError) -> EstateError:
    return EstateError(
        "estate.unwritable", f"{directory} cannot be made: {error.strerror or error}."
    )
