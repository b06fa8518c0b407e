"""Draws what expires in the time to come: a picture of bars, and the same in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

WIDTH, HEIGHT = 720, 200
"""Of the picture, in its own units."""
_LEFT, _TOP, _BOTTOM = 8, 24, 28
_MOST_LABELS = 12
_MOST_YEARS_BY_MONTH = 2


@dataclass(frozen=True, slots=True)
class TimelineBar:
    """A month or a year of the picture.

    Attributes:
        title: ``2026-11`` or ``2026``; or what lies before the first.
        count: the certificates that end in it.
        x, y, width, height: of its bar.
        label: under it; empty where there is no room.
        is_past: whether they have run out already.
    """

    title: str
    count: int
    x: float
    y: float
    width: float
    height: float
    label: str
    is_past: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """The bars of a picture, of which there is at least one.

    Attributes:
        total: the certificates of all of them.
    """

    bars: tuple[TimelineBar, ...]
    total: int

    @classmethod
    def of(cls, months: Counter[str], spans: Sequence[str]) -> Self:
        """The bars of some months or years, and one for what expired before them.

        Args:
            months: how many certificates end in each month.
            spans: the months or years to draw, in order, this one first.
        """
        counts: Counter[str] = Counter()
        for month, count in months.items():
            counts[month[: len(spans[0])]] += count
        past = sum(count for span, count in counts.items() if span < spans[0])
        named = [("before", past), *((span, counts[span]) for span in spans)]
        highest = max(1, *(count for _, count in named))
        step = (WIDTH - 2 * _LEFT) / len(named)
        every = -(-len(named) // _MOST_LABELS)
        highest_bar = HEIGHT - _TOP - _BOTTOM
        bars = []
        for place, (title, count) in enumerate(named):
            # What is there is seen, however little it is beside the highest.
            height = max(highest_bar * count / highest, 2) if count else 0
            bars.append(
                TimelineBar(
                    title,
                    count,
                    round(_LEFT + place * step + step * 0.1, 1),
                    round(_TOP + highest_bar - height, 1),
                    round(step * 0.8, 1),
                    round(height, 1),
                    title if place % every == 0 else "",
                    is_past=place == 0,
                )
            )
        return cls(tuple(bars), sum(count for _, count in named))

    @property
    def filled(self) -> tuple[TimelineBar, ...]:
        """The bars of months or years in which anything ends."""
        return tuple(bar for bar in self.bars if bar.count)


def spans_from(now: datetime, years: int) -> list[str]:
    """The months of a few years, or more years, this one first and none after the year 9999."""
    if years > _MOST_YEARS_BY_MONTH:
        return [f"{year:04d}" for year in range(now.year, min(now.year + years, 9999) + 1)]
    first = now.year * 12 + now.month - 1
    months = range(first, min(first + 12 * years + 1, 10_000 * 12))
    return [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in months]
