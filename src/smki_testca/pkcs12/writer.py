"""A PKCS#12 store (RFC 7292) of any number of private keys, each under its alias.

``cryptography`` writes one key to a store; Java programs keep a whole set in one. Certificates are
public and stand in the clear; each key is encrypted with AES-256 (PBES2, RFC 8018), and a MAC over
everything shows a wrong passphrase or a changed store.
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
from smki_testca.pkcs12.derivation import Purpose, derived, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_ROUNDS = 10_000
_SALT_OCTETS = 16
_BLOCK_OCTETS = 16
_DIGEST_OCTETS = 32

_DATA = "1.2.840.113549.1.7.1"
_SHROUDED_KEY_BAG = "1.2.840.113549.1.12.10.1.2"
_CERTIFICATE_BAG = "1.2.840.113549.1.12.10.1.3"
_X509_CERTIFICATE = "1.2.840.113549.1.9.22.1"
_FRIENDLY_NAME = "1.2.840.113549.1.9.20"
_LOCAL_KEY_ID = "1.2.840.113549.1.9.21"
_PBES2, _PBKDF2 = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12"
_HMAC_WITH_SHA256 = "1.2.840.113549.2.9"
_AES256_CBC = "2.16.840.1.101.3.4.1.42"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_BMP_STRING = 0x1E


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One private key with its certificate.

    Attributes:
        alias: the name to find it by.
        private_key: PKCS#8 DER, in the clear.
        certificate: DER.
    """

    alias: str
    private_key: bytes
    certificate: bytes


def store(
    entries: Sequence[KeyEntry],
    authorities: Iterable[bytes],
    passphrase: str,
    octets: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """A store of keys with their certificates, and of the CAs from which readers build chains.

    Args:
        entries: the keys.
        authorities: CA certificates, DER.
        passphrase: printable ASCII, the most that Java opens.
        octets: gives that many random octets.
    """
    shroud = _Shroud(passphrase, octets)
    keys, certificates = [], []
    for number, entry in enumerate(entries, 1):
        attributes = _attributes(entry.alias, number.to_bytes(4))
        keys.append(_bag(_SHROUDED_KEY_BAG, shroud(entry.private_key), attributes))
        certificates.append(_certificate_bag(entry.certificate, attributes))
    certificates += (_certificate_bag(der, b"") for der in authorities)
    contents = (encode.sequence(*bags) for bags in (keys, certificates) if bags)
    safe = encode.sequence(*(_data(one) for one in contents))
    return encode.sequence(encode.integer(3), _data(safe), _mac(safe, passphrase, octets))


class _Shroud:
    """Encrypts private keys under one passphrase, which is stretched only once."""

    def __init__(self, passphrase: str, octets: Callable[[int], bytes]) -> None:
        self._octets = octets
        self._salt = octets(_SALT_OCTETS)
        self._key = hashlib.pbkdf2_hmac("sha256", passphrase.encode("ascii"), self._salt, _ROUNDS)

    def __call__(self, private_key: bytes) -> bytes:
        """An EncryptedPrivateKeyInfo (RFC 5958 3)."""
        vector = self._octets(_BLOCK_OCTETS)
        padder = PKCS7(8 * _BLOCK_OCTETS).padder()
        padded = padder.update(private_key) + padder.finalize()
        encryptor = Cipher(algorithms.AES256(self._key), modes.CBC(vector)).encryptor()
        encrypted = encryptor.update(padded) + encryptor.finalize()
        return encode.sequence(self._algorithm(vector), encode.octet_string(encrypted))

    def _algorithm(self, vector: bytes) -> bytes:
        stretching = encode.sequence(
            encode.octet_string(self._salt),
            encode.integer(_ROUNDS),
            _algorithm(_HMAC_WITH_SHA256, _null()),
        )
        return _algorithm(
            _PBES2,
            encode.sequence(
                _algorithm(_PBKDF2, stretching),
                _algorithm(_AES256_CBC, encode.octet_string(vector)),
            ),
        )


def _mac(safe: bytes, passphrase: str, octets: Callable[[int], bytes]) -> bytes:
    salt = octets(_SALT_OCTETS)
    key = derived("sha256", Purpose.MAC, written(passphrase), salt, _ROUNDS, _DIGEST_OCTETS)
    digest = hmac.digest(key, safe, "sha256")
    return encode.sequence(
        encode.sequence(_algorithm(_SHA256, _null()), encode.octet_string(digest)),
        encode.octet_string(salt),
        encode.integer(_ROUNDS),
    )


def _attributes(alias: str, key_id: bytes) -> bytes:
    name = encode.tlv(_BMP_STRING, alias.encode("utf-16-be"))
    return encode.set_of(
        (
            encode.sequence(encode.oid(_FRIENDLY_NAME), encode.set_of([name])),
            encode.sequence(
                encode.oid(_LOCAL_KEY_ID), encode.set_of([encode.octet_string(key_id)])
            ),
        )
    )


def _bag(kind: str, value: bytes, attributes: bytes) -> bytes:
    return encode.sequence(encode.oid(kind), _explicit(value), attributes)


def _certificate_bag(der: bytes, attributes: bytes) -> bytes:
    value = encode.sequence(encode.oid(_X509_CERTIFICATE), _explicit(encode.octet_string(der)))
    return _bag(_CERTIFICATE_BAG, value, attributes)


def _data(content: bytes) -> bytes:
    return encode.sequence(encode.oid(_DATA), _explicit(encode.octet_string(content)))


def _explicit(element: bytes) -> bytes:
    return encode.tlv(0xA0, element)


def _algorithm(oid: str, parameters: bytes) -> bytes:
    return encode.sequence(encode.oid(oid), parameters)


def _null() -> bytes:
    return encode.tlv(encode.NULL, b"")
