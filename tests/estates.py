"""Opens estates that the quickstart made, for tests of what happens to them later."""

from __future__ import annotations

from smki_testca.clock import FixedClock
from smki_testca.estate import Estate


def opened(directory, at=None):
    """An estate by the passphrase that lies in it; where a time is given, it is that time."""
    clock = None if at is None else FixedClock(at)
    return Estate.open(directory, (directory / "passphrase").read_text().strip, clock=clock)
