"""The private keys of an estate, sealed; the passphrase is asked only when one is needed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from smki_testca.errors import EstateError
from smki_testca.estate.sealing import EstateKey
from smki_testca.x509 import private_keys
from smki_testca.x509.keys import key_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.entropy import Entropy
    from smki_testca.estate.database import Database
    from smki_testca.x509.keys import PrivateKey

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
        """Make the estate key, within the transaction that makes the estate."""
        self._key, wrapped = EstateKey.create(passphrase)
        self._database.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?)", (_WRAPPED_KEY, wrapped)
        )

    def keep(self, private: PrivateKey, *, secret: bool | None = None) -> bytes:
        """Seal a private key, within a transaction, and give its SubjectPublicKeyInfo, DER.

        Args:
            private: the key.
            secret: False for one made from a seed; as the estate's entropy is, by default.
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
        """A private key, PKCS#8 DER; None where the estate has none of that id.

        Raises:
            EstateError: if the passphrase is wrong, or the key was changed.
        """
        sealed = self._database.value("SELECT sealed FROM keys WHERE id = ?", (identifier,))
        return None if sealed is None else self._estate_key().open(sealed, identifier)

    def seal(self, secret: bytes, label: bytes) -> bytes:
        """Encrypt something else that is secret under the estate key."""
        return self._estate_key().seal(secret, label)

    def unseal(self, sealed: bytes, label: bytes) -> bytes:
        """Decrypt it again.

        Raises:
            EstateError: if the passphrase is wrong, or it was changed.
        """
        return self._estate_key().open(sealed, label)

    def unlock_meanwhile(self) -> None:
        """Ask for the passphrase, and unlock the estate key while other work is done.

        A passphrase that is wrong is told of when a key is needed.

        Raises:
            EstateError: if the estate was never finished.
        """
        wrapped, passphrase = self._wrapped(), self._passphrase()
        thread = ThreadPoolExecutor(1)
        unlocking = thread.submit(EstateKey.unlock, passphrase, wrapped)

        def unlocked() -> EstateKey:
            # The thread has ended then, so that processes can be forked.
            thread.shutdown()
            return unlocking.result()

        self._unlocking = unlocked

    def unlock(self) -> None:
        """Unlock the estate key now.

        Raises:
            EstateError: if the passphrase is wrong, or the estate was never finished.
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
