"""Finds the documents in whatever a user points at: files, folders, bundles, archives.

What a file holds is told from its octets, never from its name. Private keys are passed over
unread, unless they are asked for. Every archive and file is bounded; what is over a bound becomes
a problem to report.
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
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.der.read import MAX_OCTETS
from smki_testca.errors import InputError
from smki_testca.x509 import entries

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
# The same under one of the older schemes, of PKCS#5 v1.5 or PKCS#12.
_OLDER_ENCRYPTED_PKCS8 = re.compile(
    rb"\x30(?:[\x00-\x7f]|\x81.|\x82..)\x30.\x06(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05."
    rb"|\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01.)",
    re.DOTALL,
)
# A SEQUENCE that begins with the version of a PKCS#12 store and its ContentInfo.
_PKCS12 = re.compile(
    rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)\x02\x01\x03\x30", re.DOTALL
)
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


class Content(Enum):
    """What was found: a document, or what a linter passes over."""

    DOCUMENT = "document"
    PRIVATE_KEY = "private key"
    KEY_OF_DOCUMENT = "private key given with the document before it"
    PKCS12 = "PKCS#12 store"


@dataclass(frozen=True, slots=True)
class Source:
    """One document as it was found, or what stands beside documents.

    Attributes:
        file: where; an archive's entry is written ``archive.zip!entry``.
        index: its place among the documents of that file, from 0; of what is no document, the
            place of the one before it.
        data: its octets, DER or what claims to be; a private key may be a PEM block.
        problem: why it cannot be looked at: a rule's code and a message; None if it can.
        content: what it is.
        name: what a key store calls it.
    """

    file: str
    index: int
    data: bytes = b""
    problem: tuple[str, str] | None = None
    content: Content = Content.DOCUMENT
    name: str | None = None

    @property
    def place(self) -> str:
        """The file, and the document's place in it where it is not the first."""
        return self.file if self.index == 0 else f"{self.file} ({self.index})"


@dataclass(frozen=True, slots=True)
class _Found:
    """What a file holds at one place; the meanings are those of ``Source``."""

    data: bytes = b""
    problem: tuple[str, str] | None = None
    content: Content = Content.DOCUMENT
    name: str | None = None


class _Entry(msgspec.Struct):
    # Only the certificate is looked at by all who read a key store.
    certificate: str
    privateKey: Any = None  # noqa: N815 - as the key store has it
    name: Any = None


_KeyStore = dict[str, dict[str, dict[str, _Entry]]]


def sources(names: Iterable[str], standard_input: bytes | None = None) -> Iterator[Source]:
    """Every document in the files and folders named, in the order named.

    Args:
        names: paths; ``-`` is standard input.
        standard_input: what was read from it.

    Raises:
        InputError: if a path that was named is not there or cannot be read.
    """
    for one in contents(names, standard_input):
        if one.content is Content.DOCUMENT:
            yield one
        elif one.content is Content.PKCS12:
            yield Source(one.file, one.index, problem=_LOCKED)


_LOCKED = ("document.unknown_kind", "it is a PKCS#12 store; only `import` opens those")


