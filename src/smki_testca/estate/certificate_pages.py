"""Finds certificates page by page, the newest first; a run issues all of its at one time.

However many certificates there are, a page costs little: what an index finds is looked up, and
where certificates must be read one by one, a page ends after a number of them and says so.
"""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Self

from smki_testca.clock import from_iso
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
_POSITION = re.compile(r"([0-9]{1,18})-([0-9]{1,9})-([0-9]{1,18})", re.ASCII)
_LAST_ROW = 10**18 - 1
_LAST_RUN = 10**9 - 1
_SET = frozenset({Status.PENDING, Status.NOT_IN_USE, Status.REVOKED})
"""The statuses whose certificates are listed by themselves."""


class RunPlace(NamedTuple):
    """The place of a certificate of a run.

    Attributes:
        run: that issued it.
        row: in the run.
    """

    run: int
    row: int


class Position(NamedTuple):
    """The position of a page: what is below both places is still to come.

    Attributes:
        alone: of the certificates that were issued alone, in the order of issue.
        of_runs: of those of runs.
    """

    alone: int
    of_runs: RunPlace

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
        return cls(int(match[1]), RunPlace(int(match[2]), int(match[3])))

    def __str__(self) -> str:
        return f"{self.alone}-{self.of_runs.run}-{self.of_runs.row}"

    def beyond(self, place: int | RunPlace) -> Position:
        """The position after one more certificate of either kind."""
        if isinstance(place, RunPlace):
            return self._replace(of_runs=place)
        return self._replace(alone=place)


_START = Position(_LAST_ROW, RunPlace(_LAST_RUN, _LAST_ROW))


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


