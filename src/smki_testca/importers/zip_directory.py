"""Reads the directory of a ZIP, once its size and its number of files are known to be in limits.

``zipfile`` keeps some 500 octets for each entry, and all names, extra fields and comments.
"""

from __future__ import annotations

import io
import struct
import zipfile
from itertools import pairwise

MAX_DIRECTORY_OCTETS = 32 << 20
"""The longest directory of a ZIP that is read."""

_CENTRAL_HEADER = b"PK\x01\x02"
_END_MAGIC, _LOCATOR_64_MAGIC = b"PK\x05\x06", b"PK\x06\x07"
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_MAX_COMMENT_OCTETS = 1 << 16
_LOCAL_OCTETS = 30
_BROKEN = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    struct.error,
)


class ZipError(ValueError):
    """A ZIP that is not read; the message is one clause."""


def read_directory(data: bytes, max_entries: int) -> list[zipfile.ZipInfo]:
    """The entries of a ZIP, folders included, in the order of its directory.

    Args:
        data: the ZIP.
        max_entries: the most entries that it may have.

    Raises:
        ZipError: if it is broken or exceeds a limit, or if two of its files share octets.
    """
    # Each entry has its header, so no more entries are built than are counted here.
    count = data.count(_CENTRAL_HEADER)
    if count > max_entries:
        raise ZipError(f"it holds {count} files; at most {max_entries} are allowed")
    if _directory_octets(data) > MAX_DIRECTORY_OCTETS:
        raise ZipError(f"its directory is longer than {MAX_DIRECTORY_OCTETS} octets")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
    except _BROKEN as error:
        raise ZipError(f"it is broken ({error})") from error
    by_place = sorted(infos, key=lambda info: info.header_offset)
    for info, following in pairwise(by_place):
        if info.header_offset + _LOCAL_OCTETS + info.compress_size > following.header_offset:
            raise ZipError("two of its files overlap")
    return infos


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
