"""Reads the certificates of PKCS#7 bundles, DER or BER: a SignedData, often without signatures."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from smki_testca.der.ber import BerReader
from smki_testca.der.read import DerError
from smki_testca.importers.content import Content, document, problem, something_else

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.der.ber import BerElement

MAX_CERTIFICATES = 50_000
"""The most certificates of one bundle that are read."""
CONTENT_TYPES = bytes.fromhex("06092a864886f70d0107")
"""The beginning of the content types of PKCS#7, DER."""

_SIGNED_DATA = CONTENT_TYPES + b"\x02"
_CERTIFICATES = 0xA0


def contents_of_pkcs7(data: bytes) -> Iterator[Content]:
    """Yield each certificate of a SignedData, octet for octet (RFC 5652 5.1)."""
    try:
        certificates = _certificates(data)
    except (DerError, ValueError):
        message = "it is PKCS#7, but holds no certificates that can be read"
        yield problem("document.unknown_kind", message)
        return
    if not certificates:
        yield something_else("it is PKCS#7, but holds no certificates")
    for certificate in certificates:
        yield document(data[certificate.offset : certificate.stop])


def _certificates(data: bytes) -> list[BerElement]:
    """The certificates of a ContentInfo; none where it is no SignedData or holds none.

    Raises:
        DerError: if it is broken.
        ValueError: if it is another structure, or holds more than ``MAX_CERTIFICATES``.
    """
    reader = BerReader(data)
    content_info = reader.element(0, len(data))
    content_type, content = islice(reader.children(content_info), 2)
    if data[content_type.offset : content_type.stop] != _SIGNED_DATA:
        return []
    (signed_data,) = islice(reader.children(content), 1)
    for field in reader.children(signed_data):
        if field.tag == _CERTIFICATES:
            certificates = list(islice(reader.children(field), MAX_CERTIFICATES + 1))
            if len(certificates) > MAX_CERTIFICATES:
                raise ValueError("there are too many certificates")
            return certificates
    return []
