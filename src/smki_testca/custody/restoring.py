"""Restores an estate from a backup and the earlier ones that it builds on.

The estate appears whole, or not at all, as one that ``init`` makes. Its audit log is that of the
backup and gets no entry: a restored estate is what was backed up, and its log goes on from there.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from smki_testca.api import Estate
from smki_testca.clock import SystemClock
from smki_testca.custody.container import ContainerReader, damaged
from smki_testca.custody.contents import ESTATE_PATH, Contents, is_tile
from smki_testca.errors import MEDIUM_ERRORS, InputError, OutputError
from smki_testca.estate.audit import AuditLog
from smki_testca.estate.creation import creating
from smki_testca.estate.database import FIRST_WITH_SUMS, Database
from smki_testca.estate_files import FILE_NAME, FILES, PROFILES_FOLDER
from smki_testca.folders import make_folders, settle
from smki_testca.input_files import open_regular, unreadable
from smki_testca.passphrases import readings
from smki_testca.text import counted, shown
from smki_testca.unfinished import remove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from smki_testca.clock import Clock
    from smki_testca.custody.contents import Link, StoredFile

_STAGED = "profiles.restored"
"""The folder that the profiles are written to at first."""
_NAMED = 3
"""The most missing backups that a message names."""
_CREATE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Restored:
    """An estate that was restored and verified.

    Attributes:
        directory: of the estate.
        backups: the identities of those that it came from, the newest first.
        at: when the newest was made.
        entries: of the audit log.
        head: its digest.
        tiles: how many there are.
        keys: how many private keys were opened and fit: all but those in tiles.
        remarks: of the audit log.
    """

    directory: Path
    backups: tuple[str, ...]
    at: str
    entries: int
    head: str
    tiles: int
    keys: int
    remarks: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "estate": str(self.directory),
            "backups": list(self.backups),
            "at": self.at,
            "entries": self.entries,
            "head": self.head,
            "tiles": self.tiles,
            "keys": self.keys,
            "remarks": list(self.remarks),
        }


def restore(
    files: Sequence[Path | str],
    directory: Path | str,
    passphrase: str,
    others: Sequence[str] = (),
    *,
    clock: Clock | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Restored:
    """Restore an estate and verify it: its audit log, its tiles, its private keys.

    Args:
        files: the backup and the earlier ones that it builds on, in any order.
        directory: of the estate: new or empty.
        passphrase: of the estate as it was backed up. Each file is tried with it, too.
        others: passphrases of files that open with another one.
        clock: tells the time; the system's by default.
        progress: called with the number of MiB read, after decompression, and of all.

    Raises:
        InputError: if a file is no backup, was changed or opens with none of the passphrases, if
            an earlier backup is missing, or the directory is not empty.
        EstateError: if what was backed up does not verify, or the passphrase does not open it.
        OutputError: if the disk has too little space.
    """
    directory = Path(directory)
    texts = [text for secret in (*others, passphrase) for text in readings(secret)]
    with ExitStack() as stack:
        chain = _in_order([_opened(Path(path), texts, stack) for path in files])
        octets = sum(backup.manifest.octets for backup in chain)
        with _whole(directory):
            _check_space(directory, octets)
            writer = _Writer(directory, octets, progress)
            _write_newest(chain[0], writer, lambda: _check_file(directory, chain[0], passphrase))
            # What an older format lacks is added, and taken back: the next command does that.
            with Estate.open(directory, passphrase, clock=clock, dry_run=True) as estate:
                estate.unlock()
                verified = estate.audit.examine()
                known = _tiles_of(estate)
                _check_tiles(chain[0], writer.written, known)
                _write_tiles(chain[1:], writer, known)
                settle(directory)
                tiles = estate.tiles.verify()
                keys = estate.key_store.verify() + estate.externals.verify_keys()
    return Restored(
        directory,
        tuple(backup.identity for backup in chain),
        chain[0].manifest.at,
        chain[0].manifest.entries,
        chain[0].manifest.head,
        tiles,
        keys,
        verified.remarks,
    )


@contextmanager
def _whole(directory: Path) -> Iterator[None]:
    """Make a directory for an estate, with the profiles of a backup, or leave nothing of it.

    The folder ``profiles`` is the operator's, and never removed by those who make an estate. So the
    profiles of a backup get that name last.
    """
    are_placed = False
    try:
        with creating(directory, *FILES, _STAGED):
            yield
            are_placed = _place_profiles(directory)
    except BaseException:  # also after Ctrl-C, nothing is left of the estate
        if are_placed:
            remove(directory / PROFILES_FOLDER)
        raise


def _place_profiles(directory: Path) -> bool:
    """Give the profiles of a backup their name; whether that was done.

    Raises:
        InputError: if the directory has other profiles.
    """
    staged, placed = directory / _STAGED, directory / PROFILES_FOLDER
    if os.path.lexists(placed):
        # Those of this backup may be there: of a restoring that was killed right after this.
        if not _is_alike(staged, placed):
            raise InputError(
                "estate.not_empty",
                f"{directory} is not empty: it holds other profiles than the backup.",
                "Choose a new directory.",
            )
        remove(staged)
        return False
    if staged.is_dir():
        staged.rename(placed)
        return True
    return False


def _is_alike(folder: Path, other: Path) -> bool:
    """Whether two folders have the same files."""

    def files(of: Path) -> dict[Path, bytes]:
        return {
            path.relative_to(of): path.read_bytes() for path in of.rglob("*") if not path.is_dir()
        }

    return not other.is_symlink() and files(folder) == files(other)


def _write_newest(newest: Contents, writer: _Writer, check_file: Callable[[], None]) -> None:
    """Write the files of the newest backup.

    Args:
        newest: the backup.
        writer: of the estate's files.
        check_file: called as soon as the estate's own file is there, before gigabytes are read.
    """
    number = 0
    for number, file in enumerate(newest.files(), 1):
        if (number == 1) is not (file.path == ESTATE_PATH):
            raise damaged(newest.name, "the estate's file is not the first in it, and the only one")
        writer.write(file, newest.name)
        if number == 1:
            check_file()
    if not number:
        raise damaged(newest.name, "it has no file")


def _tiles_of(estate: Estate) -> set[PurePosixPath]:
    """The paths of the tiles that the audit log names, below the directory."""
    paths = map(estate.tiles.path, estate.tiles.finished())
    return {PurePosixPath(*path.relative_to(estate.directory).parts) for path in paths}


def _check_tiles(newest: Contents, written: set[PurePosixPath], known: set[PurePosixPath]) -> None:
    """Check that a backup has no tile but those of its audit log.

    Raises:
        InputError: if it has.
    """
    stray = next((path for path in sorted(written - known) if is_tile(path)), None)
    if stray is not None:
        raise damaged(newest.name, f"its audit log names no tile {stray}")


def _write_tiles(earlier: Sequence[Contents], writer: _Writer, known: set[PurePosixPath]) -> None:
    """Write the tiles of earlier backups that the estate has."""
    for backup in earlier:
        for file in backup.files():
            if file.path in known:
                writer.write(file, backup.name)


def _opened(path: Path, passphrases: Sequence[str], stack: ExitStack) -> Contents:
    """The content of a file."""
    with unreadable(path):
        file = stack.enter_context(open_regular(path))
    return Contents(ContainerReader.open(file, str(path), passphrases))


def _in_order(backups: Sequence[Contents]) -> list[Contents]:
    """The backups of one chain, the newest first.

    Raises:
        InputError: if they are none, if one is missing, or one is not needed.
    """
    by_identity = {backup.identity: backup for backup in backups}
    earlier = {link.backup for backup in backups for link in backup.chain}
    newest = [backup for identity, backup in by_identity.items() if identity not in earlier]
    if len(newest) != 1:
        names = " and ".join(backup.name for backup in newest[:2] or backups)
        raise InputError(
            "backup.chain",
            f"{names} do not build on each other.",
            "Name one of them, and the earlier backups that it builds on.",
        )
    needed = {newest[0].identity, *(link.backup for link in newest[0].chain)}
    stray = next((backup for backup in backups if backup.identity not in needed), None)
    if stray is not None:
        raise InputError(
            "backup.chain",
            f"{newest[0].name} does not build on {stray.name}.",
            "Leave out one of them.",
        )
    missing = [link for link in newest[0].chain if link.backup not in by_identity]
    if missing:
        names = ", ".join(map(_shown, missing[:_NAMED]))
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        count = counted(len(missing), "earlier backup")
        raise InputError(
            "backup.missing",
            f"{newest[0].name} also needs {count}: {names}{more}.",
            "Name all of them, before the directory.",
        )
    return [newest[0], *(by_identity[link.backup] for link in newest[0].chain)]


def _shown(link: Link) -> str:
    """A backup for a message."""
    return f"{link.file or 'one'} ({link.backup}, of {link.at})"


def _check_space(directory: Path, octets: int) -> None:
    free = shutil.disk_usage(directory).free
    if free < octets:
        raise OutputError(
            "output.failed",
            f"{directory} needs {octets} octets, and its disk has {free} free.",
            "Free space on the disk, or name a directory on another.",
        )


def _check_file(directory: Path, newest: Contents, passphrase: str) -> None:
    """Check that the estate's file is what the manifest says, and the passphrase opens it.

    Raises:
        InputError: if it is of another format or another end of the audit log.
        EstateError: if it is no estate or damaged, or the passphrase is wrong.
    """
    manifest = newest.manifest
    with closing(Database.open(directory / FILE_NAME)) as database:
        if database.format != manifest.format or database.format < FIRST_WITH_SUMS:
            raise damaged(newest.name, "its estate is of another format than its manifest says")
        head = AuditLog(database, SystemClock()).head()
    if (head.number, head.digest) != (manifest.entries, manifest.head):
        raise damaged(newest.name, "its audit log ends otherwise than its manifest says")
    with Estate.open(directory, passphrase, dry_run=True) as estate:
        estate.unlock()


class _Writer:
    """Writes the files of backups into the directory of an estate, and tells how far that is.

    Attributes:
        written: the paths of those that are there, below the directory.
    """

    def __init__(self, directory: Path, octets: int, progress: Callable[[int, int], None]) -> None:
        self._directory = directory
        self._octets = octets
        self._progress = progress
        self._done = 0
        self.written: set[PurePosixPath] = set()
        self._folders: set[PurePosixPath] = set()

    def write(self, file: StoredFile, name: str) -> None:
        """Write a file; one that is there already, from a later backup, is passed by.

        Args:
            file: to write.
            name: of the backup that has it, for messages.

        Raises:
            InputError: if a file cannot be there, be it for the system or for another file.
            OSError: if the disk is full or fails.
        """
        if file.path in self.written:
            return
        if file.path in self._folders or not self.written.isdisjoint(file.path.parents):
            raise damaged(name, f"{shown(str(file.path))} is a file and a folder in it")
        self.written.add(file.path)
        self._folders.update(file.path.parents)
        with os.fdopen(self._created(file.path, name), "wb") as opened:
            for piece in file.pieces:
                opened.write(piece)
                self._done += len(piece)
                self._progress(self._done >> 20, self._octets >> 20)

    def _created(self, inner: PurePosixPath, name: str) -> int:
        """A descriptor of a new file."""
        path = self._directory.joinpath(*_place(inner).parts)
        try:
            make_folders(path.parent)
            return os.open(path, _CREATE, 0o600)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno in MEDIUM_ERRORS:
                raise
            # A name that differs from another in case only, or one that this system cannot have.
            reason = getattr(error, "strerror", None) or str(error)
            raise damaged(name, f"{shown(str(inner))} in it cannot be written: {reason}") from error


def _place(path: PurePosixPath) -> PurePosixPath:
    """The path below the directory that a file is written to at first."""
    folder, *inner = path.parts
    return PurePosixPath(_STAGED, *inner) if folder == PROFILES_FOLDER else path
