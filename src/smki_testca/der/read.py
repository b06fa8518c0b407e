"""Reads BER or DER tolerantly and within limits, and records the offset of every element.

Encodings that DER forbids but that can still be read become anomalies, so that a linter can name
them; octets that cannot be read raise. Hostile octets cost at most the limits below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from smki_testca.errors import InputError
from smki_testca.text import counted, is_or_are

MAX_OCTETS = 1 << 20
"""The longest document read, in octets."""
MAX_DEPTH = 32
"""The deepest nesting of elements."""
MAX_ELEMENTS = 20_000
"""The most elements in one document."""

_CONSTRUCTED = 0x20
# The digit 0 is a SEQUENCE's tag, too, but a SEQUENCE soon has what text does not: a length in
# several octets or none, or a control character in the length or tag of an element.
_SEQUENCE = re.compile(rb"\x30(?:[\x80-\x84]|[^\x00]{0,62}?[\x00-\x08\x0e-\x1f\x7f])")

_TAGS = {
    0x01: "BOOLEAN",
    0x02: "INTEGER",
    0x03: "BIT STRING",
    0x04: "OCTET STRING",
    0x05: "NULL",
    0x06: "OBJECT IDENTIFIER",
    0x0A: "ENUMERATED",
    0x0C: "UTF8String",
    0x13: "PrintableString",
    0x16: "IA5String",
    0x17: "UTCTime",
    0x18: "GeneralizedTime",
    0x30: "SEQUENCE",
    0x31: "SET",
}


def tag_name(tag: int) -> str:
    """The name of an identifier octet: of a universal type, or the number of its tag."""
    name = _TAGS.get(tag)
    if name is None:
        return f"[{tag & 0x1F}]" if tag & 0xC0 == 0x80 else f"tag {tag:02x}"
    return name


class DerError(InputError):
    """Octets that cannot be read as ASN.1.

    Attributes:
        problem: what is wrong, without its place.
        offset: the place, in octets from the start.
    """

    def __init__(self, code: str, problem: str, offset: int) -> None:
        super().__init__(code, f"{problem} (at octet {offset})")
        self.problem = problem
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An encoding that can be read, but that DER forbids.

    Attributes:
        code: stable code, such as ``der.length_not_minimal``.
        offset: of the octet at fault, from the start of the document.
        message: the problem.
    """

    code: str
    offset: int
    message: str


class Node:
    """One element: its tag, its position, and its children if it is constructed.

    Attributes:
        tag: the identifier octet (tag numbers above 30 are refused).
        offset: of the identifier octet in the document.
        start: of the first content octet.
        end: just past the last content octet (before end-of-contents octets, if any).
        stop: just past the whole element.
        children: of a constructed element, in order.
    """

    __slots__ = ("children", "data", "end", "offset", "start", "stop", "tag")

    def __init__(self, data: bytes, tag: int, offset: int, start: int) -> None:
        self.data = data
        self.tag = tag
        self.offset = offset
        self.start = start
        self.end = start
        self.stop = start
        self.children: list[Node] = []

    @property
    def content(self) -> bytes:
        """The content octets."""
        return self.data[self.start : self.end]

    @property
    def encoded(self) -> bytes:
        """The whole element."""
        return self.data[self.offset : self.stop]

    @property
    def constructed(self) -> bool:
        """Whether the element contains others."""
        return bool(self.tag & _CONSTRUCTED)

    def __repr__(self) -> str:
        return f"Node(tag=0x{self.tag:02x}, offset={self.offset}, stop={self.stop})"


