"""Signers: they sign with a CA's private key, which callers know by a reference only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smki_testca.authority.signers.tokens.tokens import Tokens
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
        """The signatures' octets over each of many data, in their order.

        A token gets them with one message: that is much quicker than one by one.
        """
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


@dataclass(frozen=True, slots=True)
class SigningMeans:
    """The means to open signers. Each part is asked for only when a key needs it.

    Attributes:
        sealer: gives the key under which private keys are sealed.
        tokens: gives the PKCS#11 tokens.
    """

    sealer: Callable[[], Sealer]
    tokens: Callable[[], Tokens]

    @classmethod
    def of_worker(cls, transport: Sealer) -> Self:
        """The means of a worker process: references that were made for it need no tokens.

        Args:
            transport: the key under which the references are sealed.
        """
        return cls(lambda: transport, no_tokens)


def no_tokens() -> NoReturn:
    """Stands in for the tokens where no key can be in one."""
    raise TypeError("no key that is opened here can be in a token")


class KeyReference(Protocol):
    """Names a private key, wherever that is kept. Pickling or logging it tells no secret."""

    @property
    def key_id(self) -> bytes:
        """The SHA-256 of the key's SubjectPublicKeyInfo."""
        ...

    def open(self, means: SigningMeans, *, deterministic: bool = True) -> Signer:
        """The signer for the key.

        Args:
            means: the key under which the reference is sealed, and the tokens.
            deterministic: whether the same data has the same ECDSA signature (RFC 6979), where
                the key is not in a token: a token chooses for itself.

        Raises:
            EstateError: if the reference was changed, or is sealed under another key, or the token
                cannot be used.
        """
        ...

    def for_workers(self, means: SigningMeans, transport: Sealer) -> KeyReference:
        """A reference to the same key for worker processes, which have the transport key only.

        Args:
            means: as for ``open``.
            transport: the key under which the new reference is sealed.

        Raises:
            EstateError: as ``open`` does.
        """
        ...
