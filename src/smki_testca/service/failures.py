"""Answers failed requests for which a service has no answer of its own: one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from smki_testca.errors import EstateError, InputError, Refusal, SmkiTestcaError
from smki_testca.service.callers import AccessDeniedError
from smki_testca.service.context import CONTEXT
from smki_testca.service.xml import cut
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_STATUSES: tuple[tuple[type[SmkiTestcaError], int], ...] = (
    (AccessDeniedError, 403),
    (Refusal, 403),
    (InputError, 400),
    (EstateError, 503),
)
"""The HTTP status of each kind of error; any other is 500."""


@web.middleware
async def plain_failures(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer a request that fails with a line of text, and go on serving."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return line_of(error.status, _words(error, request), error.headers.get("Allow"))
    except SmkiTestcaError as error:
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
        if status >= 500:
            request.app[CONTEXT].tell(f"error: {error.message}")
        return line_of(status, f"{error.message} {error.remedy}".strip())
    except ConnectionError:
        raise  # the client is gone
    except Exception as error:  # noqa: BLE001 - whatever it is, the service goes on
        request.app[CONTEXT].tell(f"internal error: {type(error).__name__}: {error}")
        return line_of(500, "Internal error. The service's operator sees what it was.")


def _words(error: web.HTTPException, request: web.Request) -> str:
    """The words for a client: those of the service, or ours in place of the framework's."""
    text = error.text or error.reason
    if isinstance(error, web.HTTPRequestEntityTooLarge) and text.startswith(_TOO_LARGE):
        most = request.client_max_size
        return f"The request is longer than {most:,} octets. Send less, or several requests."
    if text != f"{error.status}: {error.reason}":
        return text
    if isinstance(error, web.HTTPNotFound):
        return (
            f"There is nothing at {cut(request.path)}. Compare the path with the address that serve"
            " prints."
        )
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = " or ".join(sorted(error.allowed_methods))
        return f"The method {cut(request.method)} is not for {cut(request.path)}. Use {allowed}."
    return text


_TOO_LARGE = "Maximum request body size"
"""The start of the framework's words of a body that is too long."""


def line_of(status: int, text: str, allow: str | None = None) -> web.Response:
    """An answer of one line of text.

    Args:
        status: of HTTP.
        text: of the line.
        allow: the methods that the path takes, where another was used.
    """
    headers = {} if allow is None else {"Allow": allow}
    return web.Response(status=status, text=f"{plain(text)}\n", headers=headers)
