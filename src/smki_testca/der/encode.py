"""Writes DER (X.690): one function for each type that certificates use."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8_STRING, PRINTABLE_STRING, IA5_STRING = 0x0C, 0x13, 0x16
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31


def header(tag: int, length: int) -> bytes:
    """Identifier and length octets, the length in its shortest form (X.690 10.1)."""
    if length < 0x80:
        return bytes((tag, length))
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(octets))) + octets


def tlv(tag: int, content: bytes) -> bytes:
    """A whole element: identifier, length, content."""
    return header(tag, len(content)) + content


def sequence(*elements: bytes) -> bytes:
    """A SEQUENCE of already encoded elements."""
    return tlv(SEQUENCE, b"".join(elements))


def set_of(elements: Iterable[bytes]) -> bytes:
    """A SET OF: its elements in ascending order of their octets (X.690 11.6)."""
    return tlv(SET, b"".join(sorted(elements)))


def integer(value: int) -> bytes:
    """An INTEGER in the fewest octets."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def boolean(*, value: bool) -> bytes:
    """A BOOLEAN; TRUE is FF (X.690 11.1)."""
    return tlv(BOOLEAN, b"\xff" if value else b"\x00")


@lru_cache(maxsize=1024)
def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER from its dotted decimal form; certificates have the same few."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        content += bytes(reversed(groups))
    return tlv(OID, bytes(content))


def octet_string(octets: bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(OCTET_STRING, octets)


def bit_string(octets: bytes, unused_bits: int = 0) -> bytes:
    """A BIT STRING of whole octets, or with some bits of the last one unused."""
    return tlv(BIT_STRING, bytes((unused_bits,)) + octets)


def named_bits(numbers: Iterable[int]) -> bytes:
    """A named-bit list without trailing zero bits (X.690 11.2.2)."""
    highest = max(numbers := list(numbers), default=-1)
    value = sum(1 << (highest - number) for number in numbers)
    unused = -(highest + 1) % 8
    return bit_string((value << unused).to_bytes((highest + 8) // 8), unused)


def time(instant: datetime) -> bytes:
    """UTCTime to 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5)."""
    # isoformat pads the year on every platform, and is quicker than strftime.
    iso = instant.isoformat()
    text = f"{iso[:4]}{iso[5:7]}{iso[8:10]}{iso[11:13]}{iso[14:16]}{iso[17:19]}Z"
    if 1950 <= instant.year < 2050:
        return tlv(UTC_TIME, text[2:].encode("ascii"))
    return tlv(GENERALIZED_TIME, text.encode("ascii"))


def text(tag: int, value: str) -> bytes:
    """A character string of the type that the tag names."""
    return tlv(tag, value.encode("utf-8" if tag == UTF8_STRING else "ascii"))
