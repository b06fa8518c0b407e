"""TLS as SEC App. M G asks for it, and a server that tells a refused client why.

asyncio (before Python 3.15) drops the connection of a client whose handshake fails before the alert
is sent. ``AlertingSSLObject`` sends it first.
"""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from smki_testca.service.listening import PEER, address_text
from smki_testca.service.own_chain import load_chain
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aiohttp import web

    from smki_testca.service.server_certificate import ServerCertificate

SUITES = (
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-SHA256",
)
"""The cipher suites of SEC App. M G, in its order; they are of TLS 1.2."""

_PLAIN = {"HTTP_REQUEST", "HTTPS_PROXY_REQUEST"}
"""OpenSSL's reasons for what is HTTP without TLS."""
_SPEAK_TLS = b"This port speaks HTTPS: call it as https://\n"
_ANSWER_TO_PLAIN = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_SPEAK_TLS), _SPEAK_TLS)
)
_ALERT = b"\x15\x03\x03\x00\x02\x02"
"""The record of a fatal alert of TLS 1.2, without its number (RFC 5246 6.2.1 and 7.2)."""


class AlertingSSLObject(ssl.SSLObject):
    """The server's end of a connection; a client that it refuses gets the alert that says why.

    Attributes:
        address: the address and port of the client.
        outgoing: what is sent to it.
        tell: called with what hindered the handshake, as the rest of a sentence on the client.
        purpose: why the handshake is to fail, where that is on purpose.
        alert: the number of the alert that answers the client's certificate, whatever it is; None
            for none.
    """

    address = "unknown"
    outgoing: ssl.MemoryBIO | None = None
    tell: Callable[[str], None] | None = None
    purpose: str = ""
    alert: int | None = None
    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Go on with the handshake.

        Raises:
            SSLError: if it failed; only at the call after the one that failed, because until then
                the alert is not sent.
        """
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            if error.reason in _PLAIN:
                self._send(_ANSWER_TO_PLAIN)
            self._fail(error)
        if self.alert is not None:
            # In place of the server's last words, which end the handshake: so it is not encrypted.
            self._send(_ALERT + bytes([self.alert]))
            self._fail(ssl.SSLError(ssl.SSL_ERROR_SSL, self.purpose))

    def _send(self, octets: bytes) -> None:
        """Send octets in place of what has not been sent yet."""
        if self.outgoing is not None:
            self.outgoing.read()
            self.outgoing.write(octets)

    def _fail(self, error: ssl.SSLError) -> None:
        """Tell of a failure, and have what is still to be sent sent, if there is anything."""
        self._failure = error
        if self.tell is not None:
            self.tell(f"was refused: {self.purpose}" if self.purpose else reason_of(error))
        if self.outgoing is None or not self.outgoing.pending:
            raise error
        raise ssl.SSLWantReadError from error


def reason_of(error: ssl.SSLError) -> str:
    """The reason for which a handshake failed, to follow the client in a sentence."""
    verify: str | None = getattr(error, "verify_message", None)
    reason = error.reason or str(error)
    if verify:
        return f"was refused: {verify}"
    if reason in _PLAIN:
        return "was refused: it speaks HTTP without TLS"
    words = reason.replace("_", " ").lower()
    _, alert, description = words.partition(" alert ")
    return f"ended the handshake: {description}" if alert else f"was refused: {words}"


class ServerContext(ssl.SSLContext):
    """The TLS context of a listener: TLS 1.2 with the suites of SEC App. M G.

    Each connection gets a context that has what is trusted as it begins. What is trusted may
    change; then nobody resumes an older session, as somebody might whose certificate was revoked
    since.

    Args:
        certificate: of the server.
        others: certificates to present on purpose, by name.
        client_certificate: whether the client must, may or need not present one.
        tell: called with a line for each handshake that fails.
    """

    def __new__(cls, *_: object, **__: object) -> Self:
        """Make one for servers."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(
        self,
        certificate: ServerCertificate,
        others: Mapping[str, ServerCertificate],
        client_certificate: ssl.VerifyMode,
        tell: Callable[[str], None],
    ) -> None:
        self.on_hello: Callable[[AlertingSSLObject], int | None] | None = None
        self._certificate = certificate
        self._others = others
        self._client_certificate = client_certificate
        self._tell = tell
        self._authorities: tuple[bytes, ...] = ()
        self._lists: tuple[bytes, ...] = ()
        self._contexts: dict[str, ssl.SSLContext] = {}

    def take_trust(self, authorities: Iterable[bytes], lists: Iterable[bytes]) -> None:
        """Trust these CAs and revocation lists from now on, and no others.

        Args:
            authorities: certificates of the CAs of clients, DER.
            lists: of each issuing CA the newest, DER. Without any, none is looked at.
        """
        self._authorities, self._lists = tuple(authorities), tuple(lists)
        self._contexts.clear()

    def present(self, connection: AlertingSSLObject, name: str) -> None:
        """Present another certificate in a connection, whose ClientHello is being read.

        Args:
            connection: that one.
            name: of the certificate.
        """
        connection.context = self._context(name)

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - as the class above has it
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """A connection that begins now."""
        connection = self._context("").wrap_bio(
            incoming, outgoing, server_side, server_hostname, session
        )
        if isinstance(connection, AlertingSSLObject):
            connection.address, connection.outgoing = PEER.get(), outgoing
            connection.tell = lambda text: self._tell(f"{connection.address} {text}")
        return connection

    def _context(self, name: str) -> ssl.SSLContext:
        """The context for connections that begin now, with the certificate of that name."""
        if name not in self._contexts:
            self._contexts[name] = self._make(self._others[name] if name else self._certificate)
        return self._contexts[name]

    def _make(self, certificate: ServerCertificate) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(":".join(SUITES))
        # Renegotiation lets a client begin anew for ever, and none needs it.
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        # A ticket would outlive this context, and what is trusted with it.
        context.options |= ssl.OP_NO_TICKET
        context.verify_mode = self._client_certificate
        _trust(context, self._authorities, self._lists)
        load_chain(context, (certificate.der, certificate.authority), certificate.key)
        context.sslobject_class = AlertingSSLObject
        # The types of the library leave open what the connection is.
        context.sni_callback = self._greeted  # type: ignore[assignment]
        return context

    def _greeted(
        self, connection: AlertingSSLObject, _: str | None, __: ssl.SSLContext
    ) -> int | None:
        """Called with each ClientHello; gives the number of the alert that answers it, or None."""
        return None if self.on_hello is None else self.on_hello(connection)


def _trust(context: ssl.SSLContext, authorities: Iterable[bytes], lists: Iterable[bytes]) -> None:
    trusted = b"".join(authorities)
    if trusted:
        context.load_verify_locations(cadata=trusted)
    pem = b"".join(to_pem(each, "X509 CRL") for each in lists)
    if not pem:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lists.pem")
        path.write_bytes(pem)
        context.load_verify_locations(path)
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def peer_certificate(request: web.Request) -> bytes | None:
    """The certificate that the client of a request presented, DER; None without one, or TLS."""
    transport = request.transport
    tls = None if transport is None else transport.get_extra_info("ssl_object")
    return None if tls is None else tls.getpeercert(binary_form=True)


def peer_address(request: web.Request) -> str:
    """The address and port from which a request comes."""
    transport = request.transport
    peer = None if transport is None else transport.get_extra_info("peername")
    if not peer:
        return request.remote or "unknown"
    return address_text(peer)
