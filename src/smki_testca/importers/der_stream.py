"""Reads documents in DER one after the other in one file, as ``batch export`` writes them.

No more of the file is in memory than one document and ``CHUNK_OCTETS``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smki_testca.importers.content import Content, document, problem
from smki_testca.x509 import entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK_OCTETS = 1 << 20
"""The octets of a file that are read at a time."""

# The header of a document, whose first element is a SEQUENCE, too.
_DOCUMENT = re.compile(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)\x30", re.DOTALL)
_MAX_HEADER_OCTETS = 7


def is_stream(data: bytes) -> bool:
    """Whether another document follows the first; of a long file the beginning is enough."""
    end = _end_of(data, 0)
    return end is not None and _DOCUMENT.match(data, end) is not None


def contents_of_stream(chunks: Iterable[bytes]) -> Iterator[Content]:
    """Yield each document; octets that begin none are the last one."""
    buffer, start = b"", 0
    for chunk in chunks:
        buffer, start = buffer[start:] + chunk, 0
        while (end := _end_of(buffer, start)) is not None and end <= len(buffer):
            yield document(buffer[start:end])
            start = end
        if end is None and len(buffer) - start >= _MAX_HEADER_OCTETS:
            break
        if end is not None and end - start > entries.MAX_OCTETS:
            message = f"it has more than {entries.MAX_OCTETS} octets; the rest was not read"
            yield problem("document.too_long", message)
            return
    if start < len(buffer):
        yield document(buffer[start : start + CHUNK_OCTETS])


def _end_of(data: bytes, start: int) -> int | None:
    """The offset just past the document at an offset; None where none begins."""
    header = _DOCUMENT.match(data, start)
    if header is None:
        return None
    length, content = data[start + 1], header.end() - 1
    if length >= 0x80:
        length = int.from_bytes(data[start + 2 : content])
    return content + length
