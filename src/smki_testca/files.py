"""Writes files for their owner only: mode 0600, folders 0700, never over what was there."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from smki_testca.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file to write, below the folder that the user named."""

    path: PurePosixPath
    data: bytes


def create(path: Path, data: bytes) -> None:
    """Write a file that must not be there yet.

    Raises:
        OSError: if it is there, or cannot be written.
    """
    with _created(path) as file:
        file.write(data)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless they are there.

    Raises:
        InputError: if one cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def open_new(path: Path, *, text: bool = False) -> IO[Any]:
    """Open a new file to write to, in place of any that is there.

    Args:
        path: the file.
        text: whether it takes text, which is written in UTF-8 with line ends as they are.

    Raises:
        InputError: if it cannot be opened.
    """
    try:
        # The file there may be readable by others, or a link to somewhere else.
        path.unlink(missing_ok=True)
        return _created(path, text=text)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_file(path: Path, data: bytes) -> None:
    """Write one file, in place of any that is there.

    Raises:
        InputError: if it cannot be opened.
    """
    with open_new(path) as file:
        file.write(data)


def write(files: Iterable[OutputFile], out: Path, *, force: bool) -> list[Path]:
    """Write all files below a folder, or none; the folder is made if need be.

    Args:
        files: what to write.
        out: the folder.
        force: whether files that are there already are overwritten.

    Returns:
        Their paths.

    Raises:
        InputError: if one is there already and ``force`` is not given, or cannot be written;
            nothing that was written stays then.
    """
    files = list(files)
    paths = [out.joinpath(*file.path.parts) for file in files]
    present = next((path for path in paths if path.exists()), None)
    if present is not None and not force:
        raise InputError(
            "export.exists", f"{present} exists already.", "Name another folder, or add --force."
        )
    folders: list[Path] = []
    begun: list[Path] = []
    try:
        for folder in dict.fromkeys(path.parent for path in paths):
            missing = [place for place in (folder, *folder.parents) if not place.exists()]
            for place in reversed(missing):
                place.mkdir(mode=0o700)
                folders.append(place)
        for file, path in zip(files, paths, strict=True):
            path.unlink(missing_ok=True)
            begun.append(path)
            create(path, file.data)
    except BaseException as error:
        # Half of a set passes for the whole, and is in the way of the next try.
        with contextlib.suppress(OSError):
            for path in begun:
                path.unlink(missing_ok=True)
            for folder in reversed(folders):
                folder.rmdir()
        if isinstance(error, OSError):
            raise _unwritable(error.filename or out, error) from error
        raise
    return paths


def replace(path: Path, data: bytes) -> None:
    """Put a file in the place of another, so that a reader finds one or the other whole.

    It is for documents that anybody may read: its mode is the process's default. A link stays,
    and what it leads to is replaced; a device or pipe is written to as it is.

    Raises:
        OSError: if it cannot be written.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        path.write_bytes(data)
        return
    place = Path(os.path.realpath(path))
    beside = place.with_name(f".{place.name}.new")
    try:
        beside.write_bytes(data)
        beside.replace(place)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def _created(path: Path, *, text: bool = False) -> IO[Any]:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    if text:
        return os.fdopen(descriptor, "w", encoding="utf-8", newline="")
    return os.fdopen(descriptor, "wb")


def _unwritable(path: Path | str, error: OSError) -> InputError:
    return InputError("export.unwritable", f"{path} cannot be written: {error.strerror}.")
