"""Which certificate took the place of which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.identifiers import SerialNumber

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.estate.database import Database

Succession = tuple[SerialNumber, SerialNumber]
"""The serials of a certificate and of the one that renews it."""


class SuccessionStore:
    """The renewals of one estate's certificates, CAs' own included."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, successions: Iterable[Succession], audit: int) -> None:
        """Keep renewals, within the transaction of their audit entry.

        Args:
            successions: the new certificates are kept by then.
            audit: the number of the entry.
        """
        self._database.execute_many(
            "INSERT INTO successions VALUES (?, ?, ?)",
            (
                (predecessor.value.to_bytes(16), successor.value.to_bytes(16), audit)
                for predecessor, successor in successions
            ),
        )

    def successors(self, serial: SerialNumber) -> list[SerialNumber]:
        """What a certificate was renewed as, in the order of issue; mostly one, or none."""
        return self._serials(
            "SELECT successor FROM successions WHERE predecessor = ? ORDER BY audit", serial
        )

    def predecessor(self, serial: SerialNumber) -> SerialNumber | None:
        """What a certificate renews; None for one that renews nothing."""
        found = self._serials("SELECT predecessor FROM successions WHERE successor = ?", serial)
        return found[0] if found else None

    def _serials(self, query: str, serial: SerialNumber) -> list[SerialNumber]:
        rows = self._database.rows(query, (serial.value.to_bytes(16),))
        return [SerialNumber(int.from_bytes(row[0])) for row in rows]
