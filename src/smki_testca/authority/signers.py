"""What signs with a CA's key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from smki_testca.x509.names import ECDSA_WITH_SHA256, SHA256_WITH_RSA, SignatureAlgorithm

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.x509.keys import PrivateKey


class Signer(Protocol):
    """Signs with a CA's private key, wherever that is kept."""

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """What it signs with."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature's octets over the data."""
        ...


class SoftwareSigner:
    """A private key in memory.

    Attributes:
        sign: the signature's octets over the data.

    Args:
        deterministic: whether the same data has the same ECDSA signature (RFC 6979).
    """

    def __init__(self, key: PrivateKey, *, deterministic: bool = True) -> None:
        # What kind of key it is, is settled once: a batch signs a million times over.
        self.sign: Callable[[bytes], bytes]
        if isinstance(key, rsa.RSAPrivateKey):
            self._algorithm = SHA256_WITH_RSA
            self.sign = lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        else:
            ecdsa = ec.ECDSA(hashes.SHA256(), deterministic_signing=deterministic)
            self._algorithm = ECDSA_WITH_SHA256
            self.sign = lambda data: key.sign(data, ecdsa)

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """``ecdsa-with-SHA256`` or ``sha256WithRSAEncryption``, as the key is."""
        return self._algorithm
