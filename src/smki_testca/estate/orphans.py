"""Finds rows that belong to nothing: no command leaves any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.estate.key_holders import ANCHOR

if TYPE_CHECKING:
    from smki_testca.estate.database import Database

_OF_RUNS = ("row_ids", "row_keys", "tiles")


class Orphans:
    """The rows of one estate that belong to nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sealed_keys(self) -> list[bytes]:
        """The ids of sealed private keys that no certificate has; those of anchors need none."""
        return self._ids(
            "SELECT id FROM keys WHERE coalesce(holder, '') <> ?"
            " AND NOT EXISTS (SELECT 1 FROM certificates WHERE key_id = id) ORDER BY id",
            ANCHOR,
        )

    def token_keys(self) -> list[bytes]:
        """The ids of keys in tokens that no certificate has."""
        return self._ids(
            "SELECT id FROM token_keys WHERE holder <> ?"
            " AND NOT EXISTS (SELECT 1 FROM certificates WHERE key_id = id) ORDER BY id",
            ANCHOR,
        )

    def imported_keys(self) -> list[bytes]:
        """The ids of imported private keys that no external certificate has."""
        return self._ids(
            "SELECT id FROM external_keys"
            " WHERE NOT EXISTS (SELECT 1 FROM externals WHERE key_id = id) ORDER BY id"
        )

    def keys_in_two_places(self) -> list[bytes]:
        """The ids of keys that are sealed in the estate and in a token, too."""
        return self._ids("SELECT id FROM token_keys WHERE id IN (SELECT id FROM keys) ORDER BY id")

    def authorities_without_key(self) -> list[str]:
        """The names of the CAs whose key is neither sealed in the estate nor in a token."""
        return self._database.records(
            lambda row: row["label"] or row["serial"].hex().upper(),
            "SELECT serial, label FROM certificates WHERE tier <> 'end-entity'"
            " AND key_id NOT IN (SELECT id FROM keys UNION SELECT id FROM token_keys)"
            " ORDER BY audit",
        )

    def accounts(self) -> list[tuple[str, str]]:
        """The accounts of participants that the register does not have, each with its participant.

        That an account has none, as an operator's, is no fault.
        """
        return self._database.records(
            lambda row: (row["name"], row["participant"]),
            "SELECT name, participant FROM accounts WHERE participant IS NOT NULL"
            " AND participant NOT IN (SELECT id FROM participants) ORDER BY name",
        )

    def agreements(self) -> list[tuple[str, str]]:
        """The agreements of participants that the register does not have, each with its one."""
        return self._database.records(
            lambda row: (row["reference"], row["participant"]),
            "SELECT * FROM (SELECT reference, json_extract(CAST(record AS TEXT), '$.participant')"
            " AS participant FROM agreements)"
            " WHERE participant NOT IN (SELECT id FROM participants) ORDER BY reference",
        )

    def rows_of_unknown_runs(self) -> list[tuple[str, int]]:
        """The tables with rows of runs that the estate does not have, each with such a run."""
        return [
            (table, run)
            for table in _OF_RUNS
            for run in self._database.records(
                lambda row: int(row["run"]),
                f"SELECT DISTINCT run FROM {table} WHERE run NOT IN (SELECT id FROM runs)"  # noqa: S608 - our own names
                " ORDER BY run",
            )
        ]

    def _ids(self, statement: str, *values: str) -> list[bytes]:
        return self._database.records(lambda row: bytes(row["id"]), statement, values)
