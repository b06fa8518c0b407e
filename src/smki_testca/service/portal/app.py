"""The application of the portal: its pages behind one guard, and its errors as pages."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from smki_testca.errors import ExitCode, Refusal, SmkiTestcaError
from smki_testca.service.callers import AccessDeniedError
from smki_testca.service.context import CONTEXT
from smki_testca.service.portal import request_guard
from smki_testca.service.portal.navigation import NavigationEntry
from smki_testca.service.portal.pages import pages
from smki_testca.service.portal.rendering import STATIC, Templates
from smki_testca.service.portal.sessions import Sessions
from smki_testca.service.portal.unanswered import Unanswered
from smki_testca.service.portal.viewer import viewer_of
from smki_testca.service.portal.visit import Portal, Visit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from smki_testca.service.context import Context
    from smki_testca.service.portal.page_declaration import Route

_PORTAL = web.AppKey("portal", Portal)
_VISIT = web.RequestKey("visit", Visit)
_STATUSES = {
    ExitCode.USAGE: HTTPStatus.BAD_REQUEST,
    ExitCode.INPUT: HTTPStatus.BAD_REQUEST,
    ExitCode.REFUSED: HTTPStatus.CONFLICT,
    ExitCode.ESTATE: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of HTTP of each kind of error; any other is a fault of ours."""


def application(context: Context) -> web.Application:
    """The portal of running services."""
    every_page = pages()
    navigation = tuple(NavigationEntry(page.title, page.path) for page in every_page if page.title)
    portal = Portal(context, navigation, Templates(), Sessions())
    # The body of a form is read in portions up to the limit of its route; nothing else is read.
    app = web.Application(middlewares=[_guarded])
    app[CONTEXT] = context
    app[_PORTAL] = portal
    for path in STATIC:
        app.router.add_get(path, _static)
    for page in every_page:
        for route in page.routes:
            app.router.add_route(route.method, route.path, _handler(portal, route))
            if route.method == "GET":
                app.router.add_route("HEAD", route.path, _handler(portal, route))
    return app


def _handler(
    portal: Portal, route: Route
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        viewer = await viewer_of(request, portal.context, portal.sessions)
        visit = request[_VISIT] = Visit(portal, request, viewer, route.most)
        if viewer is None and not route.is_open:
            return _to_sign_in(visit)
        return await route.handler(visit)

    return handle


def _to_sign_in(visit: Visit) -> web.StreamResponse:
    """Send somebody who has not signed in to do so, and back to the page after that."""
    if visit.request.method == "POST":
        raise Unanswered(
            HTTPStatus.UNAUTHORIZED,
            "You are not signed in: the session may have ended.",
            "Sign in, and submit the form again.",
        )
    return visit.see(visit.link("/sign-in", next=visit.request.path_qs))


@web.middleware
async def _guarded(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer a request that comes from where it may, and any error with a page."""
    portal = request.app[_PORTAL]
    try:
        request_guard.check_host(request, portal.context.settings)
        request_guard.check_origin(request)
        response = await handler(request)
    except Unanswered as error:
        response = _error_page(request, error)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        response = _error_page(request, _of_http(error), error)
    except SmkiTestcaError as error:
        answer = _of_ours(error)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            portal.context.tell(f"portal: error: {error.message}")
        response = _error_page(request, answer)
    except ConnectionError:
        raise  # the client is gone
    except Exception as error:  # noqa: BLE001 - whatever it is, the services go on
        portal.context.tell(f"portal: internal error: {type(error).__name__}: {error}")
        response = _error_page(request, _FAULT)
    if not response.prepared:
        for name, value in request_guard.HEADERS.items():
            response.headers.setdefault(name, value)
    return response


_FAULT = Unanswered(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "The portal failed at this page.",
    "The terminal of the services says what it was. Report it with the address of this page.",
)


def _of_http(error: web.HTTPException) -> Unanswered:
    """The answer to a fault that the router found."""
    status = HTTPStatus(error.status)
    match status:
        case HTTPStatus.NOT_FOUND:
            return Unanswered(
                status, "There is no such page.", "Check the address, or begin at the overview."
            )
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return Unanswered(
                status, "This page cannot be asked for in this way.", "Open it as a page."
            )
    return Unanswered(status, f"{status.phrase}.", "Go back and try again.")


def _of_ours(error: SmkiTestcaError) -> Unanswered:
    if isinstance(error, AccessDeniedError):
        return Unanswered(HTTPStatus.FORBIDDEN, error.message, error.remedy)
    status = _STATUSES.get(error.exit_code, HTTPStatus.INTERNAL_SERVER_ERROR)
    if isinstance(error, Refusal):
        lines = [f"{reason.reason} {reason.remedy}" for reason in error.reasons]
        return Unanswered(status, "The gate refused it.", " ".join(lines))
    return Unanswered(status, error.message, error.remedy)


def _error_page(
    request: web.Request, error: Unanswered, cause: web.HTTPException | None = None
) -> web.StreamResponse:
    portal = request.app[_PORTAL]
    # Of a request that was not let in, nothing is known.
    visit = request.get(_VISIT) or Visit(portal, request, None, 0)
    response = visit.page("error.html", status=error.status, error=error)
    if cause is not None and "Allow" in cause.headers:
        response.headers["Allow"] = cause.headers["Allow"]
    if not request.body_exists or request.content.is_eof():
        return response
    # What is left of a body that is too large is not read.
    response.force_close()
    return response


async def _static(request: web.Request) -> web.Response:
    file = STATIC[request.path]
    return web.Response(
        body=file.data,
        content_type=file.content_type,
        charset="utf-8",
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )
