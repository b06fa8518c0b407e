"""Decides who may use the repository.

- Search and retrieval take an API key in ``apikey``, as the DCC's client sends one. While only this
  machine reaches the services and the estate has no accounts, any will do.
- Downloads are for everybody on this machine. For others they take an API key, or a name and a
  password (HTTP Basic), which no plain HTTP may carry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import BasicAuth, web

from smki_testca.estate.accounts import SignInError
from smki_testca.service.settings import Listener
from smki_testca.service.sign_in import SignIn
from smki_testca.service.tls import peer_address

if TYPE_CHECKING:
    from smki_testca.service.context import Context

API_KEY = "apikey"
"""The parameter of a URL that has the API key."""
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="smki-testca repository", charset="UTF-8"'}


class Admission:
    """The admission to one application.

    Args:
        context: of the running services.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sign_in = SignIn(context.desk)

    async def refusal_of_search(self, request: web.Request) -> str:
        """Why a search is refused, in one sentence; empty where it is not."""
        api_key = request.query.get(API_KEY, "")
        if not api_key:
            return f"The URL has no {API_KEY}."
        if self._context.settings.is_local and not await self._sign_in.is_possible():
            return ""
        try:
            await self._sign_in.with_api_key(api_key)
        except SignInError:
            return f"The {API_KEY} is not that of an account, or the account is locked."
        return ""

    async def refusal_of_download(self, request: web.Request) -> web.Response | None:
        """The answer to somebody who may not download; None for who may."""
        if self._context.settings.is_local:
            return None
        api_key = request.query.get(API_KEY, "")
        header = request.headers.get("Authorization", "")
        try:
            if api_key:
                await self._sign_in.with_api_key(api_key)
                return None
            if not request.secure:
                return self._refusal_in_the_clear()
            if not header:
                return _challenge("Downloads are for accounts. Send a name and a password.")
            name, password = _basic(header)
            await self._sign_in.with_password(name, password, peer_address(request))
        except ValueError as error:
            return _challenge(f"{error} Send a name and a password with HTTP Basic.")
        except SignInError as error:
            return _challenge(f"{error.message} {error.remedy}")
        return None

    def _refusal_in_the_clear(self) -> web.Response:
        secure = self._context.addresses.get(Listener.REPOSITORY_TLS, "the HTTPS address")
        return web.Response(
            status=403,
            text="Downloads are for accounts, and no password is taken over plain HTTP. Use"
            f" {secure}, or send an API key: ?{API_KEY}=KEY\n",
        )


def _basic(header: str) -> tuple[str, str]:
    """The name and the password of an Authorization header.

    Raises:
        ValueError: if it has another form.
    """
    try:
        credentials = BasicAuth.decode(header, encoding="utf-8")
    except ValueError:
        raise ValueError("The header Authorization is not HTTP Basic in UTF-8.") from None
    return credentials.login, credentials.password


def _challenge(text: str) -> web.Response:
    return web.Response(status=401, text=f"{text}\n", headers=_CHALLENGE)
