"""The content of an export of a run: its certificates, or its Devices with theirs side by side.

Both are read from the estate as they are written, and a part of either can be read again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from bisect import bisect_right
from copy import copy
from itertools import accumulate, islice, pairwise
from typing import TYPE_CHECKING, Generic, NamedTuple, Self, TypeVar

from smki_testca.errors import EstateError, InputError
from smki_testca.estate.database import RESTORE
from smki_testca.estate.run_rows import RunRow, SectionFacts
from smki_testca.estate.runs import State
from smki_testca.identifiers import Eui64
from smki_testca.roles import KeyUsage
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from smki_testca.estate.run_rows import RunRows
    from smki_testca.estate.terms import Section
    from smki_testca.profiles import Library

T = TypeVar("T")

REPORTED = 1_000
"""After how many units progress is reported."""
_NONE = -1
"""In place of the row of a certificate that a Device does not have."""

Issued = tuple[SectionFacts, RunRow]
"""A certificate of a run, and what it shares with its section."""


class RunDevice(NamedTuple):
    """A Device with the certificates that a run issued to it.

    Attributes:
        eui64: its Device ID, 8 octets.
        facts: what its certificates share with others.
        ds, ka: its certificates for digital signature and for key agreement.
    """

    eui64: bytes
    facts: SectionFacts
    ds: RunRow | None
    ka: RunRow | None

    @property
    def halves(self) -> tuple[tuple[str, RunRow | None], tuple[str, RunRow | None]]:
        """Its certificates with their short names."""
        return ("ds", self.ds), ("ka", self.ka)

    @property
    def columns(self) -> Mapping[str, str]:
        """The operator's own columns of its rows."""
        if self.ds is None or self.ka is None:
            row = self.ds or self.ka
            return {} if row is None else row.columns
        ds, ka = self.ds.columns, self.ka.columns
        return ds if ds == ka else {**ka, **ds}


class RunContent(ABC, Generic[T]):
    """The content of an export in units: certificates or Devices.

    Attributes:
        certificates: the number of certificates in all units.
        left_out: the number of the run's certificates that are in none.
    """

    certificates: int
    left_out: int = 0

    @abstractmethod
    def __len__(self) -> int:
        """The number of units."""

    @abstractmethod
    def between(self, start: int, stop: int) -> Iterator[T]:
        """The units from one place to before another."""

    @abstractmethod
    def without_keys(self) -> Self:
        """The same units, their private keys left sealed."""

    def parts(self, size: int | None, progress: Callable[[int, int], None]) -> Iterator[Part[T]]:
        """The units in parts of at most so many; one part of all where no size is given."""
        count = len(self)
        step = size or max(count, 1)
        for start in range(0, max(count, 1), step):
            yield Part(self, start, min(start + step, count), progress)


class Part(Generic[T]):
    """A part of a content, for one file or folder.

    Args:
        content: of which it is.
        start, stop: the place of its first unit, and that after its last.
        progress: called with the number of units written and of all.
    """

    def __init__(
        self, content: RunContent[T], start: int, stop: int, progress: Callable[[int, int], None]
    ) -> None:
        self._content = content
        self._start, self._stop = start, stop
        self._progress = progress

    def __len__(self) -> int:
        return self._stop - self._start

    def __iter__(self) -> Iterator[T]:
        """Its units; progress is reported."""
        units = self._content.between(self._start, self._stop)
        total = len(self._content)
        for start in range(self._start, self._stop, REPORTED):
            yield from islice(units, REPORTED)
            self._progress(min(start + REPORTED, self._stop), total)

    def ahead(self) -> Iterator[T]:
        """Its units without private keys, to look at them before they are written."""
        return self._content.without_keys().between(self._start, self._stop)


class Certificates(RunContent[Issued]):
    """Every certificate of a run, in the order of its rows."""

    def __init__(self, rows: RunRows) -> None:
        self._rows = rows
        self.certificates = sum(tile.count for tile in rows.tiles)

    def __len__(self) -> int:
        return self.certificates

    def without_keys(self) -> Self:
        """The same certificates, their private keys left sealed."""
        return type(self)(self._rows.without_keys())

    def between(self, start: int, stop: int) -> Iterator[Issued]:
        """The certificates from one place to before another."""
        for facts, rows in self._rows.between(start, stop):
            for row in rows:
                yield facts, row


