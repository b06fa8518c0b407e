"""Stores the tiles of runs: those still to be made, those finished, and their files."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING

import msgspec

from smki_testca.errors import EstateError, SmkiTestcaError
from smki_testca.estate.audited_table import AuditedTable
from smki_testca.estate.database import RESTORE
from smki_testca.estate.run_locks import is_locked
from smki_testca.estate.terms import MAX_ROW, TILE_ROWS, SectionRow
from smki_testca.estate.tile import Tile, file_name, missing, read_octets, settle
from smki_testca.estate_files import BULK_FOLDER
from smki_testca.files import sync_file, sync_folder
from smki_testca.folders import put
from smki_testca.unfinished import is_unfinished, remove, stale, unfinished_folder
from smki_testca.x509.keys import key_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime
    from pathlib import Path

    from smki_testca.estate.audit import AuditLog
    from smki_testca.estate.audit_entry import Entry
    from smki_testca.estate.database import Database
    from smki_testca.identifiers import Eui64

_NOTE = "note"
_DIGEST_OCTETS = 32


@dataclass(frozen=True, slots=True)
class TileRecord:
    """A tile, finished or still to be made.

    Attributes:
        run, number: the tile's run, and its number within the run.
        section: the place of its section in the run's terms.
        first: the place of its first row in the section.
        first_row: the place of its first row in the run.
        count: the number of rows.
        digest: SHA-256 of its file; empty until it is finished.
        audit: the number of its audit entry; None until it is finished.
    """

    run: int
    number: int
    section: int
    first: int
    first_row: int
    count: int
    digest: bytes = b""
    audit: int | None = None


class _Note(msgspec.Struct, frozen=True):
    """A note of what a process is about to record.

    Attributes:
        head: the digest of the newest entry of the audit log before that, in hexadecimal.
        names: the names of the tiles' files.
    """

    head: str
    names: list[str]


class TileStore:
    """The tiles of one estate's runs."""

    def __init__(self, directory: Path, database: Database, audit: AuditLog) -> None:
        self._folder = directory / BULK_FOLDER
        self._database = database
        self._audit = audit
        self._read = lru_cache(maxsize=8)(Tile.read)

    # Within the caller's transaction.

    def add(self, tile: TileRecord, rows: bytes | None, participant: str) -> None:
        """Store a tile that is to be made.

        Args:
            tile: the tile.
            rows: a list of ``SectionRow`` in MessagePack; None for a range.
            participant: the holder of the certificates: its id in the register.
        """
        self._database.insert(
            "tiles",
            {
                "run": tile.run,
                "number": tile.number,
                "section": tile.section,
                "first": tile.first,
                "first_row": tile.first_row,
                "count": tile.count,
                "rows": rows,
                "digest": b"",
            },
        )
        decoded = [] if rows is None else msgspec.msgpack.decode(rows, type=list[SectionRow])
        self._database.insert_many(
            "row_ids",
            ("eui64", "run", "row"),
            (
                (row.eui64.to_bytes(8), tile.run, tile.first_row + place)
                for place, row in enumerate(decoded)
                if row.eui64 is not None
            ),
        )

        self._database.insert_many(
            "row_keys",
            ("key_id", "run", "row", "participant"),
            (
                (key_id(row.public_key), tile.run, tile.first_row + place, participant)
                for place, row in enumerate(decoded)
                if row.public_key is not None
            ),
        )

    def finish(self, run: int, number: int, digest: bytes, count: int, at: datetime) -> None:
        """Record that a tile is safe on the disk, with its audit entry."""
        entry = self._audit.append(
            at,
            "batch.tile",
            {"run": run, "tile": number, "count": count, "sha256": digest.hex()},
        )
        self._database.execute(
            "UPDATE tiles SET digest = ?, audit = ?, rows = NULL WHERE run = ? AND number = ?",
            (digest, entry, run, number),
        )

    # Looking tiles up.

    def get(self, run: int, number: int) -> TileRecord:
        """The tile of a run with that number."""
        tiles = self._where("run = ? AND number = ?", run, number)
        if not tiles:
            raise EstateError(
                "estate.damaged", f"Tile {number} of run {run} is missing in the estate.", RESTORE
            )
        return tiles[0]

    def of_run(self, run: int, *, done: bool | None = None) -> list[TileRecord]:
        """The tiles of a run: all, the finished ones, or those still to be made."""
        condition = {None: "", True: " AND digest <> x''", False: " AND digest = x''"}[done]
        return self._where(f"run = ?{condition}", run)

    def finished(self, after: int = 0) -> list[TileRecord]:
        """The finished tiles that the audit log records after an entry; all by default."""
        return self._where("digest <> x'' AND audit > ?", after)

    def count(self, after: int = 0) -> int:
        """The number of tiles that ``finished`` gives."""
        count = self._database.value(
            "SELECT count(*) FROM tiles WHERE digest <> x'' AND audit > ?", (after,)
        )
        return int(count)

    def at_row(self, run: int, row: int) -> TileRecord | None:
        """The finished tile that holds a row of a run."""
        # A serial of another run can lead to a row that is too large for SQLite.
        if row > MAX_ROW:
            return None
        condition = "run = ? AND first_row <= ? AND first_row + count > ? AND digest <> x''"
        return next(iter(self._where(condition, run, row, row)), None)

    def is_finished(self, run: int, number: int) -> bool:
        """Whether a tile is finished; another process may have been quicker."""
        return bool(self.get(run, number).digest)

    def rows(self, run: int, number: int) -> bytes | None:
        """The rows of a tile still to be made, as passed to ``add``; None for a range."""
        encoded: bytes | None = self._database.value(
            "SELECT rows FROM tiles WHERE run = ? AND number = ?", (run, number)
        )
        return encoded

    def rows_with(self, eui64: Eui64) -> list[tuple[int, int]]:
        """The run and row number of every row with an EUI-64; ranges are left out."""
        rows = self._database.rows(
            "SELECT run, row FROM row_ids WHERE eui64 = ? ORDER BY run, row", (eui64.octets,)
        )
        return [(row["run"], row["row"]) for row in rows]

    def _where(self, condition: str, *values: int) -> list[TileRecord]:
        return self._database.records(
            _from_row,
            "SELECT run, number, section, first, first_row, count, digest, audit FROM tiles"  # noqa: S608 - our own words
            f" WHERE {condition} ORDER BY run, number",
            values,
        )

    # Their files.

    @contextlib.contextmanager
    def attempt(self, run: int) -> Iterator[Path]:
        """Yield a folder for the tiles of a run that one process makes now.

        ``adopt`` moves them to the run's folder; what is left is removed at the end. If the
        process is killed, or the disk is too full to take them back, ``sweep`` removes it.

        Raises:
            OSError: if a folder cannot be made.
            ValueError: in a dry run, which writes no files.
        """
        if self._database.dry_run:
            raise ValueError("a dry run makes no tiles")
        folder = self.folder(run)
        for path in (self._folder, folder):
            path.mkdir(mode=0o700, exist_ok=True)
            sync_folder(path.parent)
        with unfinished_folder(
            self._folder, folder.name, leaves=lambda attempt: self._owes(run, attempt)
        ) as attempt:
            yield attempt

    def folder(self, run: int) -> Path:
        """The folder of a run's tiles.

        Its name has the run's identity, so that another copy of the estate's file, in which the
        number is another run's, has another folder.
        """
        identity = self._database.value("SELECT identity FROM runs WHERE id = ?", (run,))
        # Earlier formats named it by the number alone.
        return self._folder / (f"{run:06d}" + (f"-{identity.hex()}" if identity else ""))

    def path(self, tile: TileRecord) -> Path:
        """The file of a finished tile."""
        return self.folder(tile.run) / file_name(tile.number, tile.digest)

    def open(self, tile: TileRecord) -> Tile:
        """Read the file of a finished tile.

        Raises:
            EstateError: if it is missing or was changed, or is of another tile.
        """
        return _checked(tile, self._read(self.path(tile), tile.digest))

    def size(self, tile: TileRecord) -> int:
        """The octets of the file of a finished tile.

        Raises:
            EstateError: if it is missing.
        """
        path = self.path(tile)
        try:
            return path.lstat().st_size
        except OSError as error:
            raise missing(path, error) from error

    def octets(self, tile: TileRecord) -> bytes:
        """The file of a finished tile.

        Raises:
            EstateError: if it is missing or was changed.
        """
        return read_octets(self.path(tile), tile.digest)

    def adopt(self, run: int, attempt: Path, tiles: Collection[tuple[int, bytes]]) -> None:
        """Move tiles to the run's folder, within the transaction that records them.

        They are safe on the disk then. A note says which they are, and after which entry of the
        audit log: if the transaction fails, or the process is killed, ``take_back`` goes by it.

        Args:
            run: the run's id.
            attempt: the folder in which they were made.
            tiles: the number and the digest of each.

        Raises:
            OSError: if one cannot be moved.
        """
        folder = self.folder(run)
        settle(attempt, tiles)
        names = [file_name(number, digest) for number, digest in tiles]
        note = attempt / _NOTE
        note.unlink(missing_ok=True)
        put(note, msgspec.json.encode(_Note(self._head(), names)))
        sync_file(note)
        sync_folder(attempt)
        for name in names:
            (attempt / name).rename(folder / name)
        sync_folder(folder)

    def take_back(self, run: int, attempt: Path) -> None:
        """Move tiles back that ``adopt`` moved, if the transaction failed that was to record them.

        A run's folder is shared by all copies of the estate's file that know the run. So nothing
        in it is touched, unless a note says that this very file was about to record it. One that
        cannot be moved, such as on a full disk, is removed: nobody records it any more.

        Raises:
            OSError: if one can be neither moved nor removed.
        """
        note = _read_note(attempt)
        if note is None:
            return  # killed before it moved any
        if not self._has_head(note.head):
            return  # another copy of the file may have recorded them
        recorded = {file_name(tile.number, tile.digest) for tile in self.of_run(run, done=True)}
        for name in set(note.names) - recorded:
            tile = self.folder(run) / PurePath(name).name
            try:
                tile.rename(attempt / tile.name)
            except OSError:
                tile.unlink(missing_ok=True)

    def _owes(self, run: int, attempt: Path) -> bool:
        """Whether tiles of a transaction that failed are still in the folder of the run."""
        note = _read_note(attempt)
        if note is None:
            return False
        try:
            recorded = {file_name(tile.number, tile.digest) for tile in self.of_run(run, done=True)}
            folder = self.folder(run)
        except SmkiTestcaError:
            return True  # the estate cannot be read now
        return any((folder / name).exists() for name in set(note.names) - recorded)

    def sweep(self) -> None:
        """Remove tiles that killed processes made for runs of this estate and never recorded.

        A dry run leaves them.

        Raises:
            EstateError: if another process holds the estate too long.
        """
        if self._database.dry_run:
            return
        for name, attempt in stale(self._folder):
            run = self._run_of(name)
            if run is not None:  # otherwise another copy of the file has the run
                with contextlib.suppress(OSError), self._database.transaction():
                    self.take_back(run, attempt)
                    remove(attempt)

    def _run_of(self, folder: str) -> int | None:
        """The run that has a folder of that name; None if this estate has no such run."""
        number = folder.partition("-")[0]
        if not number.isdecimal() or not 0 < int(number) <= MAX_ROW:
            return None
        known = self._database.value("SELECT 1 FROM runs WHERE id = ?", (int(number),))
        return int(number) if known and self.folder(int(number)).name == folder else None

    def _head(self) -> str:
        """The digest of the newest entry of the audit log."""
        digest: bytes = self._database.value(
            "SELECT digest FROM audit ORDER BY number DESC LIMIT 1"
        )
        return digest.hex()

    def _has_head(self, head: str) -> bool:
        entry = self._database.value("SELECT 1 FROM audit WHERE digest = ?", (bytes.fromhex(head),))
        return entry is not None

    def verify(self, progress: Callable[[int, int], None] = lambda _done, _of: None) -> int:
        """Check that every finished tile is present and unchanged, and that nothing lies beside.

        Args:
            progress: called with the number of tiles checked, and of all.

        Returns:
            The number of finished tiles.

        Raises:
            EstateError: for the first tile that is missing or was changed, or for the first other
                file in the folder of a run.
        """
        tiles = self._finished()
        for fault in self._faults(tiles, progress):
            raise fault
        return len(tiles)

    def faults(
        self, progress: Callable[[int, int], None] = lambda _done, _of: None
    ) -> Iterator[EstateError]:
        """Every fault that ``verify`` would find, one after the other."""
        return self._faults(self._finished(), progress)

    def _faults(
        self, tiles: list[TileRecord], progress: Callable[[int, int], None]
    ) -> Iterator[EstateError]:
        for done, tile in enumerate(tiles):
            progress(done, len(tiles))
            try:
                _checked(tile, Tile.read(self.path(tile), tile.digest))
            except EstateError as error:
                yield error
        yield from self._strays()

    def _finished(self) -> list[TileRecord]:
        return self._where("digest <> x''")

    def _strays(self) -> Iterator[EstateError]:
        """Yield an error for whatever the folders of runs hold beside tiles of the estate.

        Other processes may go on meanwhile. What they moved there is named in their notes until it
        is recorded. So the order is: the files, the notes, the records.
        """
        runs = [row["id"] for row in self._database.rows("SELECT id FROM runs ORDER BY id")]
        folders = {self.folder(run): run for run in runs}
        present = {path for folder in folders for path in _entries(folder)}
        if not present:
            return
        noted = self._noted()
        recorded = {self.path(tile) for tile in self._finished()}
        for path in sorted(present - recorded):
            # A process that failed meanwhile has taken it back.
            if path.name not in noted and os.path.lexists(path):
                yield EstateError(
                    "bulk.stray",
                    f"{path} is not a tile of run {folders[path.parent]}.",
                    "Move it elsewhere.",
                )

    def left_over(self) -> list[Path]:
        """The leftovers of killed processes, for runs of this estate: ``sweep`` removes them."""
        return [attempt for name, attempt in stale(self._folder) if self._run_of(name) is not None]

    def of_no_run(self) -> list[Path]:
        """The entries in the folder of tiles that are of no run of this estate, nor in use now."""
        others = [path for path in _entries(self._folder) if not is_unfinished(path.name)]
        # The folder of a run that a process is about to record is locked. The order is: the locks,
        # the records.
        idle = [path for path in others if not _is_worked_on(path)]
        left = [path for name, path in stale(self._folder) if self._run_of(name) is None]
        runs = self._database.rows("SELECT id FROM runs ORDER BY id")
        folders = {self.folder(row["id"]) for row in runs}
        return sorted([*left, *(path for path in idle if path not in folders)])

    def _noted(self) -> set[str]:
        """The names of tiles that processes, living or killed, are about to record."""
        return {
            name
            for attempt in _entries(self._folder)
            if is_unfinished(attempt.name)
            for note in [_read_note(attempt)]
            if note is not None
            for name in note.names
        }

    def audited(self) -> AuditedTable:
        """The finished tiles, as the audit log records them."""
        return AuditedTable(
            "audit.tile",
            recorded=_recorded,
            rows=self._audited_rows,
            name=lambda place, _: f"tile {place[1]} of run {place[0]}",
        )

    def _audited_rows(self) -> Iterator[tuple[tuple[int, int], tuple[int | None, str]]]:
        for tile in self._finished():
            yield (tile.run, tile.number), (tile.audit, tile.digest.hex())


