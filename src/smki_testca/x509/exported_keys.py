"""The forms in which private keys leave in large numbers, and their encryption at little cost.

A key that is encrypted alone has a salt of its own, and deriving its key takes a tenth of a second.
Those of one export share a salt, so that the passphrase is turned into a key once; each has a nonce
or an initialisation vector of its own. What guessing the passphrase costs stays the same: it is one
passphrase for all of them.
"""

from __future__ import annotations

import hashlib
import os
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smki_testca.der import encode
from smki_testca.errors import InputError
from smki_testca.x509.private_keys import check_passphrase, compact_pkcs8

if TYPE_CHECKING:
    from collections.abc import Callable

ITERATIONS: Final = 600_000
"""Of PBKDF2 with HMAC-SHA-256: the choice of the OWASP Password Storage Cheat Sheet."""
SALT_OCTETS: Final = 16
NONCE_OCTETS: Final = 12
TAG_OCTETS: Final = 16

_BLOCK = 16
_SEC1_HEAD = bytes.fromhex("30770201010420")
_SEC1_POINT = bytes.fromhex("a00a06082a8648ce3d030107a14403420004")


class KeyForm(StrEnum):
    """A form of a private key in an export."""

    PKCS8 = "pkcs8"
    SEC1 = "sec1"
    RAW = "raw"


def _sec1(scalar: bytes, point: bytes) -> bytes:
    return b"".join((_SEC1_HEAD, scalar, _SEC1_POINT, point))


def _raw(scalar: bytes, point: bytes) -> bytes:
    del point
    return scalar


_OF_P256: Final[dict[KeyForm, Callable[[bytes, bytes], bytes]]] = {
    KeyForm.PKCS8: compact_pkcs8,
    KeyForm.SEC1: _sec1,
    KeyForm.RAW: _raw,
}


def in_form(form: KeyForm, key: bytes, point: bytes | None) -> bytes:
    """A private key in a form: PKCS#8 (RFC 5958), ECPrivateKey (SEC 1 C.4), or the 32 octets.

    Args:
        form: the form.
        key: a P-256 scalar of 32 octets, or PKCS#8 DER.
        point: X and Y of the public key of P-256, 64 octets; None for another kind of key.

    Raises:
        InputError: for a key of another kind in another form than PKCS#8.
    """
    if len(key) == 32 and point is not None:
        return _OF_P256[form](key, point)
    if form is not KeyForm.PKCS8:
        raise InputError(
            "export.key_form",
            f"A private key that is not of P-256 has no form {form}.",
            "Use --key-form pkcs8.",
        )
    return key


class KeyEncryption:
    """Encrypts the private keys of one export under a passphrase.

    Args:
        passphrase: of the export.
        iterations: of PBKDF2.

    Raises:
        InputError: if the passphrase is empty or too long.

    Attributes:
        salt: of the export.
        iterations: of PBKDF2 with HMAC-SHA-256.
    """

    def __init__(self, passphrase: str, iterations: int = ITERATIONS) -> None:
        check_passphrase(passphrase)
        self._passphrase = passphrase
        self.salt = os.urandom(SALT_OCTETS)
        self.iterations = iterations

    def pkcs8(self, der: bytes) -> bytes:
        """An EncryptedPrivateKeyInfo (RFC 5958 3) of a key in PKCS#8 DER: PBES2, AES-256-CBC."""
        vector = os.urandom(_BLOCK)
        padding = _BLOCK - len(der) % _BLOCK
        encryptor = Cipher(self._block_cipher, modes.CBC(vector)).encryptor()
        encrypted = encryptor.update(der + bytes((padding,)) * padding) + encryptor.finalize()
        return encode.sequence(self._algorithm + vector, encode.octet_string(encrypted))

    def seal(self, secret: bytes, label: bytes) -> bytes:
        """A nonce of 12 octets, the secret in AES-256-GCM, its tag of 16; bound to a label."""
        nonce = os.urandom(NONCE_OCTETS)
        return nonce + self._aead.encrypt(nonce, secret, label)

    @cached_property
    def _key(self) -> bytes:
        """The key that the passphrase gives."""
        octets = self._passphrase.encode("utf-8")
        return hashlib.pbkdf2_hmac("sha256", octets, self.salt, self.iterations)

    @cached_property
    def _block_cipher(self) -> algorithms.AES:
        return algorithms.AES(self._key)

    @cached_property
    def _aead(self) -> AESGCM:
        return AESGCM(self._key)

    @cached_property
    def _algorithm(self) -> bytes:
        """The AlgorithmIdentifier of PBES2 (RFC 8018 6.2) without the vector at its end."""
        hmac_sha256 = encode.sequence(
            encode.oid("1.2.840.113549.2.9"), encode.tlv(encode.NULL, b"")
        )
        pbkdf2 = encode.sequence(
            encode.oid("1.2.840.113549.1.5.12"),
            encode.sequence(
                encode.octet_string(self.salt), encode.integer(self.iterations), hmac_sha256
            ),
        )
        aes_256_cbc = encode.sequence(
            encode.oid("2.16.840.1.101.3.4.1.42"), encode.octet_string(bytes(_BLOCK))
        )
        pbes2 = encode.sequence(
            encode.oid("1.2.840.113549.1.5.13"), encode.sequence(pbkdf2, aes_256_cbc)
        )
        return pbes2[:-_BLOCK]
