"""Calls a service over HTTP or HTTPS, step by step, each with its own time and its own errors."""

from __future__ import annotations

import errno
import http.client
import queue
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from smki_testca.client.handshake import (
    Messages,
    alert_error,
    client_context,
    handshake_error,
    openssl_words,
)
from smki_testca.client.service_errors import (
    ServiceError,
    ServiceFaultError,
    ServiceRefusalError,
    remedy_beside,
)
from smki_testca.client.timed_socket import TimedSocket
from smki_testca.client.trace import Step
from smki_testca.text import counted, plain, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smki_testca.client.address import Address
    from smki_testca.client.credentials import Credentials
    from smki_testca.client.handshake import TlsVersion
    from smki_testca.client.trace import Trace

BODY_TIMES = 10
"""The factor by which the client waits longer for the whole body of an answer than for a step."""
_MOST_PLACES = 8
"""The most addresses of a name that are tried."""
_CHUNK = 1 << 16
_OK = 200
_OF_SERVER = 500
"""The first HTTP status for which the server is to blame."""
_MOST_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """A request to a service.

    Attributes:
        method: ``GET`` or ``POST``.
        address: of the service, with its path.
        body: of the request; None for none.
        headers: besides those that every request has.
        limit: the most octets of the answer's body.
    """

    method: str
    address: Address
    limit: int
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """The answer of a service.

    Attributes:
        status: the HTTP status.
        reason: its words.
        media_type: of the body, such as ``application/xml``; empty if it is not stated.
        body: the octets.
        location: where the service sends the client instead; empty if nowhere.
    """

    status: int
    reason: str
    media_type: str
    body: bytes
    location: str = ""

    @property
    def first_line(self) -> str:
        """The first line of a body of plain text, to follow a colon; empty for any other."""
        if self.media_type != "text/plain":
            return ""
        lines = self.body[: 4 * _MOST_CHARACTERS].decode("utf-8", "replace").strip().splitlines()
        return f": {plain(lines[0][:_MOST_CHARACTERS]).rstrip('.')}" if lines else ""


@dataclass(frozen=True, slots=True)
class ServiceCaller:
    """Calls services over HTTP and TLS.

    Attributes:
        seconds: for each step.
        authorities: the CAs of servers, DER; None for those of the operating system.
        credentials: the client's certificate and key; None for none.
        version: of TLS, the only one; None for 1.2 or later.
    """

    seconds: float = 30.0
    authorities: tuple[bytes, ...] | None = None
    credentials: Credentials | None = None
    version: TlsVersion | None = None

    def context(self) -> ssl.SSLContext:
        """A TLS context for one call.

        Raises:
            InputError: if OpenSSL does not take the client's certificate or key.
        """
        return client_context(self.authorities, self.credentials, self.version)

    def call(self, request: ServiceRequest, trace: Trace) -> ServiceAnswer:
        """Make a request over a new connection, and read the answer, of any status.

        Raises:
            ServiceError: if a step fails; its code says how.
            InputError: if OpenSSL does not take the client's certificate or key.
        """
        address = request.address
        with trace.during(Step.RESOLVE):
            places = _resolved(address, self.seconds)
        trace.add(
            Step.RESOLVE, f"{address.host}: {', '.join(dict.fromkeys(p[1][0] for p in places))}"
        )
        with trace.during(Step.CONNECT):
            connection = _connected(places, address, self.seconds)
        messages: Messages | None = None
        try:
            peer = connection.getpeername()
            trace.add(Step.CONNECT, f"{peer[0]} port {peer[1]}")
            if address.is_tls:
                connection, messages = self._secured(connection, address, trace)
            return self._exchanged(TimedSocket(connection), request, messages, trace)
        finally:
            connection.close()

    def _secured(
        self, connection: socket.socket, address: Address, trace: Trace
    ) -> tuple[ssl.SSLSocket, Messages]:
        """Do the handshake of TLS."""
        context = self.context()
        messages = Messages(context)
        with trace.during(Step.TLS):
            try:
                connection.settimeout(self.seconds)
                tls = context.wrap_socket(
                    connection, server_hostname=address.host, suppress_ragged_eofs=False
                )
            except (OSError, ValueError) as error:
                trace.tls = messages.details(None, self.credentials)
                if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
                    raise handshake_error(messages, error, address.host) from error
                raise _broken(messages, error, Step.TLS, self.seconds) from error
        trace.tls = messages.details(tls, self.credentials)
        trace.add(Step.TLS, f"{trace.tls.version}, {trace.tls.suite}")
        return tls, messages

    def _exchanged(
        self,
        connection: TimedSocket,
        request: ServiceRequest,
        messages: Messages | None,
        trace: Trace,
    ) -> ServiceAnswer:
        """Send a request, and read the answer."""
        exchange = http.client.HTTPConnection(request.address.host, request.address.port)
        exchange.sock = cast("Any", connection)
        connection.allow(self.seconds)
        failure: OSError | None = None
        with trace.during(Step.REQUEST):
            try:
                exchange.request(
                    request.method, request.address.target, request.body, _headers(request)
                )
            except TimeoutError as error:
                raise _broken(messages, error, Step.REQUEST, self.seconds) from error
            except OSError as error:
                # A server may refuse a request before it has read all of it: its answer tells.
                failure = error
        size = 0 if request.body is None else len(request.body)
        if failure is None:
            sent = "" if not size else f", {counted(size, 'octet')}"
            trace.add(Step.REQUEST, f"{request.method} {request.address}{sent}")
        step = Step.ANSWER if failure is None else Step.REQUEST
        with trace.during(step):
            connection.allow(self.seconds)
            try:
                answer = _answer(exchange, connection, request.limit, self.seconds)
            except OSError as error:
                cause = error if failure is None or (messages and messages.alert) else failure
                raise _broken(messages, cause, step, self.seconds) from error
            except http.client.HTTPException as error:
                raise ServiceFaultError(
                    "client.not_http",
                    f"What the server answers is not HTTP: {type(error).__name__}"
                    f" {shown(str(error))}.",
                    "Compare the port, and whether the URL must begin with https://.",
                ) from error
        of_type = f", {answer.media_type}" if answer.media_type else ""
        trace.add(
            Step.ANSWER,
            f"HTTP {answer.status} {plain(answer.reason)}{plain(of_type)},"
            f" {counted(len(answer.body), 'octet')}",
        )
        return answer


