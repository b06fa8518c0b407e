"""Generates, reads and writes private keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from smki_testca.entropy import SeededEntropy
from smki_testca.errors import InputError
from smki_testca.passphrases import check_text
from smki_testca.text_files import utf8
from smki_testca.x509 import untrusted
from smki_testca.x509.keys import PrivateKey, key_type_of, public_key_octets
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from smki_testca.entropy import Entropy


MAX_PASSPHRASE_OCTETS = 1023
"""The longest passphrase that a key or a store is encrypted under; OpenSSL's limit."""


def check_passphrase(passphrase: str) -> None:
    """Check that keys and stores can be encrypted under a passphrase.

    Raises:
        InputError: if it is empty, no text, or too long.
    """
    check_text(passphrase, "The passphrase for private keys")
    octets = len(passphrase.encode("utf-8"))
    if octets > MAX_PASSPHRASE_OCTETS:
        raise InputError(
            "passphrase.too_long",
            f"The passphrase for private keys has {octets} octets; at most"
            f" {MAX_PASSPHRASE_OCTETS} can be used.",
            "Check that it is the right file: its first line is the passphrase.",
        )


def encrypted_pkcs8(der: bytes, passphrase: str) -> bytes:
    """An encrypted PKCS#8 key (PBES2), DER.

    Raises:
        InputError: if the passphrase is empty or too long.
    """
    check_passphrase(passphrase)
    return from_pkcs8(der).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode("utf-8")),
    )


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of the P-256 group (FIPS 186-5)."""


def generate(key_type: KeyType, entropy: Entropy) -> PrivateKey:
    """Generate a key pair; from a seeded entropy, the same one each time."""
    if key_type is KeyType.P256:
        if entropy.secret:
            return ec.generate_private_key(ec.SECP256R1())
        # 40 octets, so that the remainder is close to uniform (FIPS 186-5 A.2.1).
        scalar = int.from_bytes(entropy.octets(40)) % (P256_ORDER - 1) + 1
        return ec.derive_private_key(scalar, ec.SECP256R1())
    return rsa.generate_private_key(65537, 2048) if entropy.secret else _rsa_of(entropy)


_RSA_SEED_OCTETS = 32


def _rsa_of(entropy: Entropy) -> PrivateKey:
    """An RSA key of 2048 bits that a seeded entropy determines (FIPS 186-4 B.3.3).

    The search for primes takes some 300,000 octets. They come from a stream of the key's own, so
    that what is drawn after it does not depend on how the library searches.
    """
    from Cryptodome.PublicKey import RSA  # noqa: PLC0415 - slow, and for seeds only

    stream = SeededEntropy(entropy.octets(_RSA_SEED_OCTETS))
    der = RSA.generate(2048, stream.octets).export_key("DER", pkcs=8)
    return from_pkcs8(der)


def public_key_info(key: PrivateKey) -> bytes:
    """The SubjectPublicKeyInfo of a key pair, DER, the point uncompressed."""
    return public_key_octets(key.public_key())


def to_pkcs8(key: PrivateKey) -> bytes:
    """The private key as unencrypted PKCS#8 DER; seal it, never write it to a file."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def from_pkcs8(der: bytes) -> PrivateKey:
    """Read a private key from PKCS#8 DER that this package wrote and kept sealed.

    An RSA key was checked when it was made or taken in, and its seal shows that it is the same: to
    check it again takes 20 ms.
    """
    key = serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise TypeError(f"an unexpected kind of key: {type(key).__name__}")
    return key


def from_pem(text: bytes, where: str) -> PrivateKey:
    """Read an unencrypted private key from a PEM file.

    Args:
        text: the content of the file.
        where: the file's name, for messages.

    Raises:
        InputError: if it is not such a file, or its key is neither P-256 nor RSA 2048.
    """
    try:
        key = untrusted.call(serialization.load_pem_private_key, utf8(text), None)
    except InputError as error:
        raise InputError(
            "key.unreadable",
            f"{where} is not an unencrypted PEM private key.",
            "Convert it with: openssl pkcs8 -topk8 -nocrypt",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) or not key_type_of(key):
        raise InputError("key.type", f"The key in {where} is neither P-256 nor RSA 2048.")
    return key


def pkcs8_of(key: bytes) -> bytes:
    """PKCS#8 DER of a private key in its compact form (a P-256 scalar, 32 octets) or in PKCS#8."""
    if len(key) != 32:
        return key
    return to_pkcs8(ec.derive_private_key(int.from_bytes(key), ec.SECP256R1()))


_PKCS8_HEAD = bytes.fromhex(
    "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"
)
_PKCS8_POINT = bytes.fromhex("a14403420004")


def compact_pkcs8(scalar: bytes, point: bytes) -> bytes:
    """PKCS#8 DER of a P-256 key in its compact form, whose public key is at hand.

    The octets are those of ``pkcs8_of``, which takes 20 µs to compute the public key.

    Args:
        scalar: 32 octets.
        point: X and Y of the public key, 64 octets.
    """
    return b"".join((_PKCS8_HEAD, scalar, _PKCS8_POINT, point))
