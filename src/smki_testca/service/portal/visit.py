"""One request to the portal, as the handler of a page gets it."""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from aiohttp import web

from smki_testca.exporters.item import safe_name
from smki_testca.service.portal.form import read_form
from smki_testca.service.portal.sessions import Sessions, set_token, token_of
from smki_testca.service.portal.unanswered import Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.api import Estate
    from smki_testca.service.context import Context
    from smki_testca.service.portal.form import Form
    from smki_testca.service.portal.navigation import NavigationEntry
    from smki_testca.service.portal.rendering import Templates
    from smki_testca.service.portal.viewer import Viewer

T = TypeVar("T")

TOKEN = "token"  # noqa: S105 - the name of a field
"""The name of the field that protects a form."""
MAX_QUERY = 200
"""The most characters of one value in the query."""


@dataclass(frozen=True, slots=True)
class Portal:
    """The portal, as every visit to it shares it.

    Attributes:
        navigation: the pages that every page links to.
        memory: what pages remember until the services end.
        guesses: held while a password is checked, which is slow on purpose.
        long_reads: held while much is read. Both leave another thread that reads to everybody else.
    """

    context: Context
    navigation: tuple[NavigationEntry, ...]
    templates: Templates
    sessions: Sessions
    memory: dict[str, Any] = field(default_factory=dict)
    guesses: asyncio.Lock = field(default_factory=asyncio.Lock)
    long_reads: asyncio.Lock = field(default_factory=asyncio.Lock)


class Visit:
    """One request: who looks, what was asked, and the answers there are.

    Attributes:
        request: the request.
        portal: what all visits have in common.
        token: of the visitor's cookie.
        has_token: whether the visitor has it already.
    """

    def __init__(
        self, portal: Portal, request: web.Request, viewer: Viewer | None, most: int
    ) -> None:
        self.portal = portal
        self.request = request
        self._viewer = viewer
        self._most = most
        known = token_of(request)
        self.has_token = known is not None
        self.token = known or Sessions.new_token()

    @property
    def context(self) -> Context:
        """The running services."""
        return self.portal.context

    @property
    def viewer(self) -> Viewer:
        """The viewer; open routes may not ask for it."""
        if self._viewer is None:
            raise Unanswered(HTTPStatus.UNAUTHORIZED, "Sign in to see this page.")
        return self._viewer

    @property
    def viewer_if_known(self) -> Viewer | None:
        """The viewer; None for somebody who has not signed in."""
        return self._viewer

    @property
    def is_operator(self) -> bool:
        """Whether the operator looks, who has the command, too."""
        return self._viewer is not None and self._viewer.is_operator

    @property
    def form_token(self) -> str:
        """The token that the forms of this visitor carry."""
        return self.portal.sessions.form_token(self.token)

    @property
    def navigation(self) -> tuple[NavigationEntry, ...]:
        """The pages that the navigation shows."""
        return self.portal.navigation

    def part(self, name: str) -> str:
        """The part of the path that a route names in braces."""
        return self.request.match_info[name]

    def query(self, name: str) -> str:
        """The value of a name in the query without white space around it; empty if it has none.

        Raises:
            Unanswered: if it is longer than anything that is asked for.
        """
        value = self.request.query.get(name, "").strip()
        if len(value) > MAX_QUERY:
            raise Unanswered(
                HTTPStatus.BAD_REQUEST,
                f"What is asked for has more than {MAX_QUERY} characters.",
                "Shorten it.",
            )
        return value

    def number(self, name: str, default: int = 1) -> int:
        """The number from 1 that the query has under a name; the default for anything else."""
        value = self.query(name)
        is_number = value.isascii() and value.isdigit() and len(value) <= 9
        return max(int(value), 1) if is_number else default

    def link(self, path: str = "", /, **query: object) -> str:
        """A link to a path with a query; what is empty or None is left out.

        Args:
            path: of the portal; that of this page by default.
            query: names and values.
        """
        stated = {name: str(value) for name, value in query.items() if value not in {None, ""}}
        path = path or self.request.path
        return f"{path}?{urlencode(stated)}" if stated else path

    async def read(self, work: Callable[[Estate], T]) -> T:
        """Do work on the estate that changes nothing; see ``Desk.read``."""
        return await self.context.desk.read(work)

    async def read_long(self, work: Callable[[Estate], T]) -> T:
        """Do work that may read a large part of the estate: one of these at a time."""
        async with self.portal.long_reads:
            return await self.read(work)

    async def write(self, work: Callable[[Estate], T]) -> T:
        """Do work that changes the estate; see ``Desk.write``."""
        return await self.context.desk.write(work)

    async def form(self) -> Form:
        """The submitted form, once it is known that a page of ours submitted it.

        Raises:
            Unanswered: if it is too large, no form, or not from a page of this visitor.
        """
        form = await read_form(self.request, self._most)
        given = form.values.get(TOKEN, "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(given, self.form_token.encode("ascii")):
            raise Unanswered(
                HTTPStatus.FORBIDDEN,
                "The form is not from this session: it may have been open for too long.",
                "Go back, load the page again, and submit it from there.",
            )
        return form

    def page(
        self, template: str, /, *, status: HTTPStatus = HTTPStatus.OK, **values: Any
    ) -> web.Response:
        """Answer with a page.

        Args:
            template: its file in ``templates``.
            status: of HTTP.
            values: for the template, which has ``visit`` besides.
        """
        text = self.portal.templates.render(template, visit=self, **values)
        response = web.Response(text=text, status=status, content_type="text/html")
        if not self.has_token:
            set_token(self.request, response, self.token)
        return response

    def see(self, path: str) -> web.Response:
        """Answer a form that was done: the browser loads this page, and a reload repeats that."""
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": path})

    def download(
        self, data: bytes, name: str, content_type: str = "application/octet-stream"
    ) -> web.Response:
        """Answer with a file to save.

        Args:
            data: its octets.
            name: of the file; what no file name may have is left out.
            content_type: of the file.
        """
        disposition = f'attachment; filename="{safe_name(name) or "download"}"'
        return web.Response(
            body=data, content_type=content_type, headers={"Content-Disposition": disposition}
        )