def _headers(request: ServiceRequest) -> dict[str, str]:
    return {
        "Host": request.address.authority,
        "Accept-Encoding": "identity",
        "Connection": "close",
        "User-Agent": "smki-testca",
        **request.headers,
    }


Place = tuple[int, tuple[Any, ...]]
"""An address family, and an address of it."""


def _resolved(address: Address, seconds: float) -> list[Place]:
    """The addresses of a host.

    Raises:
        ServiceFaultError: if it has none, or nobody said in time.
    """
    resolved: queue.SimpleQueue[list[Place] | OSError | UnicodeError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            infos = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            resolved.put(error)
        else:
            resolved.put([(int(family), place) for family, _, _, _, place in infos])

    # The system waits for name servers as long as it likes, and cannot be told to stop.
    threading.Thread(target=look_up, daemon=True).start()
    try:
        result = resolved.get(timeout=seconds)
    except queue.Empty:
        raise _timeout(Step.RESOLVE, seconds) from None
    if isinstance(result, list):
        return result[:_MOST_PLACES]
    reason = getattr(result, "strerror", None) or str(result)
    raise ServiceFaultError(
        "client.name_not_found",
        f"The name {address.host} is not found: {reason}.",
        "Compare it with what the service's operator gave you, and this machine's name servers.",
    ) from result


def _connected(places: list[Place], address: Address, seconds: float) -> socket.socket:
    """Connect to the first address of a host that answers.

    Raises:
        ServiceFaultError: if none does; the last one's error counts.
    """
    deadline = time.monotonic() + seconds
    last: OSError = TimeoutError()
    for number, (family, place) in enumerate(places):
        left = max(deadline - time.monotonic(), 0.001) / (len(places) - number)
        try:
            connection = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            last = error
            continue
        try:
            connection.settimeout(left)
            connection.connect(place)
        except OSError as error:
            connection.close()
            last = error
            continue
        return connection
    if isinstance(last, TimeoutError):
        raise _timeout(Step.CONNECT, seconds)
    if last.errno == errno.ECONNREFUSED:
        raise ServiceFaultError(
            "client.connection_refused",
            f"{address.host} refuses connections to port {address.port}.",
            "Start the service, or compare the port.",
        ) from last
    raise ServiceFaultError(
        "client.unreachable",
        f"{address.host} port {address.port} cannot be reached: {last.strerror or last}.",
        "Compare the network: routes, firewalls, a VPN.",
    ) from last


def _answer(
    exchange: http.client.HTTPConnection, connection: TimedSocket, limit: int, seconds: float
) -> ServiceAnswer:
    """Read an answer.

    Raises:
        ServiceFaultError: if its body is too long, cut off, or compressed.
        OSError, HTTPException: if it cannot be read.
    """
    response = exchange.getresponse()
    coding = response.getheader("Content-Encoding", "identity")
    if coding.lower() != "identity":
        raise ServiceFaultError(
            "client.compressed",
            f"The answer is compressed with {shown(coding)}, which the client did not ask for.",
            "Have the service, or a proxy before it, send it as it is.",
        )
    connection.allow(BODY_TIMES * seconds)
    body = bytearray()
    stated = response.length
    if stated is not None and stated > limit:
        raise _too_long(limit)
    try:
        while part := response.read(min(_CHUNK, limit + 1 - len(body))):
            body += part
            if len(body) > limit:
                raise _too_long(limit)
    except http.client.IncompleteRead as error:
        raise _short(len(body) + len(error.partial), stated) from error
    except (ssl.SSLEOFError, ConnectionError) as error:
        raise _short(len(body), stated) from error
    if response.length:
        raise _short(len(body), stated)
    return ServiceAnswer(
        response.status,
        response.reason,
        response.headers.get_content_type() if "Content-Type" in response.headers else "",
        bytes(body),
        response.getheader("Location", ""),
    )


def _too_long(limit: int) -> ServiceFaultError:
    return ServiceFaultError(
        "client.too_long",
        f"The answer is longer than {limit:,} octets, which is the most that are read.",
        "Compare the address: what is there is not what was asked for.",
    )


def _short(read: int, stated: int | None) -> ServiceFaultError:
    of = "" if stated is None else f" of {stated:,}"
    return ServiceFaultError(
        "client.short",
        f"The answer is cut off after {read:,}{of} octets.",
        "Try again; if it stays so, look at the server's log, and proxies before it.",
    )


def _timeout(step: Step, seconds: float) -> ServiceFaultError:
    return ServiceFaultError(
        "client.timeout",
        f"{_WAITING[step]} took longer than {seconds:g} s.",
        "Try again, or allow more with --timeout SECONDS.",
    )


_WAITING = {
    Step.RESOLVE: "To find the address of the host's name",
    Step.CONNECT: "To connect",
    Step.TLS: "The handshake of TLS",
    Step.REQUEST: "To send the request",
    Step.ANSWER: "The answer",
}


def _broken(
    messages: Messages | None, error: Exception, step: Step, seconds: float
) -> ServiceError:
    """The error for a connection that ended in a step."""
    if isinstance(error, TimeoutError):
        return _timeout(step, seconds)
    if messages is not None and isinstance(error, OSError):
        alert = alert_error(messages, error)
        if alert is not None:
            return alert
    reason = openssl_words(error) if isinstance(error, OSError) else str(error).rstrip(".")
    suffix = f": {reason}" if reason else ""
    return ServiceFaultError(
        "client.reset",
        f"The server ended the connection {_ENDED[step]}{suffix}.",
        "Try again; if it stays so, look at the server's log, and proxies before it.",
    )


_ENDED = {
    Step.TLS: "during the handshake of TLS",
    Step.REQUEST: "before it had the whole request",
    Step.ANSWER: "without an answer",
}


def check_status(answer: ServiceAnswer) -> None:
    """Check that a service answered with HTTP 200.

    Raises:
        ServiceRefusalError: if it denies access.
        ServiceFaultError: for any other status.
    """
    if answer.status == _OK:
        return
    status = f"HTTP {answer.status} {plain(answer.reason)}".rstrip()
    if answer.status in {401, 403}:
        raise ServiceRefusalError(
            "client.denied",
            f"The service denies access ({status}){answer.first_line}.",
            remedy_beside(
                answer.first_line, "Call it with the certificate, key or account that it is for."
            ),
        )
    if answer.location:
        raise ServiceFaultError(
            "client.redirect",
            f"The service sends the client elsewhere ({status}): {shown(answer.location)}.",
            "Use that address, if you trust it: the client does not follow.",
        )
    raise ServiceFaultError(
        "client.http_status",
        f"The service answers with {status}{answer.first_line}.",
        remedy_beside(
            answer.first_line,
            "Try again later."
            if answer.status >= _OF_SERVER
            else "Compare the address with the service's.",
        ),
    )
