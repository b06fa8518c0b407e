"""Says who calls a web service, and records requests for which that is all there is to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from smki_testca.errors import InputError
from smki_testca.service.callers import AccessDeniedError, identify, peer_of
from smki_testca.service.context import CONTEXT
from smki_testca.service.tls import peer_address, peer_certificate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.typedefs import Middleware

    from smki_testca.api import Estate
    from smki_testca.profiles.model import Interface
    from smki_testca.service.callers import Caller
    from smki_testca.service.context import Context

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

DENIED = "DENIED"
"""The status of a client that may not call."""
_MOST_OF_REQUEST = 200
"""The most characters of a request's method and path that are recorded."""


async def admitted(request: web.Request, interface: Interface, operation: str) -> Caller:
    """The caller, as of now.

    Args:
        request: of the caller.
        interface: the web service.
        operation: what is asked for, for the audit log.

    Raises:
        AccessDeniedError: if it may not; that is recorded.
        InputError: if nobody knows for which Testing Service it asks; that is recorded, too.
    """
    context = request.app[CONTEXT]
    der, address = peer_certificate(request), peer_address(request)
    purpose = context.settings.purpose
    try:
        return await context.desk.read(
            lambda estate: identify(estate, der, address, interface, purpose)
        )
    except (AccessDeniedError, InputError) as error:
        status = DENIED if isinstance(error, AccessDeniedError) else _status(400)
        peer = await context.desk.read(lambda estate: peer_of(estate, der, address))
        body = {"request": operation, "status": status, "code": error.code, "peer": peer}
        await record(context, interface.name, body)
        raise


async def record(context: Context, service: str, body: dict[str, Any]) -> None:
    """Write an entry on a request to a web service into the audit log.

    Raises:
        EstateError: if it cannot be written.
    """
    await context.desk.write(lambda estate: write_entry(estate, service, body))


def write_entry(estate: Estate, service: str, body: dict[str, Any]) -> None:
    """Write an entry on a request to a web service; see ``record``."""
    with estate.transaction():
        estate.audit.append(estate.clock.now(), f"service.{service}", body)


def refusals_recorded(interface: Interface) -> Middleware:
    """A middleware that records requests which HTTP refuses: an unknown path, a wrong type.

    A client that may not call is told that, and not what else is wrong with its request.

    Args:
        interface: the web service.
    """

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            refusal = error
        except web.RequestPayloadError:
            refusal = web.HTTPBadRequest(
                text="The body of the request is not of its Content-Encoding."
            )
        operation = f"{request.method} {request.path}"[:_MOST_OF_REQUEST]
        caller = await admitted(request, interface, operation)
        body = {"request": operation, "status": _status(refusal.status), "peer": caller.as_json()}
        await record(request.app[CONTEXT], interface.name, body)
        raise refusal

    return refuse


def _status(number: int) -> str:
    """A status of HTTP, as it is recorded."""
    return f"HTTP {number}"