class Devices(RunContent[RunDevice]):
    """The Devices of a run, in the order of the first line of each, or in a range of the IDs.

    A Device is what has certificates with a Device ID, a P-256 key, and one of the usages digital
    signature and key agreement. Where a run has several for one Device and usage, the last counts.

    Args:
        rows: of the run.
        library: of the profiles that the run issued from.
        environment, profile: of the certificates; any if None.

    Raises:
        InputError: if one Device ID has certificates of several environments or profiles.
    """

    def __init__(
        self, rows: RunRows, library: Library, environment: str | None, profile: str | None
    ) -> None:
        self._rows = rows
        sections = rows.run.terms.sections
        self._starts = [0, *accumulate(section.count for section in sections)]
        self._sections = sections
        self._usable = [
            environment in {None, section.environment}
            and profile in {None, section.profile}
            and _is_of_devices(section, library)
            for section in sections
        ]
        self._firsts, self._others = self._of_range() or self._by_id()
        pairs = len(self._others) - self._others.count(_NONE)
        self.certificates = len(self._firsts) + pairs
        self.left_out = sum(tile.count for tile in rows.tiles) - self.certificates

    def __len__(self) -> int:
        return len(self._firsts)

    def without_keys(self) -> Self:
        """The same Devices, their private keys left sealed."""
        same = copy(self)
        same._rows = self._rows.without_keys()  # noqa: SLF001 - of the same class
        return same

    def between(self, start: int, stop: int) -> Iterator[RunDevice]:
        """The Devices from one place to before another."""
        first_at, other_at = _Cursor(self._rows), _Cursor(self._rows)
        for place in range(start, stop):
            facts, first = first_at.row(self._firsts[place])
            other_row = self._others[place] if self._others else _NONE
            other = None if other_row == _NONE else other_at.row(other_row)[1]
            if first.eui64 is None or (other is not None and other.eui64 != first.eui64):
                raise EstateError(
                    "estate.damaged",
                    f"Rows of run {self._rows.run.id} are not of the Device that they should be.",
                    RESTORE,
                )
            if first.usage == KeyUsage.DIGITAL_SIGNATURE:
                yield RunDevice(first.eui64, facts, first, other)
            else:
                yield RunDevice(first.eui64, facts, other, first)

    def _of_range(self) -> tuple[Sequence[int], Sequence[int]] | None:
        """The rows of a range that is done: it has a section of the same IDs for each usage.

        None for another run, and for a range of which parts were left out. A range may be long, and
        so its rows are not listed.
        """
        run = self._rows.run
        if run.terms.source != "range" or run.state is not State.DONE or not any(self._usable):
            return None
        if len({(section.first_id, section.count) for section in self._sections}) > 1:
            return None
        if len({section.usage for section in self._sections}) < len(self._sections):
            return None
        first, *others = (range(start, end) for start, end in pairwise(self._starts))
        return first, others[0] if others else ()

    def _by_id(self) -> tuple[Sequence[int], Sequence[int]]:
        """The rows of each Device, found by its Device ID."""
        ids, places, lines = array("Q"), array("q"), array("Q")
        for tile in self._rows.tiles:
            if self._usable[tile.section]:
                opened = self._rows.open(tile)
                of_tile = array("Q", map(int.from_bytes, opened.ids() or []))
                ids += of_tile
                places.extend(range(tile.first_row, tile.first_row + len(of_tile)))
                # Rows are stored section by section, and those of a range have no lines.
                lines.extend(opened.extra().lines or of_tile)
        ranges: list[tuple[int, int, int]] = []
        order = sorted(range(len(ids)), key=ids.__getitem__)
        start = 0
        while start < len(order):
            stop = start + 1
            while stop < len(order) and ids[order[stop]] == ids[order[start]]:
                stop += 1
            same = order[start:stop]
            pair = self._pair(Eui64(ids[same[0]]), [places[place] for place in same])
            ranges.append((min(lines[place] for place in same), *pair))
            start = stop
        ranges.sort()
        firsts, others = (array("q", (each[part] for each in ranges)) for part in (1, 2))
        return firsts, others

    def _pair(self, eui64: Eui64, rows: list[int]) -> tuple[int, int]:
        """The last row of each usage among those of one Device, in their order."""
        sections = {row: self._sections[bisect_right(self._starts, row) - 1] for row in rows}
        if len({(section.environment, section.profile) for section in sections.values()}) > 1:
            raise InputError(
                "export.several_environments",
                f"The Device {eui64} has certificates of several environments or profiles.",
                "Choose one with --environment or --profile.",
            )
        by_usage = {section.usage: row for row, section in sorted(sections.items())}
        first, *others = sorted(by_usage.values())
        return first, others[0] if others else _NONE


def _is_of_devices(section: Section, library: Library) -> bool:
    profile = library.profile(section.profile)
    return (
        profile.field_of("device-id") is not None
        and profile.key_type is KeyType.P256
        and section.usage in {KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT}
    )


class _Cursor:
    """Reads rows that mostly follow each other."""

    def __init__(self, rows: RunRows) -> None:
        self._rows = rows
        self._first = self._end = 0
        self._facts: SectionFacts
        self._of_tile: list[RunRow] = []

    def row(self, number: int) -> Issued:
        """The row of that number, which is finished."""
        if not self._first <= number < self._end:
            place = self._rows.tile_at(number)
            if place is None:
                raise IndexError(number)
            self._first = self._rows.tiles[place].first_row
            self._of_tile = self._rows.rows(place)
            self._end = self._first + len(self._of_tile)
            self._facts = self._rows.facts(place)
        return self._facts, self._of_tile[number - self._first]
