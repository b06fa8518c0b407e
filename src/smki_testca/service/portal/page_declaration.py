"""A page of the portal: its routes, and its place in the navigation.

A page is one module in ``portal/pages/``, with its templates in ``portal/templates/``. It declares
``PAGE``; nothing else names it::

    PAGE = Page(
        Route.get("/register", register),
        Route.post("/register/ask", ask),
        title="Register",
        place=50,
    )

    async def register(visit: Visit) -> web.StreamResponse:
        participants = await visit.read(lambda estate: estate.register.participants())
        mine = [each for each in participants if visit.viewer.sees(each.id)]
        return visit.page("register.html", participants=mine)

- A handler gets a ``Visit``: who looks (``visit.viewer``, whom every page asks what it ``sees``),
  the query, the form, the estate (``visit.read`` and ``visit.write``), and answers.
- A template begins ``{% extends "frame.html" %}``, sets the blocks ``title`` and ``content``, and
  takes tables, fields, paging, empty states and the error summary from ``parts.html``. What a
  handler does not pass is an error, and text is escaped.
- A form is ``<form method="post" …>{{ parts.token(visit) }}``. ``await visit.form()`` checks its
  token and its size: ``most`` of its route.
- An ``SmkiTestcaError`` that a handler lets out becomes a page with its message and remedy; so does
  ``Unanswered``. What is not there, or not the viewer's, is ``Unanswered.missing(…)``.
- There is no script, and no style but that of ``static/portal.css``: the CSP forbids both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from smki_testca.service.portal.visit import Visit

    Handler = Callable[[Visit], Awaitable[web.StreamResponse]]

MAX_FORM = 64 * 1024
"""The most octets of a form without files."""


@dataclass(frozen=True, slots=True)
class Route:
    """A path of the portal, and what answers it.

    Attributes:
        method: GET, which HEAD comes with, or POST.
        path: as aiohttp writes it, such as ``/certificates/{serial}``.
        most: the most octets of the body.
        is_open: whether it answers those who have not signed in, too.
    """

    method: str
    path: str
    handler: Handler
    most: int = 0
    is_open: bool = False

    @classmethod
    def get(cls, path: str, handler: Handler, *, is_open: bool = False) -> Self:
        """A route of a page that changes nothing."""
        return cls("GET", path, handler, is_open=is_open)

    @classmethod
    def post(
        cls, path: str, handler: Handler, *, most: int = MAX_FORM, is_open: bool = False
    ) -> Self:
        """A route of a form that is submitted."""
        return cls("POST", path, handler, most, is_open)


class Page:
    """The declaration of a page module.

    Args:
        routes: of the page; the navigation links to the first.
        title: in the navigation; empty for a page that is not there.
        place: orders the navigation.
    """

    def __init__(self, *routes: Route, title: str = "", place: int = 0) -> None:
        self.routes = routes
        self.title = title
        self.place = place

    @property
    def path(self) -> str:
        """The path that the navigation links to."""
        return self.routes[0].path
