"""Answers a request badly, where the plan chooses it.

What shows in the transport is done here. What shows in the content is left to the handler, which
asks for it with ``content_mode``.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from aiohttp import web

from smki_testca.service.context import CONTEXT
from smki_testca.service.misbehaviour.modes import Layer, Mode
from smki_testca.service.misbehaviour.recording import record
from smki_testca.service.tls import peer_address, peer_certificate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
    Octets = bytes | bytearray | memoryview
    Write = Callable[[Octets], Awaitable[None]]

CHOSEN = web.RequestKey("misbehaviour", Mode)
"""The key under which a request keeps the mode that was chosen for it."""
PARTS = 100
"""The number of parts in which a slow answer is sent."""
_CUT = 4
"""The octets that are left out at the end of an XML document: fewer than its last tag has."""
_LOOK_SECONDS = 0.2
"""The time between looks whether a client that gets no answer is still there."""
_ENDING = web.AppKey("misbehaviour-ending", asyncio.Event)
"""Set once the services are to end."""


class _HungUpError(ConnectionResetError):
    """The connection was ended on purpose, while its answer was being sent."""


def install(application: web.Application, service: str) -> None:
    """Make an application misbehave where the plan of its context says so.

    Args:
        application: of a listener; it has not been started.
        service: one of ``modes.SERVICES``.
    """

    @web.middleware
    async def misbehave(request: web.Request, handler: Handler) -> web.StreamResponse:
        mode = await _choose(request, service)
        if mode is None:
            return await handler(request)
        request[CHOSEN] = mode
        if mode.name in _NOTHING_DONE:
            return await _NOTHING_DONE[mode.name](request)
        try:
            answer = await handler(request)
            if mode.name == "reset-after":
                return _drop(request)
            return await _streamed(request, answer, mode) if mode.name in _WRITERS else answer
        except _HungUpError:
            return web.Response()  # nobody gets it

    application[_ENDING] = asyncio.Event()
    application.middlewares.insert(0, misbehave)
    application.on_response_prepare.append(_damage)
    application.on_shutdown.append(_end)


def content_mode(request: web.Request) -> Mode | None:
    """The misbehaviour due of a request's handler; None where it is to answer as it should."""
    mode = request.get(CHOSEN)
    return mode if mode is not None and mode.kind.layer is Layer.CONTENT else None


async def _choose(request: web.Request, service: str) -> Mode | None:
    """The mode for a request, once it is in the audit log; None for none."""
    context = request.app[CONTEXT]
    state = context.misbehaviour.choose(service, request.path)
    if state is None:
        return None
    recorded = await record(
        context,
        state,
        service,
        peer_address(request),
        path=request.path,
        certificate=peer_certificate(request),
    )
    return state.rule.mode if recorded else None


async def _end(application: web.Application) -> None:
    application[_ENDING].set()


# What is done in place of an answer.


async def _reset(request: web.Request) -> web.StreamResponse:
    return _drop(request)


def _drop(request: web.Request) -> web.StreamResponse:
    """Drop the connection: with a reset of TCP, where the system can."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            at_once = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        transport.abort()
    return web.Response()  # nobody gets it


async def _never(request: web.Request) -> web.StreamResponse:
    """Wait until the client hangs up or the services end."""
    while not request.app[_ENDING].is_set():
        transport = request.transport
        if transport is None or transport.is_closing() or request.content.exception():
            break
        # Unless all of the request is read, it does not show that the client hangs up.
        request.content.read_nowait()
        await _pause(request, _LOOK_SECONDS)
    return _drop(request)


async def _unavailable(_: web.Request) -> web.StreamResponse:
    return web.Response(
        status=503,
        text="The service is unavailable: misbehaviour that was asked for.\n",
        headers={"Retry-After": "1"},
    )


_NOTHING_DONE = {"reset": _reset, "never": _never, "503": _unavailable}


# What becomes of an answer's body.


async def _streamed(
    request: web.Request, answer: web.StreamResponse, mode: Mode
) -> web.StreamResponse:
    """Send an answer as a stream, which a writer damages; one that is a stream has been sent."""
    if not isinstance(answer, web.Response) or answer.prepared:
        return answer
    body = bytes(answer.body) if isinstance(answer.body, bytes | bytearray) else b""
    if not body or request.method == "HEAD":
        return _drop(request) if mode.name == "short" else answer
    stream = web.StreamResponse(status=answer.status, headers=answer.headers)
    stream.content_length = len(body)
    for cookie in answer.cookies.values():
        stream.cookies[cookie.key] = cookie
    await stream.prepare(request)
    await stream.write(body)
    await stream.write_eof()
    return stream


async def _damage(request: web.Request, response: web.StreamResponse) -> None:
    """Put a writer that damages the body in place of the stream's own."""
    mode = request.get(CHOSEN)
    if mode is None or isinstance(response, web.Response):
        return
    if mode.name == "reset-after":
        _drop(request)
        raise _HungUpError
    make = _WRITERS.get(mode.name)
    if make is not None:
        response.write = make(request, response, mode)  # type: ignore[method-assign, assignment]


def _slow(request: web.Request, response: web.StreamResponse, mode: Mode) -> Write:
    """Sends the body in parts, and waits after each."""
    send, total = response.write, response.content_length or 1
    size = max(1, -(-total // PARTS))

    async def write(body: Octets) -> None:
        view = memoryview(body)
        for start in range(0, len(view), size):
            part = view[start : start + size]
            await send(part)
            await _pause(request, mode.seconds * len(part) / total)

    return write


def _short(request: web.Request, response: web.StreamResponse, _: Mode) -> Write:
    """Sends half of the body, and hangs up."""
    send, left = response.write, (response.content_length or 1) // 2
    response.content_length = max(1, response.content_length or 0)

    async def write(body: Octets) -> None:
        nonlocal left
        part = memoryview(body)[:left]
        left -= len(part)
        if part:
            await send(part)
        if not left:
            if request.transport is not None:
                request.transport.close()  # once what was written is sent
            raise _HungUpError

    return write


def _unclosed(_: web.Request, response: web.StreamResponse, __: Mode) -> Write:
    """Leaves out the end of the body."""
    send, left = response.write, max(0, (response.content_length or 0) - _CUT)
    response.content_length = left

    async def write(body: Octets) -> None:
        nonlocal left
        part = memoryview(body)[:left]
        left -= len(part)
        if part:
            await send(part)

    return write


_WRITERS = {"slow": _slow, "short": _short, "bad-xml": _unclosed}


async def _pause(request: web.Request, seconds: float) -> None:
    """Wait, but no longer than the services run."""
    try:
        async with asyncio.timeout(seconds):
            await request.app[_ENDING].wait()
    except TimeoutError:
        return
