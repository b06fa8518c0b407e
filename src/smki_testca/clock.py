"""What time it is: the system's clock, or a fixed instant for results that repeat."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from smki_testca.errors import InputError
from smki_testca.identifiers import shown


class Clock(Protocol):
    """Tells the time in UTC, in whole seconds."""

    def now(self) -> datetime:
        """The present instant, UTC, without microseconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, UTC, without microseconds."""
        return datetime.now(UTC).replace(microsecond=0)


class FixedClock:
    """A clock that stands still."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant.astimezone(UTC).replace(microsecond=0)

    def now(self) -> datetime:
        """Always the same instant."""
        return self._instant


def parse_instant(text: str) -> datetime:
    """Read a UTC instant or date in ISO 8601; a date is its midnight.

    Raises:
        InputError: if it is not ISO 8601, or carries another offset than UTC.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or (instant.tzinfo is not None and instant.utcoffset()):
        raise InputError(
            "time.form",
            f"{shown(text)} is no UTC time.",
            "Write it like 2026-11-23 or 2026-11-23T09:30:00Z.",
        )
    return instant.replace(tzinfo=UTC, microsecond=0)
