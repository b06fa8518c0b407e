"""Finds elements in BER (X.690 8.1): indefinite lengths and strings in segments, within limits.

Only the header of an element of definite length is read, so what it holds stays octet for octet,
however large it is. Of an element of indefinite length all headers are read to find its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from smki_testca.der.read import MAX_DEPTH, DerError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_HEADERS = 1_000_000
"""The most headers that are read of one input."""

_CONSTRUCTED = 0x20
_END_OF_CONTENTS = b"\x00\x00"


class BerElement(NamedTuple):
    """The place of one element in the input.

    Attributes:
        tag: the identifier octet.
        offset: of that octet.
        start, end: of the content, without end-of-contents octets.
        stop: just past the whole element.
    """

    tag: int
    offset: int
    start: int
    end: int
    stop: int


class BerReader:
    """Finds elements in one input.

    Args:
        data: the input.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._headers_left = MAX_HEADERS

    def element(self, offset: int, limit: int, depth: int = 1) -> BerElement:
        """The element at an offset, which must end at a limit or before it.

        Raises:
            DerError: if it cannot be read, nests deeper than ``der.read.MAX_DEPTH``, or more than
                ``MAX_HEADERS`` headers were read.
        """
        data = self._data
        if depth > MAX_DEPTH:
            raise DerError("der.too_deep", f"elements nest deeper than {MAX_DEPTH}", offset)
        self._headers_left -= 1
        if self._headers_left < 0:
            raise DerError("der.too_many", f"more than {MAX_HEADERS} elements", offset)
        if limit - offset < 2:
            raise DerError("der.truncated", "an element is cut off in its header", offset)
        tag, length, start = data[offset], data[offset + 1], offset + 2
        if tag & 0x1F == 0x1F:
            raise DerError("der.tag", "a tag number above 30 is not allowed here", offset)
        if length == 0x80 and tag & _CONSTRUCTED:
            return self._indefinite(tag, offset, limit, depth)
        if length >= 0x80:
            count = length & 0x7F
            if not 1 <= count <= 8:
                raise DerError("der.length", f"a length of {count} octets is out of bounds", offset)
            start += count
            length = int.from_bytes(data[offset + 2 : start])
        end = start + length
        if end > limit:
            raise DerError("der.truncated", "an element ends after what holds it", offset)
        return BerElement(tag, offset, start, end, end)

    def children(self, parent: BerElement) -> Iterator[BerElement]:
        """Yield the elements in another, in order.

        Raises:
            DerError: as ``element`` does.
        """
        offset = parent.start
        while offset < parent.end:
            child = self.element(offset, parent.end, 2)
            yield child
            offset = child.stop

    def _indefinite(self, tag: int, offset: int, limit: int, depth: int) -> BerElement:
        position = offset + 2
        while self._data[position : min(position + 2, limit)] != _END_OF_CONTENTS:
            position = self.element(position, limit, depth + 1).stop
        return BerElement(tag, offset, offset + 2, position, position + 2)
