"""Derives keys from a passphrase by the method of PKCS#12 (RFC 7292 B)."""

from __future__ import annotations

import hashlib
from enum import IntEnum

_BLOCK_OCTETS = {"sha1": 64, "sha224": 64, "sha256": 64, "sha384": 128, "sha512": 128}


class Purpose(IntEnum):
    """The diversifier: each purpose gives different octets (RFC 7292 B.3)."""

    KEY = 1
    INITIAL_VECTOR = 2
    MAC = 3


def passphrase_octets(passphrase: str) -> bytes:
    """Encode a passphrase for hashing: UTF-16 with a closing zero (RFC 7292 B.1)."""
    return passphrase.encode("utf-16-be") + b"\0\0"


def derive_key(
    digest_name: str, purpose: Purpose, passphrase: bytes, salt: bytes, iterations: int, size: int
) -> bytes:
    """Derive octets for one purpose from a passphrase (RFC 7292 B.2).

    Args:
        digest_name: the digest, as hashlib names it.
        purpose: what the octets are for.
        passphrase: the passphrase, from ``passphrase_octets``.
        salt: the salt of the store or key.
        iterations: how often each digest is hashed.
        size: how many octets are needed.
    """
    block = _BLOCK_OCTETS[digest_name]
    diversifier = bytes([purpose]) * block
    state = _repeated(salt, block) + _repeated(passphrase, block)
    derived = b""
    while len(derived) < size:
        digest = hashlib.new(digest_name, diversifier + state).digest()
        for _ in range(iterations - 1):
            digest = hashlib.new(digest_name, digest).digest()
        derived += digest
        addend = int.from_bytes(_repeated(digest, block)[:block]) + 1
        state = b"".join(
            ((int.from_bytes(state[at : at + block]) + addend) % (1 << 8 * block)).to_bytes(block)
            for at in range(0, len(state), block)
        )
    return derived[:size]


def _repeated(octets: bytes, block: int) -> bytes:
    """Repeat octets to fill whole blocks; no octets stay none."""
    length = -(-len(octets) // block) * block
    return (octets * (length // len(octets) + 1))[:length] if octets else b""
