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
    Opened,
    OpenKey,
    Remove,
    StoreCertificate,
)
from smki_testca.authority.signers.tokens.signer import TokenSigner
from smki_testca.authority.signers.tokens.starting import TokenProcess, check_extra
from smki_testca.authority.signers.tokens.uri import TokenUri
from smki_testca.errors import EstateError, is_of_pin
from smki_testca.text import is_text, shown
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from smki_testca.authority.signers.tokens.access import TokenAccess
    from smki_testca.authority.signers.tokens.messages import Request

A = TypeVar("A", bound=Answer)

_NOT_SEEN = ("token.gone", "token.key_missing", "token.missing")
"""The errors of what a module does not see, though it may be there again: some modules, such as
SoftHSM2, look at what a token has only once."""
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
    ``close``, or the end of this process. If it crashed, the next use starts another. If it was
    used before, and a token or a key to sign with is not there any more, a fresh one looks once.

    Args:
        access: the module, and who knows the PINs.
    """

    def __init__(self, access: TokenAccess) -> None:
        self._access = access
        self._starting = threading.RLock()
        self._process: TokenProcess | None = None
        self._connection: TokenConnection | None = None
        self._is_used = False
        self._is_shared = False

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

        def ask(request: Request, kind: type[A], /) -> A:
            try:
                answer = self._ask(request, kind)
            except EstateError as error:
                if not self._renews_for(error):
                    raise
                self._open_again(uri, public_key, error)
                answer = self._ask(request, kind)
            self._is_used = True
            return answer

        return TokenSigner(ask, lambda: self._look(uri), uri, public_key)

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
            self._is_shared = True
            return self._process.address, self._process.authkey

    @property
    def how_it_ended(self) -> str:
        """The way the token process ended; see ``TokenProcess.how_it_ended``.

        Workers that share it see only that it is gone: it is no child of theirs.
        """
        process = self._process
        return "" if process is None else process.how_it_ended

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
            identify = Identify(str(uri.token_only))
            try:
                identified = self._ask(identify, Identified)
            except EstateError as error:
                if not self._renews_for(error):
                    raise
                identified = self._ask_fresh_process(identify, Identified)
            if identified.needs_pin:
                pin = self._access.pin(identified.label)
                if not is_text(pin):
                    raise EstateError(
                        "token.pin",
                        f"The PIN for the token {shown(identified.label)} is not text in UTF-8.",
                        "Check the file with the PIN.",
                    )
                self._ask(LogIn(identified.uri, pin), Done)

    def _renews_for(self, error: EstateError) -> bool:
        """Whether the token process was ended, because a fresh one may see what this one does not.

        One that was just started sees all that there is, and workers may use one that is shared.
        """
        with self._starting:
            is_worth_it = error.code in _NOT_SEEN and self._is_used and not self._is_shared
            if is_worth_it:
                self.close()
            self._is_used = True
            return is_worth_it

    def _open_again(self, uri: TokenUri, public_key: bytes, error: EstateError) -> None:
        """Open a key in a fresh token process.

        Raises:
            EstateError: if that fails, too: the one that was reported first, except for a PIN.
        """
        try:
            self._look(uri)
            self._ask_fresh_process(OpenKey(str(uri), public_key), Opened)
        except EstateError as again:
            raise (again if is_of_pin(again) else error) from again

    def _ask_fresh_process(self, request: Request, kind: type[A]) -> A:
        """The answer of a fresh token process, which is not fresh any more if it has none."""
        try:
            return self._ask(request, kind)
        except EstateError:
            self._is_used = True
            raise

    def _ask(self, request: Request, kind: type[A], /) -> A:
        connection = self._connected()
        try:
            return connection.ask(request, kind)
        except ProcessEndedError as error:
            raise ended(self.how_it_ended) from error

    def _connected(self) -> TokenConnection:
        with self._starting:
            if self._process is not None and not (
                self._process.is_ours and self._process.is_running
            ):
                self.close()
            if self._process is None:
                check_extra()
                self._is_used = self._is_shared = False
                self._process = TokenProcess(self._access.module())
            if self._connection is None or self._connection.is_closed:
                self._connection = TokenConnection(self._process.address, self._process.authkey)
            return self._connection


def _found(key: Key) -> FoundKey:
    return FoundKey(TokenUri.parse(key.uri), key.public_key, KeyType(key.key_type), key.remarks)
