"""Reads public keys, verifies signatures and computes key identifiers."""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from smki_testca.errors import InputError
from smki_testca.x509 import untrusted
from smki_testca.x509.names import (
    ECDSA_WITH_SHA256,
    SHA256_WITH_RSA,
    KeyType,
    SignatureAlgorithm,
)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
P256_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
"""The first octets of every P-256 SubjectPublicKeyInfo with an uncompressed point."""
P256_POINT_OCTETS = 65
"""The length of the point, whose first octet says that it is uncompressed."""
_P256_OCTETS = len(P256_HEAD) + 64

_METHOD_2_FIRST = [bytes((0x40 | octet & 0x0F,)) for octet in range(256)]
"""0100 and the low four bits, for each octet."""

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


def load_public_key(spki: bytes) -> PublicKey | None:
    """Read an EC or RSA public key from its SubjectPublicKeyInfo; None for anything else.

    A point that is not on its curve gives None, too.
    """
    try:
        key = untrusted.call(serialization.load_der_public_key, spki)
    except InputError:
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) else None


def has_even_modulus(key: PublicKey) -> bool:
    """Whether a key is RSA with an even modulus, which no product of two large primes is."""
    return isinstance(key, rsa.RSAPublicKey) and key.public_numbers().n % 2 == 0


def is_plain_p256(spki: bytes) -> bool:
    """Whether a SubjectPublicKeyInfo that was read before is P-256, its point uncompressed."""
    return spki.startswith(P256_HEAD) and len(spki) == _P256_OCTETS


def own_signature_fits(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Whether this key made a signature of this program's own over the data; with SHA-256.

    Unlike ``signature_fits``, it does not guard against octets from outside.
    """
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def signature_fits(
    key: PublicKey, signature: bytes, data: bytes, digest: hashes.HashAlgorithm | None = None
) -> bool:
    """Whether this key made the signature over the data; the digest is SHA-256 by default."""
    digest = digest or hashes.SHA256()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            untrusted.call(key.verify, signature, data, padding.PKCS1v15(), digest)
        else:
            untrusted.call(key.verify, signature, data, ec.ECDSA(digest))
    except InputError:
        return False
    return True


def key_type_of(key: PrivateKey | PublicKey) -> KeyType | None:
    """The type of a key, or None for one that no profile can ask for."""
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return KeyType.RSA2048 if key.key_size == 2048 else None
    return KeyType.P256 if isinstance(key.curve, ec.SECP256R1) else None


def signature_algorithm(key: PrivateKey | PublicKey) -> SignatureAlgorithm:
    """The algorithm that a CA with such a key signs with."""
    is_rsa = isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey)
    return SHA256_WITH_RSA if is_rsa else ECDSA_WITH_SHA256


def public_key_octets(key: PublicKey) -> bytes:
    """The SubjectPublicKeyInfo of a public key as certificates carry it, DER."""
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def key_identifier(key: bytes, *, method: int) -> bytes:
    """The key identifier of a public key (RFC 5280 4.2.1.2).

    Args:
        key: the content of subjectPublicKey without its unused-bits octet.
        method: 1 for all 20 octets of SHA-1; 2 for 0100 and the low 60 bits of it, 8 octets.
    """
    digest = hashlib.sha1(key, usedforsecurity=False).digest()
    if method == 1:
        return digest
    return _METHOD_2_FIRST[digest[12]] + digest[13:]


def key_id(spki: bytes) -> bytes:
    """The id of a key pair: the SHA-256 of its public key, however that is encoded.

    Args:
        spki: a SubjectPublicKeyInfo, DER; if it cannot be read, its octets are hashed as they are.
    """
    key = None if is_plain_p256(spki) else load_public_key(spki)
    return hashlib.sha256(spki if key is None else public_key_octets(key)).digest()
