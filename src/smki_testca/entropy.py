"""Where random octets come from: the system, or a seed for results that repeat."""

from __future__ import annotations

import hashlib
import hmac
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from smki_testca.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator


def parse_seed(text: str) -> bytes:
    """Read a seed: 16 to 128 hexadecimal digits.

    Raises:
        InputError: for anything else.
    """
    try:
        seed = bytes.fromhex(text)
    except ValueError:
        seed = b""
    if not 8 <= len(seed) <= 64:
        raise InputError("batch.seed", "A seed has 16 to 128 hexadecimal digits.")
    return seed


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


class KeyedEntropy:
    """A seed with a stream of its own for each label.

    What is drawn under a label depends on the seed and the label alone, not on what was drawn
    before. Keys made from it are not secret either.
    """

    secret = False

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._stream = self._labelled(b"")

    def octets(self, count: int) -> bytes:
        """The next ``count`` octets of the stream in use: outside ``keyed``, one without label."""
        return self._stream.octets(count)

    @contextmanager
    def keyed(self, label: bytes) -> Iterator[None]:
        """Draw from the beginning of a label's stream; the one before goes on afterwards."""
        before = self._stream
        self._stream = self._labelled(label)
        try:
            yield
        finally:
            self._stream = before

    def _labelled(self, label: bytes) -> SeededEntropy:
        return SeededEntropy(hmac.digest(self._seed, label, hashlib.sha256))
