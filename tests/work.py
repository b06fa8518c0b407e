"""Counts work in units that the load of the machine cannot change: calls, and steps of SQLite."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from dataclasses import dataclass
from unittest import mock

_STEPS = 100


@dataclass
class Work:
    """How much was done.

    Attributes:
        calls: of functions, those written in C included.
        steps: instructions of SQLite's virtual machine, in estates opened meanwhile.
    """

    calls: int = 0
    steps: int = 0


@contextlib.contextmanager
def counted():
    """Counts what this thread does meanwhile."""
    work = Work()
    connect = sqlite3.connect

    def counting(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.set_progress_handler(step, _STEPS)
        return connection

    def step():
        work.steps += _STEPS

    def call(_frame, event, _argument):
        if event in {"call", "c_call"}:
            work.calls += 1

    before = sys.getprofile()
    with mock.patch.object(sqlite3, "connect", counting):
        sys.setprofile(call)
        try:
            yield work
        finally:
            sys.setprofile(before)
