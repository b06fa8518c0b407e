"""Knows which of an estate's key pairs are in PKCS#11 tokens, and makes such pairs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.authority.signers.tokens.uri import TokenUri
from smki_testca.errors import EstateError, SmkiTestcaError, UsageError
from smki_testca.estate.database import RESTORE
from smki_testca.estate.key_holders import check_holders
from smki_testca.x509.keys import key_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from smki_testca.authority.signers.tokens.reference import TokenKey
    from smki_testca.authority.signers.tokens.tokens import FoundKey, Tokens
    from smki_testca.estate.database import Database
    from smki_testca.x509.names import KeyType


def refuse_seed(subject: str) -> UsageError:
    """The error where a seed is given, and a token makes the key or the signatures.

    Args:
        subject: of the sentence; it is in the token, such as ``"The CA's key"``.
    """
    return UsageError(
        "token.seed",
        f"{subject} is in a token, which chooses at random: a seed could not give the same octets"
        " again.",
        "Leave the seed out, or use an estate whose CA keys are in no token.",
    )


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One key pair of an estate that is in a token.

    Attributes:
        key: names the pair and where it is.
        holder: of the pair; see ``key_holders``.
    """

    key: TokenKey
    holder: str


class TokenKeys:
    """The key pairs of one estate that are in tokens.

    A pair that a transaction made is removed from its token when the transaction is taken back.

    Args:
        database: of the estate.
        tokens: gives the tokens; called only when one is needed.
    """

    def __init__(self, database: Database, tokens: Callable[[], Tokens]) -> None:
        self._database = database
        self._tokens = tokens
        self._made: dict[bytes, TokenUri] = {}
        database.on_rollback.append(self._remove_undone)

    def generate(self, uri: TokenUri, key_type: KeyType, holder: str, label: str) -> bytes:
        """Make a key pair in a token, within a transaction; gives its SubjectPublicKeyInfo, DER.

        Args:
            uri: of the token.
            key_type: of the pair.
            holder: of the pair.
            label: the name that the pair gets in the token.

        Raises:
            EstateError: if the token cannot be used.
        """
        key = self._tokens().generate(uri, key_type, label)
        # Noted first: if the row cannot be written, the pair is removed, too.
        self._made[key_id(key.public_key)] = key.uri
        self.add(key, holder)
        return key.public_key

    def add(self, key: FoundKey, holder: str) -> None:
        """Record a key pair that is in a token, within a transaction.

        Raises:
            InputError: if another holds the key.
        """
        identifier = key_id(key.public_key)
        row = self.row(identifier)
        if row is not None:
            check_holders({row.holder}, holder)
            return
        self._database.insert(
            "token_keys",
            {
                "id": identifier,
                "uri": str(key.uri),
                "public_key": key.public_key,
                "holder": holder,
            },
        )

    def row(self, identifier: bytes) -> TokenRow | None:
        """The key pair with an id; None if none of that id is in a token."""
        return self._database.record(
            _parsed, "SELECT * FROM token_keys WHERE id = ?", (identifier,)
        )

    def uri(self, identifier: bytes) -> TokenUri | None:
        """The URI of the key with an id; None if none of that id is in a token."""
        row = self.row(identifier)
        return None if row is None else row.key.uri

    def remove(self, identifier: bytes) -> None:
        """Forget that the key with an id is in a token, within a transaction; it stays there."""
        self._database.execute("DELETE FROM token_keys WHERE id = ?", (identifier,))

    def rows(self) -> list[TokenRow]:
        """Every key pair that is in a token, by id."""
        return self._database.records(_parsed, "SELECT * FROM token_keys ORDER BY id")

    def _remove_undone(self) -> None:
        """Remove from their tokens the pairs whose making was taken back.

        If the token cannot be used then, the pair stays in it, and nothing refers to it.
        """
        for identifier, uri in list(self._made.items()):
            # The error for which the transaction is taken back is reported, not what follows it.
            with contextlib.suppress(SmkiTestcaError):
                if self.row(identifier) is None:
                    del self._made[identifier]
                    self._tokens().remove(uri)

    def verify(self) -> int:
        """Have the tokens show that they have every key pair; gives the number of pairs.

        Raises:
            EstateError: if a token cannot be used, or for the first pair that does not fit.
        """
        rows = self.rows()
        for row in rows:
            self._tokens().signer(row.key.uri, row.key.public_key)
        return len(rows)


def _parsed(row: sqlite3.Row) -> TokenRow:
    from smki_testca.authority.signers.tokens.reference import TokenKey  # noqa: PLC0415 - an extra

    identifier, public_key = row["id"], row["public_key"]
    if key_id(public_key) != identifier:
        raise EstateError(
            "estate.damaged",
            f"The key {identifier.hex()} in a token is stored with another public key.",
            RESTORE,
        )
    return TokenRow(TokenKey(identifier, TokenUri.parse(row["uri"]), public_key), row["holder"])


def stays_in_token(name: str) -> EstateError:
    """The error where the octets of a private key are asked for that is in a token.

    Args:
        name: of the certificate that the key is for.
    """
    return EstateError(
        "key.in_token",
        f"The private key of the certificate of {name} is in a PKCS#11 token, and never leaves it.",
        "Leave the private keys out, and use the token itself: it has the certificate, too.",
    )
