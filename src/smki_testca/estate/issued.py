"""Counts what was issued before, one by one and by runs; quotas are held against it.

A run that goes on counts in full, for it will issue the rest; one that was cancelled counts with
what it issued.
"""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec

from smki_testca.estate.runs import State
from smki_testca.estate.terms import Section, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.estate.database import Database
    from smki_testca.estate.tiles import TileStore
    from smki_testca.identifiers import Eui64

# How often each Device ID of a range has a certificate of its own, or a row of a run that is no
# range: one whose run is not cancelled, or that was issued before.
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
    """How many certificates one estate issued."""

    def __init__(self, database: Database, tiles: TileStore) -> None:
        self._database = database
        self._tiles = tiles

    def for_device(self, device_id: Eui64) -> int:
        """Device Certificates under a Device ID (R21)."""
        return self.for_devices(device_id, device_id)[device_id.value]

    def for_devices(self, first: Eui64, last: Eui64) -> Counter[int]:
        """Device Certificates under each Device ID of a range that has any."""
        rows = self._database.rows(
            f"SELECT eui64, issued FROM {_COUNTED}",  # noqa: S608 - a constant
            {"first": first.octets, "last": last.octets},
        )
        counts = Counter({int.from_bytes(row["eui64"]): row["issued"] for row in rows})
        for start, stop in self._spans(first, last):
            counts.update(range(start, stop))
        return counts

    def most_for_devices(self, first: Eui64, last: Eui64) -> int:
        """At most how many Device Certificates there are under any one Device ID of a range.

        The most by ranges and the most by single IDs are added, whether or not they meet.
        """
        # Where a span begins one more counts, and where it ends one less.
        steps = sorted(
            step for start, stop in self._spans(first, last) for step in ((start, 1), (stop, -1))
        )
        singles = self._database.value(
            f"SELECT coalesce(max(issued), 0) FROM {_COUNTED}",  # noqa: S608 - a constant
            {"first": first.octets, "last": last.octets},
        )
        return max(accumulate((change for _, change in steps), initial=0)) + int(singles)

    def in_category(self, participant: str, category: str) -> int:
        """Certificates of a category that a participant has."""
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
        """The Device IDs that runs of ranges count for, from the first to past the last of each."""
        for section, offset, count in self._parts():
            if section.first_id is not None:
                begin = section.first_id + offset
                start, stop = max(begin, first.value), min(begin + count, last.value + 1)
                if start < stop:
                    yield start, stop

    def _parts(self) -> Iterator[tuple[Section, int, int]]:
        """The rows that count: a section, the place of the first row in it, and how many."""
        for run in self._database.rows("SELECT id, state, terms FROM runs"):
            sections = msgspec.json.decode(run["terms"], type=Terms).sections
            if run["state"] == State.CANCELLED:
                for tile in self._tiles.of_run(run["id"], done=True):
                    yield sections[tile.section], tile.first, tile.count
            else:
                yield from ((section, 0, section.count) for section in sections)
