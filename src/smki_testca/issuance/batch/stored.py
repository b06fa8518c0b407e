"""Writes a ZIP of many small files, none of them compressed (PKWARE's note of 1997, no ZIP64)."""

from __future__ import annotations

import struct
import zlib

_VERSION = 20
_UNIX = 3 << 8
_UTF8_NAME = 0x0800
_DATE = (2000 - 1980) << 9 | 1 << 5 | 1
_MODE = 0o600 << 16
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


class StoredZip:
    """A ZIP in the making; it holds at most 65,535 files and 4 GiB."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._directory: list[bytes] = []
        self._length = 0

    def add(self, name: str, data: bytes) -> None:
        """One more file, all files dated the same."""
        encoded = name.encode("utf-8")
        flags = 0 if name.isascii() else _UTF8_NAME
        size = len(data)
        # Version, flags, stored, time, date, CRC-32, both sizes, length of the name, no extra.
        same = (_VERSION, flags, 0, 0, _DATE, zlib.crc32(data), size, size, len(encoded), 0)
        self._directory += (
            _CENTRAL.pack(b"PK\x01\x02", _UNIX | _VERSION, *same, 0, 0, 0, _MODE, self._length),
            encoded,
        )
        self._pieces += (_LOCAL.pack(b"PK\x03\x04", *same), encoded, data)
        self._length += _LOCAL.size + len(encoded) + size

    def close(self) -> bytes:
        """The octets of the whole ZIP."""
        directory = b"".join(self._directory)
        count = len(self._directory) // 2
        end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(directory), self._length, 0)
        return b"".join((*self._pieces, directory, end))
