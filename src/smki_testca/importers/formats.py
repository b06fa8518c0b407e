"""Detects the format of a file from its octets, never from its name, and reads its contents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smki_testca.importers.content import LOCKED_STORE, Content, ContentKind, problem
from smki_testca.importers.der import contents_of_der
from smki_testca.importers.keystore_json import contents_of_keystore_json
from smki_testca.importers.pem import contents_of_base64, contents_of_pem
from smki_testca.text_files import utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

ZIP_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
"""The first octets of a ZIP, with files and without."""

_BASE64 = re.compile(rb"\s*+[A-Za-z0-9+/]{16}[A-Za-z0-9+/\s]*+={0,2}\s*+", re.ASCII)


def contents_of(data: bytes) -> Iterator[Content]:
    """Yield every document, private key, store and problem in a file that is no ZIP."""
    data = utf8(data)
    if data.lstrip()[:1] == b"{":
        yield from contents_of_keystore_json(data)
    elif data[:1] == b"\x30":
        yield from contents_of_der(data)
    elif b"-----BEGIN " in data:
        yield from contents_of_pem(data)
    elif _BASE64.fullmatch(data):
        yield from contents_of_base64(data)
    elif data.startswith(ZIP_BEGINNINGS):
        yield problem("document.zip", "a ZIP inside a ZIP is not opened")
    else:
        message = "it is neither DER, PEM, base64, ZIP nor a key store"
        yield problem("document.unknown_kind", message)


def documents_of(data: bytes) -> Iterator[Content]:
    """Yield the documents and problems in a file that is no ZIP; private keys are skipped."""
    for content in contents_of(data):
        if content.kind is ContentKind.DOCUMENT:
            yield content
        elif content.kind is ContentKind.PKCS12:
            yield Content(problem=LOCKED_STORE)
