"""Finds the documents in whatever a user points at: files, folders, bundles, archives.

What a file holds is told from its octets, never from its name. Private keys are passed over
unread. Every archive and file is bounded; what is over a bound becomes a problem to report.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from smki_testca.der.read import MAX_OCTETS
from smki_testca.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_FILE_OCTETS = 64 << 20
"""The longest file read, in octets."""
MAX_ZIP_ENTRIES = 50_000
"""How many files a ZIP may hold (SEC App. M F)."""
MAX_ZIP_OCTETS = 256 << 20
"""How many octets a ZIP may unpack to."""

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----(.*?)-----END \1-----", re.ASCII | re.DOTALL)
_BASE64 = re.compile(rb"\s*[A-Za-z0-9+/]{16}[A-Za-z0-9+/\s]*={0,2}\s*", re.ASCII)
_DOCUMENT_LABELS = {
    b"CERTIFICATE",
    b"X509 CERTIFICATE",
    b"CERTIFICATE REQUEST",
    b"NEW CERTIFICATE REQUEST",
    b"X509 CRL",
}
_BUNDLE_LABELS = {b"PKCS7", b"CMS"}
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_PKCS8 = re.compile(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01\x00\x30.\x06", re.DOTALL)
_ENCRYPTED_PKCS8 = bytes.fromhex("06092a864886f70d01050d")


@dataclass(frozen=True, slots=True)
class Source:
    """One document as it was found.

    Attributes:
        file: where; an archive's entry is written ``archive.zip!entry``.
        index: its place among the documents of that file, from 0.
        data: its octets, DER or what claims to be.
        problem: why it cannot be looked at: a rule's code and a message; None if it can.
    """

    file: str
    index: int
    data: bytes = b""
    problem: tuple[str, str] | None = None


class _Entry(msgspec.Struct):
    certificate: str


_KeyStore = dict[str, dict[str, dict[str, _Entry]]]


def sources(names: Iterable[str], standard_input: bytes | None = None) -> Iterator[Source]:
    """Every document in the files and folders named, in the order named.

    Args:
        names: paths; ``-`` is standard input.
        standard_input: what was read from it.

    Raises:
        InputError: if a path that was named is not there or cannot be read.
    """
    for name in names:
        if name == "-":
            yield from _numbered("-", _in_file(standard_input or b""))
            continue
        path = Path(name)
        if path.is_dir():
            for one in sorted(path.rglob("*")):
                if one.is_file():
                    yield from _file(one)
        else:
            yield from _file(path)


def _file(path: Path) -> Iterator[Source]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_OCTETS + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError("input.unreadable", f"{path} cannot be read: {reason}.") from error
    if len(data) > MAX_FILE_OCTETS:
        problem = f"the file is longer than {MAX_FILE_OCTETS} octets"
        yield Source(str(path), 0, problem=("document.too_long", problem))
    elif data[:4] == b"PK\x03\x04":
        yield from _zip(str(path), data)
    else:
        yield from _numbered(str(path), _in_file(data))


Found = bytes | tuple[str, str]


def _numbered(file: str, found: Iterable[Found]) -> Iterator[Source]:
    for index, one in enumerate(found):
        if isinstance(one, tuple):
            yield Source(file, index, problem=one)
        else:
            yield Source(file, index, one)


def _in_file(data: bytes) -> Iterator[Found]:
    if data.lstrip()[:1] == b"{":
        yield from _key_store(data)
    elif data[:1] == b"\x30":
        yield from _der(data)
    elif b"-----BEGIN " in data:
        yield from _pem(data)
    elif _BASE64.fullmatch(data):
        yield from _base64(data)
    else:
        yield "document.unknown_kind", "it is neither DER, PEM, base64, ZIP nor a key store"


def _pem(data: bytes) -> Iterator[Found]:
    found = 0
    for block in _PEM.finditer(data):
        label = block[1]
        found += 1
        if b"KEY" in label or label.endswith(b"PARAMETERS"):
            continue
        if label in _DOCUMENT_LABELS or label in _BUNDLE_LABELS:
            yield from _base64(block[2])
        else:
            yield "document.unknown_kind", f"nothing is known of PEM {label.decode('ascii')}"
    if not found:
        yield "document.base64", "a PEM block has a beginning and no end"


def _base64(text: bytes) -> Iterator[Found]:
    try:
        yield from _der(base64.b64decode(b"".join(text.split()), validate=True))
    except binascii.Error:
        yield "document.base64", "its base64 is broken"


def _der(data: bytes) -> Iterator[Found]:
    head = data[:64]
    if _PKCS8.match(head) or _ENCRYPTED_PKCS8 in head:
        return
    if _SIGNED_DATA in head[:20]:
        yield from _pkcs7(data)
    elif len(data) > MAX_OCTETS:
        yield "document.too_long", f"it has {len(data)} octets; at most {MAX_OCTETS} are read"
    else:
        yield data


def _key_store(data: bytes) -> Iterator[Found]:
    try:
        store = msgspec.json.decode(data, type=_KeyStore)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError):
        yield "document.unknown_kind", "it is JSON, but no key store"
        return
    for usages in store.values():
        for serials in usages.values():
            for entry in serials.values():
                yield from _pem(entry.certificate.encode("utf-8"))


def _zip(file: str, data: bytes) -> Iterator[Source]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [one for one in archive.infolist() if not one.is_dir()]
            problem = _zip_problem(entries)
            if problem is not None:
                yield Source(file, 0, problem=("document.zip", problem))
                return
            for entry in entries:
                with archive.open(entry) as opened:
                    content = opened.read(MAX_OCTETS + 1)
                inner: Iterable[Found] = _in_file(content)
                if len(content) > MAX_OCTETS:
                    inner = [("document.too_long", f"it has more than {MAX_OCTETS} octets")]
                yield from _numbered(f"{file}!{entry.filename}", inner)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        yield Source(file, 0, problem=("document.zip", f"the ZIP is broken: {error}"))
    except ValueError as error:
        yield Source(file, 0, problem=("document.zip", f"the ZIP is broken: {error}"))


def _zip_problem(entries: list[zipfile.ZipInfo]) -> str | None:
    if len(entries) > MAX_ZIP_ENTRIES:
        return f"the ZIP holds {len(entries)} files; at most {MAX_ZIP_ENTRIES} are read"
    if sum(entry.file_size for entry in entries) > MAX_ZIP_OCTETS:
        return f"the ZIP unpacks to more than {MAX_ZIP_OCTETS} octets"
    if any(entry.flag_bits & 1 for entry in entries):
        return "the ZIP is encrypted"
    return None


def _pkcs7(data: bytes) -> Iterator[Found]:
    """The certificates of a SignedData, each as it stands (RFC 5652 5.1)."""
    try:
        content_info = _children(data, 0, len(data))
        signed_data = _children(data, *content_info[0][1:])[1]
        fields = _children(data, *_children(data, *signed_data[1:])[0][1:])
        bundle = next(one for one in fields if data[one[0]] == 0xA0)
        certificates = _children(data, *bundle[1:])
    except (IndexError, StopIteration, ValueError):
        yield "document.unknown_kind", "it is PKCS#7, but holds no certificates that can be read"
        return
    for start, _, stop in certificates:
        yield data[start:stop]


def _children(data: bytes, start: int, stop: int) -> list[tuple[int, int, int]]:
    """The elements side by side in a span, as (start, start of content, end); not their insides."""
    found = []
    while start < stop:
        length, content = data[start + 1], start + 2
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4:
                raise ValueError("no such length")
            content += count
            length = int.from_bytes(data[start + 2 : content])
        if content + length > stop:
            raise ValueError("an element is cut off")
        found.append((start, content, content + length))
        start = content + length
    return found
