"""Counts the certificates of an estate by CA, type, status and month of expiry.

Certificates that were issued alone are counted by the database in one query. Those of runs are
counted by section, because the certificates of a section share all of this; what happened to single
ones of them since is looked up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.clock import from_iso, iso
from smki_testca.estate.serials import SerialSequence
from smki_testca.estate.status import Status
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles.model import Hierarchy, Tier

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from datetime import datetime

    from smki_testca.estate.database import Database
    from smki_testca.estate.run_certificates import RunCertificates
    from smki_testca.estate.runs import Run, RunStore
    from smki_testca.estate.terms import Section
    from smki_testca.estate.tiles import TileStore
    from smki_testca.profiles import Library

# The status as it is worked out for one certificate, and whether it is not to be renewed.
_ALONE = """\
SELECT *, CASE WHEN revoked THEN 'R' WHEN not_after < :at THEN 'E' ELSE last END AS status,
  renewed OR revoked OR last = 'N' AS over
FROM (
  SELECT serial, issuer, family, hierarchy, tier, profile, label, participant, not_after,
    EXISTS (SELECT 1 FROM revocations WHERE revocations.serial = certificates.serial) AS revoked,
    coalesce(
      (SELECT status FROM standings WHERE standings.serial = certificates.serial
       ORDER BY number DESC LIMIT 1), 'I') AS last,
    EXISTS (SELECT 1 FROM successions WHERE predecessor = certificates.serial)
    OR EXISTS (SELECT 1 FROM replacements WHERE predecessor = certificates.serial) AS renewed
  FROM certificates WHERE (:participant IS NULL OR participant = :participant)
)"""
_OF_PARTICIPANT = _ALONE.replace(
    "(:participant IS NULL OR participant = :participant)", "participant = :participant"
)
_CHANGED = """\
SELECT serial, 'R' AS status, 0 AS renewed FROM revocations
UNION ALL
SELECT serial, status, 0 FROM standings AS last
WHERE number = (SELECT max(number) FROM standings WHERE standings.serial = last.serial)
UNION ALL
SELECT predecessor, '', 1 FROM successions
UNION ALL
SELECT predecessor, '', 1 FROM replacements"""


class Kind(NamedTuple):
    """The kind of certificates that a count is of.

    Attributes:
        issuer: the serial of the CA's certificate that issued them; their own for a root.
        month: in which they expire, ``2036-11``.
        is_due: whether they are to be renewed by then: living or run out, and not renewed yet.
    """

    issuer: SerialNumber
    family: str
    hierarchy: Hierarchy
    tier: Tier
    profile: str
    status: Status
    month: str
    is_due: bool


@dataclass(frozen=True, slots=True)
class ExpiringGroup:
    """Certificates that end at one time and are to be renewed: one, or some of a run.

    Attributes:
        serial: of the one; None for those of a run.
        run: that issued them; None for one that was issued alone.
        name: a label, for people; empty where there is none.
        count: how many they are.
    """

    not_after: datetime
    serial: SerialNumber | None
    run: int | None
    name: str
    profile: str
    tier: Tier
    participant: str | None
    count: int


@dataclass(frozen=True, slots=True)
class _Part:
    """The finished rows of a section of a run."""

    counts: Counter[Kind]
    not_after: datetime
    run: Run
    section: Section

    @property
    def due(self) -> int:
        """The number of certificates that are to be renewed."""
        return sum(count for kind, count in self.counts.items() if kind.is_due)


class Inventory:
    """The counts of one estate."""

    def __init__(
        self,
        database: Database,
        runs: RunStore,
        tiles: TileStore,
        run_certificates: RunCertificates,
        library: Library,
    ) -> None:
        self._database = database
        self._runs = runs
        self._tiles = tiles
        self._run_certificates = run_certificates
        self._library = library

    def counts(self, at: datetime, participant: str | None = None) -> Counter[Kind]:
        """The number of certificates of each kind.

        Args:
            at: the time of their statuses.
            participant: whose; those of everybody and of the CAs by default.
        """
        query = _ALONE if participant is None else _OF_PARTICIPANT
        counted = self._database.records(
            _counted,
            "SELECT issuer, family, hierarchy, tier, profile, status,"  # noqa: S608 - our own words
            " substr(not_after, 1, 7) AS month, over, count(*) AS count"
            f" FROM ({query}) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8",
            {"at": iso(at), "participant": participant},
        )
        counts: Counter[Kind] = Counter()
        for kind, count in counted:
            counts[kind] += count
        for part in self._parts(at, participant):
            counts.update(part.counts)
        return +counts

    def endings(
        self, at: datetime, before: datetime, size: int, participant: str | None = None
    ) -> list[ExpiringGroup]:
        """The certificates that are to be renewed, those that end first at the beginning.

        Args:
            at: the time of their statuses.
            before: they end before this time.
            size: the most entries.
            participant: whose; those of everybody and of the CAs by default.
        """
        query = _ALONE if participant is None else _OF_PARTICIPANT
        endings = self._database.records(
            _ending,
            f"SELECT * FROM ({query}) WHERE not_after < :before AND NOT over"  # noqa: S608 - our own words
            " ORDER BY not_after, serial LIMIT :size",
            {"at": iso(at), "before": iso(before), "size": size, "participant": participant},
        )
        endings += [
            ExpiringGroup(
                part.not_after,
                None,
                part.run.id,
                part.run.terms.label or "",
                part.section.profile,
                Tier.END_ENTITY,
                part.section.participant,
                part.due,
            )
            for part in self._parts(at, participant)
            if part.due and part.not_after < before
        ]
        return sorted(endings, key=lambda ending: ending.not_after)[:size]

    def _parts(self, at: datetime, participant: str | None) -> Iterator[_Part]:
        """The sections of runs that have finished rows."""
        changed: list[tuple[bytes, str, bool]] | None = None
        for run in self._runs.all():
            sections = run.terms.sections
            if participant not in {None, *(section.participant for section in sections)}:
                continue
            if changed is None:
                changed = self._database.records(_change, _CHANGED)
            issued: Counter[int] = Counter()
            for tile in self._tiles.of_run(run.id, done=True):
                issued[tile.section] += tile.count
            lost = self._changed_in(run, changed)
            for place, count in sorted(issued.items()):
                if participant in {None, sections[place].participant}:
                    yield self._part(run, place, count, lost.get(place, {}), at)

    def _part(
        self, run: Run, place: int, count: int, changed: dict[int, tuple[str, bool]], at: datetime
    ) -> _Part:
        section = run.terms.sections[place]
        end = self._run_certificates.end_of(run.id, place) or at
        usual = Kind(
            SerialNumber.parse(section.issuer),
            self._library.environment(section.environment).family,
            self._library.profile(section.profile).hierarchy,
            Tier.END_ENTITY,
            section.profile,
            Status.EXPIRED if end < at else Status.IN_USE,
            iso(end)[:7],
            is_due=True,
        )
        counts = Counter({usual: count})
        for letter, renewed in changed.values():
            is_set = letter == "R" or (letter and usual.status is not Status.EXPIRED)
            status = Status(letter) if is_set else usual.status
            is_due = not renewed and letter not in {"R", "N"}
            counts[usual] -= 1
            counts[usual._replace(status=status, is_due=is_due)] += 1
        return _Part(+counts, end, run, section)

    def _changed_in(
        self, run: Run, changed: list[tuple[bytes, str, bool]]
    ) -> dict[int, dict[int, tuple[str, bool]]]:
        """By section and row of a run: its last status that was set, and whether it was renewed."""
        key = dict(self._runs.serial_keys())[run.id]
        starts = list(accumulate((each.count for each in run.terms.sections[:-1]), initial=0))
        totals: dict[int, dict[int, tuple[str, bool]]] = {}
        rows = SerialSequence(key).rows([serial for serial, _, _ in changed])
        for row, (_, letter, renewed) in zip(rows, changed, strict=True):
            if row is None or row >= run.terms.count:
                continue
            section = totals.setdefault(bisect_right(starts, row) - 1, {})
            before, was_renewed = section.get(row, ("", False))
            # What is revoked stays so, whatever else was said of it.
            last = before if before == "R" or not letter else letter
            section[row] = last, was_renewed or renewed
        return totals


def _counted(row: sqlite3.Row) -> tuple[Kind, int]:
    return (
        Kind(
            SerialNumber.from_octets(row["issuer"]),
            row["family"],
            Hierarchy(row["hierarchy"]),
            Tier(row["tier"]),
            row["profile"],
            Status(row["status"]),
            row["month"],
            not row["over"],
        ),
        int(row["count"]),
    )


def _ending(row: sqlite3.Row) -> ExpiringGroup:
    return ExpiringGroup(
        from_iso(row["not_after"]),
        SerialNumber.from_octets(row["serial"]),
        None,
        row["label"] or "",
        row["profile"],
        Tier(row["tier"]),
        row["participant"],
        1,
    )


def _change(row: sqlite3.Row) -> tuple[bytes, str, bool]:
    return row["serial"].rjust(16, b"\0"), row["status"], bool(row["renewed"])
