"""Writes a document as its difference from another: what firmware keeps of a case.

Cases share most of their octets with their base. A delta is a list of steps, each with a header of
four octets: two for a count, big-endian, then two for where in the base to copy that many octets
from. Where these are FF FF, the octets follow in the delta itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = 0xFFFF
"""In place of an offset: the octets follow."""
_MOST = 0xFFFF
_LEAST = 8
"""The fewest octets that are copied: fewer cost more than they save."""


def delta(base: bytes, document: bytes) -> bytes:
    """The steps that make a document of its base; none if they are the same."""
    if document == base:
        return b""
    return b"".join(_steps(base, document))


def _steps(base: bytes, document: bytes) -> Iterator[bytes]:
    places = {base[n : n + _LEAST]: n for n in reversed(range(min(len(base), HERE) - _LEAST + 1))}
    new = begin = 0
    while begin < len(document):
        start = places.get(document[begin : begin + _LEAST])
        if start is None:
            begin += 1
            continue
        yield from _here(document[new:begin])
        count = _same(base[start:], document[begin:])
        yield count.to_bytes(2) + start.to_bytes(2)
        new = begin = begin + count
    yield from _here(document[new:])


def _here(octets: bytes) -> Iterator[bytes]:
    for start in range(0, len(octets), _MOST):
        some = octets[start : start + _MOST]
        yield len(some).to_bytes(2) + HERE.to_bytes(2) + some


def _same(octets: bytes, other: bytes) -> int:
    """The number of equal octets at the beginning."""
    most = min(len(octets), len(other), _MOST)
    return next((n for n in range(most) if octets[n] != other[n]), most)
