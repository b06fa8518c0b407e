"""References to private keys in tokens, for this process and for its workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smki_testca.authority.signers.tokens.connection import TokenConnection
from smki_testca.authority.signers.tokens.signer import TokenSigner

if TYPE_CHECKING:
    from smki_testca.authority.signers import Sealer, SigningMeans
    from smki_testca.authority.signers.tokens.uri import TokenUri


@dataclass(frozen=True, slots=True)
class TokenKey:
    """References a private key in a token.

    Attributes:
        key_id: the SHA-256 of the SubjectPublicKeyInfo.
        uri: names the token, and the key in it.
        public_key: the SubjectPublicKeyInfo, DER.
    """

    key_id: bytes
    uri: TokenUri
    public_key: bytes

    def open(self, means: SigningMeans, *, deterministic: bool = True) -> TokenSigner:  # noqa: ARG002 - a token chooses for itself
        """The signer for the key; see ``KeyReference.open``."""
        return means.tokens().signer(self.uri, self.public_key)

    def for_workers(self, means: SigningMeans, transport: Sealer) -> SharedTokenKey:
        """A reference with which worker processes reach the same token process.

        The token is used once now: whoever starts workers is logged in, and the key is the right
        one. See ``KeyReference.for_workers``.
        """
        self.open(means)
        address, authkey = means.tokens().share()
        sealed = transport.seal(authkey, _label(self.key_id))
        return SharedTokenKey(self.key_id, self.uri, self.public_key, address, sealed)


@dataclass(frozen=True, slots=True)
class SharedTokenKey:
    """References a private key in a token that another process has a session with.

    Attributes:
        key_id: the SHA-256 of the SubjectPublicKeyInfo.
        uri: names the token, and the key in it.
        public_key: the SubjectPublicKeyInfo, DER.
        address: where the token process listens.
        sealed_authkey: what it asks its callers to prove, encrypted.
    """

    key_id: bytes
    uri: TokenUri
    public_key: bytes
    address: str
    sealed_authkey: bytes = field(repr=False)

    def open(self, means: SigningMeans, *, deterministic: bool = True) -> TokenSigner:  # noqa: ARG002 - a token chooses for itself
        """The signer for the key, with a connection of its own; see ``KeyReference.open``."""
        authkey = means.sealer().open(self.sealed_authkey, _label(self.key_id))
        ask = TokenConnection(self.address, authkey).ask
        return TokenSigner(ask, _is_logged_in, self.uri, self.public_key)

    def for_workers(self, means: SigningMeans, transport: Sealer) -> SharedTokenKey:
        """The same reference under another transport key; see ``KeyReference.for_workers``."""
        authkey = means.sealer().open(self.sealed_authkey, _label(self.key_id))
        sealed = transport.seal(authkey, _label(self.key_id))
        return SharedTokenKey(self.key_id, self.uri, self.public_key, self.address, sealed)


def _is_logged_in() -> None:
    """The process that shares the token has logged in."""


def _label(key_id: bytes) -> bytes:
    """The label under which the secret is sealed: it names the key, and is none of a key's own."""
    return b"token process of " + key_id
