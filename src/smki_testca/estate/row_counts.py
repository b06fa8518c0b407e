"""Counts what an estate has, from its tables alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smki_testca.estate.database import Database

_COUNTED = ("participants", "agreements", "externals", "accounts", "audit")


class RowCounts:
    """The counts of one estate."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_table(self) -> dict[str, int]:
        """The number of participants, agreements, externals, accounts and audit entries."""
        return {table: self._count(table) for table in _COUNTED}

    def sealed_keys(self) -> int:
        """The number of private keys that are sealed in the estate, beside those of runs."""
        return self._count("keys")

    def imported_keys(self) -> int:
        """The number of private keys that were imported."""
        return self._count("external_keys")

    def _count(self, table: str) -> int:
        return int(self._database.value(f"SELECT count(*) FROM {table}"))  # noqa: S608 - our own names
