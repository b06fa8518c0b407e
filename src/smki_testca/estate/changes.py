"""Tells what others registered and issued while work was prepared without the write lock.

Work that takes long, such as planning a batch, notes a ``Mark`` before it reads anything. Once it
has the lock, it asks what changed since then and whether that matters to it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from smki_testca.estate.terms import Terms

if TYPE_CHECKING:
    from smki_testca.estate.database import Database


@dataclass(frozen=True, slots=True)
class Mark:
    """The state of an estate's register, certificates and runs at one time.

    Attributes:
        register: a digest of the participants and agreements.
        certificate: the number of the newest certificate that was issued alone.
        run: the id of the newest run.
    """

    register: bytes
    certificate: int
    run: int


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes in an estate since a mark.

    Attributes:
        register: whether a participant or an agreement changed.
        authorities: whether there is a new certificate of a CA.
        ids: the EUI-64s in new certificates and in the rows of new runs that are no range.
        spans: the EUI-64s of new runs that are ranges.
        keys: SHA-256 of the SubjectPublicKeyInfo of new certificates and of keys brought to new
            runs.
    """

    register: bool
    authorities: bool
    ids: frozenset[int]
    spans: tuple[range, ...]
    keys: frozenset[bytes]


class ChangeStore:
    """The changes of one estate."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self) -> Mark:
        """The state now, to be noted before anything else is read."""
        digest = hashlib.sha256()
        for statement in (
            "SELECT id AS name, record FROM participants ORDER BY id",
            "SELECT reference AS name, record FROM agreements ORDER BY reference",
        ):
            for row in self._database.rows(statement):
                digest.update(msgspec.msgpack.encode((row["name"], row["record"])))
        return Mark(
            digest.digest(),
            int(self._database.value("SELECT coalesce(max(rowid), 0) FROM certificates")),
            int(self._database.value("SELECT coalesce(max(id), 0) FROM runs")),
        )

    def since(self, mark: Mark) -> Changes | None:
        """The changes since a mark; None if there are none. Ask with the write lock held."""
        now = self.mark()
        if now == mark:
            return None
        certificates = self._database.rows(
            "SELECT eui64, key_id, tier FROM certificates WHERE rowid > ?", (mark.certificate,)
        )
        row_ids = self._database.rows("SELECT eui64 FROM row_ids WHERE run > ?", (mark.run,))
        row_keys = self._database.rows("SELECT key_id FROM row_keys WHERE run > ?", (mark.run,))
        runs = self._database.rows("SELECT terms FROM runs WHERE id > ?", (mark.run,))
        sections = [
            section
            for run in runs
            for section in msgspec.json.decode(run["terms"], type=Terms).sections
        ]
        return Changes(
            register=now.register != mark.register,
            authorities=any(row["tier"] != "end-entity" for row in certificates),
            ids=frozenset(
                int.from_bytes(row["eui64"])
                for row in (*certificates, *row_ids)
                if row["eui64"] is not None
            ),
            spans=tuple(
                range(section.first_id, section.first_id + section.count)
                for section in sections
                if section.first_id is not None
            ),
            keys=frozenset(row["key_id"] for row in (*certificates, *row_keys)),
        )
