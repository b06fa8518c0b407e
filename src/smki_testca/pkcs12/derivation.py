"""How PKCS#12 makes keys of a passphrase by itself (RFC 7292 B.2)."""

from __future__ import annotations

import hashlib
from enum import IntEnum

_BLOCK_OCTETS = {"sha1": 64, "sha224": 64, "sha256": 64, "sha384": 128, "sha512": 128}


class Purpose(IntEnum):
    """What octets are for (RFC 7292 B.3)."""

    KEY = 1
    VECTOR = 2
    MAC = 3


def written(passphrase: str) -> bytes:
    """A passphrase as it is hashed: UTF-16 with a closing zero (RFC 7292 B.1)."""
    return passphrase.encode("utf-16-be") + b"\0\0"


def derived(
    name: str, purpose: Purpose, passphrase: bytes, salt: bytes, iterations: int, size: int
) -> bytes:
    """The octets that a passphrase gives.

    Args:
        name: of the digest, as hashlib has it.
        purpose: what they are for; each has octets of its own.
        passphrase: as ``written`` gives it.
        salt: beside the passphrase.
        iterations: how often is hashed for each digest of octets.
        size: how many octets.
    """
    block = _BLOCK_OCTETS[name]
    diversifier = bytes([purpose]) * block
    state = _filled(salt, block) + _filled(passphrase, block)
    found = b""
    while len(found) < size:
        digest = hashlib.new(name, diversifier + state).digest()
        for _ in range(iterations - 1):
            digest = hashlib.new(name, digest).digest()
        found += digest
        addend = int.from_bytes(_filled(digest, block)[:block]) + 1
        state = b"".join(
            ((int.from_bytes(state[at : at + block]) + addend) % (1 << 8 * block)).to_bytes(block)
            for at in range(0, len(state), block)
        )
    return found[:size]


def _filled(octets: bytes, block: int) -> bytes:
    """The octets repeated to a multiple of the block; none stay none."""
    length = -(-len(octets) // block) * block
    return (octets * (length // len(octets) + 1))[:length] if octets else b""
