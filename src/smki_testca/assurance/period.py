"""A period of days, both of its ends included and either of them open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True)
class Period:
    """A period of days.

    Attributes:
        start: its first day; None if it began before anything that matters, or nobody knows when.
        end: its last day; None if it has not ended.
    """

    start: date | None = None
    end: date | None = None

    def covers(self, day: date) -> bool:
        """Whether a day is in the period."""
        return not self.begins_after(day) and not self.ends_before(day)

    def begins_after(self, day: date) -> bool:
        """Whether the whole period is after a day."""
        return self.start is not None and self.start > day

    def ends_before(self, day: date) -> bool:
        """Whether the whole period is before a day."""
        return self.end is not None and self.end < day

    def meets(self, other: Period) -> bool:
        """Whether the two have a day in common."""
        apart = (self.end is not None and other.begins_after(self.end)) or (
            other.end is not None and self.begins_after(other.end)
        )
        return not apart

    def __str__(self) -> str:
        if self.start is None and self.end is None:
            return "without dates"
        since = "" if self.start is None else f"from {self.start}"
        until = "" if self.end is None else f"until {self.end}"
        return f"{since} {until}".strip()
