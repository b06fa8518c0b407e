"""Reads the certificates of PKCS#7 bundles: a SignedData, most often without signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.der.read import DerError, header_at
from smki_testca.importers.content import Content, document, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CERTIFICATES = 50_000
"""The most certificates of one bundle that are read."""
SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
"""The content type of a SignedData, DER."""


def contents_of_pkcs7(data: bytes) -> Iterator[Content]:
    """Yield each certificate of a SignedData, octet for octet (RFC 5652 5.1)."""
    try:
        (_, start, end), *_ = _elements(data, 0, len(data))
        _, (_, start, end), *_ = _elements(data, start, end)
        (_, start, end), *_ = _elements(data, start, end)
        fields = _elements(data, start, end)
        start, end = next((start, end) for at, start, end in fields if data[at] == 0xA0)
        certificates = _elements(data, start, end)
    except (DerError, StopIteration, ValueError):
        message = "it is PKCS#7, but holds no certificates that can be read"
        yield problem("document.unknown_kind", message)
        return
    for at, _, end in certificates:
        yield document(data[at:end])


def _elements(data: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    """The elements side by side: offset, start and end of the content of each.

    Their contents are not parsed: a bundle may hold more elements than one document.
    """
    elements: list[tuple[int, int, int]] = []
    while start < end:
        _, content, stop = header_at(data, start, end)
        if len(elements) > MAX_CERTIFICATES:
            raise ValueError("there are too many elements")
        elements.append((start, content, stop))
        start = stop
    return elements
