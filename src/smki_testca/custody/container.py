"""The container of a backup: a header in the clear, and a compressed stream under a passphrase.

    magic, version, scrypt's parameters (log2 n, r, p), salt, identity; then the encrypted stream

It is no age file (age-encryption.org): age under a passphrase, as the library ``pyrage`` has it,
works in memory only, takes as much time and memory for scrypt as it chooses itself, and binds no
identity by which one backup can name another.

Numbers are big-endian. The key follows from the passphrase and the salt, and every chunk is bound
to the header. Chunks are authenticated before anything in them is decompressed.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final, Self

from smki_testca.errors import InputError
from smki_testca.estate import sealing
from smki_testca.input_files import unreadable
from smki_testca.sealed_stream import OpeningStream, SealingStream, StreamChangedError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

MAGIC: Final = b"SMKIBKUP"
VERSION: Final = 1
HEADER: Final = struct.Struct(">8sHBBB16s16s")
_LEVEL = 1
"""Of zlib. Tiles shrink to 47 %; at any higher level, to 46 % at half the speed."""
_PIECE_OCTETS = 1 << 20
"""The most octets that are decompressed at once."""


@dataclass(frozen=True, slots=True)
class ContainerHeader:
    """The header of a backup, which anybody can read.

    Attributes:
        identity: of the backup: 16 random octets.
        cost: of one guess at the passphrase.
        salt: of the key.
    """

    identity: bytes = field(default_factory=lambda: os.urandom(16))
    cost: sealing.Cost = field(default_factory=lambda: sealing.COST)
    salt: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def octets(self) -> bytes:
        """The header as it begins the file."""
        cost = self.cost
        log_n = cost.n.bit_length() - 1
        return HEADER.pack(MAGIC, VERSION, log_n, cost.r, cost.p, self.salt, self.identity)

    @classmethod
    def read(cls, file: BinaryIO, name: str) -> Self:
        """Read the header of a file.

        Args:
            file: at its beginning.
            name: of the file, for messages.

        Raises:
            InputError: if it is no backup, one of a later version, or asks for more work than a
                backup may.
        """
        data = file.read(HEADER.size)
        if len(data) < HEADER.size or not data.startswith(MAGIC):
            raise InputError("backup.form", f"{name} is not a backup of an estate.")
        _, version, log_n, r, p, salt, identity = HEADER.unpack(data)
        if version != VERSION:
            raise InputError(
                "backup.version",
                f"{name} is a backup of version {version}; this program knows version {VERSION}.",
                "Install a newer smki-testca.",
            )
        cost = sealing.Cost(1 << log_n, r, p)
        if not cost.is_sound:
            raise damaged(name, "its header asks for too much work")
        return cls(identity, cost, salt)

    def key(self, passphrase: str) -> bytes:
        """The key of the stream."""
        return self.cost.derive_key(passphrase, self.salt)


class ContainerWriter:
    """Writes a container: compresses and encrypts what is written to it.

    Args:
        file: to write to.
        header: of the backup.
        passphrase: that encrypts it.
    """

    def __init__(self, file: IO[Any], header: ContainerHeader, passphrase: str) -> None:
        file.write(header.octets)
        self._stream = SealingStream(file, header.key(passphrase), header.octets)
        self._compressor = zlib.compressobj(_LEVEL)

    def write(self, data: bytes) -> None:
        """Write octets."""
        self._stream.write(self._compressor.compress(data))

    def finish(self) -> None:
        """Write the end. Without it, the container counts as cut off."""
        self._stream.write(self._compressor.flush())
        self._stream.finish()


class ContainerReader:
    """Reads what is in a container, a piece at a time.

    Args:
        name: of the file, for messages.
        header: of the file.
        stream: that follows the header.
    """

    def __init__(self, name: str, header: ContainerHeader, stream: OpeningStream) -> None:
        self.name = name
        self.header = header
        self._stream = stream
        self._decompressor = zlib.decompressobj()
        self._ahead = bytearray()

    @classmethod
    def open(cls, file: BinaryIO, name: str, passphrases: Iterable[str]) -> Self:
        """Open a container with the first passphrase that fits.

        Args:
            file: at its beginning; it can seek.
            name: of the file, for messages.
            passphrases: to try, in this order.

        Raises:
            InputError: if it is no backup, or none of the passphrases fits.
        """
        header = ContainerHeader.read(file, name)
        for passphrase in passphrases:
            key = header.key(passphrase)
            try:
                # The first chunk tells; it is read again by the reader.
                OpeningStream(file, key, header.octets).read_chunk()
            except StreamChangedError:
                file.seek(HEADER.size)
                continue
            file.seek(HEADER.size)
            return cls(name, header, OpeningStream(file, key, header.octets))
        raise InputError(
            "backup.passphrase",
            f"{name} opens with none of the passphrases given, or its beginning was changed.",
            "Give the one that it was made with: --backup-passphrase-file FILE",
        )

    def read(self, most: int) -> bytes:
        """Some octets, at most so many; none at the end.

        Raises:
            InputError: if the file was changed or cut off, or cannot be read.
        """
        if not self._ahead:
            self._ahead += self._piece()
        data = bytes(self._ahead[:most])
        del self._ahead[:most]
        return data

    def line(self, most: int) -> bytes:
        """The octets up to the next end of a line.

        Raises:
            InputError: if there are more than so many, or the file was changed or cut off.
        """
        while b"\n" not in self._ahead[:most]:
            piece = self._piece() if len(self._ahead) < most else b""
            if not piece:
                raise damaged(self.name, f"a line in it has no end within {most} octets")
            self._ahead += piece
        line, _, rest = self._ahead.partition(b"\n")
        self._ahead = bytearray(rest)
        return bytes(line)

    def _piece(self) -> bytes:
        """The next piece of what was compressed; empty at the end."""
        decompressor = self._decompressor
        while not decompressor.eof:
            compressed = decompressor.unconsumed_tail or self._chunk()
            try:
                piece = decompressor.decompress(compressed, _PIECE_OCTETS)
            except zlib.error as error:
                raise damaged(self.name, "what is in it cannot be decompressed") from error
            if piece:
                return piece
        if decompressor.unused_data or self._chunk(may_be_over=True):
            raise damaged(self.name, "something follows its end")
        return b""

    def _chunk(self, *, may_be_over: bool = False) -> bytes:
        with unreadable(self.name):
            try:
                chunk = self._stream.read_chunk()
            except StreamChangedError as error:
                raise damaged(self.name, f"{error}, or the file was cut off there") from error
        if not chunk and not may_be_over:
            raise damaged(self.name, "what is in it ends too early")
        return chunk


def damaged(name: str, reason: str) -> InputError:
    """The error for a backup that was changed.

    Args:
        name: of the file.
        reason: what is wrong, without a full stop.
    """
    return InputError("backup.damaged", f"{name} is damaged: {reason}.", "Use another copy of it.")
