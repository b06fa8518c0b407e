"""The PKCS#11 tokens that a command uses: key pairs are made, found, signed with and removed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from smki_testca.authority.signers.tokens.connection import (
    ProcessEndedError,
    TokenConnection,
    ended,
)
from smki_testca.authority.signers.tokens.messages import (
    Answer,
    Done,
    Find,
    Generate,
    Identified,
    Identify,
    Key,
    LogIn,
    Remove,
    StoreCertificate,
)
from smki_testca.authority.signers.tokens.signer import TokenSigner
from smki_testca.authority.signers.tokens.starting import TokenProcess, check_extra
from smki_testca.authority.signers.tokens.uri import TokenUri
from smki_testca.errors import EstateError
from smki_testca.text import is_text, shown
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from smki_testca.authority.signers.tokens.access import TokenAccess
    from smki_testca.authority.signers.tokens.messages import Request

A = TypeVar("A", bound=Answer)

MAX_LABEL_OCTETS = 255
"""The longest CKA_LABEL of a key that is made; of a longer one, the rest is cut off."""


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key pair in a token.

    Attributes:
        uri: by which it is found again.
        public_key: its SubjectPublicKeyInfo, DER.
        key_type: its type.
        remarks: what is unusual about it, each the end of a sentence about the key.
    """

    uri: TokenUri
    public_key: bytes
    key_type: KeyType
    remarks: tuple[str, ...] = ()


class Tokens:
    """The tokens that a command uses. Nothing is started, and nothing asked for, before it must be.

    A process of its own loads the vendor's module and logs in, at the first use; it lives until
    ``close``, or the end of this process. If it crashed, the next use starts another.

    Args:
        access: the module, and who knows the PINs.
    """

    def __init__(self, access: TokenAccess) -> None:
        self._access = access
        self._starting = threading.RLock()
        self._process: TokenProcess | None = None
        self._connection: TokenConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def generate(self, uri: TokenUri, key_type: KeyType, label: str) -> FoundKey:
        """Make a key pair that signs and cannot leave the token.

        Args:
            uri: names the token; what it says of a key counts for nothing.
            key_type: of the key pair.
            label: its CKA_LABEL.

        Raises:
            SmkiTestcaError: if the token cannot be used, or makes no such key.
        """
        short = label.encode("utf-8")[:MAX_LABEL_OCTETS].decode("utf-8", "ignore")
        return _found(self._ask_token(uri, Generate(str(uri), key_type.value, short), Key))

    def find(self, uri: TokenUri) -> FoundKey:
        """The one private key that a URI names, with its public key, which a signature proved.

        Raises:
            SmkiTestcaError: if the token cannot be used; if no key or several fit; if the token
                states no public key of it.
        """
        return _found(self._ask_token(uri, Find(str(uri)), Key))

    def signer(self, uri: TokenUri, public_key: bytes) -> TokenSigner:
        """The signer for a key, which is held against its public key now.

        Args:
            uri: of the key.
            public_key: the SubjectPublicKeyInfo that it must have, DER.

        Raises:
            SmkiTestcaError: if the token cannot be used; if no key or several fit, or another one.
        """
        return TokenSigner(self._ask, lambda: self._look(uri), uri, public_key)

    def remove(self, uri: TokenUri) -> None:
        """Remove a key pair that was made, and its certificate; nothing happens if it is gone.

        Args:
            uri: of the key, with its CKA_ID.

        Raises:
            SmkiTestcaError: if the token cannot be used, or written.
        """
        self._ask_token(uri, Remove(str(uri)), Done)

    def log_in(self, uri: TokenUri) -> None:
        """Log in to a token now, so that its PIN is asked for before other work.

        Args:
            uri: names the token.

        Raises:
            SmkiTestcaError: if the token cannot be used.
        """
        self._look(uri)

    def store_certificate(self, uri: TokenUri, der: bytes) -> None:
        """Store a certificate beside its key, in the place of an older one of the same key.

        Args:
            uri: of the key.
            der: the certificate.

        Raises:
            SmkiTestcaError: if the token cannot be used or written, or has no such key.
        """
        self._ask_token(uri, StoreCertificate(str(uri), der), Done)

    def share(self) -> tuple[str, bytes]:
        """The address of the token process and the secret that it asks for, for worker processes.

        Raises:
            SmkiTestcaError: if it cannot be started.
        """
        self._connected()
        with self._starting:
            if self._process is None:
                raise ended()
            return self._process.address, self._process.authkey

    def close(self) -> None:
        """End the token process, if there is one."""
        with self._starting:
            connection, self._connection = self._connection, None
            process, self._process = self._process, None
        if connection is not None:
            connection.close()
        if process is not None and process.is_ours:
            process.end()

    def _ask_token(self, uri: TokenUri, request: Request, kind: type[A]) -> A:
        self._look(uri)
        return self._ask(request, kind)

    def _look(self, uri: TokenUri) -> None:
        """See which token a URI names, and log in if nobody has yet."""
        with self._starting:
            identified = self._ask(Identify(str(uri.token_only)), Identified)
            if identified.needs_pin:
                pin = self._access.pin(identified.label)
                if not is_text(pin):
                    raise EstateError(
                        "token.pin",
                        f"The PIN for the token {shown(identified.label)} is not text in UTF-8.",
                        "Check the file with the PIN.",
                    )
                self._ask(LogIn(identified.uri, pin), Done)

    def _ask(self, request: Request, kind: type[A], /) -> A:
        connection = self._connected()
        try:
            return connection.ask(request, kind)
        except ProcessEndedError as error:
            process = self._process
            raise ended("" if process is None else process.how_it_ended) from error

    def _connected(self) -> TokenConnection:
        with self._starting:
            if self._process is not None and not (
                self._process.is_ours and self._process.is_running
            ):
                self.close()
            if self._process is None:
                check_extra()
                self._process = TokenProcess(self._access.module())
            if self._connection is None or self._connection.is_closed:
                self._connection = TokenConnection(self._process.address, self._process.authkey)
            return self._connection


def _found(key: Key) -> FoundKey:
    return FoundKey(TokenUri.parse(key.uri), key.public_key, KeyType(key.key_type), key.remarks)
