"""Counts the certificates issued one by one and by runs, for quotas.

A run in progress counts in full, because it will issue the rest. A cancelled one counts with the
certificates that it issued.
"""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

from smki_testca.estate.runs import State, read_terms

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from smki_testca.estate.database import Database
    from smki_testca.estate.terms import Section, Terms
    from smki_testca.estate.tiles import TileStore
    from smki_testca.identifiers import Eui64

# The number of certificates for each Device ID of a range: those issued alone, and the rows of runs
# that are no range. A row of a cancelled run counts only if it was issued.
_COUNTED = """\
(SELECT eui64, count(*) AS issued FROM (
  SELECT eui64 FROM certificates
  WHERE eui64 BETWEEN :first AND :last
  UNION ALL
  SELECT eui64 FROM row_ids
  WHERE eui64 BETWEEN :first AND :last AND (
    (SELECT state FROM runs WHERE id = run) <> 'cancelled'
    OR EXISTS (
      SELECT 1 FROM tiles WHERE tiles.run = row_ids.run AND digest <> x''
      AND first_row <= row AND first_row + count > row
    )
  )
) GROUP BY eui64)"""


class IssuedCounts:
    """Counts of the certificates that one estate issued."""

    def __init__(self, database: Database, tiles: TileStore) -> None:
        self._database = database
        self._tiles = tiles

    def for_device(self, device_id: Eui64) -> int:
        """The number of Device Certificates for a Device ID (R21)."""
        return self.for_devices(device_id, device_id)[device_id.value]

    def for_devices(self, first: Eui64, last: Eui64) -> Counter[int]:
        """The numbers of Device Certificates for the Device IDs of a range that have any."""
        rows = self._database.rows(
            f"SELECT eui64, issued FROM {_COUNTED}",  # noqa: S608 - a constant
            {"first": first.octets, "last": last.octets},
        )
        counts = Counter({int.from_bytes(row["eui64"]): int(row["issued"]) for row in rows})
        for start, stop in self._spans(first, last):
            counts.update(range(start, stop))
        return counts

    def most_for_devices(self, first: Eui64, last: Eui64) -> int:
        """An upper bound of the Device Certificates for any one Device ID of a range.

        It is the maximum by ranges plus the maximum by single IDs, which may be of different IDs.
        """
        # One more counts from the start of a span, and one less from its end.
        steps = sorted(
            step for start, stop in self._spans(first, last) for step in ((start, 1), (stop, -1))
        )
        singles = self._database.value(
            f"SELECT coalesce(max(issued), 0) FROM {_COUNTED}",  # noqa: S608 - a constant
            {"first": first.octets, "last": last.octets},
        )
        return max(accumulate((change for _, change in steps), initial=0)) + int(singles)

    def in_category(self, participant: str, category: str) -> int:
        """The number of certificates of a category that a participant has."""
        singles = self._database.value(
            "SELECT count(*) FROM certificates WHERE participant = ? AND category = ?",
            (participant, category),
        )
        return int(singles) + sum(
            count
            for section, _, count in self._parts()
            if (section.participant, section.category) == (participant, category)
        )

    def _spans(self, first: Eui64, last: Eui64) -> Iterator[tuple[int, int]]:
        """The parts of a range that runs of ranges cover: start, and stop (excluded)."""
        for section, offset, count in self._parts():
            if section.first_id is not None:
                begin = section.first_id + offset
                start, stop = max(begin, first.value), min(begin + count, last.value + 1)
                if start < stop:
                    yield start, stop

    def _parts(self) -> Iterator[tuple[Section, int, int]]:
        """The rows that count in each section: the first row's place, and the number of rows."""
        for run, state, terms in self._database.records(_run, "SELECT id, state, terms FROM runs"):
            if state is State.CANCELLED:
                for tile in self._tiles.of_run(run, done=True):
                    yield terms.section(tile.section), tile.first, tile.count
            else:
                yield from ((section, 0, section.count) for section in terms.sections)


def _run(row: sqlite3.Row) -> tuple[int, State, Terms]:
    return row["id"], State(row["state"]), read_terms(row["terms"])