class _Reader:
    def __init__(self, data: bytes, closed: int | None = None) -> None:
        self.data = data
        self.anomalies: list[Anomaly] = []
        self.elements = 0
        self.closed = closed

    def element(self, offset: int, limit: int, depth: int) -> Node:
        data = self.data
        if depth > MAX_DEPTH:
            raise DerError("der.too_deep", f"elements nest deeper than {MAX_DEPTH}", offset)
        self.elements += 1
        if self.elements > MAX_ELEMENTS:
            raise DerError("der.too_many", f"more than {MAX_ELEMENTS} elements", offset)
        if limit - offset < 2:
            raise DerError("der.truncated", "an element is cut off in its header", offset)
        tag = data[offset]
        if tag & 0x1F == 0x1F:
            raise DerError("der.tag", "a tag number above 30 is not allowed here", offset)
        length = data[offset + 1]
        start = offset + 2
        if length == 0x80:
            return self._indefinite(Node(data, tag, offset, start), limit, depth)
        if length > 0x80:
            length, start = self._long_length(offset, length & 0x7F, limit)
        node = Node(data, tag, offset, start)
        node.end = node.stop = start + length
        if node.end > limit:
            raise DerError(
                "der.truncated",
                _claims_too_much(length, max(0, limit - start)),
                offset,
            )
        if tag & _CONSTRUCTED and offset != self.closed:
            position = start
            while position < node.end:
                child = self.element(position, node.end, depth + 1)
                node.children.append(child)
                position = child.stop
        return node

    def _long_length(self, offset: int, count: int, limit: int) -> tuple[int, int]:
        start = offset + 2 + count
        if count > 8:
            raise DerError("der.length", f"a length of {count} octets is out of bounds", offset)
        if start > limit:
            raise DerError("der.truncated", "an element is cut off in its length", offset)
        length = int.from_bytes(self.data[offset + 2 : start])
        if length < 0x80 or length >> (8 * (count - 1)) == 0:
            self.anomalies.append(
                Anomaly(
                    "der.length_not_minimal",
                    offset + 1,
                    f"the length {length} is written in {count + 1} octets, more than it needs",
                )
            )
        return length, start

    def _indefinite(self, node: Node, limit: int, depth: int) -> Node:
        if not node.constructed:
            raise DerError("der.length", "a primitive element of indefinite length", node.offset)
        self.anomalies.append(
            Anomaly("der.length_indefinite", node.offset + 1, "the length is indefinite")
        )
        position = node.start
        while self.data[position : min(position + 2, limit)] != b"\x00\x00":
            child = self.element(position, limit, depth + 1)
            node.children.append(child)
            position = child.stop
        node.end = position
        node.stop = position + 2
        return node


def begins_as_sequence(data: bytes) -> bool:
    """Whether octets begin with a SEQUENCE in BER or DER, and not with text whose first is 0."""
    return _SEQUENCE.match(data) is not None


def read(
    data: bytes, *, noun: str = "document", limit: int = MAX_OCTETS, closed: int | None = None
) -> tuple[Node, list[Anomaly]]:
    """Read one element and everything in it.

    Args:
        data: the octets, at most ``limit``.
        noun: the document's name in messages.
        limit: the longest document read, in octets.
        closed: the offset of an element of definite length whose content is not parsed.

    Returns:
        The element, and the anomalies in its lengths or after its end.

    Raises:
        DerError: if the octets cannot be read, or pass a limit.
    """
    if len(data) > limit:
        raise DerError(
            "der.too_long",
            f"the {noun} has {len(data)} octets; at most {limit} are read",
            limit,
        )
    reader = _Reader(data, closed)
    root = reader.element(0, len(data), 1)
    if root.stop < len(data):
        reader.anomalies.append(
            Anomaly(
                "der.trailing_octets",
                root.stop,
                f"{_follow(len(data) - root.stop)} the end of the {noun}",
            )
        )
    return root, reader.anomalies


def read_at(data: bytes, offset: int, end: int) -> tuple[Node, list[Anomaly]]:
    """Read the element at an offset of a document; offsets count from the document's start.

    Raises:
        DerError: if the octets cannot be read, or pass a limit.
    """
    reader = _Reader(data)
    return reader.element(offset, end, 1), reader.anomalies


def header_at(data: bytes, offset: int, end: int) -> tuple[int, int, int]:
    """Read only the header of an element: its tag, and the start and end of its content.

    Raises:
        DerError: if its header cannot be read, its length is indefinite, or it is cut off.
    """
    if end - offset < 2:
        raise DerError("der.truncated", "an element is cut off in its header", offset)
    length, start = data[offset + 1], offset + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 8:
            raise DerError("der.length", f"a length of {count} octets is out of bounds", offset)
        start += count
        length = int.from_bytes(data[offset + 2 : start])
    if start + length > end:
        left = max(0, end - start)
        raise DerError(
            "der.truncated",
            _claims_too_much(length, left),
            offset,
        )
    return data[offset], start, start + length


def _claims_too_much(length: int, left: int) -> str:
    return (
        f"an element claims {counted(length, 'content octet')} where {left} {is_or_are(left)} left"
    )


def _follow(octets: int) -> str:
    return f"{counted(octets, 'octet')} {'follows' if octets == 1 else 'follow'}"


def read_wrapped(node: Node) -> tuple[Node | None, list[Anomaly]]:
    """Read the element inside an OCTET STRING; offsets count from the document's start.

    Returns:
        The element, or None where the content cannot be read, and the anomalies in it.
    """
    reader = _Reader(node.data)
    try:
        inner = reader.element(node.start, node.end, 1)
    except DerError as error:
        return None, [Anomaly(error.code, error.offset, error.problem)]
    if inner.stop < node.end:
        count = node.end - inner.stop
        reader.anomalies.append(
            Anomaly("der.trailing_octets", inner.stop, f"{_follow(count)} a wrapped element")
        )
    return inner, reader.anomalies
