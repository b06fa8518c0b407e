"""Stores the private keys of an estate, sealed, and knows those that are in PKCS#11 tokens.

The passphrase is asked for only when a sealed key is used, the PIN only when one in a token is.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from smki_testca.authority.signers import SigningMeans
from smki_testca.authority.signers.software import SealedKey, sealing_label
from smki_testca.entropy import seed_used
from smki_testca.errors import EstateError, InputError
from smki_testca.estate.key_holders import (
    AUTHORITY,
    OF_THE_ESTATE,
    KeyHolders,
    check_holders,
)
from smki_testca.estate.key_pairs import check_opened
from smki_testca.estate.sealing import TransportKey
from smki_testca.estate.token_keys import TokenKeys, refuse_seed
from smki_testca.x509 import private_keys
from smki_testca.x509.keys import key_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from smki_testca.authority.signers import KeyReference, Signer
    from smki_testca.authority.signers.tokens.tokens import FoundKey, Tokens
    from smki_testca.authority.signers.tokens.uri import TokenUri
    from smki_testca.entropy import Entropy
    from smki_testca.estate.database import Database
    from smki_testca.estate.estate_key_store import EstateKeyStore
    from smki_testca.x509.keys import PrivateKey
    from smki_testca.x509.names import KeyType

T = TypeVar("T")

IN_ESTATE: Final = "estate"
"""The place of a private key that is sealed in the estate."""


class KeyStore:
    """The private keys of one estate.

    Args:
        database: of the estate.
        estate_key: of the estate.
        entropy: of new keys.
        tokens: gives the PKCS#11 tokens.

    Attributes:
        estate_key: what seals the private keys.
        in_tokens: the key pairs that are in tokens.
    """

    def __init__(
        self,
        database: Database,
        estate_key: EstateKeyStore,
        entropy: Entropy,
        tokens: Callable[[], Tokens],
    ) -> None:
        self._database = database
        self.estate_key = estate_key
        self._entropy = entropy
        self._tokens = tokens
        self.in_tokens = TokenKeys(database, tokens)
        self._holders = KeyHolders(database)

    def generate(self, key_type: KeyType, holder: str) -> bytes:
        """Make and store a key pair, within a transaction; gives its SubjectPublicKeyInfo, DER.

        Args:
            key_type: of the pair.
            holder: of the pair; see ``key_holders``.

        Raises:
            InputError: if the estate has the key: its seed was used here before.
        """
        return self.keep(self.fresh(key_type), holder)

    def fresh(self, key_type: KeyType) -> PrivateKey:
        """A new key pair, still to be stored.

        Raises:
            InputError: if the estate has it: its seed was used here before.
        """
        private = private_keys.generate(key_type, self._entropy)
        identifier = key_id(private_keys.public_key_info(private))
        if self._database.row("SELECT 1 FROM keys WHERE id = ?", (identifier,)) is not None:
            raise seed_used()
        return private

    def keep(self, private: PrivateKey, holder: str, *, secret: bool | None = None) -> bytes:
        """Seal and store a private key, within a transaction; gives its SubjectPublicKeyInfo, DER.

        Args:
            private: the key.
            holder: of the key; it opens under this name only.
            secret: False for a key made from a seed; by default as the estate's entropy is.

        Raises:
            InputError: if somebody else holds the key.
            EstateError: if the estate has the key pair in a token.
        """
        public = private_keys.public_key_info(private)
        identifier = key_id(public)
        self._holders.check(identifier, holder)
        if self.in_tokens.uri(identifier) is not None:
            raise EstateError(
                "key.in_token",
                "The key pair is one that the estate has in a token: its private key is not kept"
                " in the estate as well.",
            )
        existing = self._database.row("SELECT holder FROM keys WHERE id = ?", (identifier,))
        if existing is not None and existing["holder"] not in {None, holder}:
            check_holders({existing["holder"]}, holder)
        if existing is None:
            label = sealing_label(identifier, holder)
            self._database.insert(
                "keys",
                {
                    "id": identifier,
                    "sealed": self.estate_key.key().seal(private_keys.to_pkcs8(private), label),
                    "secret": self._entropy.secret if secret is None else secret,
                    "holder": holder,
                },
            )
        return public

    def has(self, identifier: bytes, holder: str) -> bool:
        """Whether the estate has a holder's private key; no passphrase is asked for."""
        return self._of_holder(identifier, holder) is not None

    def get(self, identifier: bytes, holder: str) -> bytes | None:
        """A participant's private key, PKCS#8 DER; None if the estate has none of that id.

        None also for a CA's key, which only signs and is never given out, and for a key that
        somebody else holds.

        Args:
            identifier: SHA-256 of the SubjectPublicKeyInfo.
            holder: of the certificate that the key is for.

        Raises:
            EstateError: if the passphrase is wrong, or the key was changed.
        """
        row = self._of_holder(identifier, holder)
        if row is None:
            return None
        return self.estate_key.key().open(row["sealed"], sealing_label(identifier, row["holder"]))

    def _of_holder(self, identifier: bytes, holder: str) -> sqlite3.Row | None:
        """The row of a participant's key; None for other holders, and for keys of CAs."""
        row = self._database.row("SELECT sealed, holder FROM keys WHERE id = ?", (identifier,))
        if row is None or holder in OF_THE_ESTATE:
            return None
        if AUTHORITY in self._holders.holders(identifier):
            return None
        # Earlier formats did not name the holder: it is the one that the key was first issued to.
        stated = row["holder"] or self._holders.first(identifier)
        return row if stated == holder else None

    def verify(self) -> int:
        """Open every private key, and pair it with its id; gives their number.

        Keys in tokens are not among them. Each is opened as a signer, as keys of CAs are here, too.

        Raises:
            EstateError: if the passphrase is wrong, or for the first key that does not fit.
        """
        rows = self._database.rows("SELECT id, sealed, holder FROM keys ORDER BY id")
        for row in rows:
            key = SealedKey(row["id"], row["sealed"], row["holder"])
            check_opened(key.key_id, partial(self._public_key, key), f"key {key.key_id.hex()}")
        return len(rows)

    def _public_key(self, key: SealedKey) -> bytes:
        return key.open(self._means()).public_key

    def generate_in_token(self, uri: TokenUri, key_type: KeyType, holder: str, label: str) -> bytes:
        """Make a key pair in a token, within a transaction; gives its SubjectPublicKeyInfo, DER.

        If the transaction is taken back, the pair is removed from the token.

        Args:
            uri: of the token.
            key_type: of the pair.
            holder: of the pair; see ``key_holders``.
            label: the name that the pair gets in the token.

        Raises:
            UsageError: if the estate's entropy comes from a seed.
            EstateError: if the token cannot be used.
        """
        if not self._entropy.secret:
            raise refuse_seed("The key to make")
        return self.in_tokens.generate(uri, key_type, holder, label)

    def adopt(self, key: FoundKey, holder: str) -> bytes:
        """Take a key pair that is in a token already, within a transaction; gives its public key.

        Args:
            key: the pair, in a token.
            holder: of it; see ``key_holders``.

        Raises:
            InputError: if another holds the key, or the estate has its private key.
        """
        identifier = key_id(key.public_key)
        self._holders.check(identifier, holder)
        if self.place(identifier) == IN_ESTATE:
            raise InputError(
                "key.held",
                "The private key of that pair is in the estate already.",
                "If it is a CA's, move it: smki-testca ca move",
            )
        self.in_tokens.add(key, holder)
        return key.public_key

    def move(self, identifier: bytes, key: FoundKey) -> None:
        """Use a key in a token from now on, within a transaction; the sealed one is deleted.

        Args:
            identifier: of the key, which is sealed in the estate, or elsewhere in a token.
            key: the same key pair, in a token.

        Raises:
            ValueError: if it is another key pair.
        """
        if key_id(key.public_key) != identifier:
            raise ValueError("the key pair in the token is another one")
        self._database.execute("DELETE FROM keys WHERE id = ?", (identifier,))
        self.in_tokens.remove(identifier)
        self.in_tokens.add(key, AUTHORITY)

    def place(self, identifier: bytes) -> str | None:
        """The place of the private key with an id: ``IN_ESTATE``, its URI in a token, or None."""
        uri = self.in_tokens.uri(identifier)
        if uri is not None:
            return str(uri)
        row = self._database.row("SELECT 1 FROM keys WHERE id = ?", (identifier,))
        return None if row is None else IN_ESTATE

    def reference(
        self, identifier: bytes, whose: str = "a CA", *, holder: str = AUTHORITY
    ) -> KeyReference:
        """The reference to a key of the estate's own: a CA's, or that of its anchors.

        Args:
            identifier: of the key.
            whose: the CA, for the error's message.
            holder: of the key.

        Raises:
            EstateError: if the estate has no key of that id.
        """
        in_token = self.in_tokens.row(identifier)
        if in_token is not None:
            if in_token.holder != holder:
                raise EstateError("estate.damaged", f"The key of {whose} is not kept as a CA's.")
            return in_token.key
        return self._sealed_key(identifier, whose, holder)

    def _sealed_key(self, identifier: bytes, whose: str, holder: str) -> SealedKey:
        """The reference to a key that is sealed in the estate; see ``reference``."""
        row = self._database.row("SELECT sealed, holder FROM keys WHERE id = ?", (identifier,))
        if row is None:
            raise EstateError("estate.damaged", f"The key of {whose} is missing.")
        if row["holder"] != holder and not (row["holder"] is None and holder == AUTHORITY):
            raise EstateError("estate.damaged", f"The key of {whose} is not sealed as such.")
        return SealedKey(identifier, row["sealed"], row["holder"])

    def signer(self, reference: KeyReference, *, deterministic: bool = True) -> Signer:
        """The signer for a CA's key; see ``KeyReference.open``.

        Raises:
            UsageError: if the key is in a token, and the estate's entropy comes from a seed.
            EstateError: if the passphrase is wrong, or the reference is not of this estate, or
                the token cannot be used.
        """
        if not self._entropy.secret and self.in_tokens.uri(reference.key_id) is not None:
            raise refuse_seed("The CA's key")
        return reference.open(self._means(), deterministic=deterministic)

    def encrypted_authority_key(
        self, identifier: bytes, whose: str, encrypt: Callable[[bytes], bytes]
    ) -> bytes:
        """The private key of a CA, encrypted for another estate.

        Args:
            identifier: of the key.
            whose: the CA, for the error's message.
            encrypt: turns PKCS#8 into what leaves the estate.

        Raises:
            EstateError: if the passphrase is wrong, or the key is missing, was changed or is in a
                token.
        """
        uri = self.in_tokens.uri(identifier)
        if uri is not None:
            raise EstateError(
                "key.in_token",
                f"The key of {whose} is in a PKCS#11 token and never leaves it: {uri}.",
                "Let the other team use the token, or name other CAs with --hierarchy.",
            )
        key = self._sealed_key(identifier, whose, AUTHORITY)
        return key.encrypted(self.estate_key.key(), encrypt)

    def for_workers(
        self, references: Mapping[T, KeyReference]
    ) -> tuple[dict[T, KeyReference], TransportKey]:
        """References that worker processes can open, and the transport key that opens only them.

        Raises:
            EstateError: if the passphrase is wrong, or a key was changed.
        """
        means, transport_key = self._means(), TransportKey()
        theirs = {
            name: reference.for_workers(means, transport_key)
            for name, reference in references.items()
        }
        return theirs, transport_key

    def _means(self) -> SigningMeans:
        return SigningMeans(self.estate_key.key, self._tokens)
