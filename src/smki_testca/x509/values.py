"""Reads the values of single elements: integers, object identifiers, times, extensions."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smki_testca.der.read import Node

_MAX_INTEGER_OCTETS = 256
"""The longest INTEGER that is read; Python does not print longer ones in decimal."""


def integer_of(node: Node) -> int | None:
    """The value of an INTEGER, or None for anything else."""
    content = node.content
    if node.tag != 0x02 or not 0 < len(content) <= _MAX_INTEGER_OCTETS:
        return None
    return int.from_bytes(content, signed=True)


def oid_of(node: Node) -> str | None:
    """The dotted decimal form of an OBJECT IDENTIFIER, or None for anything else."""
    content = node.content
    if node.tag != 0x06 or not content or content[-1] & 0x80 or len(content) > 64:
        return None
    return _dotted(content)


@lru_cache(maxsize=1024)
def _dotted(content: bytes) -> str:
    """The dotted decimal form, cached since the same few recur in every certificate."""
    arcs: list[int] = []
    arc = 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(number) for number in (first, arcs[0] - 40 * first, *arcs[1:]))


def time_of(node: Node) -> datetime | None:
    """The instant of a UTCTime or GeneralizedTime, or None for anything else."""
    content = node.content
    if (node.tag, len(content)) not in {(0x17, 13), (0x18, 15)}:
        return None
    return instant_of(content)


@lru_cache(maxsize=1024)
def instant_of(content: bytes) -> datetime | None:
    """The instant in the 13 octets of a UTCTime or the 15 of a GeneralizedTime."""
    digits = content[:-1]
    # Some versions of Python take hour 24 for midnight; RFC 5280 does not have it.
    if content[-1:] != b"Z" or not digits.isdigit() or content[-7:-5] == b"24":
        return None
    if len(digits) == 12:
        digits = (b"19" if digits[:2] >= b"50" else b"20") + digits
    elif len(digits) != 14:
        return None
    text = digits.decode("ascii")
    try:
        return datetime.fromisoformat(f"{text[:8]}T{text[8:]}Z")
    except ValueError:
        return None


def extension_parts(extension: Node) -> tuple[str | None, bool, Node | None]:
    """Read an Extension (RFC 5280 4.1) as far as its elements are in their places.

    Elements of other types and those after them are passed over.

    Returns:
        The OID, or None where it cannot be read; whether it says that it is critical; and the
        OCTET STRING, or None where there is none.
    """
    parts = extension.children
    oid = oid_of(parts[0]) if parts else None
    critical = False
    for element in parts[1:3]:
        if element.tag == 0x04:
            return oid, critical, element
        critical |= element.tag == 0x01 and element.content != b"\x00"
    return oid, critical, None
