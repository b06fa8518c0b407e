"""One token in use: its session, opened and logged in once, and again after it was lost."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

from pkcs11 import PROTECTED_AUTH, Attribute, TokenFlag
from pkcs11 import exceptions as ckr
from pkcs11.attributes import AttributeMapper, handle_ulong

from smki_testca.authority.signers.tokens.module_errors import (
    LOST,
    explained,
    gone,
    pin_locked,
    read_only,
)
from smki_testca.errors import EstateError, SmkiTestcaError, is_of_pin
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.authority.signers.tokens.uri import TokenUri
    from smki_testca.authority.signers.tokens.watch import Watch

T = TypeVar("T")

PUBLIC_KEY_INFO = 0x00000129
"""CKA_PUBLIC_KEY_INFO of PKCS#11 2.40, which the library has no name for."""


class TokenSession:
    """One token in use.

    Attributes:
        uri: names the token.
        label: of the token.
        generation: counts the sessions: handles of objects are of one session.
        pin: of its user, once the token has accepted it.

    Args:
        find_token: finds the token by its URI again; None if it is no longer there.
    """

    def __init__(
        self, uri: TokenUri, label: str, find_token: Callable[[TokenUri], Any], watch: Watch
    ) -> None:
        self.uri = uri
        self.label = label
        self.generation = 0
        self.pin: str | None = None
        self.watch = watch
        self._find_token = find_token
        self._session: Any = None
        self._mechanisms: frozenset[Any] = frozenset()
        self._refused: EstateError | None = None

    @property
    def needs_pin(self) -> bool:
        """Whether somebody has to say the PIN before the token can be used."""
        if self.pin is not None or self._session is not None:
            return False
        return self._refused is not None or _asks_for_pin(self._token())

    def log_in(self, pin: str) -> None:
        """Open a session with a PIN.

        Raises:
            EstateError: if it is wrong, or a wrong one was tried before: never a second time.
        """
        if self._refused is not None:
            raise self._refused
        self._open(pin)

    def mechanisms(self) -> frozenset[Any]:
        """The mechanisms that the token has."""
        if not self._mechanisms:
            self._mechanisms = frozenset(self._token().slot.get_mechanisms())
        return self._mechanisms

    def use(self, aim: str, work: Callable[[Any], T]) -> T:
        """Do something in the session.

        If the session was lost, it is done once more in a new one: what was begun must either have
        no effect, or take it back when it fails.

        Args:
            aim: what it is for, as in "to sign".
            work: is given the session.

        Raises:
            EstateError: if the token cannot do it.
        """
        try:
            with self.watch.calling():
                return self._tried(work)
        except ckr.PKCS11Error as error:
            # What it was in the middle of would be in the way of what comes next.
            self.close()
            raise explained(error, self.label, aim) from error

    def write(self, aim: str, work: Callable[[Any], T]) -> T:
        """Do something in a session that may write; see ``use``.

        Raises:
            EstateError: if the token cannot do it, such as because it is write-protected.
        """

        def written(_: Any) -> T:
            # It is logged in, as all sessions with the token are.
            token = self._token()
            if token.flags & TokenFlag.WRITE_PROTECTED:
                raise read_only(self.label)
            session = token.open(rw=True, attribute_mapper=_mapper())
            try:
                return work(session)
            finally:
                with contextlib.suppress(ckr.PKCS11Error):
                    session.close()

        return self.use(aim, written)

    def close(self) -> None:
        """Log out."""
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(ckr.PKCS11Error):
                session.close()

    def _tried(self, work: Callable[[Any], T]) -> T:
        is_new = self._session is None
        if is_new:
            self._open(self.pin)
        try:
            return work(self._session)
        except LOST:
            if is_new:
                raise
        self.close()
        self.watch.another()
        self._open(self.pin)
        self.watch.another()
        return work(self._session)

    def _open(self, pin: str | None) -> None:
        token = self._token()
        credentials: Any = pin
        if not token.flags & TokenFlag.LOGIN_REQUIRED:
            credentials = None
        elif token.flags & TokenFlag.PROTECTED_AUTHENTICATION_PATH:
            credentials = PROTECTED_AUTH
        elif pin is None:
            raise self._refused or EstateError(
                "token.pin",
                f"The token {shown(self.label)} needs its PIN, and nobody has said it.",
                "Run the command again.",
            )
        elif token.flags & TokenFlag.USER_PIN_LOCKED:
            self._refused = pin_locked(self.label)
            raise self._refused
        try:
            self._session = self._logged_in(token, credentials)
        except ckr.PKCS11Error as error:
            raise self._not_logged_in(error) from error
        self.pin = pin
        self.generation += 1

    def _logged_in(self, token: Any, credentials: Any) -> Any:
        with self.watch.calling():
            try:
                return token.open(user_pin=credentials, attribute_mapper=_mapper())
            except ckr.UserAlreadyLoggedIn:
                # Only the session was lost, and not what all sessions with the token share.
                return token.open(attribute_mapper=_mapper())

    def _not_logged_in(self, error: ckr.PKCS11Error) -> EstateError:
        refusal = explained(error, self.label, "to log in")
        if is_of_pin(refusal):
            self.pin = None
            self._refused = refusal = _with_warning(refusal, self._flags_now())
        return refusal

    def _flags_now(self) -> int:
        with contextlib.suppress(SmkiTestcaError, ckr.PKCS11Error):
            return int(self._token().flags)
        return 0

    def _token(self) -> Any:
        token = self._find_token(self.uri)
        if token is None:
            raise gone(self.label)
        return token


def _asks_for_pin(token: Any) -> bool:
    by_itself = TokenFlag.PROTECTED_AUTHENTICATION_PATH
    return bool(token.flags & TokenFlag.LOGIN_REQUIRED and not token.flags & by_itself)


def _with_warning(error: EstateError, flags: int) -> EstateError:
    """The same error with what the token says of the tries that are left."""
    if flags & TokenFlag.USER_PIN_LOCKED:
        warning = " It has locked the PIN now."
    elif flags & TokenFlag.USER_PIN_FINAL_TRY:
        warning = " One more wrong PIN locks it."
    else:
        warning = ""
    return EstateError(error.code, error.message + warning, error.remedy)


def _mapper() -> AttributeMapper:
    """Reads attributes in a way that nothing a vendor writes there makes an error."""
    mapper = AttributeMapper()
    mapper.register_handler(
        Attribute.LABEL,
        lambda text: text.encode("utf-8"),
        lambda data: data.decode("utf-8", "replace"),
    )
    mapper.register_handler(Attribute.KEY_TYPE, *handle_ulong)
    mapper.register_handler(PUBLIC_KEY_INFO, bytes, bytes)
    return mapper