class _Look(NamedTuple):
    """A certificate that fits; without one, how far a look came.

    Attributes:
        at: when the certificate was issued, or the last of the look.
        place: of the certificate, or the last of the look.
    """

    at: datetime
    place: int | RunPlace
    record: Record | None = None


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
        run: int | None = None,
        after: Position | None = None,
    ) -> CertificatePage:
        """The certificates that fit a selection, from a place on.

        Args:
            selection: of certificates.
            at: the time of their statuses.
            size: the most certificates.
            name: text that is part of the name in the subject, in this spelling; any if empty.
            run: that issued them; those issued alone and by every run by default.
            after: where the page before ended; the first page by default.
        """
        page: list[Record] = []
        position, looks = after or _START, 0
        # Those issued alone and those of runs, each the newest first, as one list in that order.
        # A bound that excludes nothing would keep SQLite from the index of what is selected.
        before = position.alone if position.alone < _LAST_ROW else None
        alone = self._alone(selection, at, name, before) if run is None else ()
        of_runs = self._of_runs(selection, at, name, run, position.of_runs)
        for look in heapq.merge(alone, of_runs, key=lambda look: look.at, reverse=True):
            if look.record is not None:
                if len(page) == size:
                    return self._page(page, at, position, is_cut=False)
                page.append(look.record)
            position = position.beyond(look.place)
            if look.record is None:
                looks += 1
                if looks == MAX_LOOKS:
                    return self._page(page, at, position, is_cut=True)
        return self._page(page, at, None, is_cut=False)

    def _page(
        self,
        records: Sequence[Record],
        at: datetime,
        onward: Position | None,
        *,
        is_cut: bool,
    ) -> CertificatePage:
        statuses = self._statuses.statuses(records, at) if records else []
        return CertificatePage(list(zip(records, statuses, strict=True)), onward, is_cut)

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
                    yield _Look(record.issued_at, row, record)
            if len(page) < _AT_A_TIME:
                return
            before, last = page[-1]
            yield _Look(last.issued_at, before)

    def _of_runs(
        self, selection: Selection, at: datetime, name: str, run: int | None, after: RunPlace
    ) -> Iterator[_Look]:
        """Those of a run, or of all: those that an index finds; or else tile by tile."""
        if selection.is_one_place:
            return self._one_place(selection, at, name, run, after)
        statuses = selection.statuses
        if statuses is not None and statuses <= _SET:
            listed = self._listed(statuses)
            if listed is not None:
                places = [each for each in listed if run in {None, each.run}]
                return self._at(places, selection, at, name, after)
        return self._by_tile(selection, at, name, run, after)

    def _one_place(
        self, selection: Selection, at: datetime, name: str, run: int | None, after: RunPlace
    ) -> Iterator[_Look]:
        """Those of runs with a serial number or an EUI-64: there are few, and all are read."""
        records = {
            RunPlace(record.place[0], self._row(record)): record
            for record in self._run_certificates.select(selection)
            if record.place is not None
            and run in {None, record.place[0]}
            and _is_named(record, name)
        }
        records = self._of_status(records, selection, at)
        for place in sorted(records, reverse=True):
            if place < after:
                yield _Look(records[place].issued_at, place, records[place])

    def _at(
        self,
        places: Sequence[RunPlace],
        selection: Selection,
        at: datetime,
        name: str,
        after: RunPlace,
    ) -> Iterator[_Look]:
        """Those at some places of runs."""
        for number, place in enumerate(places, 1):
            if place >= after:
                continue
            record = self._run_certificates.at_row(*place)
            if record is None:
                continue
            if selection.fits(record) and _is_named(record, name):
                yield from _looks(self._of_status({place: record}, selection, at))
            if number % _AT_A_TIME == 0:
                yield _Look(record.issued_at, place)

    def _by_tile(
        self, selection: Selection, at: datetime, name: str, only: int | None, after: RunPlace
    ) -> Iterator[_Look]:
        for run in reversed(self._runs.all()):
            if run.id > after.run or only not in {None, run.id}:
                continue
            issued_at = from_iso(run.terms.at)
            for tile in reversed(self._tiles.of_run(run.id, done=True)):
                first = RunPlace(run.id, tile.first_row)
                if first < after and self._run_certificates.may_have(run, tile, selection, at):
                    yield from self._of_tile(run, tile, selection, at, name, after)
                    yield _Look(issued_at, first)

    def _of_tile(
        self,
        run: Run,
        tile: TileRecord,
        selection: Selection,
        at: datetime,
        name: str,
        after: RunPlace,
    ) -> Iterator[_Look]:
        first = tile.first_row
        stop = tile.count
        if after.run == run.id:
            stop = min(stop, after.row - first)
        places = range(stop - 1, -1, -1)
        records = self._run_certificates.in_tile(run, tile, places, name.encode())
        while some := list(islice(records, _AT_A_TIME)):
            fitting = {
                RunPlace(run.id, first + record.place[2]): record
                for record in some
                if record.place is not None and selection.fits(record) and _is_named(record, name)
            }
            yield from _looks(self._of_status(fitting, selection, at))
            last = some[-1]
            if len(some) == _AT_A_TIME and last.place is not None:
                yield _Look(last.issued_at, RunPlace(run.id, first + last.place[2]))

    def _of_status(
        self, records: dict[RunPlace, Record], selection: Selection, at: datetime
    ) -> dict[RunPlace, Record]:
        """Those that have a selected status."""
        selected = selection.statuses
        if selected is None or not records:
            return records
        statuses = self._statuses.statuses(list(records.values()), at)
        return {
            each: record
            for (each, record), status in zip(records.items(), statuses, strict=True)
            if status in selected
        }

    def _listed(self, statuses: frozenset[Status]) -> list[RunPlace] | None:
        """The places in runs of those that have, or once had, a status; None if they are many."""
        serials = self._statuses.listed(statuses)
        if serials is None:
            return None
        octets = [serial.octets for serial in serials]
        places = [
            RunPlace(run, row)
            for run, key in self._runs.serial_keys()
            for row in SerialSequence(key).rows(octets)
            if row is not None
        ]
        return sorted(places, reverse=True)

    def _row(self, record: Record) -> int:
        """The row of a run's certificate."""
        run, number, place = record.place or (0, 0, 0)
        return self._tiles.get(run, number).first_row + place


def _looks(records: dict[RunPlace, Record]) -> Iterator[_Look]:
    for place, record in records.items():
        yield _Look(record.issued_at, place, record)


def _is_named(record: Record, name: str) -> bool:
    return not name or name in (record.name or "")
