"""Reads the directory of a ZIP, once its size and its number of files are known to be in limits.

``zipfile`` keeps some 500 octets for each entry, and all names, extra fields and comments.
"""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from itertools import pairwise

from smki_testca.text import counted

MAX_DIRECTORY_OCTETS = 32 << 20
"""The longest directory of a ZIP that is read."""

_CENTRAL_HEADER = b"PK\x01\x02"
_END_MAGIC, _LOCATOR_64_MAGIC = b"PK\x05\x06", b"PK\x06\x07"
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_MAX_COMMENT_OCTETS = 1 << 16
_LOCAL_OCTETS = 30
_UTF8_NAME = 0x0800
_UNICODE_PATH = 0x7075
_OF_SYSTEMS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_BROKEN = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    struct.error,
    UserWarning,
)


class ZipError(ValueError):
    """A ZIP that is not read; the message is one clause."""


def read_directory(data: bytes, max_entries: int) -> list[zipfile.ZipInfo]:
    """The entries of a ZIP, folders included, in the order of its directory.

    The name of each is the one that was meant: that of its Unicode Path field, or UTF-8 where it
    is that, flagged or not, or else code page 437 (APPNOTE 4.6.9 and D).

    Args:
        data: the ZIP.
        max_entries: the most entries that it may have.

    Raises:
        ZipError: if it is broken or exceeds a limit, or if two of its files share octets.
    """
    # Each entry has its header, so no more entries are built than are counted here.
    count = data.count(_CENTRAL_HEADER)
    if count > max_entries:
        raise ZipError(f"it holds {counted(count, 'file')}; at most {max_entries} are allowed")
    if _directory_octets(data) > MAX_DIRECTORY_OCTETS:
        raise ZipError(f"its directory is longer than {MAX_DIRECTORY_OCTETS} octets")
    try:
        with warnings.catch_warnings(action="error", category=UserWarning):
            infos = zipfile.ZipFile(io.BytesIO(data)).infolist()
        for info in infos:
            # A zero octet ends a name.
            info.filename = _name(info).partition("\0")[0]
    except _BROKEN as error:
        raise ZipError(f"it is broken ({error})") from error
    by_place = sorted(infos, key=lambda info: info.header_offset)
    for info, following in pairwise(by_place):
        if info.header_offset + _LOCAL_OCTETS + info.compress_size > following.header_offset:
            raise ZipError("two of its files overlap")
    return infos


def raw_name(info: zipfile.ZipInfo) -> bytes:
    """The octets of an entry's name, as the directory has them."""
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8_NAME else "cp437")


def is_of_a_system(name: str) -> bool:
    """Whether macOS or Windows puts a file of this name beside those that a user packs."""
    base = name.rpartition("/")[2]
    return name.startswith("__MACOSX/") or base.startswith("._") or base in _OF_SYSTEMS


def _name(info: zipfile.ZipInfo) -> str:
    """The name that is meant.

    Raises:
        ValueError, struct.error: if the Unicode Path field is broken.
    """
    raw = raw_name(info)
    field = _extra_field(info.extra, _UNICODE_PATH)
    if field is not None:
        version, checksum = struct.unpack_from("<BL", field)
        if (version, checksum) == (1, zlib.crc32(raw)):
            name = field[5:].decode("utf-8")
            if not name:
                raise ValueError("a Unicode Path field is empty")
            return name
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _extra_field(extra: bytes, header_id: int) -> bytes | None:
    """The content of an extra field (APPNOTE 4.5); None where there is none of that kind."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == header_id:
            return extra[4 : 4 + length]
        extra = extra[4 + length :]
    return None


def _directory_octets(data: bytes) -> int:
    """The size of the directory as the end of the ZIP states it; 0 if there is no end."""
    at = data.rfind(_END_MAGIC, max(0, len(data) - _MAX_COMMENT_OCTETS - _END.size))
    if at < 0 or len(data) - at < _END.size:
        return 0
    size = int(_END.unpack_from(data, at)[5])
    at_64 = at - _LOCATOR_64.size - _END_64.size
    if at_64 >= 0 and data.startswith(_LOCATOR_64_MAGIC, at - _LOCATOR_64.size):
        size = max(size, int(_END_64.unpack_from(data, at_64)[8]))
    return min(size, len(data))
