"""Signers: they sign with a CA's private key, which callers know by a reference only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.x509.names import SignatureAlgorithm


class Signer(Protocol):
    """Signs with a CA's private key, wherever that is kept."""

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """The signature algorithm."""
        ...

    @property
    def public_key(self) -> bytes:
        """The SubjectPublicKeyInfo of the key, DER."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature's octets over the data."""
        ...

    def sign_all(self, data: Sequence[bytes]) -> list[bytes]:
        """The signatures over each of the data, in order: one message to a key elsewhere."""
        ...


class Sealer(Protocol):
    """Encrypts and decrypts small secrets, each under a label."""

    def seal(self, secret: bytes, label: bytes) -> bytes:
        """Encrypt a secret; it opens again only under the same label."""
        ...

    def open(self, sealed: bytes, label: bytes) -> bytes:
        """Decrypt a secret.

        Raises:
            EstateError: if it was changed, or sealed under another label or key.
        """
        ...


class KeyReference(Protocol):
    """Names a CA's private key, wherever that is kept. Pickling or logging it tells no secret."""

    @property
    def key_id(self) -> bytes:
        """The SHA-256 of the key's SubjectPublicKeyInfo."""
        ...

    def open(self, sealer: Sealer, *, deterministic: bool = True) -> Signer:
        """The signer for the key.

        Args:
            sealer: the key under which the reference is sealed.
            deterministic: whether the same data has the same ECDSA signature (RFC 6979).

        Raises:
            EstateError: if the reference was changed, or is sealed under another key.
        """
        ...

    def resealed(self, old: Sealer, new: Sealer) -> KeyReference:
        """The same reference under another sealing key.

        Raises:
            EstateError: if the reference was changed, or is not sealed under the old key.
        """
        ...
