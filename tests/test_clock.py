"""Times are read from ISO 8601, and from nothing that only Python takes for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from smki_testca.clock import earlier, parse_instant
from smki_testca.errors import InputError


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T09:30:00Z",
        "2026-11-23 09:30",
        "2026-11-23T09:30:00.000+00:00",
        "20261123T093000Z",
        "2026-11-23T09:30:00",
    ],
)
def test_a_time_is_read_in_iso_8601(text):
    assert parse_instant(text) == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def test_a_date_is_its_midnight():
    assert parse_instant("2026-11-23") == datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-23x09:30:00", "2026-11-23\u260309:30:00", "2026-11-23T24:00:00Z", ""),
        *("2026-11-23T09:30:00+01:00", " 2026-11-23", "2026-11-23 ", "2026-11-23T", "yesterday"),
        *("\uff12\uff10\uff12\uff16-11-23", "2026-13-01", "2026-11-23T09:30:00Z\n"),
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(InputError) as caught:
        parse_instant(text)
    assert caught.value.code == "time.form"


def test_nothing_is_earlier_than_the_year_one():
    assert earlier(datetime(1, 1, 1, 0, 5, tzinfo=UTC), timedelta(minutes=6)).year == 1
    assert earlier(datetime(2000, 1, 1, tzinfo=UTC), timedelta(minutes=1)).year == 1999
