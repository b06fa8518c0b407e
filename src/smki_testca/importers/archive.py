"""Reads ZIP archives, within limits on files and octets."""

from __future__ import annotations

import bz2
import lzma
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

from smki_testca.importers.content import Content, FileProblem, max_octets, problem
from smki_testca.importers.formats import contents_of
from smki_testca.importers.zip_directory import ZipError, raw_name, read_directory
from smki_testca.x509 import entries

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ZIP_ENTRIES = 50_000
"""The most files that a ZIP may hold (SEC App. M F)."""
MAX_ZIP_OCTETS = 256 << 20
"""The most octets that a ZIP may unpack to."""

_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_MAGIC = b"PK\x03\x04"
_ENCRYPTED = 0x0001
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_MIN_DICTIONARY_OCTETS = 1 << 12
_BROKEN = (zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError)


def files_in_zip(data: bytes) -> Iterator[tuple[str, Iterator[Content]]] | FileProblem:
    """Read a ZIP: the name and the contents of each file, or the reason not to read it."""
    try:
        every = read_directory(data, MAX_ZIP_ENTRIES)
    except ZipError as error:
        return _problem(f"the ZIP is not read: {error}")
    # ZipInfo.is_dir() fails on an empty name.
    infos = [info for info in every if not info.filename.endswith("/")]
    if not infos:
        return _problem("the ZIP holds no files")
    if sum(info.file_size for info in infos) > MAX_ZIP_OCTETS:
        return _problem(f"the ZIP unpacks to more than {MAX_ZIP_OCTETS} octets")
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        return _problem("the ZIP is encrypted")
    return ((info.filename, _contents_of_file(data, info)) for info in infos)


def _contents_of_file(data: bytes, info: zipfile.ZipInfo) -> Iterator[Content]:
    if info.file_size > entries.MAX_OCTETS:
        yield problem("document.too_long", f"it has more than {entries.MAX_OCTETS} octets")
        return
    try:
        unpacked = unpack(data, info)
    except _BROKEN as error:
        yield problem("document.zip", f"the ZIP is broken here: {error}")
        return
    limit = max_octets(unpacked)
    if len(unpacked) > limit:
        yield problem("document.too_long", f"it has more than {limit} octets")
    else:
        yield from contents_of(unpacked)


def unpack(data: bytes, info: zipfile.ZipInfo) -> bytes:
    """The octets of a file; no more are unpacked than the directory says.

    Raises:
        ZipError: if they are not what the directory says.
        zlib.error, lzma.LZMAError, OSError, EOFError, ValueError: if they cannot be unpacked.
    """
    header = data[info.header_offset : info.header_offset + _LOCAL.size]
    if len(header) < _LOCAL.size:
        raise ZipError("it is cut off")
    magic, _, flags, _, _, _, _, _, _, name_octets, extra_octets = _LOCAL.unpack(header)
    name_at = info.header_offset + _LOCAL.size
    name = data[name_at : name_at + name_octets]
    if magic != _LOCAL_MAGIC or name != raw_name(info):
        raise ZipError("it has another name in its local header than in the directory")
    if flags & _ENCRYPTED:
        raise ZipError("it is encrypted")
    start = name_at + name_octets + extra_octets
    packed = data[start : start + info.compress_size]
    unpacked = decompressed(packed, info.compress_type, info.file_size + 1)
    if len(unpacked) != info.file_size:
        raise ZipError("it is not as long as it says")
    if zlib.crc32(unpacked) != info.CRC:
        raise ZipError("it does not fit its checksum")
    return unpacked


def decompressed(packed: bytes, method: int, limit: int) -> bytes:
    """At most ``limit`` octets of what was packed by a method."""
    if method not in _METHODS:
        raise ZipError(f"the compression {method} is not known")
    if method == zipfile.ZIP_STORED:
        return packed[:limit]
    if method == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, limit)
    if method == zipfile.ZIP_BZIP2:
        return bz2.BZ2Decompressor().decompress(packed, limit)
    return _of_lzma(packed, limit)


def _of_lzma(packed: bytes, limit: int) -> bytes:
    """At most ``limit`` octets of LZMA in a ZIP (APPNOTE 5.8.8): its properties come first."""
    _, properties_octets, properties, dictionary = struct.unpack_from("<HHBL", packed)
    high, literal_context = divmod(properties, 9)
    position, literal_position = divmod(high, 5)
    filters = {
        "id": lzma.FILTER_LZMA1,
        "lc": literal_context,
        "lp": literal_position,
        "pb": position,
        # It is allocated as stated, and never used beyond what is unpacked.
        "dict_size": max(_MIN_DICTIONARY_OCTETS, min(dictionary, limit)),
    }
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[filters])
    return decompressor.decompress(packed[4 + properties_octets :], limit)


def _problem(message: str) -> FileProblem:
    return FileProblem("document.zip", message)
