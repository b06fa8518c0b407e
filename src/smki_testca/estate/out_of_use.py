"""Counts the certificates of a run that are of no use any more, because of their status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.estate.serials import SerialSequence
from smki_testca.text import counted, is_or_are

if TYPE_CHECKING:
    from collections.abc import Collection

    from smki_testca.estate.runs import Run
    from smki_testca.estate.stores import Stores


@dataclass(frozen=True, slots=True)
class OutOfUse:
    """The numbers of a run's certificates that are revoked, or otherwise not in use.

    A certificate is not in use once it was replaced, renewed or rejected, or was set to that.
    """

    revoked: int = 0
    not_in_use: int = 0

    def as_json(self) -> dict[str, int]:
        """The counts that are not 0."""
        counts = {"revoked": self.revoked, "not_in_use": self.not_in_use}
        return {name: count for name, count in counts.items() if count}

    def remarks(self, run: int) -> list[str]:
        """One line where there are any."""
        counts = [(self.revoked, "revoked"), (self.not_in_use, "not in use")]
        parts = [
            f"{counted(count, 'certificate')} {is_or_are(count)} {status}"
            for count, status in counts
            if count
        ]
        return [f"Of run {run}, {' and '.join(parts)}."] if parts else []


def out_of_use(estate: Stores, run: Run) -> OutOfUse:
    """Count them; no tile is opened."""
    serials = SerialSequence(dict(estate.runs.serial_keys())[run.id])

    def count(of_estate: Collection[bytes]) -> int:
        octets = [serial.rjust(_OCTETS, b"\0") for serial in of_estate]
        rows = serials.rows(octets) if octets else []
        return sum(row is not None and 0 <= row < run.terms.count for row in rows)

    revoked = count(estate.statuses.revoked())
    return OutOfUse(revoked, count(estate.statuses.retired()) - revoked)


_OCTETS = 16
"""The length of the serial numbers of runs; those issued alone may be shorter."""
