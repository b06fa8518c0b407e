"""Decides who may use the repository.

An account shows itself by its API key, in the parameter ``apikey``, or by its name and password
(HTTP Basic), which plain HTTP carries only within this machine.

- Search and retrieval need an account, and the parameter in any case, as the DCC's client sends it.
  While only this machine reaches the services and the estate has no accounts, any value will do.
- Downloads need an account where others than this machine reach the services.
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
        """The reason for which a search is refused, in one sentence; empty where it is not."""
        if not request.query.get(API_KEY):
            return f"The URL has no {API_KEY}."
        if self._context.settings.is_local and not await self._sign_in.is_possible():
            return ""
        return await self._refusal(request)

    async def refusal_of_download(self, request: web.Request) -> web.Response | None:
        """The answer to somebody who may not download; None for who may."""
        if self._context.settings.is_local:
            return None
        reason = await self._refusal(request)
        if not reason:
            return None
        # Whoever is challenged over plain HTTP would send a password in the clear.
        is_challenge = self._may_take_passwords(request)
        return web.Response(
            status=401 if is_challenge else 403,
            text=f"{reason}\n",
            headers=_CHALLENGE if is_challenge else {},
        )

    async def _refusal(self, request: web.Request) -> str:
        """The reason for which a request is no account's, in one sentence; empty where it is."""
        header = request.headers.get("Authorization")
        if header is not None and not self._may_take_passwords(request):
            return f"No password is taken over plain HTTP: use {self._secure}."
        try:
            if header is None:
                await self._sign_in.with_api_key(request.query.get(API_KEY, ""))
            else:
                await self._sign_in.with_password(*_basic(header), peer_address(request))
        except ValueError:
            return "The header Authorization is not HTTP Basic in UTF-8."
        except SignInError as error:
            return f"This is for accounts. {error.message} {error.remedy}"
        return ""

    def _may_take_passwords(self, request: web.Request) -> bool:
        return request.secure or self._context.settings.is_local

    @property
    def _secure(self) -> str:
        return self._context.addresses.get(Listener.REPOSITORY_TLS, "HTTPS")


def _basic(header: str) -> tuple[str, str]:
    """The name and the password of an Authorization header.

    Raises:
        ValueError: if it has another form.
    """
    credentials = BasicAuth.decode(header, encoding="utf-8")
    return credentials.login, credentials.password
