"""Finds who holds a key pair. One key has one holder: the estate's CAs, or one participant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smki_testca.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from smki_testca.estate.database import Database

AUTHORITY: Final = "authority"
"""The holder of every CA's key."""


ANCHOR: Final = "anchor"
"""The holder of the key that signs anchors of the audit log."""
OF_THE_ESTATE: Final = frozenset({AUTHORITY, ANCHOR})
"""The holders whose keys only sign: nobody is given them."""


def participant_holder(participant: str) -> str:
    """The holder that a participant is, by its id in the register."""
    return f"participant {participant}"


_HELD: Final = (
    "SELECT key_id AS id FROM certificates WHERE key_id IN ({0})"
    " UNION SELECT key_id FROM row_keys WHERE key_id IN ({0})"
    " UNION SELECT id FROM token_keys WHERE id IN ({0})"
)


class KeyHolders:
    """The holders of the public keys of one estate's certificates.

    Keys that a run made itself are not among them: they leave the estate with their own
    certificates only.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def authority_keys(self) -> set[bytes]:
        """The ids of the keys of all CAs."""
        rows = self._database.rows("SELECT key_id FROM certificates WHERE tier <> 'end-entity'")
        return {row["key_id"] for row in rows}

    def holders(self, identifier: bytes) -> set[str]:
        """Everyone who holds a key: at most one, except in estates of earlier formats.

        Args:
            identifier: SHA-256 of the SubjectPublicKeyInfo.
        """
        rows = self._database.rows(
            "SELECT tier, participant FROM certificates WHERE key_id = :id"
            " UNION SELECT 'end-entity', participant FROM row_keys WHERE key_id = :id",
            {"id": identifier},
        )
        in_token = self._database.value("SELECT holder FROM token_keys WHERE id = ?", (identifier,))
        return {
            participant_holder(row["participant"]) if row["tier"] == "end-entity" else AUTHORITY
            for row in rows
        } | ({in_token} if in_token is not None else set())

    def held(self, identifiers: Collection[bytes]) -> set[bytes]:
        """Those of some keys that somebody holds, by one statement for all of them.

        Args:
            identifiers: SHA-256 of each SubjectPublicKeyInfo; at most some thousand.
        """
        places = ", ".join("?" * len(identifiers))
        return {row["id"] for row in self._database.rows(_HELD.format(places), (*identifiers,) * 3)}

    def first(self, identifier: bytes) -> str | None:
        """The holder that a key was first issued to; None if no certificate has the key."""
        participant = self._database.value(
            "SELECT participant FROM certificates WHERE key_id = ? ORDER BY audit, rowid LIMIT 1",
            (identifier,),
        )
        return None if participant is None else participant_holder(participant)

    def has_keys(self, participant: str) -> bool:
        """Whether a participant holds a key in the estate, or brought one to a run."""
        return bool(
            self._database.value(
                "SELECT EXISTS (SELECT 1 FROM keys WHERE holder = ?)"
                " OR EXISTS (SELECT 1 FROM token_keys WHERE holder = ?)"
                " OR EXISTS (SELECT 1 FROM row_keys WHERE participant = ?)",
                (participant_holder(participant), participant_holder(participant), participant),
            )
        )

    def check(self, identifier: bytes, holder: str) -> None:
        """Check that a key is free, or held by its holder already.

        Args:
            identifier: SHA-256 of the SubjectPublicKeyInfo.
            holder: ``AUTHORITY``, or as ``participant_holder`` gives it.

        Raises:
            InputError: if a CA of the estate or another participant holds it.
        """
        check_holders(self.holders(identifier), holder)


def check_holders(holders: Iterable[str], holder: str) -> None:
    """Check that a key has no other holder than one.

    Raises:
        InputError: if a CA of the estate or another participant holds it.
    """
    others = sorted(set(holders) - {holder})
    if not others:
        return
    if AUTHORITY in others:
        raise InputError(
            "key.authority",
            "The public key is that of a CA of this estate; nobody else can have it.",
            "Make a new key pair.",
        )
    raise InputError(
        "key.held",
        f"The public key is already held by the {others[0]}: one key has one holder.",
        "Make a new key pair.",
    )
