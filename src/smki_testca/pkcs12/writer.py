"""Writes PKCS#12 stores (RFC 7292) of any number of private keys, each under its alias.

``cryptography`` writes one key to a store; Java programs use one store for many. Certificates are
not encrypted. Each key is encrypted with AES-256 (PBES2, RFC 8018), and a MAC over all contents
detects a wrong passphrase or a changed store.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from smki_testca.der import encode
from smki_testca.pkcs12 import oids
from smki_testca.pkcs12.key_derivation import Purpose, derive_key, passphrase_octets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_ITERATIONS = 10_000
_SALT_OCTETS = 16
_BLOCK_OCTETS = 16
_DIGEST_OCTETS = 32

_BMP_STRING = 0x1E
_NULL = encode.tlv(encode.NULL, b"")


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One private key with its certificate.

    Attributes:
        alias: the friendlyName of both.
        private_key: unencrypted PKCS#8, DER.
        certificate: the certificate, DER.
    """

    alias: str
    private_key: bytes
    certificate: bytes


def store(
    entries: Sequence[KeyEntry],
    authorities: Iterable[bytes],
    passphrase: str,
    random_octets: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """Write a store of keys with their certificates and the CAs of their chains, DER.

    Args:
        entries: the keys with their certificates.
        authorities: the CA certificates, DER.
        passphrase: printable ASCII, because Java opens no other.
        random_octets: returns as many random octets as it is asked for.
    """
    encryptor = _KeyEncryptor(passphrase, random_octets)
    keys, certificates = [], []
    for number, entry in enumerate(entries, 1):
        attributes = _attributes(entry.alias, number.to_bytes(4))
        encrypted = encryptor.encrypt(entry.private_key)
        keys.append(_bag(oids.SHROUDED_KEY_BAG, encrypted, attributes))
        certificates.append(_certificate_bag(entry.certificate, attributes))
    certificates += (_certificate_bag(der, b"") for der in authorities)
    safe_contents = (encode.sequence(*bags) for bags in (keys, certificates) if bags)
    safe = encode.sequence(*map(_data, safe_contents))
    return encode.sequence(encode.integer(3), _data(safe), _mac(safe, passphrase, random_octets))


class _KeyEncryptor:
    """Encrypts private keys with one key, derived once from the passphrase."""

    def __init__(self, passphrase: str, random_octets: Callable[[int], bytes]) -> None:
        self._random_octets = random_octets
        self._salt = random_octets(_SALT_OCTETS)
        self._key = hashlib.pbkdf2_hmac(
            "sha256", passphrase.encode("ascii"), self._salt, _ITERATIONS
        )

    def encrypt(self, private_key: bytes) -> bytes:
        """Encrypt PKCS#8 to an EncryptedPrivateKeyInfo (RFC 5958 3)."""
        vector = self._random_octets(_BLOCK_OCTETS)
        padder = PKCS7(8 * _BLOCK_OCTETS).padder()
        padded = padder.update(private_key) + padder.finalize()
        encryptor = Cipher(algorithms.AES256(self._key), modes.CBC(vector)).encryptor()
        encrypted = encryptor.update(padded) + encryptor.finalize()
        return encode.sequence(self._algorithm(vector), encode.octet_string(encrypted))

    def _algorithm(self, vector: bytes) -> bytes:
        parameters = encode.sequence(
            encode.octet_string(self._salt),
            encode.integer(_ITERATIONS),
            encode.sequence(oids.HMAC_WITH_SHA256, _NULL),
        )
        derivation = encode.sequence(oids.PBKDF2, parameters)
        encryption = encode.sequence(oids.AES256_CBC, encode.octet_string(vector))
        return encode.sequence(oids.PBES2, encode.sequence(derivation, encryption))


def _mac(safe: bytes, passphrase: str, random_octets: Callable[[int], bytes]) -> bytes:
    salt = random_octets(_SALT_OCTETS)
    hashed = passphrase_octets(passphrase)
    key = derive_key("sha256", Purpose.MAC, hashed, salt, _ITERATIONS, _DIGEST_OCTETS)
    digest = hmac.digest(key, safe, "sha256")
    return encode.sequence(
        encode.sequence(encode.sequence(oids.SHA256, _NULL), encode.octet_string(digest)),
        encode.octet_string(salt),
        encode.integer(_ITERATIONS),
    )


def _attributes(alias: str, key_id: bytes) -> bytes:
    name = encode.tlv(_BMP_STRING, alias.encode("utf-16-be"))
    return encode.set_of(
        (
            encode.sequence(oids.FRIENDLY_NAME, encode.set_of([name])),
            encode.sequence(oids.LOCAL_KEY_ID, encode.set_of([encode.octet_string(key_id)])),
        )
    )


def _bag(kind: bytes, value: bytes, attributes: bytes) -> bytes:
    return encode.sequence(kind, _explicit(value), attributes)


def _certificate_bag(der: bytes, attributes: bytes) -> bytes:
    value = encode.sequence(oids.X509_CERTIFICATE, _explicit(encode.octet_string(der)))
    return _bag(oids.CERT_BAG, value, attributes)


def _data(content: bytes) -> bytes:
    return encode.sequence(oids.DATA, _explicit(encode.octet_string(content)))


def _explicit(element: bytes) -> bytes:
    return encode.tlv(0xA0, element)
