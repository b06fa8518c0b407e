"""Derives the corpus' keys from their names. They are public: trust nothing that they sign."""

from __future__ import annotations

import hashlib
import math
from functools import cache
from typing import Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from smki_testca.der import read
from smki_testca.der.encode import bit_string, integer, oid, sequence
from smki_testca.entropy import SeededEntropy

P256_CURVE = "1.2.840.10045.3.1.7"
EC_PUBLIC_KEY = "1.2.840.10045.2.1"
_RSA_ENCRYPTION = "1.2.840.113549.1.1.1"


def entropy(name: str) -> SeededEntropy:
    """The stream of octets of a name; it depends on the name only."""
    return SeededEntropy(hashlib.sha256(f"smki-testca corpus: {name}".encode()).digest())


class CorpusSigner(Protocol):
    """Signs documents: a key of the corpus, or a CA of an estate."""

    @property
    def spki(self) -> bytes:
        """The SubjectPublicKeyInfo, DER."""
        ...

    def sign(self, data: bytes, digest: hashes.HashAlgorithm | None = None) -> bytes:
        """The signature's octets over the data; the same for the same data.

        Args:
            data: what is signed.
            digest: the hash algorithm; SHA-256 by default.
        """
        ...


class CorpusKey:
    """A key of the corpus, on a curve (P-256 by default) or RSA of 2048 bits."""

    def __init__(self, private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
        self.private = private
        self.spki = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def point(self) -> bytes:
        """The public key's own octets: the uncompressed point, or the RSAPublicKey."""
        return read(self.spki)[0].children[1].content[1:]

    @property
    def pkcs8(self) -> bytes:
        """The private key, PKCS#8 DER, unencrypted: it is no secret."""
        return self.private.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign(self, data: bytes, digest: hashes.HashAlgorithm | None = None) -> bytes:
        """The signature's octets: ECDSA as RFC 6979 has it, or RSA PKCS#1 v1.5."""
        digest = digest or hashes.SHA256()
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), digest)
        return self.private.sign(data, ec.ECDSA(digest, deterministic_signing=True))


@cache
def ec_key(name: str, curve: ec.EllipticCurve | None = None) -> CorpusKey:
    """The elliptic-curve key of this name."""
    number = int.from_bytes(entropy(name).octets(31))
    return CorpusKey(ec.derive_private_key(number, curve or ec.SECP256R1()))


@cache
def rsa_key(name: str) -> CorpusKey:
    """The RSA key of this name: its primes are the next ones after numbers of its stream."""
    stream = entropy(name)
    p, q = (_prime_after(stream.octets(128), steps) for steps in _steps_of(name))
    d = pow(65537, -1, math.lcm(p - 1, q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p,
        q,
        d,
        rsa.rsa_crt_dmp1(d, p),
        rsa.rsa_crt_dmq1(d, q),
        rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(65537, p * q),
    )
    return CorpusKey(numbers.private_key())


def _steps_of(name: str) -> tuple[int | None, int | None]:
    return RSA_STEPS.get(name, (None, None))


RSA_STEPS: dict[str, tuple[int, int]] = {
    "dccki-root-ca": (165, 61),
    "dccki-issuing-ca": (331, 415),
    "iki-root-ca": (161, 203),
    "iki-issuing-ca": (542, 452),
    "dccki": (1562, 1107),
    "iki": (182, 397),
}
"""The distance of known keys' primes from the start of their search, which takes seconds."""

_SMALL_PRIMES = [n for n in range(3, 2000, 2) if all(n % m for m in range(3, n, 2))]


def _prime_after(octets: bytes, steps: int | None) -> int:
    """The first prime from these octets on, two by two; its two highest bits are set."""
    start = int.from_bytes(octets) | 3 << 1022 | 1
    if steps is not None:
        return start + 2 * steps
    number = start
    while True:
        small = any(number % prime == 0 for prime in _SMALL_PRIMES)
        if not small and number % 65537 != 1 and pow(2, number - 1, number) == 1:
            return number
        number += 2


def rsa_steps(name: str) -> tuple[int, int]:
    """Search the primes of a key anew: how many steps each is from the start of its search."""
    stream = entropy(name)
    first, second = stream.octets(128), stream.octets(128)
    return _steps(first), _steps(second)


def _steps(octets: bytes) -> int:
    return (_prime_after(octets, None) - (int.from_bytes(octets) | 3 << 1022 | 1)) // 2


def spki_from(point: bytes, curve: str = P256_CURVE, algorithm: str = EC_PUBLIC_KEY) -> bytes:
    """A SubjectPublicKeyInfo of any octets as point."""
    return sequence(sequence(oid(algorithm), oid(curve)), bit_string(point))


def key_identifier_of(spki: bytes) -> bytes:
    """The key identifier of a key (RFC 5280 4.2.1.2): method (2) on a curve, (1) for RSA."""
    octets = read(spki)[0].children[1].content[1:]
    digest = hashlib.sha1(octets, usedforsecurity=False).digest()
    if oid(_RSA_ENCRYPTION) in spki[:32]:
        return digest
    return bytes((0x40 | digest[12] & 0x0F,)) + digest[13:]


_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SHORT_NONCE = 0x4F884505808050CB662550050B62C12C4C92FA122C42E3F5FD5B5473B338EE
"""A nonce whose r has 31 octets, found by search; public, as the keys are."""


def signed_with_short_number(signer: CorpusSigner, data: bytes) -> bytes:
    """An ECDSA signature over SHA-256 whose r has 31 octets, where the signer's key is at hand.

    Args:
        signer: a key of the corpus on P-256; any other signs as it always does.
        data: what is signed.
    """
    private = signer.private if isinstance(signer, CorpusKey) else None
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        return signer.sign(data)
    point = ec.derive_private_key(_SHORT_NONCE, ec.SECP256R1()).public_key().public_numbers()
    r = point.x % _P256_ORDER
    number = int.from_bytes(hashlib.sha256(data).digest())
    own = private.private_numbers().private_value
    s = pow(_SHORT_NONCE, -1, _P256_ORDER) * (number + r * own) % _P256_ORDER
    return sequence(integer(r), integer(s))
