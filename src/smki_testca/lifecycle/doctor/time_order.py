"""Looks whether the clock tells a time that can be right."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from smki_testca.clock import from_iso, iso
from smki_testca.lifecycle.doctor import kinds
from smki_testca.lifecycle.doctor.observation import Observation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.lifecycle.doctor.patient import Patient
    from smki_testca.lifecycle.looking import Look

EARLIEST = datetime(2026, 11, 1, tzinfo=UTC)
"""Before this program was made, so that no right clock tells an earlier time."""
_SET = "Set the machine's clock, or give the time with --clock."


def check_now(patient: Patient) -> Iterator[Observation]:
    """Compare the time now with when this program was made."""
    now = patient.clock.now()
    if now < EARLIEST:
        yield Observation(
            kinds.CLOCK_ABSURD,
            f"It is {iso(now)} by the clock, before this version of smki-testca was made.",
            _SET,
        )


def check_log(patient: Patient, look: Look) -> Iterator[Observation]:
    """Compare the time now with that of the last entry of the audit log.

    What is only in the log until the look ends was not written by anybody.
    """
    entries = look.estate.audit.latest(1 + look.added)
    if len(entries) <= look.added:
        return
    last = entries[-1]
    now = patient.clock.now()  # another process may just have written that entry
    if now < from_iso(last.at):
        yield Observation(
            kinds.CLOCK_BEHIND,
            f"It is {iso(now)} by the clock, before entry {last.number} of the audit log, of"
            f" {last.at}.",
            _SET,
        )