def contents(names: Iterable[str], standard_input: bytes | None = None) -> Iterator[Source]:
    """Every document, private key and PKCS#12 store in the files and folders named.

    The arguments and errors are those of ``sources``.
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
        yield from _numbered(file, _everything(data))


def _numbered(file: str, found: Iterable[_Found]) -> Iterator[Source]:
    index = 0
    for one in found:
        if one.content in {Content.PRIVATE_KEY, Content.KEY_OF_DOCUMENT}:
            yield Source(file, max(index - 1, 0), one.data, None, one.content, one.name)
            continue
        if index == MAX_DOCUMENTS:
            problem = f"it holds more than {MAX_DOCUMENTS} documents; the rest was not read"
            yield Source(file, index, problem=("document.too_long", problem))
            return
        yield Source(file, index, one.data, one.problem, one.content, one.name)
        index += 1


def documents(data: bytes) -> Iterator[bytes | tuple[str, str]]:
    """The documents in the octets of one file that is no ZIP, or why there is none."""
    for one in _everything(data):
        if one.content is Content.DOCUMENT:
            yield one.problem or one.data
        elif one.content is Content.PKCS12:
            yield _LOCKED


def _problem(code: str, message: str) -> _Found:
    return _Found(problem=(code, message))


def _everything(data: bytes) -> Iterator[_Found]:
    if data.lstrip()[:1] == b"{":
        yield from _key_store(data)
    elif data[:1] == b"\x30":
        yield from _der(data)
    elif b"-----BEGIN " in data:
        yield from _pem(data)
    elif _BASE64.fullmatch(data):
        yield from _base64(data)
    elif data.startswith(_ZIP_BEGIN):
        yield _problem("document.zip", "a ZIP inside a ZIP is not opened")
    else:
        message = "it is neither DER, PEM, base64, ZIP nor a key store"
        yield _problem("document.unknown_kind", message)


def _pem(data: bytes) -> Iterator[_Found]:
    found = 0
    for begin in _PEM_BEGIN.finditer(data):
        label = begin[1]
        found += 1
        stop = data.find(b"-----", begin.end())
        end = b"-----END " + label + b"-----"
        if b"KEY" in label or label.endswith(b"PARAMETERS"):
            if label.endswith(b"PRIVATE KEY"):
                block = data[begin.start() : max(stop, begin.end()) + len(end)]
                yield _Found(block, content=Content.PRIVATE_KEY)
        elif not data.startswith(end, max(stop, 0)):
            yield _problem("document.base64", "a PEM block has a beginning and no end")
        elif label in _DOCUMENT_LABELS or label in _BUNDLE_LABELS:
            yield from _base64(data[begin.end() : stop])
        else:
            message = f"nothing is known of PEM {label.decode('ascii')}"
            yield _problem("document.unknown_kind", message)
    if not found:
        yield _problem("document.base64", "a PEM block has no label")


def _base64(text: bytes) -> Iterator[_Found]:
    try:
        yield from _der(base64.b64decode(b"".join(text.split()), validate=True))
    except binascii.Error:
        yield _problem("document.base64", "its base64 is broken")


def _der(data: bytes) -> Iterator[_Found]:
    head = data[:64]
    if _PKCS12.match(head):
        yield _Found(data, content=Content.PKCS12)
    elif _PRIVATE_KEY.match(head) or _ENCRYPTED_PKCS8 in head or _OLDER_ENCRYPTED_PKCS8.match(head):
        yield _Found(data, content=Content.PRIVATE_KEY)
    elif _SIGNED_DATA in head[:20]:
        yield from _pkcs7(data)
    else:
        yield _bounded(data)


def _bounded(data: bytes) -> _Found:
    limit = _limit(data)
    if len(data) > limit:
        message = f"it has {len(data)} octets; at most {limit} are read"
        return _problem("document.too_long", message)
    return _Found(data)


def _limit(data: bytes) -> int:
    """How many octets of a document are read: of a CRL more than of any other."""
    return entries.MAX_OCTETS if entries.place(data) is not None else MAX_OCTETS


def _key_store(data: bytes) -> Iterator[_Found]:
    try:
        store = msgspec.json.decode(data, type=_KeyStore)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        yield _problem("document.unknown_kind", "it is JSON, but no key store")
        return
    for usages in store.values():
        for serials in usages.values():
            for entry in serials.values():
                yield from _entry(entry)


def _entry(entry: _Entry) -> Iterator[_Found]:
    name = entry.name if isinstance(entry.name, str) and entry.name else None
    for one in _pem(entry.certificate.encode("utf-8", "replace")):
        yield replace(one, name=name)
    if isinstance(entry.privateKey, str) and entry.privateKey:
        key = entry.privateKey.encode("utf-8", "replace")
        yield _Found(key, content=Content.KEY_OF_DOCUMENT, name=name)


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


def _in_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[_Found]:
    try:
        with archive.open(entry) as opened:
            content = opened.read(entries.MAX_OCTETS + 1)
    except _ZIP_FAULTS as error:
        yield _problem("document.zip", f"the ZIP is broken here: {error}")
        return
    limit = _limit(content)
    if len(content) > limit:
        yield _problem("document.too_long", f"it has more than {limit} octets")
    else:
        yield from _everything(content)


def _zip_problem(entries: list[zipfile.ZipInfo]) -> str | None:
    if not entries:
        return "the ZIP holds no files"
    if sum(entry.file_size for entry in entries) > MAX_ZIP_OCTETS:
        return f"the ZIP unpacks to more than {MAX_ZIP_OCTETS} octets"
    if any(entry.flag_bits & 1 for entry in entries):
        return "the ZIP is encrypted"
    return None


def _pkcs7(data: bytes) -> Iterator[_Found]:
    """The certificates of a SignedData, each as it stands (RFC 5652 5.1)."""
    try:
        content_info = _children(data, 0, len(data))
        signed_data = _children(data, *content_info[0][1:])[1]
        fields = _children(data, *_children(data, *signed_data[1:])[0][1:])
        bundle = next(one for one in fields if data[one[0]] == 0xA0)
        certificates = _children(data, *bundle[1:])
    except (IndexError, StopIteration, ValueError):
        message = "it is PKCS#7, but holds no certificates that can be read"
        yield _problem("document.unknown_kind", message)
        return
    for start, _, stop in certificates:
        yield _bounded(data[start:stop])


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
