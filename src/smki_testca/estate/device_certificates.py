"""Finds the certificates of Devices by their IDs, and which of them are of use.

It looks into indexes and the terms of runs. A tile is opened only for when its certificates end.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from heapq import merge
from itertools import accumulate, groupby, islice
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.clock import iso
from smki_testca.estate.runs import State, read_terms
from smki_testca.estate.serials import SerialSequence
from smki_testca.estate.status import Status

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from smki_testca.estate.database import Database
    from smki_testca.estate.run_certificates import RunCertificates
    from smki_testca.estate.terms import Section, Terms
    from smki_testca.estate.tiles import TileStore

AT_A_TIME = 500
"""The most IDs or serials that one query looks for."""
_BY_ID = (
    "SELECT eui64, serial, environment, profile, usage, not_after FROM certificates"
    " WHERE eui64 IN (%s)"
)
_ROWS_BY_ID = "SELECT eui64, run, row FROM row_ids WHERE eui64 IN (%s)"
_REVOKED = "SELECT serial FROM revocations WHERE serial IN (%s)"
_CHANGED = "SELECT serial, number, status FROM standings WHERE serial IN (%s) ORDER BY number"


class DeviceCertificate(NamedTuple):
    """A certificate that was issued for an EUI-64, or that a run in progress will issue.

    Attributes:
        serial: 16 octets, or fewer of one that was issued alone.
        usage: key usages joined by ``+``; empty where a run left them to the profile.
        run: that issues it; None if it was issued alone.
        section: of the run, the place of its section.
        is_issued: whether it is there already.
        not_after: of one that was issued alone, UTC, ISO 8601.
    """

    serial: bytes
    environment: str
    profile: str
    usage: str
    run: int | None = None
    section: int = 0
    is_issued: bool = True
    not_after: str = ""


class _Span(NamedTuple):
    """The rows of a section that is a range: its EUI-64s, and the first of its rows."""

    start: int
    stop: int
    run: int
    first_row: int


@dataclass(frozen=True, slots=True)
class _Run:
    """The facts of a run that look-ups need.

    Attributes:
        first_rows: the first row of each section.
        finished: the rows that are issued, first and stop of each tile; None if all are.
    """

    state: State
    sections: list[Section]
    first_rows: list[int]
    serials: SerialSequence
    finished: list[tuple[int, int]] | None

    def is_issued(self, row: int) -> bool:
        if self.finished is None:
            return True
        place = bisect_right(self.finished, (row, 1 << 63)) - 1
        return place >= 0 and row < self.finished[place][1]


class DeviceCertificates:
    """The certificates of one estate by the EUI-64s in them, as they are at one time.

    Runs are read once: what others begin later is not seen.

    Args:
        database: of the estate.
        tiles: of its runs.
        runs: their certificates.
        at: the time by which an expired one is of no use.
    """

    def __init__(
        self, database: Database, tiles: TileStore, runs: RunCertificates, at: datetime
    ) -> None:
        self._database = database
        self._tiles = tiles
        self._certificates = runs
        self._at = at
        self._runs: dict[int, _Run] = {}
        self._expired: dict[tuple[int, int], bool] = {}

    def of(self, ids: Iterable[int]) -> dict[int, list[DeviceCertificate]]:
        """The certificates with each of some EUI-64s, of whatever status.

        Rows that a cancelled run did not issue are left out.
        """
        by_id: dict[int, list[DeviceCertificate]] = {value: [] for value in ids}
        rows: dict[int, list[tuple[int, int]]] = {}
        octets = [value.to_bytes(8) for value in by_id]
        for row in self._rows(_BY_ID, octets):
            by_id[int.from_bytes(row["eui64"])].append(_alone(row))
        for row in self._rows(_ROWS_BY_ID, octets):
            rows.setdefault(row["run"], []).append((int.from_bytes(row["eui64"]), row["row"]))
        if self._spans:
            for value in by_id:
                for span in self._spans_with(value):
                    place = span.first_row + value - span.start
                    rows.setdefault(span.run, []).append((value, place))
        for run, in_run in rows.items():
            for value, certificate in self._of_run(run, in_run):
                by_id[value].append(certificate)
        return by_id

    def in_range(self, first: int, last: int) -> Iterator[dict[int, list[DeviceCertificate]]]:
        """The certificates with the EUI-64s of a range that have any, some at a time, in order."""
        listed = (self._listed(table, first, last) for table in ("certificates", "row_ids"))
        ids = (value for value, _ in groupby(merge(*listed, self._of_ranges(first, last))))
        while some := list(islice(ids, AT_A_TIME)):
            yield self.of(some)

    def _listed(self, table: str, first: int, last: int) -> Iterator[int]:
        """The EUI-64s of a table that are in a range, in order, each once."""
        after, condition = first.to_bytes(8), ">="
        while True:
            rows = self._database.rows(
                f"SELECT DISTINCT eui64 FROM {table} WHERE eui64 {condition} ? AND eui64 <= ?"  # noqa: S608 - our own words
                f" ORDER BY eui64 LIMIT {AT_A_TIME}",
                (after, last.to_bytes(8)),
            )
            if not rows:
                return
            after, condition = rows[-1]["eui64"], ">"
            yield from (int.from_bytes(row["eui64"]) for row in rows)

    def _of_ranges(self, first: int, last: int) -> Iterator[int]:
        """The EUI-64s of a range that are in ranges of runs, in order, each once."""
        for span in self._spans[0] if self._spans else ():
            yield from range(max(span.start, first), min(span.stop, last + 1))
            first = max(first, span.stop)

    def of_use(self, certificates: Iterable[DeviceCertificate]) -> set[bytes]:
        """The serials of those certificates that are pending, in use or still to be issued."""
        candidates = [each for each in certificates if not self._is_expired(each)]
        serials = list({each.serial for each in candidates if each.is_issued})
        last = {row["serial"]: row["status"] for row in self._rows(_CHANGED, serials)}
        useless = {serial for serial, status in last.items() if status == Status.NOT_IN_USE.value}
        useless |= {row["serial"] for row in self._rows(_REVOKED, serials)}
        return {each.serial for each in candidates} - useless

    def _rows(self, query: str, octets: Sequence[bytes]) -> Iterator[sqlite3.Row]:
        """The rows of a query for many values, some at a time."""
        for start in range(0, len(octets), AT_A_TIME):
            some = octets[start : start + AT_A_TIME]
            yield from self._database.rows(query % ", ".join("?" * len(some)), some)

    def _is_expired(self, certificate: DeviceCertificate) -> bool:
        if certificate.run is None:
            return certificate.not_after < iso(self._at)
        if not certificate.is_issued:
            return False
        key = (certificate.run, certificate.section)
        if key not in self._expired:
            # The certificates of a section have one profile and instant, so they end together.
            end = self._certificates.end_of(*key)
            self._expired[key] = end is not None and end < self._at
        return self._expired[key]

    def _of_run(
        self, number: int, rows: list[tuple[int, int]]
    ) -> Iterator[tuple[int, DeviceCertificate]]:
        """The certificates of some rows of a run, each with its EUI-64."""
        run = self._run(number)
        serials = run.serials.serials_of(row for _, row in rows)
        for (value, row), serial in zip(rows, serials, strict=True):
            is_issued = run.is_issued(row)
            if not is_issued and run.state is State.CANCELLED:
                continue
            place = bisect_right(run.first_rows, row) - 1
            section = run.sections[place]
            yield (
                value,
                DeviceCertificate(
                    serial,
                    section.environment,
                    section.profile,
                    section.usage.value if section.usage else "",
                    number,
                    place,
                    is_issued,
                ),
            )

    def _run(self, number: int) -> _Run:
        run = self._runs.get(number)
        if run is None:
            (row,) = self._database.rows(
                "SELECT id, state, terms, serial_key FROM runs WHERE id = ?", (number,)
            )
            state, sections = State(row["state"]), read_terms(row["terms"]).sections
            finished = [
                (tile.first_row, tile.first_row + tile.count)
                for tile in self._tiles.of_run(number, done=True)
            ]
            run = self._runs[number] = _Run(
                state,
                sections,
                list(accumulate((section.count for section in sections[:-1]), initial=0)),
                SerialSequence(row["serial_key"]),
                None if state is State.DONE else finished,
            )
        return run

    @cached_property
    def _spans(self) -> tuple[list[_Span], list[int]] | None:
        """The ranges of all runs by their first EUI-64, and the highest stop up to each of them."""
        spans: list[_Span] = []
        for run, terms in self._database.records(_terms, "SELECT id, terms FROM runs ORDER BY id"):
            first_row = 0
            for section in terms.sections:
                first = section.first_id
                if first is not None:
                    spans.append(_Span(first, first + section.count, run, first_row))
                first_row += section.count
        spans.sort()
        stops = list(accumulate((span.stop for span in spans), max))
        return (spans, stops) if spans else None

    def _spans_with(self, value: int) -> Iterator[_Span]:
        if self._spans is None:
            return
        spans, stops = self._spans
        place = bisect_right(spans, value, key=lambda span: span.start) - 1
        while place >= 0 and stops[place] > value:
            if spans[place].stop > value:
                yield spans[place]
            place -= 1


def _alone(row: sqlite3.Row) -> DeviceCertificate:
    return DeviceCertificate(
        row["serial"],
        row["environment"],
        row["profile"],
        row["usage"],
        not_after=row["not_after"],
    )


def _terms(row: sqlite3.Row) -> tuple[int, Terms]:
    return row["id"], read_terms(row["terms"])
