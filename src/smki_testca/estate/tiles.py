"""Stores the tiles of runs: those still to be made, those finished, and their files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from smki_testca.estate.audit import AuditedTable
from smki_testca.estate.terms import Row
from smki_testca.estate.tile import Tile, file_name
from smki_testca.x509.keys import key_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from smki_testca.estate.audit import AuditLog, Entry
    from smki_testca.estate.database import Database
    from smki_testca.identifiers import Eui64

FOLDER = "bulk"
MAX_ROW = (1 << 63) - 1
"""The largest row that SQLite can look for."""


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


class TileStore:
    """The tiles of one estate's runs."""

    def __init__(self, directory: Path, database: Database, audit: AuditLog) -> None:
        self._folder = directory / FOLDER
        self._database = database
        self._audit = audit
        self._read = lru_cache(maxsize=8)(Tile.read)

    # Within the caller's transaction.

    def add(self, tile: TileRecord, rows: bytes | None, participant: str) -> None:
        """Store a tile that is to be made.

        Args:
            tile: the tile.
            rows: a list of ``Row`` in MessagePack; None for a range.
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
        decoded = [] if rows is None else msgspec.msgpack.decode(rows, type=list[Row])
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
        (tile,) = self._where("run = ? AND number = ?", run, number)
        return tile

    def of_run(self, run: int, *, done: bool | None = None) -> list[TileRecord]:
        """The tiles of a run: all, the finished ones, or those still to be made."""
        condition = {None: "", True: " AND digest <> x''", False: " AND digest = x''"}[done]
        return self._where(f"run = ?{condition}", run)

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
        rows = self._database.rows(
            "SELECT run, number, section, first, first_row, count, digest, audit FROM tiles"  # noqa: S608 - our own words
            f" WHERE {condition} ORDER BY run, number",
            values,
        )
        return [_from_row(row) for row in rows]

    # Their files.

    def make_folder(self, run: int) -> None:
        """Make the folder of a run, for its owner only."""
        for folder in (self._folder, self.folder(run)):
            folder.mkdir(mode=0o700, exist_ok=True)

    def folder(self, run: int) -> Path:
        """The folder of a run's tiles."""
        return self._folder / f"{run:06d}"

    def path(self, tile: TileRecord) -> Path:
        """The file of a finished tile."""
        return self.folder(tile.run) / file_name(tile.number, tile.digest)

    def open(self, tile: TileRecord) -> Tile:
        """Read the file of a finished tile.

        Raises:
            EstateError: if it is missing or was changed.
        """
        return self._read(self.path(tile), tile.digest)

    def sweep(self, run: int) -> None:
        """Remove files of tiles that were never finished."""
        known = {self.path(tile).name for tile in self.of_run(run, done=True)}
        for path in self.folder(run).iterdir():
            if path.name not in known:
                path.unlink(missing_ok=True)

    def verify(self) -> int:
        """Check that every finished tile is present and unchanged.

        Returns:
            The number of finished tiles.

        Raises:
            EstateError: for the first tile that is missing or was changed.
        """
        tiles = self._where("digest <> x''")
        for tile in tiles:
            Tile.read(self.path(tile), tile.digest)
        return len(tiles)

    def audited(self) -> AuditedTable:
        """The finished tiles, as the audit log records them."""
        return AuditedTable(
            "audit.tile",
            recorded=_recorded,
            rows=self._audited_rows,
            name=lambda place, _: f"tile {place[1]} of run {place[0]}",
        )

    def _audited_rows(self) -> Iterator[tuple[tuple[int, int], tuple[int | None, str]]]:
        for tile in self._where("digest <> x''"):
            yield (tile.run, tile.number), (tile.audit, tile.digest.hex())


def _recorded(entry: Entry) -> Iterator[tuple[tuple[int, int], tuple[int, str]]]:
    if entry.action == "batch.tile":
        body = entry.body
        yield (body["run"], body["tile"]), (entry.number, body["sha256"])


def _from_row(row: sqlite3.Row) -> TileRecord:
    return TileRecord(**dict(row))
