"""Opens the port of a listener, and answers or ends connections without requests.

A handshake, the head of the first request and each body have their time, and so has a client that
reads nothing of its answer. So none can hold a connection open by doing a little now and then.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from ssl import SSLContext

HANDSHAKE_SECONDS = 10.0
"""The longest that a handshake of TLS may take."""
HEAD_SECONDS = 20.0
"""The longest from the connection to the end of the first request's head, handshake included."""
BODY_SECONDS = 120.0
"""The longest that the body of a request may take."""
KEPT_SECONDS = 60.0
"""The time for which a connection is kept for the next request, whose head must come in it."""
STUCK_SECONDS = 60.0
"""The time in which a client may read nothing of an answer that is being sent."""
BACKLOG = 512
"""The most connections that may wait to be accepted."""

PEER: ContextVar[str] = ContextVar("peer", default="a client")
"""The address and port from which a connection comes, while it is made."""
NAME = "smki-testca"
"""The name of the server in answers: nobody needs to know versions, or what it is made of."""
_SILENT = logging.getLogger("smki_testca.service.http")
"""For aiohttp, which would print a traceback wherever a client hangs up or sends what is not HTTP.
"""
_SILENT.setLevel(logging.CRITICAL + 1)
_TOO_LATE = b"The head of the request did not come in time.\n"
_ANSWER_TOO_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_TOO_LATE), _TOO_LATE)
)


def address_text(address: Any) -> str:
    """An address and port as they are written: ``127.0.0.1:40000`` or ``[::1]:40000``."""
    host, port, *_ = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class ListeningSocket(socket.socket):
    """A socket that notes, for whatever a connection starts, where it comes from."""

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection, and set ``PEER``."""
        connection, address = super().accept()
        PEER.set(address_text(address))
        return connection, address


def listening_socket(host: str, port: int) -> ListeningSocket:
    """Open a port.

    Args:
        host: the address to bind.
        port: the port; 0 for any free one.

    Raises:
        OSError: if that cannot be done.
    """
    family, *_, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    opened = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    return ListeningSocket(fileno=opened.detach())


class Patience:
    """Waits for requests, and not for ever.

    Args:
        application: whose requests are to come in time; it has not been set up.
        tell: called with what a client did not send in time, as a sentence without its end.
    """

    def __init__(self, application: web.Application, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._expected: dict[asyncio.BaseProtocol, asyncio.TimerHandle] = {}

        @web.middleware
        async def in_time(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            expected = self._expected.pop(request.protocol, None)
            if expected is not None:
                expected.cancel()
            if request.content.is_eof():
                return await handler(request)
            body = asyncio.get_running_loop().call_later(BODY_SECONDS, self._end_body, request)
            try:
                return await handler(request)
            finally:
                body.cancel()

        application.middlewares.insert(0, in_time)

    def expect(self, connection: web.RequestHandler) -> None:
        """Wait for the first request of a connection that begins now."""
        self._expected[connection] = asyncio.get_running_loop().call_later(
            HEAD_SECONDS, self._end, connection
        )

    async def watch(self, server: web.Server) -> None:
        """End connections whose clients do not read their answers, until it is cancelled."""
        waiting: dict[web.RequestHandler, tuple[int, float]] = {}
        while True:
            await asyncio.sleep(STUCK_SECONDS / 4)
            now = asyncio.get_running_loop().time()
            before, waiting = waiting, {}
            for connection in server.connections:
                transport = connection.transport
                size = 0 if transport is None else transport.get_write_buffer_size()
                if transport is None or not size:
                    continue
                last, since = before.get(connection, (0, now))
                waiting[connection] = (size, since if size == last else now)
                if now - waiting[connection][1] >= STUCK_SECONDS:
                    peer = _peer(transport)
                    self._tell(f"{peer} read nothing of an answer for {STUCK_SECONDS:g} seconds")
                    transport.abort()

    def _end(self, connection: web.RequestHandler) -> None:
        del self._expected[connection]
        transport = connection.transport
        # Without a transport, it is gone; or a handshake goes on, which has its own time.
        if transport is None or transport.is_closing():
            return
        self._tell(f"{_peer(transport)} sent no request within {HEAD_SECONDS:g} seconds")
        transport.write(_ANSWER_TOO_LATE)
        transport.close()

    def _end_body(self, request: web.Request) -> None:
        if request.content.is_eof() or request.transport is None:
            return
        peer = _peer(request.transport)
        self._tell(f"{peer} did not send all of a body within {BODY_SECONDS:g} seconds")
        late = "The body of the request did not come in time."
        request.content.set_exception(web.HTTPRequestTimeout(text=late))


def _peer(transport: asyncio.BaseTransport) -> str:
    address = transport.get_extra_info("peername")
    return address_text(address) if address else "a client"


async def name_server(_: web.Request, response: web.StreamResponse) -> None:
    """Name the server in an answer; a signal of applications."""
    response.headers["Server"] = NAME


class _Connection(web.RequestHandler):
    """A connection; it answers what is no request in our words.

    Args:
        server: whose connection it is.
        failed: makes an answer of a status and a line.
    """

    __slots__ = ("_failed",)

    def __init__(self, server: web.Server, failed: Callable[[int, str], web.Response]) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # none is what it takes for no log
            logger=_SILENT,
            keepalive_timeout=KEPT_SECONDS,
        )
        self._failed = failed

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what cannot be read as a request, or a request whose handler failed."""
        # It raises ConnectionError if an answer has begun.
        super().handle_error(request, status, exc, message)
        line = "The request cannot be read as HTTP."
        if isinstance(exc, LineTooLong):
            line = "A line of the request's head is too long."
        elif status >= 500:
            line = "Internal error."
        response = self._failed(status, line)
        response.headers["Server"] = NAME
        response.force_close()
        return response


class Site(web.BaseSite):
    """A port at which an application answers.

    Args:
        runner: of the application.
        listening: the open port.
        ssl_context: for HTTPS.
        patience: with clients; it was made for the application.
        failed: answers what is no request, with a status and a line.
    """

    def __init__(
        self,
        runner: web.AppRunner,
        listening: socket.socket,
        ssl_context: SSLContext | None,
        patience: Patience,
        failed: Callable[[int, str], web.Response],
    ) -> None:
        super().__init__(runner, ssl_context=ssl_context, backlog=BACKLOG)
        self._listening = listening
        self._patience = patience
        self._failed = failed
        self._watching: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The name of its place."""
        return address_text(self._listening.getsockname())

    async def start(self) -> None:
        """Begin to accept connections."""
        await super().start()
        self._server = await asyncio.get_running_loop().create_server(
            self._connection,
            sock=self._listening,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=None if self._ssl_context is None else HANDSHAKE_SECONDS,
        )

        self._watching = asyncio.create_task(self._patience.watch(self._answering))

    async def stop(self) -> None:
        """Accept no more connections."""
        if self._watching is not None:
            self._watching.cancel()
        await super().stop()

    @property
    def _answering(self) -> web.Server:
        server = self._runner.server
        if server is None:
            raise RuntimeError("the application has not been set up")
        return server

    def _connection(self) -> web.RequestHandler:
        """The handler for the requests of a connection that begins."""
        connection = _Connection(self._answering, self._failed)
        self._patience.expect(connection)
        return connection
