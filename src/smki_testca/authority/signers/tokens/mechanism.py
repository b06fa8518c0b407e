"""Signs with a key by a mechanism of PKCS#11 that its token has."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pkcs11 import Mechanism

from smki_testca.authority.signers.tokens.ecdsa import signature_value
from smki_testca.authority.signers.tokens.key_search import wrong_type
from smki_testca.x509.keys import load_public_key, own_signature_fits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.authority.signers.tokens.key_search import PrivateKeyObject
    from smki_testca.authority.signers.tokens.token_session import TokenSession

_FIXED_TEXT = b"smki-testca asks whether this private key is that of a public key"
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""DigestInfo of SHA-256 up to the digest (RFC 8017 9.2)."""


@dataclass(frozen=True, slots=True)
class SigningMechanism:
    """The mechanism by which a token signs with a key.

    Attributes:
        mechanism: of the library.
        prefix: what goes before each digest.
        takes_data: whether the token is given the data, and computes the digest itself.
    """

    mechanism: Any
    prefix: bytes = b""
    takes_data: bool = False

    @classmethod
    def of(cls, token: TokenSession, key: PrivateKeyObject) -> SigningMechanism:
        """The best that a token has for a key.

        Raises:
            EstateError: if it has none.
        """
        present = token.mechanisms()
        if not key.is_rsa:
            choices = [cls(Mechanism.ECDSA)]
        else:
            choices = [
                cls(Mechanism.SHA256_RSA_PKCS, takes_data=True),
                cls(Mechanism.RSA_PKCS, _SHA256_INFO),
            ]
        for choice in choices:
            if choice.mechanism in present:
                return choice
        names = " or ".join(f"CKM_{choice.mechanism.name}" for choice in choices)
        raise wrong_type(key.uri, f"is in a token that cannot sign by {names}")

    def sign(
        self, token: TokenSession, key: PrivateKeyObject, items: Iterable[bytes]
    ) -> list[bytes]:
        """The token's signatures over digests, or over data if it takes those."""
        pin = token.pin if key.asks_each_time else None
        signatures = []
        for item in items:
            token.watch.another()
            signatures.append(
                key.handle.sign(self.prefix + item, mechanism=self.mechanism, pin=pin)
            )
        return signatures

    def fits(self, token: TokenSession, key: PrivateKeyObject, public_key: bytes) -> bool:
        """Whether a private key is that of a public key: a signature over a fixed text tells."""
        item = _FIXED_TEXT if self.takes_data else hashlib.sha256(_FIXED_TEXT).digest()
        (signature,) = self.sign(token, key, [item])
        if not key.is_rsa:
            try:
                signature = signature_value(signature)
            except ValueError:
                return False
        loaded = load_public_key(public_key)
        return loaded is not None and own_signature_fits(loaded, signature, _FIXED_TEXT)
