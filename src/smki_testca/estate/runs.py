"""Runs of many certificates: what was asked, what is done, where each certificate is."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.clock import iso
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Record, Selection
from smki_testca.estate.serials import SerialSequence
from smki_testca.estate.terms import Row, Secrets, Section, Terms
from smki_testca.estate.tile import Tile, file_name
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.profiles.model import Tier
from smki_testca.x509 import private_keys
from smki_testca.x509.key_usages import names_of_usage
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from smki_testca.estate.audit import AuditLog
    from smki_testca.estate.database import Database
    from smki_testca.estate.key_store import KeyStore
    from smki_testca.profiles import Library

FOLDER = "bulk"
MAX_ROW = (1 << 63) - 1
"""The largest row that can be looked for."""


class State(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        issued: how many of its certificates are in finished tiles.
        created, finished: UTC, ISO 8601.
    """

    id: int
    state: State
    created: str
    finished: str | None
    terms: Terms
    issued: int

    def as_json(self) -> dict[str, Any]:
        """The run as a JSON object."""
        return {
            "id": self.id,
            "state": self.state.value,
            "source": self.terms.source,
            "count": self.terms.count,
            "issued": self.issued,
            "seeded": self.terms.seeded,
            "keys_secret": not self.terms.seeded,
            "label": self.terms.label,
            "created": self.created,
            "finished": self.finished,
            "participants": sorted({one.participant for one in self.terms.sections}),
            "profiles": sorted({one.profile for one in self.terms.sections}),
        }


@dataclass(frozen=True, slots=True)
class TileRecord:
    """A tile as the estate knows it; ``digest`` is empty while it is still to be cut."""

    run: int
    number: int
    section: int
    first: int
    first_row: int
    count: int
    digest: bytes = b""
    audit: int | None = None


_TILE_COLUMNS = "run, number, section, first, first_row, count, digest, audit"
# Of a row of row_ids: its run is not cancelled, or had issued it before.
_ISSUED_OR_WILL_BE = (
    "((SELECT state FROM runs WHERE id = run) <> 'cancelled' OR EXISTS (SELECT 1 FROM tiles"
    " WHERE tiles.run = row_ids.run AND first_row <= row AND first_row + count > row"
    " AND digest <> x''))"
)


