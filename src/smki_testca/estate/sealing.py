"""Seals private keys with AES-256-GCM under an estate key, which a passphrase wraps by scrypt.

Only unlocking is slow; sealing a key costs microseconds. Salts and nonces come from the system even
if certificates come from a seed, because a nonce must never repeat.
"""

from __future__ import annotations

import hashlib
import os
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smki_testca.errors import EstateError

# 32 MiB and about 80 ms: scrypt's parameters travel with the wrapped key, so they can grow.
_COST = {"n": 1 << 15, "r": 8, "p": 1}
_NONCE_OCTETS = 12
_SALT_OCTETS = 16
_HEADER = b"smki-testca scrypt n=32768 r=8 p=1"
_WRAP_PURPOSE = b"smki-testca estate key"


class SealingKey:
    """Seals small secrets (AES-256-GCM); held in memory only."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, secret: bytes, label: bytes) -> bytes:
        """Encrypt a secret; it opens again only under the same label."""
        nonce = os.urandom(_NONCE_OCTETS)
        return nonce + self._aead.encrypt(nonce, secret, label)

    def open(self, sealed: bytes, label: bytes) -> bytes:
        """Decrypt a secret.

        Raises:
            EstateError: if it was changed, or sealed under another label or key.
        """
        try:
            return self._aead.decrypt(sealed[:_NONCE_OCTETS], sealed[_NONCE_OCTETS:], label)
        except (InvalidTag, ValueError) as error:
            raise EstateError("estate.damaged", "A sealed private key was changed.") from error


class EstateKey(SealingKey):
    """The key under which an estate's private keys are sealed."""

    @classmethod
    def create(cls, passphrase: str) -> tuple[Self, bytes]:
        """A new estate key, and the same wrapped by the passphrase, to be stored."""
        key = os.urandom(32)
        salt = os.urandom(_SALT_OCTETS)
        nonce = os.urandom(_NONCE_OCTETS)
        wrapped = AESGCM(_derive_key(passphrase, salt)).encrypt(nonce, key, _WRAP_PURPOSE)
        return cls(key), _HEADER + salt + nonce + wrapped

    @classmethod
    def unlock(cls, passphrase: str, wrapped: bytes) -> Self:
        """Unwrap the estate key.

        Raises:
            EstateError: if the passphrase is wrong, or the wrapped key is damaged.
        """
        if not wrapped.startswith(_HEADER):
            raise EstateError("estate.damaged", "The estate's wrapped key cannot be read.")
        body = wrapped[len(_HEADER) :]
        salt, body = body[:_SALT_OCTETS], body[_SALT_OCTETS:]
        nonce, sealed = body[:_NONCE_OCTETS], body[_NONCE_OCTETS:]
        try:
            key = AESGCM(_derive_key(passphrase, salt)).decrypt(nonce, sealed, _WRAP_PURPOSE)
        except (InvalidTag, ValueError) as error:
            raise EstateError(
                "estate.passphrase",
                "The passphrase does not open this estate.",
                "Give the right one with --passphrase-file or SMKI_TESTCA_PASSPHRASE.",
            ) from error
        return cls(key)


class TransportKey(SealingKey):
    """A key for one run, with which worker processes open the keys sealed for them."""

    def __init__(self, key: bytes | None = None) -> None:
        self._octets = key or os.urandom(32)
        super().__init__(self._octets)

    def __reduce__(self) -> tuple[type[TransportKey], tuple[bytes]]:
        # It is sent to workers that inherit nothing; an estate key is never pickled.
        return TransportKey, (self._octets,)


def _derive_key(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase.encode("utf-8"), salt=salt, maxmem=1 << 26, dklen=32, **_COST)
