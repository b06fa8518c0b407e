"""Each client that TLS refuses is told why, the operator sees one line, and the server goes on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from smki_testca.service import listening
from smki_testca.service.failures import line_of
from smki_testca.service.server_certificate import ServerCertificate
from smki_testca.service.tls import SUITES, ServerContext, peer_certificate

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
GOOD, REVOKED, EXPIRED = 2, 3, 4


@dataclass(frozen=True)
class Authority:
    """A CA, all of whose certificates have the same key."""

    name: x509.Name
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, name, key):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return cls(name, key, _certificate(name, name, key, key, 1, is_authority=True))

    def issue(self, serial, key, days=10):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        return _certificate(subject, self.name, key, self.key, serial, days=days)

    def revocation_list(self, *serials):
        builder = x509.CertificateRevocationListBuilder(self.name, NOW, NOW + timedelta(days=10))
        for serial in serials:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder(serial, NOW).build()
            )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)


def _certificate(subject, issuer, key, signer, serial, *, days=10, is_authority=False):
    usage = dict.fromkeys(USAGES, False)
    own_usages = ("key_cert_sign", "crl_sign") if is_authority else ("digital_signature",)
    usage |= dict.fromkeys(own_usages, True)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), serial)
        .not_valid_before(NOW - timedelta(days=20))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(own, critical=False)
        .add_extension(above, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(signer, hashes.SHA256())
    )


@dataclass(frozen=True, eq=False)
class Server:
    """A server, and its clients' files."""

    folder: Path
    port: int
    context: ServerContext
    told: list[str]
    iki: Authority
    loop: asyncio.AbstractEventLoop

    @cache  # noqa: B019 - a session belongs to a context
    def _context(self, name: str | None, suite: str | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.folder / "servers.pem"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        if suite is not None:
            context.set_ciphers(suite)
        if name is not None:
            context.load_cert_chain(self.folder / f"{name}.pem", self.folder / "key.pem")
        return context

    def client(self, name, session=None, suite=None):
        """Call as a client; gives the answer, the session of TLS, and whether it was resumed."""
        with (
            socket.create_connection(("localhost", self.port), timeout=30) as plain,
            self._context(name, suite).wrap_socket(
                plain, server_hostname="localhost", session=session
            ) as secure,
        ):
            secure.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = b""
            while part := secure.recv(65536):
                answer += part
            return answer, secure.session, secure.session_reused

    def openssl(self, *words: str, typed: bytes = b"") -> str:
        """Connect with ``openssl s_client`` as the good client; gives all that it says."""
        call = ["openssl", "s_client", "-connect", f"localhost:{self.port}"]
        call += ["-CAfile", str(self.folder / "servers.pem")]
        call += ["-cert", str(self.folder / "good.pem"), "-key", str(self.folder / "key.pem")]
        done = subprocess.run(
            [*call, *words], input=typed, capture_output=True, check=False, timeout=60
        )
        return (done.stdout + done.stderr).decode()

    def trust(self, *lists: bytes) -> None:
        """Trust the CA of the clients, with these lists."""
        done = threading.Event()

        def take():
            self.context.take_trust([self.iki.der], lists)
            done.set()

        self.loop.call_soon_threadsafe(take)
        assert done.wait(30)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key = rsa.generate_private_key(65537, 2048)
    another = rsa.generate_private_key(65537, 2048)
    servers, iki = Authority.make("servers", another), Authority.make("IKI", another)
    dccki = Authority.make("DCCKI", key)
    clients = {
        "good": iki.issue(GOOD, key),
        "revoked": iki.issue(REVOKED, key),
        "expired": iki.issue(EXPIRED, key, -1),
        "stranger": Authority.make("stranger", key).certificate,
        "dccki": dccki.issue(5, key),
    }
    for name, certificate in {**clients, "servers": servers.certificate}.items():
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        (folder / f"{name}.pem").write_bytes(pem)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    own = servers.issue(6, key).public_bytes(serialization.Encoding.DER)
    told: list[str] = []
    context = ServerContext(
        ServerCertificate(own, key, servers.der), {}, ssl.CERT_REQUIRED, told.append
    )
    context.take_trust([iki.der], [iki.revocation_list(REVOKED)])
    started: list[Server] = []
    is_up, loop = threading.Event(), asyncio.new_event_loop()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=peer_certificate(request))

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/", answer)
        patience = listening.Patience(app, told.append)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        opened = listening.listening_socket("127.0.0.1", 0)
        await listening.Site(runner, opened, context, patience, line_of).start()
        port = opened.getsockname()[1]
        started.append(Server(folder, port, context, told, iki, loop))
        is_up.set()
        return runner

    def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(listening, "HANDSHAKE_SECONDS", 3)
            runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert is_up.wait(30)
    yield started[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


@pytest.fixture
def fresh(server):
    """The server, of which nothing has been told yet."""
    server.told.clear()
    yield server
    assert server.client("good")[0].startswith(b"HTTP/1.0 200 OK"), "it does not go on"


def test_a_good_client_gets_in_and_is_known_by_its_certificate(fresh):
    answer, _, _ = fresh.client("good")
    own = x509.load_pem_x509_certificate((fresh.folder / "good.pem").read_bytes())

    assert answer.endswith(own.public_bytes(serialization.Encoding.DER))
    assert fresh.told == []


@pytest.mark.parametrize(
    ("name", "alert", "line"),
    [
        ("stranger", "ALERT_UNKNOWN_CA", "was refused: self-signed certificate"),
        ("dccki", "ALERT_UNKNOWN_CA", "was refused: unable to get local issuer certificate"),
        ("revoked", "ALERT_CERTIFICATE_REVOKED", "was refused: certificate revoked"),
        ("expired", "ALERT_CERTIFICATE_EXPIRED", "was refused: certificate has expired"),
        (None, "ALERT_HANDSHAKE_FAILURE", "was refused: peer did not return a certificate"),
    ],
)
def test_a_client_whose_certificate_is_no_good_gets_the_alert_that_says_so(
    fresh, name, alert, line
):
    with pytest.raises(ssl.SSLError, match=alert):
        fresh.client(name)

    (told,) = fresh.told
    assert told.startswith("127.0.0.1:")
    assert told.endswith(line)


@pytest.mark.parametrize("suite", ["ECDHE-RSA-CHACHA20-POLY1305", "AES256-GCM-SHA384"])
def test_a_client_without_a_suite_of_appendix_m_gets_a_handshake_failure(fresh, suite):
    with pytest.raises(ssl.SSLError, match="ALERT_HANDSHAKE_FAILURE"):
        fresh.client("good", suite=suite)

    (told,) = fresh.told
    assert told.endswith("was refused: no shared cipher")


@pytest.mark.parametrize("suite", SUITES)
def test_each_suite_of_appendix_m_gets_in(fresh, suite):
    assert fresh.client("good", suite=suite)[0].startswith(b"HTTP/1.0 200 OK")


@pytest.mark.interop
def test_tls_1_1_gets_a_protocol_version_alert(fresh):
    said = fresh.openssl("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")

    assert "alert protocol version" in said
    (told,) = fresh.told
    assert told.endswith("was refused: unsupported protocol")


def test_tls_1_3_alone_gets_a_protocol_version_alert(fresh):
    context = ssl.create_default_context(cafile=str(fresh.folder / "servers.pem"))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with (
        socket.create_connection(("localhost", fresh.port), timeout=30) as plain,
        pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


@pytest.mark.interop
def test_renegotiation_is_declined(fresh):
    said = fresh.openssl("-tls1_2", typed=b"R\n")

    assert "RENEGOTIATING" in said
    assert "no renegotiation" in said


def test_http_without_tls_is_told_to_speak_https(fresh):
    with socket.create_connection(("localhost", fresh.port), timeout=30) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = client.recv(65536)

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"This port speaks HTTPS" in answer
    (told,) = fresh.told
    assert told.endswith("was refused: it speaks HTTP without TLS")


def test_what_is_no_tls_at_all_is_hung_up_on(fresh):
    with (
        socket.create_connection(("localhost", fresh.port), timeout=30) as client,
        contextlib.suppress(ConnectionResetError),
    ):
        client.sendall(b"\x00" * 64)
        assert client.recv(1) == b""

    (told,) = fresh.told
    assert told.endswith("was refused: wrong version number")


@pytest.mark.slow
def test_a_client_that_does_not_trust_the_server_is_told_of(fresh):
    context = ssl.create_default_context()
    with (
        socket.create_connection(("localhost", fresh.port), timeout=30) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        context.wrap_socket(plain, server_hostname="localhost")

    assert fresh.client("good")
    (told,) = fresh.told
    assert told.endswith("ended the handshake: unknown ca")


def test_a_session_is_not_resumed_once_its_certificate_is_revoked(fresh):
    _, session, _ = fresh.client("good")
    _, _, is_resumed = fresh.client("good", session)
    assert is_resumed
    fresh.trust(fresh.iki.revocation_list(REVOKED, GOOD))
    try:
        with pytest.raises(ssl.SSLError, match="ALERT_CERTIFICATE_REVOKED"):
            fresh.client("good", session)
    finally:
        fresh.trust(fresh.iki.revocation_list(REVOKED))


def test_without_lists_none_is_looked_at(fresh):
    fresh.trust()
    try:
        assert fresh.client("revoked")[0].startswith(b"HTTP/1.0 200 OK")
    finally:
        fresh.trust(fresh.iki.revocation_list(REVOKED))


@pytest.mark.slow
def test_a_handshake_that_does_not_go_on_holds_nobody_up_and_is_ended(fresh):
    with socket.create_connection(("localhost", fresh.port), timeout=60) as silent:
        silent.sendall(b"\x16\x03\x01")
        assert fresh.client("good")[0].startswith(b"HTTP/1.0 200 OK")
        with contextlib.suppress(ConnectionResetError):
            assert silent.recv(1) == b""