class RunStore:
    """The runs of one estate."""

    def __init__(
        self,
        directory: Path,
        database: Database,
        audit: AuditLog,
        key_store: KeyStore,
        library: Library,
    ) -> None:
        self._folder = directory / FOLDER
        self._database = database
        self._audit = audit
        self._keys = key_store
        self._library = library
        self._tile = lru_cache(maxsize=8)(self._read_tile)

    # Making runs and finishing tiles, within the caller's transaction.

    def add(self, terms: Terms, secrets: Secrets, at: datetime) -> int:
        """Begin a run.

        Returns:
            Its id.
        """
        number = int(self._database.value("SELECT coalesce(max(id), 0) + 1 FROM runs"))
        sealed = self._keys.seal(msgspec.msgpack.encode(secrets), _label(number))
        self._database.execute(
            "INSERT INTO runs VALUES (?, ?, ?, NULL, ?, ?, ?, NULL)",
            (
                number,
                State.RUNNING.value,
                iso(at),
                msgspec.json.encode(terms),
                secrets.serial_key,
                sealed,
            ),
        )
        folder = self.folder(number)
        for one in (self._folder, folder):
            one.mkdir(mode=0o700, exist_ok=True)
        return number

    def add_tile(self, tile: TileRecord, rows: bytes | None) -> None:
        """Note a tile that is to be cut.

        Args:
            tile: which.
            rows: what its rows have of their own, MessagePack; None for a range.
        """
        own = [] if rows is None else msgspec.msgpack.decode(rows, type=list[Row])
        self._database.execute(
            "INSERT INTO tiles VALUES (?, ?, ?, ?, ?, ?, ?, x'', NULL)",
            (tile.run, tile.number, tile.section, tile.first, tile.first_row, tile.count, rows),
        )
        self._database.execute_many(
            "INSERT INTO row_ids VALUES (?, ?, ?)",
            (
                (row.eui64.to_bytes(8), tile.run, tile.first_row + place)
                for place, row in enumerate(own)
                if row.eui64 is not None
            ),
        )

    def is_finished(self, run: int, number: int) -> bool:
        """Whether a tile is cut; another process may have been quicker."""
        return bool(
            self._database.value(
                "SELECT digest FROM tiles WHERE run = ? AND number = ?", (run, number)
            )
        )

    def finish_tile(self, run: int, number: int, digest: bytes, count: int, at: datetime) -> None:
        """Note that a tile is safe on the disk, with its audit entry."""
        entry = self._audit.append(
            at,
            "batch.tile",
            {"run": run, "tile": number, "count": count, "sha256": digest.hex()},
        )
        self._database.execute(
            "UPDATE tiles SET digest = ?, audit = ?, rows = NULL WHERE run = ? AND number = ?",
            (digest, entry, run, number),
        )

    def state(self, run: int) -> State:
        """How far a run is now; another process may have ended it."""
        return State(self._database.value("SELECT state FROM runs WHERE id = ?", (run,)))

    def set_state(self, run: int, state: State, at: datetime) -> None:
        """Note how far a run is, with its audit entry."""
        finished = None if state is State.RUNNING else iso(at)
        self._audit.append(at, f"batch.{state.value}", {"run": run})
        self._database.execute(
            "UPDATE runs SET state = ?, finished = ? WHERE id = ?", (state.value, finished, run)
        )

    # Looking at runs.

    def get(self, number: int) -> Run:
        """The run of that id.

        Raises:
            InputError: if there is none.
        """
        found = self._runs("WHERE id = ?", (number,))
        if not found:
            raise InputError(
                "batch.unknown", f"The estate has no run {number}.", "See: smki-testca batch list"
            )
        return found[0]

    def all(self) -> list[Run]:
        """Every run, the oldest first."""
        return self._runs("", ())

    def _runs(self, where: str, values: tuple[Any, ...]) -> list[Run]:
        rows = self._database.rows(
            "SELECT id, state, created, finished, terms, (SELECT coalesce(sum(count), 0) FROM tiles"  # noqa: S608 - our own words
            f" WHERE run = id AND digest <> x'') FROM runs {where} ORDER BY id",
            values,
        )
        return [
            Run(
                row[0],
                State(row[1]),
                row[2],
                row[3],
                msgspec.json.decode(row[4], type=Terms),
                row[5],
            )
            for row in rows
        ]

    def keep_report(self, run: int, report: bytes) -> None:
        """Keep what a run's batch will be answered with, within the caller's transaction."""
        self._database.execute("UPDATE runs SET report = ? WHERE id = ?", (report, run))

    def report(self, run: int) -> bytes | None:
        """What a run's batch is to be answered with; None for a run of another source."""
        kept: bytes | None = self._database.value("SELECT report FROM runs WHERE id = ?", (run,))
        return kept

    def secrets(self, run: int) -> Secrets:
        """What a run's tiles are cut with."""
        sealed = self._database.value("SELECT secrets FROM runs WHERE id = ?", (run,))
        return msgspec.msgpack.decode(self._keys.unseal(sealed, _label(run)), type=Secrets)

    def folder(self, run: int) -> Path:
        """Where a run's tiles lie."""
        return self._folder / f"{run:06d}"

    def path(self, run: int, number: int, digest: bytes) -> Path:
        """The file of a tile."""
        return self.folder(run) / file_name(number, digest)

    def verify(self) -> int:
        """See that every finished tile is there, octet for octet.

        Returns:
            How many there are.

        Raises:
            EstateError: for the first that is missing or was changed.
        """
        count = 0
        for run in self.all():
            for one in self.tiles(run.id, done=True):
                Tile.read(self.path(run.id, one.number, one.digest), one.digest)
                count += 1
        return count

    def sweep(self, run: int) -> None:
        """Remove files of tiles that were never finished."""
        known = {self.path(run, one.number, one.digest).name for one in self.tiles(run, done=True)}
        for path in self.folder(run).iterdir():
            if path.name not in known:
                path.unlink(missing_ok=True)

    def tiles(self, run: int, *, done: bool | None = None) -> list[TileRecord]:
        """The tiles of a run: all, those done, or those still to be cut."""
        condition = {None: "", True: " AND digest <> x''", False: " AND digest = x''"}[done]
        return self._tiles_where(f"run = ?{condition}", (run,))

    def rows(self, run: int, number: int) -> bytes | None:
        """The rows of a tile still to be cut, as they were kept; None for a range."""
        encoded: bytes | None = self._database.value(
            "SELECT rows FROM tiles WHERE run = ? AND number = ?", (run, number)
        )
        return encoded

    # Looking at certificates.

    def by_serial(self, serial: SerialNumber) -> Record | None:
        """The certificate of that serial number, if a run issued it."""
        octets = serial.value.to_bytes(16)
        for run, key in self._database.rows("SELECT id, serial_key FROM runs"):
            row = SerialSequence(key).row(octets)
            record = None if row is None else self._at_row(run, row)
            if record is not None and record.serial == serial:
                return record
        return None

    def by_serials(self, serials: Iterable[SerialNumber]) -> Iterator[Record]:
        """Those of the serial numbers that runs issued, tile by tile; others are passed over."""
        known = set(serials)
        wanted = [serial.value.to_bytes(16) for serial in known]
        if not wanted:
            return
        for number, key in self._database.rows("SELECT id, serial_key FROM runs ORDER BY id"):
            rows = sorted(row for row in SerialSequence(key).rows(wanted) if row is not None)
            run = self.get(number)
            for tile in self.tiles(number, done=True):
                first = bisect_left(rows, tile.first_row)
                last = bisect_left(rows, tile.first_row + tile.count)
                if first < last:
                    opened = self._tile(number, tile.number, tile.digest)
                    for row in rows[first:last]:
                        record = self._record(run, tile, opened, row - tile.first_row)
                        if record.serial in known:
                            yield record

    def by_eui64(self, eui64: Eui64) -> Iterator[Record]:
        """The certificates of runs with that ID."""
        for run, row in self._rows_with(eui64):
            record = self._at_row(run, row)
            if record is not None:
                yield record

    def issued_for_device(self, device_id: Eui64) -> int:
        """Device Certificates that runs issued, or will, under a Device ID (R21)."""
        return sum(1 for _ in self._rows_with(device_id))

    def issued_for_devices(self, first: Eui64, last: Eui64) -> Counter[int]:
        """Device Certificates that runs issued, or will, under each ID of a range that has any."""
        rows = self._database.rows(
            "SELECT eui64, count(*) FROM row_ids"  # noqa: S608 - our own words
            f" WHERE eui64 BETWEEN ? AND ? AND {_ISSUED_OR_WILL_BE} GROUP BY eui64",
            (first.octets, last.octets),
        )
        issued = Counter({int.from_bytes(eui64): count for eui64, count in rows})
        for start, stop in self._spans():
            issued.update(range(max(start, first.value), min(stop, last.value + 1)))
        return issued

    def _spans(self) -> Iterator[tuple[int, int]]:
        """From where to where (excluded) the IDs go that runs of ranges issued, or will."""
        for run, state, terms in self._database.rows("SELECT id, state, terms FROM runs"):
            sections = msgspec.json.decode(terms, type=Terms).sections
            if state == State.CANCELLED:
                done = self.tiles(run, done=True)
                parts = [(sections[one.section].first_id, one.first, one.count) for one in done]
            else:
                parts = [(one.first_id, 0, one.count) for one in sections]
            for first_id, offset, count in parts:
                if first_id is not None:
                    yield first_id + offset, first_id + offset + count

    def most_issued_for_devices(self, first: Eui64, last: Eui64) -> int:
        """At most how many Device Certificates runs issued under any one ID of a range."""
        # Where a section's IDs begin one more counts, and where they end one less.
        steps = sorted(
            step
            for run in self.all()
            if run.state is not State.CANCELLED or run.issued
            for section in run.terms.sections
            if section.first_id is not None
            and section.first_id <= last.value
            and first.value < section.first_id + section.count
            for step in ((section.first_id, 1), (section.first_id + section.count, -1))
        )
        ranges = max(accumulate((change for _, change in steps), initial=0))
        singles = self._database.value(
            "SELECT coalesce(max(issued), 0) FROM (SELECT count(*) AS issued FROM row_ids"  # noqa: S608
            f" WHERE eui64 BETWEEN ? AND ? AND {_ISSUED_OR_WILL_BE} GROUP BY eui64)",
            (first.octets, last.octets),
        )
        return ranges + int(singles)

    def issued_in_category(self, participant: str, category: str) -> int:
        """Certificates of a category that runs issued, or will, to a participant."""
        return sum(
            section.count
            if run.state is not State.CANCELLED
            else sum(one.count for one in self.tiles(run.id, done=True) if one.section == number)
            for run in self.all()
            for number, section in enumerate(run.terms.sections)
            if (section.participant, section.category) == (participant, category)
        )

    def has_serials_of(self, secrets: Secrets) -> bool:
        """Whether a run gave out serials by that key already."""
        found = self._database.rows(
            "SELECT 1 FROM runs WHERE serial_key = ?", (secrets.serial_key,)
        )
        return bool(found)

    def select(self, selection: Selection, out_at: datetime | None = None) -> Iterator[Record]:
        """The certificates of runs that fit a selection, run by run, tile by tile.

        Args:
            selection: what must fit, the status left aside.
            out_at: a time by which they must have run out.
        """
        ends = [one for one in (out_at, selection.expires_before) if one is not None]
        out_at = min(ends, default=None)
        if selection.serial is not None:
            found = self.by_serial(selection.serial)
            candidates: Iterable[Record] = () if found is None else (found,)
        elif selection.eui64 is not None:
            candidates = self.by_eui64(selection.eui64)
        else:
            candidates = (
                record
                for run in self.all()
                if any(_may_fit(section, selection) for section in run.terms.sections)
                for record in self.records(run, selection, out_at)
            )
        return (record for record in candidates if selection.fits(record))

    def records(
        self, run: Run, selection: Selection | None = None, out_at: datetime | None = None
    ) -> Iterator[Record]:
        """The certificates of a run, in the order of its rows."""
        ends: dict[int, datetime] = {}
        for tile in self.tiles(run.id, done=True):
            section = run.terms.sections[tile.section]
            if selection is not None and not _may_fit(section, selection):
                continue
            if out_at is not None:
                # One profile at one instant: those of a section end together.
                if tile.section not in ends:
                    opened = self._tile(run.id, tile.number, tile.digest)
                    ends[tile.section] = self._record(run, tile, opened, 0).not_after
                if ends[tile.section] >= out_at:
                    continue
            opened = self._tile(run.id, tile.number, tile.digest)
            for place in range(tile.count):
                yield self._record(run, tile, opened, place)

    def with_keys(self, run: Run) -> Iterator[tuple[Record, bytes | None]]:
        """The certificates of a run with their private keys, PKCS#8 DER."""
        sealing_key = self.secrets(run.id).sealing_key
        for tile in self.tiles(run.id, done=True):
            opened = self._tile(run.id, tile.number, tile.digest)
            for place, kept in enumerate(opened.keys(sealing_key)):
                key = None if kept is None else private_keys.pkcs8_of(kept)
                yield self._record(run, tile, opened, place), key

    def numbered(self, run: Run) -> Iterator[tuple[int, bytes]]:
        """The certificates of a run, DER, each with the line it came from."""
        for tile in self.tiles(run.id, done=True):
            opened = self._tile(run.id, tile.number, tile.digest)
            for place, line in enumerate(opened.extra().lines):
                yield line, opened.der(place)

    def private_keys(self, records: Iterable[Record]) -> dict[SerialNumber, bytes]:
        """The private keys of runs' certificates, PKCS#8 DER, each tile opened once.

        Those of other certificates, and those that are not ours, are left out.
        """
        places: dict[tuple[int, int], list[tuple[int, SerialNumber]]] = {}
        for record in records:
            if record.place is not None:
                run, number, place = record.place
                places.setdefault((run, number), []).append((place, record.serial))
        found: dict[SerialNumber, bytes] = {}
        for (run, number), wanted in places.items():
            (tile,) = self._tiles_where("run = ? AND number = ?", (run, number))
            kept = self._tile(run, number, tile.digest).keys(self.secrets(run).sealing_key)
            for place, serial in wanted:
                key = kept[place]
                if key is not None:
                    found[serial] = private_keys.pkcs8_of(key)
        return found

    def section_of(self, run: int, number: int) -> Section:
        """What all certificates of a tile share."""
        (tile,) = self._tiles_where("run = ? AND number = ?", (run, number))
        return self.get(run).terms.sections[tile.section]

    def _tiles_where(self, condition: str, values: tuple[Any, ...]) -> list[TileRecord]:
        rows = self._database.rows(
            f"SELECT {_TILE_COLUMNS} FROM tiles WHERE {condition} ORDER BY number",  # noqa: S608
            values,
        )
        return [TileRecord(*row) for row in rows]

    def _rows_with(self, eui64: Eui64) -> Iterator[tuple[int, int]]:
        for run, state, terms in self._database.rows("SELECT id, state, terms FROM runs"):
            first_row = 0
            for section in msgspec.json.decode(terms, type=Terms).sections:
                first = section.first_id
                if first is not None and first <= eui64.value < first + section.count:
                    row = first_row + eui64.value - first
                    if state != State.CANCELLED or self._tile_of(run, row) is not None:
                        yield run, row
                first_row += section.count
        yield from self._database.rows(
            f"SELECT run, row FROM row_ids WHERE eui64 = ? AND {_ISSUED_OR_WILL_BE}",  # noqa: S608
            (eui64.octets,),
        )

    def _tile_of(self, run: int, row: int) -> TileRecord | None:
        """The finished tile that holds a row."""
        # A serial that another run gave out leads to a row that is too large for SQLite.
        if row > MAX_ROW:
            return None
        found = self._database.rows(
            f"SELECT {_TILE_COLUMNS} FROM tiles"  # noqa: S608 - our own columns
            " WHERE run = ? AND first_row <= ? AND first_row + count > ? AND digest <> x''",
            (run, row, row),
        )
        return TileRecord(*found[0]) if found else None

    def _at_row(self, run: int, row: int) -> Record | None:
        tile = self._tile_of(run, row)
        if tile is None:
            return None
        opened = self._tile(run, tile.number, tile.digest)
        return self._record(self.get(run), tile, opened, row - tile.first_row)

    def _read_tile(self, run: int, number: int, digest: bytes) -> Tile:
        return Tile.read(self.path(run, number, digest), digest)

    def _record(self, run: Run, tile: TileRecord, opened: Tile, place: int) -> Record:
        section = run.terms.sections[tile.section]
        profile = self._library.profile(section.profile)
        environment = self._library.environment(section.environment)
        der = opened.der(place)
        view = view_certificate(der)
        eui64 = opened.eui64(place)
        at = datetime.fromisoformat(run.terms.at)
        return Record(
            serial=SerialNumber(opened.serial(place)),
            der=der,
            profile=section.profile,
            hierarchy=profile.hierarchy,
            tier=Tier.END_ENTITY,
            family=environment.family,
            environment=section.environment,
            category=section.category,
            participant=section.participant,
            eui64=None if eui64 is None else Eui64(eui64),
            role=section.role_code,
            usage=section.usage.value
            if section.usage
            else names_of_usage(view.value("extensions.keyUsage")),
            label=opened.extra().labels.get(place, run.terms.label),
            key_id=hashlib.sha256(view.octets("subjectPublicKeyInfo") or b"").digest(),
            issuer=SerialNumber.parse(section.issuer),
            not_before=view.instant("validity.notBefore") or at,
            not_after=view.instant("validity.notAfter") or at,
            issued_at=at,
            audit=tile.audit or 0,
            place=(run.id, tile.number, place),
            keys_secret=not run.terms.seeded,
        )


def _may_fit(section: Section, selection: Selection) -> bool:
    return (
        selection.participant in {None, section.participant}
        and selection.profile in {None, section.profile}
        and selection.role in {None, section.role_code}
        and (selection.usage is None or section.usage is None or selection.usage == section.usage)
    )


def _label(run: int) -> bytes:
    return f"run {run}".encode("ascii")
