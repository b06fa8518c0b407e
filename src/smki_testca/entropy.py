"""Sources of random octets: the system, or a seed for repeatable results."""

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
    if not _SEED_OCTETS[0] <= len(seed) <= _SEED_OCTETS[1]:
        raise InputError("batch.seed", "A seed has 16 to 128 hexadecimal digits.")
    return seed


_SEED_OCTETS = (8, 64)


def check_seed(seed: bytes | None) -> None:
    """Check that a seed, if there is one, has 8 to 64 octets.

    Raises:
        InputError: if it has not.
    """
    if seed is not None and not _SEED_OCTETS[0] <= len(seed) <= _SEED_OCTETS[1]:
        raise InputError("batch.seed", "A seed has 8 to 64 octets.")


def seed_used() -> InputError:
    """The error where a seed gives what an estate has already."""
    return InputError(
        "seed.used",
        "The seed was used in this estate before: it gives the same keys and serial numbers again.",
        "Use another seed, or another estate.",
    )


class Entropy(Protocol):
    """A source of random octets."""

    @property
    def secret(self) -> bool:
        """Whether its output is unpredictable to everybody else."""
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
    """A stream determined by a seed: HMAC-SHA-256 over a counter.

    Keys made from it are not secret: whoever knows the seed can derive them.
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
        octets, self._left = self._left[:count], self._left[count:]
        return octets


class KeyedEntropy:
    """A seed with a separate stream for each label.

    The octets drawn under a label depend on the seed and the label only, not on earlier draws.
    Keys made from it are not secret either.
    """

    secret = False

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._stream = self._labelled(b"")

    def octets(self, count: int) -> bytes:
        """The next ``count`` octets of the current stream; outside ``keyed``, that of no label."""
        return self._stream.octets(count)

    @contextmanager
    def keyed(self, label: bytes) -> Iterator[None]:
        """Draw from the beginning of a label's stream; the previous stream resumes afterwards."""
        before = self._stream
        self._stream = self._labelled(label)
        try:
            yield
        finally:
            self._stream = before

    def _labelled(self, label: bytes) -> SeededEntropy:
        return SeededEntropy(hmac.digest(self._seed, label, hashlib.sha256))
