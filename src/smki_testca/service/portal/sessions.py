"""The sessions of accounts that have signed in, and the tokens of forms.

A visitor has a cookie with a random token. Signing in makes a new one, so that a token which
somebody else planted is worth nothing. What a token stands for is kept here, in memory: when the
services end, everybody is signed out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

IDLE: Final = 30 * 60
"""After so many seconds without a request a session ends."""
LONGEST: Final = 8 * 60 * 60
"""After so many seconds every session ends."""
MAX_OF_ACCOUNT: Final = 20
"""The most sessions of one account: one more ends the one that was used longest ago."""
_OCTETS = 32
_DIGITS = 43
"""The characters of a token: 32 octets in base64url."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An account that has signed in.

    Attributes:
        account: its name.
        password: the digest of the password that it signed in with; another ends the session.
    """

    account: str
    password: bytes


@dataclass(frozen=True, slots=True)
class _Session:
    signed_in: SignedIn
    began: float
    used: float


class Sessions:
    """The sessions of one portal.

    Args:
        now: tells seconds that only ever rise.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._key = secrets.token_bytes(_OCTETS)
        self._sessions: dict[bytes, _Session] = {}
        self._lock = threading.Lock()

    @staticmethod
    def new_token() -> str:
        """A token that nobody can guess."""
        return secrets.token_urlsafe(_OCTETS)

    def begin(self, account: str, password: bytes) -> str:
        """Begin a session of an account; gives its token, which is always a new one.

        Args:
            account: its name.
            password: the digest of the password that it signed in with.
        """
        token, now = self.new_token(), self._now()
        with self._lock:
            self._sweep(now)
            own = [key for key, each in self._sessions.items() if each.signed_in.account == account]
            own.sort(key=lambda key: self._sessions[key].used)
            for key in own[: max(0, len(own) - MAX_OF_ACCOUNT + 1)]:
                del self._sessions[key]
            self._sessions[_digest(token)] = _Session(SignedIn(account, password), now, now)
        return token

    def signed_in(self, token: str) -> SignedIn | None:
        """The visitor who signed in with a session, used now; None if it ended or never was."""
        key, now = _digest(token), self._now()
        with self._lock:
            session = self._sessions.get(key)
            if session is None:
                return None
            if _has_ended(session, now):
                del self._sessions[key]
                return None
            self._sessions[key] = replace(session, used=now)
            return session.signed_in

    def end(self, token: str) -> None:
        """End a session, if there is one."""
        with self._lock:
            self._sessions.pop(_digest(token), None)

    def form_token(self, token: str) -> str:
        """The token that each form of a visitor with this session must carry."""
        return hmac.new(self._key, token.encode("ascii"), hashlib.sha256).hexdigest()

    def _sweep(self, now: float) -> None:
        self._sessions = {
            key: each for key, each in self._sessions.items() if not _has_ended(each, now)
        }


def _has_ended(session: _Session, now: float) -> bool:
    return now - session.used > IDLE or now - session.began > LONGEST


def _digest(token: str) -> bytes:
    """The digest by which a token is looked up, in a time that tells nothing of other tokens."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def cookie_name(request: web.Request) -> str:
    """The name of the cookie.

    Cookies do not tell ports apart: the port in the name keeps several portals of one machine
    apart. Over HTTPS the prefix makes the browser refuse one that was planted over HTTP.
    """
    address = None if request.transport is None else request.transport.get_extra_info("sockname")
    port = address[1] if isinstance(address, tuple) else 0
    return f"{'__Host-' if request.secure else ''}smki-portal-{port}"


def token_of(request: web.Request) -> str | None:
    """The token in the cookie of a request; None if there is none, or it is not one of ours."""
    token = request.cookies.get(cookie_name(request), "")
    is_one = len(token) == _DIGITS and all(each.isalnum() or each in "-_" for each in token)
    return token if is_one and token.isascii() else None


def set_token(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Give a visitor a token."""
    response.set_cookie(
        cookie_name(request),
        token,
        path="/",
        secure=request.secure,
        httponly=True,
        samesite="Strict",
    )
