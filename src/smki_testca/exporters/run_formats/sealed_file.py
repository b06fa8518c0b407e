"""Seals an export to the public key of a programming line, as it is written.

HPKE (RFC 9180, base mode) carries a fresh content key to the line. It encrypts the export in
chunks (see ``sealed_stream``): those that are left out, repeated or swapped are noticed, and any
one can be opened alone.

    magic, version, KEM, KDF, AEAD, octets of a chunk, octets of the sealed key, sealed key, chunks
"""

from __future__ import annotations

import os
import struct
from typing import IO, TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import hpke, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.errors import InputError
from smki_testca.sealed_stream import SealingStream
from smki_testca.text_files import utf8
from smki_testca.x509 import untrusted
from smki_testca.x509.keys import key_type_of, load_public_key
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from smki_testca.x509.keys import PublicKey

MAGIC: Final = b"SMKISEAL"
VERSION: Final = 1
CHUNK_OCTETS: Final = 1 << 16
HEADER: Final = struct.Struct(">8sHHHHII")
_DHKEM_P256, _HKDF_SHA256, _AES_256_GCM = 0x0010, 0x0001, 0x0002
"""The numbers that RFC 9180 7 gives them."""
_SEALED_KEY_OCTETS = 65 + 32 + 16


def line_key(data: bytes, where: str) -> ec.EllipticCurvePublicKey:
    """Read the public key of a line: PEM or DER, of P-256.

    Args:
        data: the content of the file.
        where: the file's name, for messages.

    Raises:
        InputError: if it is something else.
    """
    key: PublicKey | None = None
    if b"-----BEGIN" in (text := utf8(data)):
        try:
            loaded = untrusted.call(serialization.load_pem_public_key, text)
        except InputError:
            loaded = None
        if isinstance(loaded, ec.EllipticCurvePublicKey):
            key = loaded
    else:
        key = load_public_key(data)
    if not isinstance(key, ec.EllipticCurvePublicKey) or key_type_of(key) is not KeyType.P256:
        raise InputError(
            "export.seal_key",
            f"{where} is not a P-256 public key.",
            "Make one on the line: openssl ecparam -name prime256v1 -genkey -noout -out line.key;"
            " then give its public half: openssl ec -in line.key -pubout -out line.pub",
        )
    return key


class SealedFile(SealingStream):
    """A file to write to whose octets leave sealed.

    Args:
        file: that they are written to.
        key: the line's public key.
    """

    def __init__(self, file: IO[Any], key: ec.EllipticCurvePublicKey) -> None:
        content_key = os.urandom(32)
        header = HEADER.pack(
            MAGIC,
            VERSION,
            _DHKEM_P256,
            _HKDF_SHA256,
            _AES_256_GCM,
            CHUNK_OCTETS,
            _SEALED_KEY_OCTETS,
        )
        file.write(header + _sealed(content_key, key, header))
        super().__init__(file, content_key, chunk_octets=CHUNK_OCTETS)
        self.closed = False

    # The rest of the interface of a writable file, which the writers of formats use.

    def flush(self) -> None:
        """Do nothing: a chunk waits until it is full."""

    def close(self) -> None:
        """Do nothing: a file whose writing failed must not get its last chunk."""

    def readable(self) -> bool:
        """Whether it can be read: no."""
        return False

    def writable(self) -> bool:
        """Whether it can be written to: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it is more than a stream: no."""
        return False


def _sealed(content_key: bytes, key: ec.EllipticCurvePublicKey, header: bytes) -> bytes:
    """The content key, as only the line opens it; the header is HPKE's ``info``."""
    suite = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    return suite.encrypt(content_key, key, header)
