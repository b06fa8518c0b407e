"""Clocks (the system's, or a fixed instant for repeatable results), and reading of times."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from smki_testca.errors import InputError
from smki_testca.text import counted, shown


class Clock(Protocol):
    """A source of the current time, in UTC and whole seconds."""

    def now(self) -> datetime:
        """The present instant, UTC, without microseconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, UTC, without microseconds."""
        return datetime.now(UTC).replace(microsecond=0)


class FixedClock:
    """A clock that always shows the same instant."""

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
        instant = datetime.fromisoformat(text) if _INSTANT.fullmatch(text) else None
    except ValueError:
        instant = None
    if instant is None or (instant.tzinfo is not None and instant.utcoffset()):
        raise InputError(
            "time.form",
            f"{shown(text)} is not a UTC time.",
            "Write it like 2026-11-23 or 2026-11-23T09:30:00Z.",
        )
    return instant.replace(tzinfo=UTC, microsecond=0)


def in_utc(instant: datetime) -> datetime:
    """Convert an instant to UTC and whole seconds, as all times are stored and compared.

    Raises:
        InputError: if it has no time zone, so that the instant is ambiguous.
    """
    if instant.tzinfo is None:
        raise InputError(
            "time.form",
            f"The time {instant.isoformat()} has no time zone.",
            "Give it one, such as datetime.UTC.",
        )
    return instant.astimezone(UTC).replace(microsecond=0)


def from_iso(text: str) -> datetime:
    """Read an instant that ``iso`` wrote.

    Raises:
        ValueError: if it is something else.
    """
    instant = datetime.fromisoformat(text)
    if instant.utcoffset() != timedelta(0):
        raise ValueError(f"{shown(text)} is not a UTC time")
    return instant


def parse_end(text: str) -> datetime:
    """Read the last second of a time span; for a date, the last second of that day.

    Raises:
        InputError: if it is not ISO 8601, or carries another offset than UTC.
    """
    instant = parse_instant(text)
    try:
        date.fromisoformat(text)
    except ValueError:
        return instant
    return instant.replace(hour=23, minute=59, second=59)


def parse_period(text: str) -> timedelta:
    """Read a length of time, such as ``90d``, ``12h`` or ``6w``.

    Raises:
        InputError: for any other text, or for more than a hundred years.
    """
    match = _PERIOD.fullmatch(text)
    if match is not None:
        period = int(match["count"]) * _UNITS[match["unit"]]
        if period <= _LONGEST:
            return period
    raise InputError(
        "time.period",
        f"{shown(text)} is not a length of time.",
        "Write it like 90d, 12h or 6w: days, hours or weeks.",
    )


def later(instant: datetime, period: timedelta) -> datetime:
    """The instant plus a period, at most the end of the year 9999."""
    try:
        return instant + period
    except OverflowError:
        return datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def earlier(instant: datetime, period: timedelta) -> datetime:
    """The instant less a period, at least the beginning of the year 1."""
    try:
        return instant - period
    except OverflowError:
        return datetime(1, 1, 1, tzinfo=UTC)


_INSTANT = re.compile(r"[0-9W-]+([Tt ](?!24)[0-9:.,+Zz-]+)?", re.ASCII)
"""The characters of ISO 8601. Python takes any character between date and time, and some versions
of it hour 24."""
_PERIOD = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[hdw])", re.ASCII)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST = timedelta(days=36525)


def iso(instant: datetime) -> str:
    """A UTC instant in ISO 8601 with ``Z``."""
    return instant.isoformat().replace("+00:00", "Z")


def years_after(start: datetime, years: int) -> datetime:
    """The same day and time some years later, at most the end of 9999.

    29 February becomes 1 March where the year is no leap year.
    """
    if start.year + years > 9999:
        return start.replace(
            year=9999, month=12, day=31, hour=23, minute=59, second=59, microsecond=0
        )
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return start.replace(year=start.year + years, month=3, day=1)


def end_of_years(start: datetime, years: int) -> datetime:
    """The last second of a span of years: the end of the same day some years later."""
    return years_after(start, years).replace(hour=23, minute=59, second=59, microsecond=0)


_DAYS_OF_A_MONTH = 365.2425 / 12


def span_in_words(span: timedelta) -> str:
    """A span of time in words: years and months from two years on, or months, days or hours."""
    if span.days >= 60:
        months = round(span.days / _DAYS_OF_A_MONTH)
        years, rest = divmod(months, 12)
        if years < 2:
            return f"{months} months"
        return counted(years, "year") + (f" {counted(rest, 'month')}" if rest else "")
    if span.days >= 1:
        return counted(span.days, "day")
    return counted(span.seconds // 3600, "hour")
