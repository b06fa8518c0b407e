"""Finds the documents in whatever a user points at: files, folders, bundles, archives.

What a file holds is told from its octets, never from its name. Private keys are passed over
unread. Every archive and file is bounded; what is over a bound becomes a problem to report.
"""

from __future__ import annotations

import base64
import binascii
import io
import lzma
import os
import re
import zipfile
import zlib
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
MAX_DOCUMENTS = 50_000
"""How many documents of one file are read."""
MAX_ZIP_ENTRIES = 50_000
"""How many files a ZIP may hold (SEC App. M F)."""
MAX_ZIP_OCTETS = 256 << 20
"""How many octets a ZIP may unpack to."""

_PEM_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----", re.ASCII)
_BASE64 = re.compile(rb"\s*+[A-Za-z0-9+/]{16}[A-Za-z0-9+/\s]*+={0,2}\s*+", re.ASCII)
_DOCUMENT_LABELS = {
    b"CERTIFICATE",
    b"X509 CERTIFICATE",
    b"CERTIFICATE REQUEST",
    b"NEW CERTIFICATE REQUEST",
    b"X509 CRL",
}
_BUNDLE_LABELS = {b"PKCS7", b"CMS"}
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
# A SEQUENCE that begins with the version of PKCS#8, or of the older forms of EC and RSA keys.
_PRIVATE_KEY = re.compile(
    rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01[\x00\x01][\x30\x04\x02]", re.DOTALL
)
_ENCRYPTED_PKCS8 = bytes.fromhex("06092a864886f70d01050d")
_ZIP_BEGIN = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_ENTRY = b"PK\x01\x02"
_ZIP_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
)


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
            yield from _content("-", standard_input or b"")
            continue
        path = Path(name)
        if path.is_dir():
            for one in _files_below(path):
                yield from _file(one)
        else:
            yield from _file(path)


def _files_below(folder: Path) -> list[Path]:
    """The files below a folder, in the order of their paths; no pipes or devices."""

    def refuse(error: OSError) -> None:
        where = error.filename
        raise InputError("input.unreadable", f"{where} cannot be read: {error.strerror}.")

    found = [
        Path(directory, name)
        for directory, _, names in os.walk(folder, onerror=refuse)
        for name in names
    ]
    return sorted((path for path in found if path.is_file()), key=os.fspath)


def _file(path: Path) -> Iterator[Source]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_OCTETS + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError("input.unreadable", f"{path} cannot be read: {reason}.") from error
    yield from _content(str(path), data)


def _content(file: str, data: bytes) -> Iterator[Source]:
    if len(data) > MAX_FILE_OCTETS:
        problem = f"the file is longer than {MAX_FILE_OCTETS} octets"
        yield Source(file, 0, problem=("document.too_long", problem))
    elif data.startswith(_ZIP_BEGIN):
        yield from _zip(file, data)
    else:
        yield from _numbered(file, documents(data))


Found = bytes | tuple[str, str]


def _numbered(file: str, found: Iterable[Found]) -> Iterator[Source]:
    for index, one in enumerate(found):
        if index == MAX_DOCUMENTS:
            problem = f"it holds more than {MAX_DOCUMENTS} documents; the rest was not read"
            yield Source(file, index, problem=("document.too_long", problem))
            return
        if isinstance(one, tuple):
            yield Source(file, index, problem=one)
        else:
            yield Source(file, index, one)


def documents(data: bytes) -> Iterator[Found]:
    """The documents in the octets of one file that is no ZIP, or why there is none."""
    if data.lstrip()[:1] == b"{":
        yield from _key_store(data)
    elif data[:1] == b"\x30":
        yield from _der(data)
    elif b"-----BEGIN " in data:
        yield from _pem(data)
    elif _BASE64.fullmatch(data):
        yield from _base64(data)
    elif data.startswith(_ZIP_BEGIN):
        yield "document.zip", "a ZIP inside a ZIP is not opened"
    else:
        yield "document.unknown_kind", "it is neither DER, PEM, base64, ZIP nor a key store"


def _pem(data: bytes) -> Iterator[Found]:
    found = 0
    for begin in _PEM_BEGIN.finditer(data):
        label = begin[1]
        found += 1
        if b"KEY" in label or label.endswith(b"PARAMETERS"):
            continue
        stop = data.find(b"-----", begin.end())
        if not data.startswith(b"-----END " + label + b"-----", max(stop, 0)):
            yield "document.base64", "a PEM block has a beginning and no end"
        elif label in _DOCUMENT_LABELS or label in _BUNDLE_LABELS:
            yield from _base64(data[begin.end() : stop])
        else:
            yield "document.unknown_kind", f"nothing is known of PEM {label.decode('ascii')}"
    if not found:
        yield "document.base64", "a PEM block has no label"


def _base64(text: bytes) -> Iterator[Found]:
    try:
        yield from _der(base64.b64decode(b"".join(text.split()), validate=True))
    except binascii.Error:
        yield "document.base64", "its base64 is broken"


def _der(data: bytes) -> Iterator[Found]:
    head = data[:64]
    if _PRIVATE_KEY.match(head) or _ENCRYPTED_PKCS8 in head:
        return
    if _SIGNED_DATA in head[:20]:
        yield from _pkcs7(data)
    else:
        yield from _bounded(data)


def _bounded(data: bytes) -> Iterator[Found]:
    if len(data) > MAX_OCTETS:
        yield "document.too_long", f"it has {len(data)} octets; at most {MAX_OCTETS} are read"
    else:
        yield data


def _key_store(data: bytes) -> Iterator[Found]:
    try:
        store = msgspec.json.decode(data, type=_KeyStore)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        yield "document.unknown_kind", "it is JSON, but no key store"
        return
    for usages in store.values():
        for serials in usages.values():
            for entry in serials.values():
                yield from _pem(entry.certificate.encode("utf-8", "replace"))


def _zip(file: str, data: bytes) -> Iterator[Source]:
    # Counted before the directory is read, which takes memory for each of them.
    count = data.count(_ZIP_ENTRY)
    if count > MAX_ZIP_ENTRIES:
        problem = f"the ZIP holds {count} files; at most {MAX_ZIP_ENTRIES} are read"
        yield Source(file, 0, problem=("document.zip", problem))
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _ZIP_FAULTS as error:
        yield Source(file, 0, problem=("document.zip", f"the ZIP is broken: {error}"))
        return
    with archive:
        entries = [one for one in archive.infolist() if not one.is_dir()]
        found = _zip_problem(entries)
        if found is not None:
            yield Source(file, 0, problem=("document.zip", found))
            return
        for entry in entries:
            yield from _numbered(f"{file}!{entry.filename}", _in_entry(archive, entry))


def _in_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[Found]:
    try:
        with archive.open(entry) as opened:
            content = opened.read(MAX_OCTETS + 1)
    except _ZIP_FAULTS as error:
        yield "document.zip", f"the ZIP is broken here: {error}"
        return
    if len(content) > MAX_OCTETS:
        yield "document.too_long", f"it has more than {MAX_OCTETS} octets"
    else:
        yield from documents(content)


def _zip_problem(entries: list[zipfile.ZipInfo]) -> str | None:
    if not entries:
        return "the ZIP holds no files"
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
        yield from _bounded(data[start:stop])


def _children(data: bytes, start: int, stop: int) -> list[tuple[int, int, int]]:
    """The elements side by side in a span, as (start, start of content, end); not their insides."""
    found: list[tuple[int, int, int]] = []
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
        if len(found) > MAX_DOCUMENTS:
            raise ValueError("there are too many elements")
        found.append((start, content, content + length))
        start = content + length
    return found
