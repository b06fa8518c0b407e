"""Messages on a pipe: each with its length before it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

_LENGTH = struct.Struct(">I")


def write_frame(file: BinaryIO, data: bytes) -> None:
    """Write a message.

    Raises:
        OSError: if the other side has ended.
    """
    file.write(_LENGTH.pack(len(data)) + data)
    file.flush()


def read_frame(file: BinaryIO) -> bytes | None:
    """Read a message; None if the other side has ended."""
    head = _exactly(file, _LENGTH.size)
    return None if head is None else _exactly(file, _LENGTH.unpack(head)[0])


def _exactly(file: BinaryIO, octets: int) -> bytes | None:
    data = b""
    while len(data) < octets:
        more = file.read(octets - len(data))
        if not more:
            return None
        data += more
    return data
