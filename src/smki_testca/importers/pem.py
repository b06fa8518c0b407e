"""Reads PEM (RFC 7468) and base64 without boundaries."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.der.read import DerError, header_at
from smki_testca.importers.content import Content, ContentKind, document, problem, something_else
from smki_testca.importers.der import contents_of_der

if TYPE_CHECKING:
    from collections.abc import Iterator

# The characters of RFC 7468 3, so that `PKCS #7 SIGNED DATA` is a label, too.
_BEGIN = re.compile(rb"-----BEGIN ([!-,.-~](?:[ -]?[!-,.-~]){0,60})-----", re.ASCII)
_LABELS = {
    b"CERTIFICATE",
    b"X509 CERTIFICATE",
    b"CERTIFICATE REQUEST",
    b"NEW CERTIFICATE REQUEST",
    b"X509 CRL",
    b"PKCS7",
    b"PKCS #7 SIGNED DATA",
    b"CMS",
    b"PKCS12",
}
_TRUSTED = b"TRUSTED CERTIFICATE"
_BROKEN_BASE64 = problem("document.base64", "its base64 is broken")


@dataclass(frozen=True, slots=True)
class PemBlock:
    """One block of PEM.

    Attributes:
        label: the words after BEGIN.
        text: the whole block, both boundaries included.
        body: the text between the boundaries; empty where no other boundary follows.
        is_complete: whether the next boundary ends this block.
    """

    label: bytes
    text: bytes
    body: bytes
    is_complete: bool


def pem_blocks(data: bytes) -> Iterator[PemBlock]:
    """Yield every block that begins in the octets; text around the blocks is skipped."""
    for begin in _BEGIN.finditer(data):
        start, label = begin.end(), begin[1]
        boundary = b"-----END " + label + b"-----"
        stop = max(data.find(b"-----", start), start)
        text = data[begin.start() : stop + len(boundary)]
        yield PemBlock(label, text, data[start:stop], data.startswith(boundary, stop))


def decode_base64(text: bytes) -> bytes | None:
    """Decode base64 in lines of any length; None where it is broken."""
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        return None


def contents_of_pem(data: bytes) -> Iterator[Content]:
    """Yield the content of each block; parameters are skipped."""
    has_blocks = False
    for block in pem_blocks(data):
        has_blocks = True
        label = block.label
        if label.endswith(b"PRIVATE KEY"):
            yield Content(block.text, kind=ContentKind.PRIVATE_KEY)
        elif b"KEY" in label:
            yield Content(kind=ContentKind.PUBLIC_KEY)
        elif label.endswith(b"PARAMETERS"):
            continue
        elif not block.is_complete:
            yield problem("document.base64", "a PEM block has a beginning and no end")
        elif label == _TRUSTED:
            yield _trusted_certificate(block.body)
        elif label in _LABELS:
            yield from contents_of_base64(block.body)
        else:
            yield something_else(f"nothing is known of PEM {label.decode('ascii')}")
    if not has_blocks:
        yield problem("document.base64", "a PEM block has no label")


def contents_of_base64(text: bytes) -> Iterator[Content]:
    """Yield the contents of DER in base64."""
    der = decode_base64(text)
    if der is None:
        yield _BROKEN_BASE64
    else:
        yield from contents_of_der(der)


def _trusted_certificate(text: bytes) -> Content:
    """The certificate before OpenSSL's trust settings (``openssl x509 -trustout``)."""
    der = decode_base64(text)
    if der is None:
        return _BROKEN_BASE64
    try:
        _, _, end = header_at(der, 0, len(der))
    except DerError:
        end = len(der)
    return document(der[:end])
