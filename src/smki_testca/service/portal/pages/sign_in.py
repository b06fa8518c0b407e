"""Signing in with an account, and out."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from smki_testca.errors import InputError
from smki_testca.estate.accounts import MAX_FAILURES
from smki_testca.service.portal.form import Problem
from smki_testca.service.portal.page_declaration import Page, Route
from smki_testca.service.portal.sessions import set_token
from smki_testca.service.sign_in import refuse_late
from smki_testca.service.tls import peer_address

if TYPE_CHECKING:
    from aiohttp import web

    from smki_testca.service.portal.visit import Visit

MAX_SIGN_IN = 8 * 1024
"""The most octets of the form."""

_REFUSED = (
    "The name and the password are not those of an account, or the account is locked, as it is for"
    f" an hour after {MAX_FAILURES} failures within an hour. Ask the operator to look."
)


async def _ask(visit: Visit) -> web.StreamResponse:
    return _page(visit, target(visit.request.query.get("next", "")))


async def _sign_in(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    name, password = form.text("name"), form.values.get("password", "")
    onward = target(form.text("next"))
    if not name or not password:
        problem = Problem("password" if name else "name", "Enter a name and a password.")
        return _page(visit, onward, name, (problem,))
    began = time.monotonic()
    async with visit.portal.guesses:
        proof = await visit.read(lambda estate: estate.accounts.prove(name, password))
    details = {"peer": {"address": peer_address(visit.request)}}
    try:
        account = await visit.write(lambda estate: estate.accounts.settle(proof, details))
    except InputError:
        await refuse_late(began)
        problem = Problem("name", _REFUSED)
        return _page(visit, onward, name, (problem,))
    visit.portal.sessions.end(visit.token)
    response = visit.see(onward)
    token = visit.portal.sessions.begin(account.name, proof.fitted or b"")
    set_token(visit.request, response, token)
    return response


async def _sign_out(visit: Visit) -> web.StreamResponse:
    await visit.form()
    visit.portal.sessions.end(visit.token)
    response = visit.see("/")
    set_token(visit.request, response, visit.portal.sessions.new_token())
    return response


def target(given: str) -> str:
    """The page to go to after signing in: what was asked for, if it is a path of this portal.

    Anything else could lead to another site, so that it is the first page.
    """
    try:
        parts = urlsplit(given)
    except ValueError:
        return "/"
    is_path = given.startswith("/") and not given.startswith(("//", "/\\"))
    is_plain = given.isascii() and given.isprintable() and len(given) <= 2000
    is_own = is_path and is_plain and not parts.scheme and not parts.netloc
    return given if is_own and parts.path not in {"/sign-in", "/sign-out"} else "/"


def _page(
    visit: Visit, onward: str, name: str = "", problems: tuple[Problem, ...] = ()
) -> web.StreamResponse:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK
    return visit.page("sign_in.html", status=status, onward=onward, name=name, problems=problems)


PAGE = Page(
    Route.get("/sign-in", _ask, is_open=True),
    Route.post("/sign-in", _sign_in, most=MAX_SIGN_IN, is_open=True),
    Route.post("/sign-out", _sign_out, most=MAX_SIGN_IN, is_open=True),
)
