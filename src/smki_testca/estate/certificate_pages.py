"""Finds certificates page by page, the newest first.

However many certificates there are, a page costs little: what an index finds is looked up, and
where certificates must be read one by one, a page ends after a number of them and says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Self

from smki_testca.errors import InputError
from smki_testca.estate.serials import SerialSequence
from smki_testca.estate.status import Status
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from smki_testca.estate.certificates import CertificateStore, Record, Selection
    from smki_testca.estate.run_certificates import RunCertificates
    from smki_testca.estate.runs import Run, RunStore
    from smki_testca.estate.status_changes import StatusStore
    from smki_testca.estate.tiles import TileRecord, TileStore

MAX_LOOKS = 100
"""A page that is not full ends after so many looks: each at 200 certificates, or a tile's last."""
_AT_A_TIME = 200
"""The certificates that are read in one look."""
_POSITION = re.compile(r"([0-9]{1,9})-([0-9]{1,18})", re.ASCII)
_SET = frozenset({Status.PENDING, Status.NOT_IN_USE, Status.REVOKED})
"""The statuses whose certificates are listed by themselves."""


class Position(NamedTuple):
    """A place in the order of pages: certificates issued alone, then those of runs.

    Attributes:
        run: that issued it; 0 for one that was issued alone.
        row: in the run; of one that was issued alone, its number in the order of issue.
    """

    run: int
    row: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a position that ``str`` wrote.

        Raises:
            InputError: if it is something else.
        """
        match = _POSITION.fullmatch(text)
        if match is None:
            raise InputError(
                "page.position",
                f"{shown(text)} is not a place in a list.",
                "Begin at the first page.",
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.run}-{self.row}"


@dataclass(frozen=True, slots=True)
class CertificatePage:
    """A page of certificates.

    Attributes:
        certificates: with their statuses, the newest first.
        onward: after which place the next page begins; None if there is none.
        is_cut: whether the page ended before it was full, although there may be more.
    """

    certificates: list[tuple[Record, Status]]
    onward: Position | None
    is_cut: bool


_Look = tuple[Position, "Record | None"]
"""A certificate that fits; without one, how far a look came."""


class CertificatePages:
    """The certificates of one estate, page by page."""

    def __init__(
        self,
        certificates: CertificateStore,
        runs: RunStore,
        tiles: TileStore,
        run_certificates: RunCertificates,
        statuses: StatusStore,
    ) -> None:
        self._certificates = certificates
        self._runs = runs
        self._tiles = tiles
        self._run_certificates = run_certificates
        self._statuses = statuses

    def page(
        self,
        selection: Selection,
        at: datetime,
        size: int,
        *,
        name: str = "",
        after: Position | None = None,
    ) -> CertificatePage:
        """The certificates that fit a selection, from a place on.

        Args:
            selection: of certificates.
            at: the time of their statuses.
            size: the most certificates.
            name: text that is part of the name in the subject, in this spelling; any if empty.
            after: where the page before ended; the first page by default.
        """
        found: list[tuple[Position, Record]] = []
        position, looks = after, 0
        for place, record in self._looks(selection, at, name, after):
            if record is None:
                position, looks = place, looks + 1
                if looks == MAX_LOOKS:
                    return self._page(found, at, position, is_cut=True)
            elif len(found) == size:
                return self._page(found, at, found[-1][0], is_cut=False)
            else:
                found.append((place, record))
        return self._page(found, at, None, is_cut=False)

    def _page(
        self,
        found: Sequence[tuple[Position, Record]],
        at: datetime,
        onward: Position | None,
        *,
        is_cut: bool,
    ) -> CertificatePage:
        records = [record for _, record in found]
        statuses = self._statuses.statuses(records, at) if records else []
        return CertificatePage(list(zip(records, statuses, strict=True)), onward, is_cut)

    def _looks(
        self, selection: Selection, at: datetime, name: str, after: Position | None
    ) -> Iterator[_Look]:
        if after is None or after.run == 0:
            yield from self._alone(selection, at, name, None if after is None else after.row)
            after = None
        if selection.is_one_place:
            yield from self._one_place(selection, at, name, after)
            return
        statuses = selection.statuses
        if statuses is not None and statuses <= _SET:
            listed = self._listed(statuses)
            if listed is not None:
                yield from self._at(listed, selection, at, name, after)
                return
        yield from self._of_runs(selection, at, name, after)

    def _alone(
        self, selection: Selection, at: datetime, name: str, before: int | None
    ) -> Iterator[_Look]:
        """Those that were issued alone: the database says all but patterns and names."""
        statuses = selection.statuses
        further = None if statuses is None else self._statuses.condition(statuses, at)
        while True:
            page = self._certificates.latest(selection, further, name.encode(), before, _AT_A_TIME)
            for row, record in page:
                if selection.fits(record) and _is_named(record, name):
                    yield Position(0, row), record
            if len(page) < _AT_A_TIME:
                return
            before = page[-1][0]
            yield Position(0, before), None

    def _one_place(
        self, selection: Selection, at: datetime, name: str, after: Position | None
    ) -> Iterator[_Look]:
        """Those of runs with a serial number or an EUI-64: there are few, and all are read."""
        records = {
            Position(record.place[0], self._row(record)): record
            for record in self._run_certificates.select(selection)
            if record.place is not None and _is_named(record, name)
        }
        records = self._of_status(records, selection, at)
        yield from (
            (each, records[each]) for each in sorted(records, reverse=True) if _is(each, after)
        )

    def _at(
        self,
        positions: Sequence[Position],
        selection: Selection,
        at: datetime,
        name: str,
        after: Position | None,
    ) -> Iterator[_Look]:
        """Those at some places of runs."""
        for number, position in enumerate(positions, 1):
            if not _is(position, after):
                continue
            record = self._run_certificates.at_row(*position)
            if record is not None and selection.fits(record) and _is_named(record, name):
                yield from self._of_status({position: record}, selection, at).items()
            if number % _AT_A_TIME == 0:
                yield position, None

    def _of_runs(
        self, selection: Selection, at: datetime, name: str, after: Position | None
    ) -> Iterator[_Look]:
        """Those of runs, tile by tile."""
        for run in reversed(self._runs.all()):
            if after is not None and run.id > after.run:
                continue
            for tile in reversed(self._tiles.of_run(run.id, done=True)):
                if not _is(Position(run.id, tile.first_row), after):
                    continue
                if self._run_certificates.may_have(run, tile, selection, at):
                    yield from self._of_tile(run, tile, selection, at, name, after)
                    yield Position(run.id, tile.first_row), None

    def _of_tile(
        self,
        run: Run,
        tile: TileRecord,
        selection: Selection,
        at: datetime,
        name: str,
        after: Position | None,
    ) -> Iterator[_Look]:
        first = tile.first_row
        stop = tile.count
        if after is not None and after.run == run.id:
            stop = min(stop, after.row - first)
        places = range(stop - 1, -1, -1)
        records = self._run_certificates.in_tile(run, tile, places, name.encode())
        while some := list(islice(records, _AT_A_TIME)):
            fitting = {
                Position(run.id, first + record.place[2]): record
                for record in some
                if record.place is not None and selection.fits(record) and _is_named(record, name)
            }
            yield from self._of_status(fitting, selection, at).items()
            if len(some) == _AT_A_TIME and some[-1].place is not None:
                yield Position(run.id, first + some[-1].place[2]), None

    def _of_status(
        self, records: dict[Position, Record], selection: Selection, at: datetime
    ) -> dict[Position, Record]:
        """Those that have a selected status."""
        wanted = selection.statuses
        if wanted is None or not records:
            return records
        found = self._statuses.statuses(list(records.values()), at)
        return {
            each: record
            for (each, record), status in zip(records.items(), found, strict=True)
            if status in wanted
        }

    def _listed(self, statuses: frozenset[Status]) -> list[Position] | None:
        """The places in runs of those that have, or once had, a status; None if they are many."""
        serials = self._statuses.listed(statuses)
        if serials is None:
            return None
        octets = [serial.octets for serial in serials]
        positions = [
            Position(run, row)
            for run, key in self._runs.serial_keys()
            for row in SerialSequence(key).rows(octets)
            if row is not None
        ]
        return sorted(positions, reverse=True)

    def _row(self, record: Record) -> int:
        """The row of a run's certificate."""
        run, number, place = record.place or (0, 0, 0)
        return self._tiles.get(run, number).first_row + place


def _is(position: Position, after: Position | None) -> bool:
    """Whether a place comes after another; any does after none."""
    return after is None or position < after


def _is_named(record: Record, name: str) -> bool:
    return not name or name in (record.name or "")
