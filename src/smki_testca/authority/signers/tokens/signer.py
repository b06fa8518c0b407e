"""Signs with a private key in a token: digests go to the token process, signatures come back."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from smki_testca.authority.signers.tokens.connection import KeyNotOpenError, token_failed
from smki_testca.authority.signers.tokens.ecdsa import signature_value
from smki_testca.authority.signers.tokens.messages import Opened, OpenKey, Sign, Signed
from smki_testca.x509.keys import load_public_key, own_signature_fits, signature_algorithm
from smki_testca.x509.names import ECDSA_WITH_SHA256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from smki_testca.authority.signers.tokens.connection import Ask
    from smki_testca.authority.signers.tokens.uri import TokenUri
    from smki_testca.x509.names import SignatureAlgorithm

MOST_AT_ONCE = 256
"""The most signatures of one message: others have their turn after it."""
_MOST_OCTETS = 1 << 22
"""The most data of one message, where the token computes the digests; more only for one alone."""


class TokenSigner:
    """Signs with a private key in a token.

    Its first signature is verified, and the last one of each message: a token that fails without
    saying so signs no batch to its end.

    Args:
        ask: asks the token process.
        log_in: called before the key is opened, now, and again in another token process.
        uri: of the key.
        public_key: its SubjectPublicKeyInfo, DER, which the token's key is held against.

    Raises:
        EstateError: if the token has no such key, or another one.
    """

    def __init__(
        self, ask: Ask, log_in: Callable[[], None], uri: TokenUri, public_key: bytes
    ) -> None:
        loaded = load_public_key(public_key)
        if loaded is None:
            raise TypeError("a key that this package issued from can be read")
        self._ask = ask
        self._log_in = log_in
        self._uri = uri
        self._public_key = public_key
        self._loaded = loaded
        self._algorithm = signature_algorithm(loaded)
        self._is_verified = False
        self._opened = self._open()

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """``ecdsa-with-SHA256`` or ``sha256WithRSAEncryption``, as the key is."""
        return self._algorithm

    @property
    def public_key(self) -> bytes:
        """The SubjectPublicKeyInfo of the key, DER."""
        return self._public_key

    def sign(self, data: bytes) -> bytes:
        """The signature's octets over the data; see ``sign_all``."""
        return self.sign_all([data])[0]

    def sign_all(self, data: Sequence[bytes]) -> list[bytes]:
        """The signatures' octets over each of many data, in their order.

        Raises:
            EstateError: if the token fails, or a signature that is verified is none of this key.
        """
        signatures: list[bytes] = []
        for part in self._parts(data):
            try:
                signatures += self._signed(part)
            except KeyNotOpenError:
                self._opened = self._open()
                signatures += self._signed(part)
            if not self._is_verified:
                self._verify(signatures[0], part[0])
            if len(part) > 1:
                self._verify(signatures[-1], part[-1])
        return signatures

    def _open(self) -> Opened:
        self._log_in()
        return self._ask(OpenKey(str(self._uri), self._public_key), Opened)

    def _parts(self, data: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
        """The data of one message after the other."""
        start = octets = 0
        for place, message in enumerate(data):
            size = len(message) if self._opened.takes_data else 0
            if place - start == MOST_AT_ONCE or (octets and octets + size > _MOST_OCTETS):
                yield data[start:place]
                start, octets = place, 0
            octets += size
        if start < len(data):
            yield data[start:]

    def _signed(self, data: Sequence[bytes]) -> list[bytes]:
        if self._opened.takes_data:
            items = list(data)
        else:
            items = [hashlib.sha256(octets).digest() for octets in data]
        signatures = self._ask(Sign(self._opened.name, items), Signed).signatures
        if len(signatures) != len(data):
            raise token_failed(f"{self._uri} gave {len(signatures)} signatures for {len(data)}.")
        if self._algorithm is not ECDSA_WITH_SHA256:
            return signatures
        try:
            return [signature_value(octets) for octets in signatures]
        except ValueError as error:
            raise token_failed(f"{self._uri} gave no signature: {error}.") from error

    def _verify(self, signature: bytes, data: bytes) -> None:
        if not own_signature_fits(self._loaded, signature, data):
            raise token_failed(f"{self._uri} gave a signature that its public key does not verify.")
        self._is_verified = True
