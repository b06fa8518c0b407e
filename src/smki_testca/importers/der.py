"""Tells documents, PKCS#7 bundles, keys and PKCS#12 stores apart by their first octets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smki_testca.importers import pkcs7
from smki_testca.importers.content import Content, ContentKind, document

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEQUENCE = rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)"
# A SEQUENCE that begins with the version of PKCS#8, or of the older forms of EC and RSA keys.
_PRIVATE_KEY = re.compile(_SEQUENCE + rb"\x02\x01[\x00\x01][\x30\x04\x02]", re.DOTALL)
_ENCRYPTED_PKCS8 = bytes.fromhex("06092a864886f70d01050d")
# The same under one of the older schemes, of PKCS#5 v1.5 or PKCS#12.
_OLDER_ENCRYPTED_PKCS8 = re.compile(
    _SEQUENCE + rb"\x30.\x06(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05."
    rb"|\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01.)",
    re.DOTALL,
)
# A SubjectPublicKeyInfo of an EC or RSA key, or of one of the curves of RFC 8410.
_PUBLIC_KEY = re.compile(
    _SEQUENCE + rb"\x30.\x06(?:\x07\x2a\x86\x48\xce\x3d\x02\x01"
    rb"|\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01.|\x03\x2b\x65[\x6e-\x71])",
    re.DOTALL,
)
# A SEQUENCE that begins with the version of a PKCS#12 store and its ContentInfo.
_PKCS12 = re.compile(_SEQUENCE + rb"\x02\x01\x03\x30", re.DOTALL)


def contents_of_der(data: bytes) -> Iterator[Content]:
    """Yield the certificates of a PKCS#7 bundle, or the one content of other DER or BER."""
    head = data[:64]
    if _PKCS12.match(head):
        yield Content(data, kind=ContentKind.PKCS12)
    elif _PRIVATE_KEY.match(head) or _ENCRYPTED_PKCS8 in head or _OLDER_ENCRYPTED_PKCS8.match(head):
        yield Content(data, kind=ContentKind.PRIVATE_KEY)
    elif _PUBLIC_KEY.match(head):
        yield Content(kind=ContentKind.PUBLIC_KEY)
    elif pkcs7.CONTENT_TYPES in head[:20]:
        yield from pkcs7.contents_of_pkcs7(data)
    else:
        yield document(data)
