"""Reads files that others wrote, within a limit; what cannot be read is an error that names it."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from smki_testca.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path
    from typing import BinaryIO


def read_regular(path: Path, limit: int) -> bytes:
    """Read the octets of a file that another file names; it never waits, for it reads no pipe.

    Raises:
        InputError: if it cannot be read, is not a regular file or longer than the limit, in octets.
    """
    with unreadable(path), open_regular(path) as file:
        return within(limit, file, path)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file, without waiting for whoever would write to a pipe.

    Raises:
        InputError: if it is not a regular file.
        OSError: if it cannot be opened.
    """
    # Not every platform knows them.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = open(path, "rb", opener=lambda name, _: os.open(name, flags))  # noqa: SIM115 - the caller closes it; a Path has no opener
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputError(
            "input.unreadable", f"{path} cannot be read: it is not a regular file.", "Give a file."
        )
    return file


@contextlib.contextmanager
def unreadable(name: Path | str) -> Iterator[None]:
    """Turns the error of a file that cannot be read into one that names it."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError("input.unreadable", f"{name} cannot be read: {reason}.") from error


def within(limit: int, file: BinaryIO, name: Path | str) -> bytes:
    """Read a file to its end, within a limit in octets."""
    data = file.read(limit + 1)
    if len(data) > limit:
        raise InputError("input.too_long", f"{name} is longer than {limit} octets.")
    return data
