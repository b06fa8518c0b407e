"""Keeps the key that seals all secrets of an estate, wrapped by the passphrase, and unlocks it.

The passphrase is asked for only when the key is first used.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from smki_testca.errors import EstateError, is_of_passphrase
from smki_testca.estate.sealing import EstateKey
from smki_testca.passphrases import readings
from smki_testca.text import is_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.estate.database import Database

_WRAPPED_KEY = "wrapped-key"


class EstateKeyStore:
    """The estate key of one estate.

    Args:
        database: of the estate.
        passphrase: gives the passphrase of the estate.
    """

    def __init__(self, database: Database, passphrase: Callable[[], str]) -> None:
        self._database = database
        self._passphrase = passphrase
        self._key: EstateKey | None = None
        self._earlier: bytes | None = None
        self._unlocking: Callable[[], EstateKey] | None = None

    def create(self, passphrase: str) -> None:
        """Make the estate key, within the transaction that creates the estate."""
        self._key, wrapped = EstateKey.create(readings(passphrase)[0])
        self._database.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?)", (_WRAPPED_KEY, wrapped)
        )

    def key(self) -> EstateKey:
        """The estate key, unlocked.

        Raises:
            EstateError: as ``unlock``.
        """
        if self._key is None:
            if self._unlocking is None:
                _, self._key = _unlocked(self._passphrase(), self._earlier or self.wrapped())
            else:
                self._key = self._unlocking()
        return self._key

    def seal(self, secret: bytes, label: bytes) -> bytes:
        """Encrypt a secret that is no private key of the estate under the estate key."""
        return self.key().seal(secret, label)

    def unseal(self, sealed: bytes, label: bytes) -> bytes:
        """Decrypt a secret that ``seal`` encrypted.

        Raises:
            EstateError: if the passphrase is wrong, or the secret was changed.
        """
        return self.key().open(sealed, label)

    def unlock_as(self, other: EstateKeyStore) -> None:
        """Take the estate key from another store of the same estate, or what opens it there."""
        self._key = other._key
        self._earlier = other._earlier

    def unlock_meanwhile(self) -> None:
        """Ask for the passphrase, and unlock the estate key in a thread.

        A wrong passphrase raises an error when a key is first needed.

        Raises:
            EstateError: if the creation of the estate was not finished.
        """
        wrapped, passphrase = self._earlier or self.wrapped(), self._passphrase()
        thread = ThreadPoolExecutor(1)
        unlocking = thread.submit(_unlocked, passphrase, wrapped)

        def unlocked() -> EstateKey:
            # Processes can be forked once the thread has ended.
            thread.shutdown()
            return unlocking.result()[1]

        self._unlocking = unlocked

    def unlock(self) -> None:
        """Unlock the estate key now.

        Raises:
            EstateError: if the passphrase is wrong, or the creation of the estate was not
                finished.
        """
        self.key()

    def unlock_with(self, passphrase: str) -> str:
        """Unlock the estate key now, with a passphrase that was asked for already.

        Returns:
            The text that opens it: the passphrase, or another of its readings.

        Raises:
            EstateError: as ``unlock``.
        """
        text, self._key = _unlocked(passphrase, self.wrapped())
        return text

    def is_opened_by(self, passphrase: str) -> bool:
        """Whether a passphrase opens the estate as it is now; it takes one guess.

        Raises:
            EstateError: if the wrapped key is damaged.
        """
        try:
            EstateKey.unlock(passphrase, self.wrapped())
        except EstateError as error:
            if not is_of_passphrase(error):
                raise
            return False
        return True

    def rewrap(self, passphrase: str, new: str) -> None:
        """Wrap the estate key by another passphrase, within a transaction; the key stays the same.

        Args:
            passphrase: of the estate until now, as text.
            new: the other one.

        Raises:
            EstateError: if the passphrase is wrong, as after a change by another process.
        """
        wrapped = EstateKey.rewrap(passphrase, self.wrapped(), new)
        self._database.execute("UPDATE meta SET value = ? WHERE name = ?", (wrapped, _WRAPPED_KEY))

    def open_by(self, wrapped: bytes) -> None:
        """Unlock the estate key from a wrapped key of an earlier moment, which ``wrapped`` gave.

        The passphrase of that moment opens it, whatever the estate's is by now.
        """
        self._earlier = wrapped

    def wrapped(self) -> bytes:
        """The estate key, wrapped by the passphrase.

        Raises:
            EstateError: if the creation of the estate was not finished.
        """
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


def _unlocked(passphrase: str, wrapped: bytes) -> tuple[str, EstateKey]:
    """The estate key that a passphrase opens by one of its readings, and that reading.

    Raises:
        EstateError: if the passphrase is wrong, or the wrapped key is damaged.
    """
    if not is_text(passphrase):
        raise EstateError("estate.passphrase", "The passphrase of the estate is not UTF-8.")
    *earlier, last = readings(passphrase)
    for text in earlier:
        try:
            return text, EstateKey.unlock(text, wrapped)
        except EstateError as error:
            if not is_of_passphrase(error):
                raise
    return last, EstateKey.unlock(last, wrapped)
