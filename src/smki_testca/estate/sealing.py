"""Seals private keys with AES-256-GCM under an estate key, which a passphrase wraps by scrypt.

Only unlocking is slow; sealing a key costs microseconds. Salts and nonces come from the system even
if certificates come from a seed, because a nonce must never repeat.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smki_testca.errors import EstateError

_NONCE_OCTETS = 12
_SALT_OCTETS = 16
_KEY_OCTETS = 32
_TAG_OCTETS = 16
_BODY_OCTETS = _SALT_OCTETS + _NONCE_OCTETS + _KEY_OCTETS + _TAG_OCTETS
_WRAP_PURPOSE = b"smki-testca estate key"
_MAX_MEMORY = 1 << 28
"""The most memory that unlocking takes, in octets: 256 MiB."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one guess at a passphrase: scrypt's parameters (RFC 7914 2).

    They travel with the wrapped key, so that an estate opens at the cost that it was made with.
    """

    n: int
    r: int
    p: int

    @property
    def memory(self) -> int:
        """The memory that scrypt takes, in octets."""
        return 128 * self.r * (self.n + self.p)

    @property
    def header(self) -> bytes:
        """The parameters as text, in front of a wrapped key."""
        return f"smki-testca scrypt n={self.n} r={self.r} p={self.p};".encode("ascii")

    @property
    def is_sound(self) -> bool:
        """Whether it can be paid: a changed header must not take the machine's memory or years."""
        is_power = self.n > 1 and self.n & (self.n - 1) == 0
        return is_power and self.r > 0 and 0 < self.p <= 16 and self.memory <= _MAX_MEMORY

    @classmethod
    def read(cls, octets: bytes) -> tuple[Self, bytes] | None:
        """The cost that a header states, and what follows the header; None without a sound one."""
        match = _HEADER.match(octets)
        if match is None:
            return None
        cost = cls(*map(int, match.groups()))
        return (cost, octets[match.end() :]) if cost.is_sound else None

    def derive_key(self, passphrase: str, salt: bytes) -> bytes:
        """The key that a passphrase and a salt give: 32 octets."""
        return _derive_key(passphrase, salt, self)


COST: Final = Cost(1 << 17, 8, 1)
"""For new estates: the first choice of the OWASP Password Storage Cheat Sheet for scrypt."""
_EARLY_COST: Final = Cost(1 << 15, 8, 1)
"""Of estates that version 0.1.0 made."""
_EARLY_HEADER: Final = b"smki-testca scrypt n=32768 r=8 p=1"
_HEADER: Final = re.compile(rb"smki-testca scrypt n=(\d{1,8}) r=(\d{1,3}) p=(\d{1,3});", re.ASCII)


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
    def create(cls, passphrase: str, cost: Cost | None = None) -> tuple[Self, bytes]:
        """A new estate key, and the same wrapped by the passphrase, to be stored.

        Args:
            passphrase: of the estate.
            cost: of one guess at it; ``COST`` by default.
        """
        key = os.urandom(_KEY_OCTETS)
        return cls(key), _wrap(key, passphrase, cost or COST)

    @classmethod
    def unlock(cls, passphrase: str, wrapped: bytes) -> Self:
        """Unwrap the estate key.

        Raises:
            EstateError: if the passphrase is wrong, or the wrapped key is damaged.
        """
        return cls(_unwrap(passphrase, wrapped))

    @staticmethod
    def rewrap(passphrase: str, wrapped: bytes, new: str, cost: Cost | None = None) -> bytes:
        """The same estate key, wrapped by another passphrase.

        Args:
            passphrase: by which it is wrapped.
            wrapped: the wrapped key.
            new: the other passphrase.
            cost: of one guess at that; ``COST`` by default, whatever it was.

        Raises:
            EstateError: if the passphrase is wrong, or the wrapped key is damaged.
        """
        return _wrap(_unwrap(passphrase, wrapped), new, cost or COST)


def _wrap(key: bytes, passphrase: str, cost: Cost) -> bytes:
    """An estate key, wrapped by a passphrase."""
    salt, nonce = os.urandom(_SALT_OCTETS), os.urandom(_NONCE_OCTETS)
    label = cost.header + _WRAP_PURPOSE
    wrapped = AESGCM(cost.derive_key(passphrase, salt)).encrypt(nonce, key, label)
    return cost.header + salt + nonce + wrapped


def _unwrap(passphrase: str, wrapped: bytes) -> bytes:
    """The octets of an estate key; see ``EstateKey.unlock``."""
    cost, header, label = _read_header(wrapped)
    body = wrapped[len(header) :]
    salt, body = body[:_SALT_OCTETS], body[_SALT_OCTETS:]
    nonce, sealed = body[:_NONCE_OCTETS], body[_NONCE_OCTETS:]
    try:
        return AESGCM(cost.derive_key(passphrase, salt)).decrypt(nonce, sealed, label)
    except (InvalidTag, ValueError) as error:
        raise EstateError(
            "estate.passphrase",
            "The passphrase does not open this estate.",
            "Give the right one with --passphrase-file or SMKI_TESTCA_PASSPHRASE.",
        ) from error


def _read_header(wrapped: bytes) -> tuple[Cost, bytes, bytes]:
    """The cost of a wrapped key, the header that states it, and the label it is sealed under."""
    if wrapped.startswith(_EARLY_HEADER) and len(wrapped) == len(_EARLY_HEADER) + _BODY_OCTETS:
        return _EARLY_COST, _EARLY_HEADER, _WRAP_PURPOSE
    stated = Cost.read(wrapped)
    if stated is not None and len(stated[1]) == _BODY_OCTETS:
        header = wrapped[:-_BODY_OCTETS]
        return stated[0], header, header + _WRAP_PURPOSE
    raise EstateError("estate.damaged", "The estate's wrapped key cannot be read.")


class TransportKey(SealingKey):
    """A key for one run, with which worker processes open the keys sealed for them."""

    def __init__(self, key: bytes | None = None) -> None:
        self._octets = key or os.urandom(32)
        super().__init__(self._octets)

    def __reduce__(self) -> tuple[type[TransportKey], tuple[bytes]]:
        # It is sent to workers that inherit nothing; an estate key is never pickled.
        return TransportKey, (self._octets,)


def _derive_key(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    return hashlib.scrypt(
        passphrase.encode("utf-8"),
        salt=salt,
        n=cost.n,
        r=cost.r,
        p=cost.p,
        maxmem=cost.memory + (1 << 20),
        dklen=_KEY_OCTETS,
    )
