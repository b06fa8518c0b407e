"""Writes files that only their owner can read: mode 0600, folders 0700."""

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
    """Write a file that must not exist yet.

    Raises:
        OSError: if it exists, or cannot be written.
    """
    with _created(path) as file:
        file.write(data)


def make_folder(path: Path) -> None:
    """Make a folder and its parents, unless they exist.

    Raises:
        InputError: if one cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def open_new(path: Path, *, text: bool = False) -> IO[Any]:
    """Open a new file to write to, in place of any existing one.

    Args:
        path: the file.
        text: whether to write text, in UTF-8 and with unchanged line ends.

    Raises:
        InputError: if it cannot be opened.
    """
    try:
        # The existing file may be readable by others, or a link to somewhere else.
        path.unlink(missing_ok=True)
        return _created(path, text=text)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_file(path: Path, data: bytes) -> None:
    """Write one file, in place of any existing one.

    Raises:
        InputError: if it cannot be opened.
    """
    with open_new(path) as file:
        file.write(data)


def write(files: Iterable[OutputFile], out: Path, *, force: bool) -> list[Path]:
    """Write all files below a folder, or none; make the folder if it is missing.

    Args:
        files: what to write.
        out: the folder.
        force: whether to overwrite existing files.

    Returns:
        Their paths.

    Raises:
        InputError: if a file exists and ``force`` is not set, or cannot be written; every
            file that was written is removed again.
    """
    files = list(files)
    paths = [out.joinpath(*file.path.parts) for file in files]
    present = next((path for path in paths if path.exists()), None)
    if present is not None and not force:
        raise InputError(
            "export.exists", f"{present} already exists.", "Name another folder, or add --force."
        )
    folders: list[Path] = []
    begun: list[Path] = []
    try:
        for folder in dict.fromkeys(path.parent for path in paths):
            missing = [path for path in (folder, *folder.parents) if not path.exists()]
            for path in reversed(missing):
                path.mkdir(mode=0o700)
                folders.append(path)
        for file, path in zip(files, paths, strict=True):
            path.unlink(missing_ok=True)
            begun.append(path)
            create(path, file.data)
    except BaseException as error:
        # Half a set could pass for a whole one, and would block the next attempt.
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
    """Replace a file atomically: a reader finds the old one or the new one, each whole.

    For documents that anybody may read: the mode is the process's default. A link stays, and its
    target is replaced; a device or pipe is written to directly.

    Raises:
        OSError: if it cannot be written.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        path.write_bytes(data)
        return
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.new")
    try:
        temporary.write_bytes(data)
        temporary.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _created(path: Path, *, text: bool = False) -> IO[Any]:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    if text:
        return os.fdopen(descriptor, "w", encoding="utf-8", newline="")
    return os.fdopen(descriptor, "wb")


def _unwritable(path: Path | str, error: OSError) -> InputError:
    return InputError("export.unwritable", f"{path} cannot be written: {error.strerror}.")
