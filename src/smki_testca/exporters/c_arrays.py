"""Writes octets as arrays in C that compile fast, in C99 and in C++."""

from __future__ import annotations

import re

_MAX_LITERAL = 4095
"""C99 5.2.4.1: the longest string literal that every compiler takes."""
_PER_LINE = 256
_SAFE = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 !#$&()*+,-./:;<=>@[]^_`{|}~'"
)
"""Characters that stand for themselves in a literal. Two question marks may begin a trigraph."""
_SPELLED = [chr(octet) if octet in _SAFE else f"\\{octet:03o}" for octet in range(256)]
_SHORTER = re.compile(r"\\0(?:0(?=[0-7](?![0-7]))|(?=[0-7]{2}(?![0-7])))")
"""The zeros of an escape behind which no octal digit stands: they may go."""


def array(name: str, octets: bytes, *, storage: str = "static ") -> str:
    """The definition of an array of octets.

    It is one octet longer than they are: a string literal ends with a zero, and C++ wants room
    for it. A compiler reads a literal many times faster than a list of numbers.

    Args:
        name: of the array.
        octets: what it holds.
        storage: the storage class, with a space; none for an array that other units see.
    """
    return f"{storage}const unsigned char {name}[{len(octets) + 1}] = {_value(octets)};\n"


def _value(octets: bytes) -> str:
    if len(octets) > _MAX_LITERAL:
        lines = (", ".join(map(str, line)) for line in _lines(octets))
        return "{\n    " + ",\n    ".join(lines) + ", 0}"
    return "\n".join(f'"{literal(line)}"' for line in _lines(octets) or [b""])


def _lines(octets: bytes) -> list[bytes]:
    return [octets[start : start + _PER_LINE] for start in range(0, len(octets), _PER_LINE)]


def literal(octets: bytes) -> str:
    """Octets as the text of a string literal in C, without its quotes."""
    return _SHORTER.sub(r"\\", "".join([_SPELLED[octet] for octet in octets]))


def text(characters: str) -> str:
    """A text as a string literal, UTF-8."""
    return f'"{literal(characters.encode("utf-8", "backslashreplace"))}"'
