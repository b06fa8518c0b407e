"""Makes backups of an estate while others use it: whole, or with the new tiles alone.

A tile never changes once it is recorded. So a backup needs one moment of the estate's file only;
the tiles that this names are read afterwards, without any lock. The audit log has an entry of each
backup from before it is made. A tile recorded before that entry is in that backup, or in one that
it builds on: so the log alone tells which tiles a later backup can leave out.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

import smki_testca
from smki_testca.clock import iso
from smki_testca.custody.container import ContainerHeader, ContainerWriter
from smki_testca.custody.contents import (
    ESTATE_PATH,
    MAX_CHAIN,
    BackupManifest,
    Link,
    most_octets,
    write_head,
    write_manifest,
)
from smki_testca.errors import EstateError, InputError
from smki_testca.estate.database import FORMAT, Database
from smki_testca.estate.stores import Stores
from smki_testca.estate_files import FILE_NAME, PROFILES_FOLDER
from smki_testca.files import check_file, output
from smki_testca.input_files import open_regular, read_regular, unreadable
from smki_testca.streams import check_no_terminal, is_stream
from smki_testca.text import is_text, shown
from smki_testca.unfinished import sweep, unfinished_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ACTION = "estate.backup"
"""The action of the entry that the audit log has of a backup."""
_PIECE_OCTETS = 1 << 20


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made.

    Attributes:
        identity: of the backup, in hexadecimal.
        manifest: that the file begins with.
        tiles: how many are in it.
        all_tiles: how many the estate has, those of earlier backups included.
    """

    identity: str
    manifest: BackupManifest
    tiles: int
    all_tiles: int

    @property
    def entries(self) -> int:
        """The number of entries of the audit log in it."""
        return self.manifest.entries

    @property
    def head(self) -> str:
        """The digest of that audit log, as ``audit head`` prints it."""
        return self.manifest.head

    @property
    def earlier(self) -> tuple[str, ...]:
        """The identities of the backups that it builds on, the newest first."""
        return tuple(link.backup for link in self.manifest.chain)

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "backup": self.identity,
            "at": self.manifest.at,
            "chain": [msgspec.to_builtins(link) for link in self.manifest.chain],
            "entries": self.entries,
            "head": self.head,
            "tiles": self.tiles,
            "all_tiles": self.all_tiles,
            "octets": self.manifest.octets,
        }