def _recorded(entry: Entry) -> Iterator[tuple[tuple[int, int], tuple[int, str]]]:
    if entry.action == "batch.tile":
        body = entry.body
        yield (body["run"], body["tile"]), (entry.number, body["sha256"])


def _entries(folder: Path) -> list[Path]:
    """The entries of a folder; none if it is missing, or no folder."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_worked_on(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and is_locked(path)


def _read_note(attempt: Path) -> _Note | None:
    """The note of a process; None if it has written none, or not all of it."""
    try:
        return msgspec.json.decode((attempt / _NOTE).read_bytes(), type=_Note)
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
        return None


def _checked(record: TileRecord, opened: Tile) -> Tile:
    """The tile, after a comparison of its header with its record."""
    header = opened.header
    in_file = (header.run, header.number, header.section, header.first_row, header.count)
    if in_file != (record.run, record.number, record.section, record.first_row, record.count):
        raise EstateError(
            "bulk.damaged",
            f"Tile {record.number} of run {record.run} is not as its file says.",
            RESTORE,
        )
    return opened


def _from_row(row: sqlite3.Row) -> TileRecord:
    tile = TileRecord(**dict(row))
    numbers = (tile.run, tile.number, tile.section, tile.first, tile.first_row)
    if min(numbers) < 0 or not 0 < tile.count <= TILE_ROWS:
        raise ValueError("a number is out of its range")
    if len(tile.digest) not in {0, _DIGEST_OCTETS} or bool(tile.digest) != (tile.audit is not None):
        raise ValueError("its digest is not that of a tile finished or still to be made")
    return tile
