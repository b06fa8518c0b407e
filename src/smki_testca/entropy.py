"""Where random octets come from: the system, or a seed for results that repeat."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Protocol


class Entropy(Protocol):
    """A source of random octets."""

    @property
    def secret(self) -> bool:
        """Whether nobody else can foretell what it gives."""
        ...

    def octets(self, count: int) -> bytes:
        """The next ``count`` octets."""
        ...


class SystemEntropy:
    """The operating system's generator."""

    secret = True

    def octets(self, count: int) -> bytes:
        """The next ``count`` octets."""
        return os.urandom(count)


class SeededEntropy:
    """A stream that the same seed repeats: HMAC-SHA-256 over a counter.

    Keys made from it are not secret: whoever knows the seed has them.
    """

    secret = False

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._counter = 0
        self._left = b""

    def octets(self, count: int) -> bytes:
        """The next ``count`` octets of the stream."""
        while len(self._left) < count:
            block = hmac.digest(self._seed, self._counter.to_bytes(8), hashlib.sha256)
            self._left += block
            self._counter += 1
        taken, self._left = self._left[:count], self._left[count:]
        return taken
