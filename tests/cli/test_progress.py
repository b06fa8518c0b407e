"""How far long work is, as it is told on a terminal and in a log."""

import io
import sys

import pytest

from smki_testca.cli.output import HEARTBEAT_SECONDS, Progress


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock():
    """A clock that stands still until it is set."""

    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    return Clock()


def _told(monkeypatch, clock, stream, calls):
    """What standard error holds after calls at some seconds from the beginning."""
    monkeypatch.setattr(sys, "stderr", stream)
    begun = clock.now
    progress = Progress("issuing", clock)
    for second, *state in calls:
        clock.now = begun + second
        progress(*state) if state else progress.tick()
    return stream.getvalue()


def test_a_log_gets_a_line_every_thirty_seconds_and_none_before(monkeypatch, clock):
    calls = [(second, second * 10, 2_000) for second in range(0, 100, 5)]
    told = _told(monkeypatch, clock, io.StringIO(), calls)
    assert told.splitlines() == [
        "issuing: 300 of 2000, 10 a second, 170 s left",
        "issuing: 600 of 2000, 10 a second, 140 s left",
        "issuing: 900 of 2000, 10 a second, 110 s left",
    ]


def test_a_log_gets_its_line_also_while_nothing_gets_done(monkeypatch, clock):
    told = _told(monkeypatch, clock, io.StringIO(), [(0, 0, 9), (29,), (30,), (31,), (60,)])
    assert told.splitlines() == ["issuing: 0 of 9, 30 s", "issuing: 0 of 9, 60 s"]


def test_short_work_is_not_told_of_anywhere(monkeypatch, clock):
    calls = [(0, 0, 2), (0.5, 1, 2), (0.9, 2, 2)]
    for stream in (io.StringIO(), _Terminal()):
        assert _told(monkeypatch, clock, stream, calls) == ""


def test_a_terminal_has_one_line_that_ends_with_the_work(monkeypatch, clock):
    calls = [(0, 0, 4), (2, 1, 4), (2.01, 2, 4), (4, 3, 4), (5, 4, 4), (6,)]
    told = _told(monkeypatch, clock, _Terminal(), calls)
    assert told.count("\n") == 1
    assert [part.rstrip() for part in told.split("\r")[1:]] == [
        "issuing: 1 of 4, 6 s left",
        "issuing: 3 of 4, 1 s left",
        "issuing: 4 of 4",
    ]


def test_items_of_which_nobody_knows_the_number_are_counted(monkeypatch, clock):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)

    def slow_items():
        for item in "abc":
            clock.now += HEARTBEAT_SECONDS
            yield item

    assert list(Progress("reading", clock).over(slow_items())) == ["a", "b", "c"]
    assert [line.split(",")[0] for line in stream.getvalue().splitlines()] == [
        "reading: 1",
        "reading: 2",
        "reading: 3",
    ]