def back_up(
    estate: Stores,
    passphrase: str,
    out: Path | str,
    *,
    since: Path | str | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Backup:
    """Write a backup of an estate, encrypted; others go on with their work meanwhile.

    Args:
        estate: to copy.
        passphrase: that encrypts the backup, such as the estate's.
        out: the file to write.
        since: an earlier backup of the estate: its tiles and those of its chain are left out.
        force: whether to take the place of an existing file.
        progress: called with the number of MiB written, before compression, and of all.

    Raises:
        InputError: if the file exists or cannot be made, the earlier backup is none of this
            estate, or the file is one of those that this backup builds on.
        EstateError: if the estate is damaged: what is backed up can be restored.
        OutputError: if the disk is full or fails.
        UsageError: if the file is a terminal.
    """
    out = Path(out)
    check_no_terminal(out)
    check_file(out, force=force)
    chain, after = ((), 0) if since is None else _chain(estate, Path(since))
    _check_apart(out, chain)
    header = ContainerHeader()
    identity = header.identity.hex()
    at = estate.clock.now()
    with estate.transaction():
        count = estate.tiles.count(after)
        body: dict[str, Any] = {"backup": identity, "file": _name(out), "tiles": count}
        if chain:
            body["since"] = chain[0].backup
        estate.audit.append(at, ACTION, body)
    with _copy(estate) as (file, copy):
        head = copy.audit.head()
        copy.audit.examine()
        tiles = copy.tiles.finished(after)
        profiles = list(_profiles(estate.directory))
        sizes = [file.stat().st_size, *(len(data) for _, data in profiles)]
        manifest = BackupManifest(
            at=iso(at),
            chain=list(chain),
            entries=head.number,
            head=head.digest,
            format=FORMAT,
            version=smki_testca.__version__,
            files=len(sizes) + len(tiles),
            octets=sum(sizes) + sum(map(copy.tiles.size, tiles)),
        )
        with output(out, force=force) as sealed:
            writer = ContainerWriter(sealed, header, passphrase)
            write_manifest(writer, manifest)
            meter = _Meter(writer, manifest.octets, progress)
            meter.add_file(ESTATE_PATH, file)
            for path, data in profiles:
                meter.add(path, data)
            for tile in tiles:
                place = copy.tiles.path(tile).relative_to(estate.directory)
                meter.add(PurePosixPath(*place.parts), copy.tiles.octets(tile))
            writer.finish()
        return Backup(identity, manifest, len(tiles), copy.tiles.count())


class _Meter:
    """Writes files into a backup, and tells how far that is."""

    def __init__(
        self, writer: ContainerWriter, octets: int, progress: Callable[[int, int], None]
    ) -> None:
        self._writer = writer
        self._octets = octets
        self._progress = progress
        self._done = 0

    def add(self, path: PurePosixPath, data: bytes) -> None:
        """Write a file that is in memory."""
        most = most_octets(path)
        if most is not None and len(data) > most:
            raise EstateError("bulk.damaged", f"{path} has over {most} octets.")
        write_head(self._writer, path, len(data))
        self._write(data)

    def add_file(self, path: PurePosixPath, file: Path) -> None:
        """Write a file of any length."""
        write_head(self._writer, path, file.stat().st_size)
        with file.open("rb") as opened:
            while piece := opened.read(_PIECE_OCTETS):
                self._write(piece)

    def _write(self, data: bytes) -> None:
        self._writer.write(data)
        self._done += len(data)
        self._progress(self._done >> 20, self._octets >> 20)


@contextlib.contextmanager
def _copy(estate: Stores) -> Iterator[tuple[Path, Stores]]:
    """Yield a copy of the estate's file, and its stores, whose tiles are those of the estate."""
    sweep(estate.directory)
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(unfinished_folder(estate.directory, "backup"))
        except OSError as error:
            raise EstateError(
                "estate.unwritable",
                f"No copy can be made in {estate.directory}: {error.strerror or error}.",
            ) from error
        file = folder / FILE_NAME
        estate.copy_file(file)
        database = Database.open(file, called=estate.directory / FILE_NAME)
        stack.callback(database.close)
        yield (
            file,
            Stores(estate.directory, database, estate.library, str, estate.clock, estate.entropy),
        )


def _name(out: Path) -> str:
    """The name of a file; empty if it is a stream, or its name is no text."""
    return "" if is_stream(out) or not is_text(out.name) else out.name


def _profiles(directory: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the path and the octets of each profile of the estate's own."""
    folder = directory / PROFILES_FOLDER
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        inner = path.relative_to(directory)
        if not is_text(str(inner)):
            raise InputError(
                "input.unreadable", f"The name {shown(str(path))} is not UTF-8.", "Rename the file."
            )
        place = PurePosixPath(*inner.parts)
        yield place, read_regular(path, most_octets(place) or 0)


def _chain(estate: Stores, since: Path) -> tuple[Sequence[Link], int]:
    """The backups that one after an earlier one builds on, and the entry of that in the log.

    Raises:
        InputError: if it is no backup, or none of this estate.
    """
    with unreadable(since), open_regular(since) as file:
        identity: str | None = ContainerHeader.read(file, str(since)).identity.hex()
    known = {entry.body["backup"]: entry for entry in estate.audit.entries_of(ACTION)}
    chain = []
    while identity is not None:
        entry = known.get(identity)
        if entry is None:
            raise InputError(
                "backup.unknown",
                f"{since} was not made of this estate: the audit log has no backup {identity}.",
                "Name an earlier backup of it, or make a whole one: leave out --since.",
            )
        chain.append(Link(identity, entry.at, entry.body["file"]))
        identity = entry.body.get("since")
        if len(chain) > MAX_CHAIN:
            raise InputError(
                "backup.chain",
                f"{since} builds on {MAX_CHAIN} backups; no more are linked.",
                "Make a whole one: leave out --since.",
            )
    return chain, known[chain[0].backup].number


def _check_apart(out: Path, chain: Sequence[Link]) -> None:
    """Check that a file to overwrite is none of the backups that the new one builds on.

    Raises:
        InputError: if it is: the new one could not be restored without it.
    """
    if not chain or is_stream(out) or not out.is_file():
        return
    try:
        with open_regular(out) as file:
            identity = ContainerHeader.read(file, str(out)).identity.hex()
    except (OSError, InputError):
        return  # it is no backup, or of another version than those of the chain
    if any(link.backup == identity for link in chain):
        raise InputError(
            "backup.overwrites",
            f"{out} is an earlier backup that the new one builds on: without it, the new one cannot"
            " be restored.",
            "Name another file, or make a whole one: leave out --since.",
        )
