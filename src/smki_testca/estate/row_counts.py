"""Counts what an estate has, from its tables alone."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    import sqlite3

    from smki_testca.estate.database import Database

IN_ESTATE = "estate"
"""The place of a key that is sealed in the estate."""
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

    def token_keys(self) -> Counter[str]:
        """The number of keys in tokens, by the token as its URI names it."""
        return Counter(
            self._database.records(
                lambda row: token_of(row["uri"]), "SELECT id, uri FROM token_keys ORDER BY id"
            )
        )

    def key_places(self) -> dict[bytes, str]:
        """The places of the keys of CAs, by their ids: ``IN_ESTATE``, or the URI of one in a token.

        A key that is nowhere is left out.
        """
        return dict(
            self._database.records(
                _place,
                "SELECT DISTINCT key_id, uri AS place FROM certificates"
                " LEFT JOIN token_keys ON token_keys.id = key_id"
                " WHERE tier <> 'end-entity'"
                " AND (uri IS NOT NULL OR key_id IN (SELECT id FROM keys))",
            )
        )

    def _count(self, table: str) -> int:
        return int(self._database.value(f"SELECT count(*) FROM {table}"))  # noqa: S608 - our own names


def token_of(uri: str) -> str:
    """The name of the token in a ``pkcs11:`` URI (RFC 7512); the whole URI if it has none."""
    path = uri.removeprefix("pkcs11:").partition("?")[0]
    parts = dict(part.split("=", 1) for part in path.split(";") if "=" in part)
    return unquote(parts.get("token", "")) or uri


def _place(row: sqlite3.Row) -> tuple[bytes, str]:
    return row["key_id"], IN_ESTATE if row["place"] is None else row["place"]
