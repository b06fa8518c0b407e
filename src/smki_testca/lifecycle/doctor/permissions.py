"""Looks whether others than its owner can read or change the parts of an estate."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.estate_files import BULK_FOLDER, FILES, PASSPHRASE_FILE
from smki_testca.lifecycle.doctor import kinds
from smki_testca.lifecycle.doctor.observation import Observation
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smki_testca.lifecycle.doctor.observation import ObservationKind
    from smki_testca.lifecycle.doctor.patient import Patient

_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file or folder, with what the system says of it."""

    path: Path
    status: os.stat_result

    @property
    def is_open_to_others(self) -> bool:
        return bool(self.status.st_mode & _OF_OTHERS)


def check(patient: Patient) -> Iterator[Observation]:
    """Look at the modes and owners of the estate's directory, files and tiles.

    Windows has neither.
    """
    if os.name == "nt":
        return
    directory = patient.directory
    if directory.is_symlink():  # which has no mode of its own
        directory = Path(os.path.realpath(directory))
    around = list(_entries([directory]))
    bulk = directory / BULK_FOLDER
    files = list(_entries(directory / name for name in FILES if name != BULK_FOLDER))
    passphrase = list(_entries([directory / PASSPHRASE_FILE]))
    tiles = list(_entries([bulk, *_below(bulk)]))
    yield from _modes(kinds.DIRECTORY_MODE, around)
    yield from _modes(kinds.FILE_MODE, files)
    yield from _modes(kinds.PASSPHRASE_MODE, passphrase)
    yield from _modes(kinds.TILE_MODE, tiles)
    yield from _owners([*around, *files, *passphrase, *tiles])


def _entries(paths: Iterable[Path]) -> Iterator[_Entry]:
    """The files and folders of some paths; links, and what there is not, are left out."""
    for path in paths:
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
            yield _Entry(path, status)


def _below(folder: Path) -> Iterator[Path]:
    """Everything below a folder."""
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(where, name)


def _modes(kind: ObservationKind, entries: list[_Entry]) -> Iterator[Observation]:
    """Look whether others may do anything with some files; those of many are reported together."""
    loose = [entry for entry in entries if entry.is_open_to_others]
    if not loose:
        return
    first = loose[0]
    more = f" So can {len(loose) - 1} more of its tiles." if len(loose) > 1 else ""
    yield Observation(
        kind,
        f"{first.path} can be used by others than its owner: its mode is"
        f" {stat.S_IMODE(first.status.st_mode):03o}.{more}",
        f"Run doctor --fix, or: chmod {'-R ' if more else ''}go-rwx {first.path}",
        partial(_close, [entry.path for entry in loose]),
    )


def _close(paths: list[Path]) -> str:
    """Take every permission from others than the owner."""
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY | _NO_LINK)
        except FileNotFoundError:
            continue  # another process has just removed it
        try:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode) & ~_OF_OTHERS
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
    if len(paths) > 1:
        return f"{counted(len(paths), 'file')} or folders are open to their owner only."
    return f"{paths[0]} is open to its owner only."


def _owners(entries: list[_Entry]) -> Iterator[Observation]:
    """Look whether everything has one owner, who runs the command."""
    owner, user = entries[0].status.st_uid, os.geteuid()
    if user not in {0, owner}:
        yield Observation(
            kinds.OWNER,
            f"{entries[0].path} belongs to the user {owner}, and you are the user {user}.",
            "Work as its owner, or let an administrator change the owner of all of it.",
        )
    others = [entry for entry in entries if entry.status.st_uid != owner]
    if others:
        first = others[0]
        more = f" So do {len(others) - 1} more of its files." if len(others) > 1 else ""
        yield Observation(
            kinds.OWNER,
            f"{first.path} belongs to the user {first.status.st_uid}, and the estate's directory"
            f" to the user {owner}.{more}",
            "Let an administrator give all of it to one user.",
        )
