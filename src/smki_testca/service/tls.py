"""TLS as SEC App. M G asks for it, and a server that tells a refused client why.

asyncio (before Python 3.15) drops the connection of a client whose handshake fails before the alert
is sent. ``ToldSSLObject`` sends it first.
"""

from __future__ import annotations

import secrets
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization

from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiohttp import web

    from smki_testca.x509.keys import PrivateKey

SUITES = (
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-SHA256",
)
"""The cipher suites of SEC App. M G, in its order; they are of TLS 1.2."""


class ToldSSLObject(ssl.SSLObject):
    """The server's end of a connection; a client that it refuses gets the alert that says why."""

    refused: Callable[[str], None] | None = None
    """Called with the reason; a context's own class has it."""
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
            if self.refused is not None:
                self.refused(reason_of(error))
            # Who speaks no TLS is told nothing, and waits for nothing.
            if error.reason in {"HTTP_REQUEST", "HTTPS_PROXY_REQUEST"}:
                raise
            self._failure = error
            raise ssl.SSLWantReadError from error


def reason_of(error: ssl.SSLError) -> str:
    """Why a handshake failed, in a few words: what was wrong with the certificate, or OpenSSL's."""
    verify: str | None = getattr(error, "verify_message", None)
    return verify or (error.reason or str(error)).replace("_", " ").lower()


def server_context(
    chain: Iterable[bytes],
    key: PrivateKey,
    *,
    client_authorities: Iterable[bytes] = (),
    client_lists: Iterable[bytes] = (),
    client_certificate: ssl.VerifyMode = ssl.CERT_NONE,
    refused: Callable[[str], None] | None = None,
) -> ssl.SSLContext:
    """The TLS context of a listener: TLS 1.2 with the suites of SEC App. M G.

    Args:
        chain: the server's certificate and the CAs above it, DER.
        key: of the certificate.
        client_authorities: the CAs of clients' certificates, DER: roots and issuing CAs.
        client_lists: the revocation lists of all of them, DER; without any, none is looked at.
        client_certificate: whether the client must, may or need not present one.
        refused: called with the reason of each handshake that fails.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(SUITES))
    # Renegotiation lets a client begin anew for ever, and none needs it.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # A session would be resumed without a look at the revocation list.
    context.options |= ssl.OP_NO_TICKET
    context.verify_mode = client_certificate
    take_trust(context, client_authorities, client_lists)
    load_chain(context, chain, key)
    own: dict[str, Any] = {"refused": None if refused is None else staticmethod(refused)}
    context.sslobject_class = type("ToldSSLObject", (ToldSSLObject,), own)
    return context


def take_trust(
    context: ssl.SSLContext, authorities: Iterable[bytes], lists: Iterable[bytes]
) -> None:
    """Add CAs and revocation lists to a context, which may be in use.

    Args:
        context: of a listener.
        authorities: certificates of CAs, DER.
        lists: of all of these, DER; the newest of each CA counts. Without any, none is looked at.
    """
    trusted = b"".join(authorities)
    if trusted:
        context.load_verify_locations(cadata=trusted)
    pem = b"".join(to_pem(each, "X509 CRL") for each in lists)
    if not pem:
        context.verify_flags &= ~ssl.VERIFY_CRL_CHECK_LEAF
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lists.pem")
        path.write_bytes(pem)
        context.load_verify_locations(path)
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def load_chain(context: ssl.SSLContext, chain: Iterable[bytes], key: PrivateKey) -> None:
    """Give a context its certificate and key, which it takes from files alone: encrypted."""
    passphrase = secrets.token_hex(32)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    certificates = b"".join(map(to_pem, chain))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "server.pem")
        path.write_bytes(certificates + sealed)
        context.load_cert_chain(path, password=passphrase)


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
    host, port, *_ = peer
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
