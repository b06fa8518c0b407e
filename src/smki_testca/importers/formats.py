"""Detects the format of a file from its octets, never from its name, and reads its contents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smki_testca.der.read import begins_as_sequence
from smki_testca.importers.content import (
    LOCKED_STORE,
    Content,
    ContentKind,
    problem,
    something_else,
)
from smki_testca.importers.der import contents_of_der
from smki_testca.importers.der_stream import contents_of_stream, is_stream
from smki_testca.importers.keystore_json import contents_of_keystore_json
from smki_testca.importers.pem import contents_of_base64, contents_of_pem, decode_base64
from smki_testca.text_files import looks_like_utf16, utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

ZIP_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
"""The first octets of a ZIP, with files and without."""

_BASE64 = re.compile(rb"\s*+[A-Za-z0-9+/]{16}[A-Za-z0-9+/\s]*+={0,2}\s*+", re.ASCII)
# The first characters of a SEQUENCE of over 127 octets in base64.
_BASE64_SEQUENCE = b"MI"
# The same in hexadecimal, with any space and colons between the digits.
_HEXADECIMAL = re.compile(
    rb"\s*+(?:0[xX])?(3[\s:]*+0[\s:]*+8[\s:]*+[0-4](?:[\s:]*+[0-9A-Fa-f])++)[\s:]*+", re.ASCII
)
_KEYTOOL = (
    "convert it with: keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12"
    " -deststoretype PKCS12"
)
_UNKNOWN = something_else("it is neither DER, PEM, base64, ZIP nor a key store")
# Texts that hold documents in a form that is not read.
_OTHER_TEXTS = (
    (
        re.compile(rb"\s*+[0-9A-Fa-f]{4,8}:? +(?:[0-9A-Fa-f]{2,4} ?){4}"),
        "it is a hexadecimal dump with offsets; undo it, with xxd -r for one",
    ),
    (
        re.compile(rb"\s*+0[xX]30[\s,]"),
        "it is hexadecimal with 0x before each octet; write the digits alone",
    ),
    (
        re.compile(rb"(?:MIME-Version|Content-[A-Za-z-]{1,40}+):", re.IGNORECASE),
        "it is S/MIME; write it with -outform DER or PEM",
    ),
)
_BEGINNINGS = {
    b"\xfe\xed\xfe\xed": f"it is a Java key store (JKS); {_KEYTOOL}",
    b"\xce\xce\xce\xce": f"it is a Java key store (JCEKS); {_KEYTOOL}",
    b"\x00\x05\x16\x07": "it is the file that macOS keeps with another file (AppleDouble)",
}


def contents_of(data: bytes) -> Iterator[Content]:
    """Yield every document, key, store, problem and anything else in a file that is no ZIP."""
    data = utf8(data)
    if begins_as_sequence(data):
        yield from contents_of_stream([data]) if is_stream(data) else contents_of_der(data)
    elif data.startswith(ZIP_BEGINNINGS):
        yield problem("document.zip", "a ZIP is not opened here")
    elif data.startswith(tuple(_BEGINNINGS)):
        yield something_else(_BEGINNINGS[data[:4]])
    elif looks_like_utf16(data):
        yield something_else("it is text in UTF-16; save it as UTF-8")
    else:
        yield from _contents_of_text(data)


def _contents_of_text(data: bytes) -> Iterator[Content]:
    if data.lstrip()[:1] == b"{":
        yield from contents_of_keystore_json(data)
    elif b"-----BEGIN " in data:
        yield from contents_of_pem(data)
    elif hexadecimal := _HEXADECIMAL.fullmatch(data):
        yield from _contents_of_hexadecimal(hexadecimal[1])
    elif _BASE64.fullmatch(data):
        yield from _contents_of_bare_base64(data)
    elif not data.strip():
        yield something_else("it is empty")
    else:
        others = (message for form, message in _OTHER_TEXTS if form.match(data))
        message = next(others, None)
        yield _UNKNOWN if message is None else something_else(message)


def _contents_of_hexadecimal(digits: bytes) -> Iterator[Content]:
    try:
        der = bytes.fromhex(b"".join(digits.replace(b":", b" ").split()).decode("ascii"))
    except ValueError:
        yield problem("document.hexadecimal", "its hexadecimal has an odd number of digits")
        return
    yield from contents_of_der(der)


def _contents_of_bare_base64(text: bytes) -> Iterator[Content]:
    """Yield the contents of DER in base64; any other words may look like base64, too."""
    if text.lstrip().startswith(_BASE64_SEQUENCE):
        yield from contents_of_base64(text)
        return
    der = decode_base64(text)
    if der is None or not begins_as_sequence(der):
        yield _UNKNOWN
    else:
        yield from contents_of_der(der)


def documents_of(data: bytes) -> Iterator[Content]:
    """Yield the documents and problems in a file that was named; keys are skipped."""
    for content in contents_of(data):
        if content.kind is ContentKind.DOCUMENT:
            yield content
        elif content.problem is not None:
            yield Content(problem=content.problem)
        elif content.kind is ContentKind.PKCS12:
            yield Content(problem=LOCKED_STORE)
