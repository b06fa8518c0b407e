"""Tells the files that an estate consists of from all others: no output takes their place.

An estate's directory holds its file, what SQLite leaves beside that, the tiles of its runs, and the
passphrase that ``quickstart`` leaves. Whatever else is in the directory, such as exports and the
operator's profiles, is written like anything anywhere.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.errors import InputError

if TYPE_CHECKING:
    from pathlib import PurePath

FILE_NAME = "estate.sqlite"
BULK_FOLDER = "bulk"
"""The folder of the tiles of runs."""
PROFILES_FOLDER = "profiles"
"""The folder of the estate's own profiles, which the operator keeps."""
PASSPHRASE_FILE = "passphrase"  # noqa: S105 - a file's name
MARKER = ".unfinished"
"""The file that an estate's directory has as long as the estate is being made."""
FILES = (FILE_NAME, *(f"{FILE_NAME}-{end}" for end in ("journal", "wal", "shm")), BULK_FOLDER)
"""The files and folders of an estate, with those that SQLite may leave beside its file."""
APPLICATION_ID = 0x534D4B49
"""``SMKI``: identifies an estate among SQLite files."""

_OWN = frozenset({*FILES, PASSPHRASE_FILE, MARKER})
_SQLITE = b"SQLite format 3\0"
_ID = slice(68, 72)
"""The place of the application's number in SQLite's header."""


def check_outside(path: Path) -> None:
    """Check that an output is no file of an estate, and lies in no folder of its tiles.

    It is looked for where the path leads and where its name is: either may be another's link. A
    file with another name that holds an estate, such as a hard link to it or a copy, is one, too.

    Raises:
        InputError: if it is one, or lies there.
    """
    reason = _what_is(path)
    if reason:
        raise InputError(
            "export.estate", f"{path} cannot be written: it {reason}.", "Name another place."
        )


def check_no_estate(folder: Path) -> None:
    """Check that a folder whose files are to be those of an output alone is no estate.

    Raises:
        InputError: if it is one.
    """
    if is_estate(folder):
        raise InputError(
            "export.estate",
            f"{folder} cannot be written: it is an estate.",
            "Name another folder.",
        )


def has_own_name(path: PurePath) -> bool:
    """Whether a path has the name of an estate's file or folder in it, in an estate or not."""
    return not _OWN.isdisjoint(part.casefold() for part in path.parts)


def is_estate(directory: Path) -> bool:
    """Whether a directory has the file of an estate, be it damaged; another SQLite file is none."""
    path = directory / FILE_NAME
    if not os.path.lexists(path):
        return False
    header = _header(path)
    return not header.startswith(_SQLITE) or _is_marked(header)


def _what_is(path: Path) -> str:
    """The reason in words for which a path is not written; empty if there is none."""
    named = Path(os.path.realpath(path.parent), path.name)
    target = Path(os.path.realpath(path))
    for place in dict.fromkeys((named, target)):
        for inner in (place, *place.parents):
            if inner.name.casefold() in _OWN and is_estate(inner.parent):
                return f"is one of the files of the estate in {inner.parent}"
    return "holds an estate" if _is_marked(_header(target)) else ""


def _header(path: Path) -> bytes:
    """The first octets of a regular file; none of what is no such file or cannot be read."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_ID.stop)
    except OSError:
        return b""


def _is_marked(header: bytes) -> bool:
    return header.startswith(_SQLITE) and header[_ID] == APPLICATION_ID.to_bytes(4, "big")
