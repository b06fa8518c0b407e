"""Encrypts and decrypts streams in chunks, by the STREAM construction with AES-256-GCM.

The nonce of each chunk holds its number and whether it is the last (Hoang, Reyhanitabar, Rogaway
and Vizár, CRYPTO 2015). So a chunk that was changed, left out, repeated, moved or taken from
another stream is found, and so is an end that was cut off. A key encrypts one stream only.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from typing import BinaryIO

CHUNK_OCTETS: Final = 1 << 16
"""The octets of each chunk but the last, before it is encrypted, unless said otherwise."""
TAG_OCTETS: Final = 16
"""By so much is a chunk longer when it is encrypted."""


class StreamChangedError(ValueError):
    """A chunk is not the one that was encrypted at its place, or the key is another."""


class SealingStream:
    """Encrypts what is written to it.

    Args:
        file: that the encrypted chunks are written to.
        key: of 32 octets, for this stream only.
        label: what the stream is bound to, such as the header before it.
        chunk_octets: of each chunk but the last.
    """

    def __init__(
        self, file: IO[Any], key: bytes, label: bytes = b"", chunk_octets: int = CHUNK_OCTETS
    ) -> None:
        self._file = file
        self._aead = AESGCM(key)
        self._label = label
        self._chunk_octets = chunk_octets
        self._waiting = bytearray()
        self._chunks = 0

    def write(self, data: bytes) -> int:
        """Encrypt octets; those of an unfinished chunk wait for more."""
        self._waiting += data
        # A full chunk waits, too: it may be the last.
        end = (len(self._waiting) - 1) // self._chunk_octets * self._chunk_octets
        for start in range(0, end, self._chunk_octets):
            chunk = bytes(self._waiting[start : start + self._chunk_octets])
            self._write_chunk(chunk, is_last=False)
        del self._waiting[: max(end, 0)]
        return len(data)

    def finish(self) -> None:
        """Write the last chunk. Without it, nothing tells the stream from one that was cut."""
        self._write_chunk(bytes(self._waiting), is_last=True)

    def _write_chunk(self, chunk: bytes, *, is_last: bool) -> None:
        nonce = _nonce(self._chunks, is_last=is_last)
        self._file.write(self._aead.encrypt(nonce, chunk, self._label))
        self._chunks += 1


class OpeningStream:
    """Decrypts what a ``SealingStream`` wrote, chunk by chunk.

    Args:
        file: to read from, to its end.
        key: of the stream.
        label: that it was bound to.
        chunk_octets: of each chunk but the last.
    """

    def __init__(
        self, file: BinaryIO, key: bytes, label: bytes = b"", chunk_octets: int = CHUNK_OCTETS
    ) -> None:
        self._file = file
        self._aead = AESGCM(key)
        self._label = label
        self._sealed_octets = chunk_octets + TAG_OCTETS
        self._next: bytes | None = None
        self._chunks = 0
        self._is_over = False

    def read_chunk(self) -> bytes:
        """The octets of the next chunk; none after the last.

        Raises:
            StreamChangedError: if they are not those that were encrypted.
        """
        if self._is_over:
            return b""
        sealed = self._read() if self._next is None else self._next
        self._next = self._read()
        self._is_over = not self._next
        try:
            chunk = self._aead.decrypt(
                _nonce(self._chunks, is_last=self._is_over), sealed, self._label
            )
        except InvalidTag as error:
            raise StreamChangedError(f"chunk {self._chunks + 1} was changed") from error
        self._chunks += 1
        return chunk

    def _read(self) -> bytes:
        return self._file.read(self._sealed_octets)


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11) + bytes((is_last,))
