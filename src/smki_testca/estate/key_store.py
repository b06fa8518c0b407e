"""Stores the private keys of an estate, sealed; the passphrase is asked only for using them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from smki_testca.authority.signers.software import SealedKey
from smki_testca.errors import EstateError
from smki_testca.estate.key_pairs import check_pair
from smki_testca.estate.sealing import EstateKey, TransportKey
from smki_testca.x509 import private_keys
from smki_testca.x509.keys import key_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smki_testca.authority.signers import KeyReference, Signer
    from smki_testca.entropy import Entropy
    from smki_testca.estate.database import Database
    from smki_testca.x509.keys import PrivateKey
    from smki_testca.x509.names import KeyType

T = TypeVar("T")

_WRAPPED_KEY = "wrapped-key"


class KeyStore:
    """The keys of one estate."""

    def __init__(self, database: Database, passphrase: Callable[[], str], entropy: Entropy) -> None:
        self._database = database
        self._passphrase = passphrase
        self._entropy = entropy
        self._key: EstateKey | None = None
        self._unlocking: Callable[[], EstateKey] | None = None

    def prepare(self, passphrase: str) -> None:
        """Make the estate key, within the transaction that creates the estate."""
        self._key, wrapped = EstateKey.create(passphrase)
        self._database.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?)", (_WRAPPED_KEY, wrapped)
        )

    def generate(self, key_type: KeyType) -> bytes:
        """Make and store a key pair, within a transaction; gives its SubjectPublicKeyInfo, DER.

        Raises:
            InputError: for an RSA key from a seed: RSA keys cannot be made from one.
        """
        return self.keep(private_keys.generate(key_type, self._entropy))

    def keep(self, private: PrivateKey, *, secret: bool | None = None) -> bytes:
        """Seal and store a private key, within a transaction; gives its SubjectPublicKeyInfo, DER.

        Args:
            private: the key.
            secret: False for a key made from a seed; by default as the estate's entropy is.
        """
        public = private_keys.public_key_info(private)
        identifier = key_id(public)
        sealed = self._estate_key().seal(private_keys.to_pkcs8(private), identifier)
        self._database.execute(
            "INSERT OR IGNORE INTO keys (id, sealed, secret) VALUES (?, ?, ?)",
            (identifier, sealed, self._entropy.secret if secret is None else secret),
        )
        return public

    def has(self, identifier: bytes) -> bool:
        """Whether the estate has the private key of that id; no passphrase is asked for."""
        return bool(self._database.rows("SELECT 1 FROM keys WHERE id = ?", (identifier,)))

    def get(self, identifier: bytes) -> bytes | None:
        """The private key of an end entity, PKCS#8 DER; None if the estate has none of that id.

        None also for a CA's key, which only signs and is never given out.

        Raises:
            EstateError: if the passphrase is wrong, or the key was changed.
        """
        sealed = self._database.value(
            "SELECT sealed FROM keys WHERE id = ? AND id NOT IN"
            " (SELECT key_id FROM certificates WHERE tier <> 'end-entity')",
            (identifier,),
        )
        return None if sealed is None else self._estate_key().open(sealed, identifier)

    def verify(self) -> int:
        """Unseal every private key, and pair it with its id; gives their number.

        Raises:
            EstateError: if the passphrase is wrong, or for the first key that does not fit.
        """
        estate_key = self._estate_key()
        rows = self._database.rows("SELECT id, sealed FROM keys ORDER BY id")
        for row in rows:
            identifier = row["id"]
            unseal = partial(estate_key.open, row["sealed"], identifier)
            check_pair(identifier, unseal, f"key {identifier.hex()}")
        return len(rows)

    def reference(self, identifier: bytes, whose: str = "a CA") -> KeyReference:
        """The reference to a CA's key.

        Args:
            identifier: of the key.
            whose: the CA, for the error's message.

        Raises:
            EstateError: if the estate has no key of that id.
        """
        sealed = self._database.value("SELECT sealed FROM keys WHERE id = ?", (identifier,))
        if sealed is None:
            raise EstateError("estate.damaged", f"The key of {whose} is missing.")
        return SealedKey(identifier, sealed)

    def signer(self, reference: KeyReference, *, deterministic: bool = True) -> Signer:
        """The signer for a CA's key; see ``KeyReference.open``.

        Raises:
            EstateError: if the passphrase is wrong, or the reference is not of this estate.
        """
        return reference.open(self._estate_key(), deterministic=deterministic)

    def for_workers(
        self, references: Mapping[T, KeyReference]
    ) -> tuple[dict[T, KeyReference], TransportKey]:
        """References that worker processes can open, and the transport key that opens only them.

        Raises:
            EstateError: if the passphrase is wrong, or a key was changed.
        """
        estate_key, transport_key = self._estate_key(), TransportKey()
        resealed = {
            name: reference.resealed(estate_key, transport_key)
            for name, reference in references.items()
        }
        return resealed, transport_key

    def seal(self, secret: bytes, label: bytes) -> bytes:
        """Encrypt a secret that is no private key of the estate under the estate key."""
        return self._estate_key().seal(secret, label)

    def unseal(self, sealed: bytes, label: bytes) -> bytes:
        """Decrypt a secret that ``seal`` encrypted.

        Raises:
            EstateError: if the passphrase is wrong, or the secret was changed.
        """
        return self._estate_key().open(sealed, label)

    def unlock_meanwhile(self) -> None:
        """Ask for the passphrase, and unlock the estate key in a thread.

        A wrong passphrase raises an error when a key is first needed.

        Raises:
            EstateError: if the creation of the estate was not finished.
        """
        wrapped, passphrase = self._wrapped(), self._passphrase()
        thread = ThreadPoolExecutor(1)
        unlocking = thread.submit(EstateKey.unlock, passphrase, wrapped)

        def unlocked() -> EstateKey:
            # Processes can be forked once the thread has ended.
            thread.shutdown()
            return unlocking.result()

        self._unlocking = unlocked

    def unlock(self) -> None:
        """Unlock the estate key now.

        Raises:
            EstateError: if the passphrase is wrong, or the creation of the estate was not
                finished.
        """
        self._estate_key()

    def _estate_key(self) -> EstateKey:
        if self._key is None:
            if self._unlocking is None:
                self._key = EstateKey.unlock(self._passphrase(), self._wrapped())
            else:
                self._key = self._unlocking()
        return self._key

    def _wrapped(self) -> bytes:
        wrapped: bytes | None = self._database.value(
            "SELECT value FROM meta WHERE name = ?", (_WRAPPED_KEY,)
        )
        if wrapped is None:
            raise EstateError(
                "estate.damaged",
                f"The estate in {self._database.path.parent} was never finished.",
                "Remove the directory and make the estate again.",
            )
        return wrapped
