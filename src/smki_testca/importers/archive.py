"""Reads ZIP archives, within limits on files and octets."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from typing import TYPE_CHECKING

from smki_testca.importers.content import Content, FileProblem, max_octets, problem
from smki_testca.importers.formats import contents_of
from smki_testca.x509 import entries

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ZIP_ENTRIES = 50_000
"""The most files that a ZIP may hold (SEC App. M F)."""
MAX_ZIP_OCTETS = 256 << 20
"""The most octets that a ZIP may unpack to."""

_CENTRAL_HEADER = b"PK\x01\x02"
_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
)


def files_in_zip(data: bytes) -> Iterator[tuple[str, Iterator[Content]]] | FileProblem:
    """Read a ZIP: the name and the contents of each file, or the reason not to read it."""
    # Counted before the directory is read, which takes memory for each of them.
    count = data.count(_CENTRAL_HEADER)
    if count > MAX_ZIP_ENTRIES:
        return _problem(f"the ZIP holds {count} files; at most {MAX_ZIP_ENTRIES} are read")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _FAULTS as error:
        return _problem(f"the ZIP is broken: {error}")
    # ZipInfo.is_dir() fails on an empty name.
    infos = [info for info in archive.infolist() if not info.filename.endswith("/")]
    if not infos:
        return _problem("the ZIP holds no files")
    if sum(info.file_size for info in infos) > MAX_ZIP_OCTETS:
        return _problem(f"the ZIP unpacks to more than {MAX_ZIP_OCTETS} octets")
    if any(info.flag_bits & 1 for info in infos):
        return _problem("the ZIP is encrypted")
    return ((info.filename, _contents_of_file(archive, info)) for info in infos)


def _contents_of_file(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[Content]:
    try:
        with archive.open(info) as file:
            data = file.read(entries.MAX_OCTETS + 1)
    except _FAULTS as error:
        yield problem("document.zip", f"the ZIP is broken here: {error}")
        return
    limit = max_octets(data)
    if len(data) > limit:
        yield problem("document.too_long", f"it has more than {limit} octets")
    else:
        yield from contents_of(data)


def _problem(message: str) -> FileProblem:
    return FileProblem("document.zip", message)
