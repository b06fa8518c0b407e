"""Small servers in threads that answer as a test says, over TLS or not, and their certificates."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import csrs

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 30
"""After which a server gives up; no test waits so long."""
NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self, passphrase=None):
        encryption = (
            serialization.NoEncryption()
            if passphrase is None
            else serialization.BestAvailableEncryption(passphrase)
        )
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )

    def files(
        self, folder: Path, label: str = "client", passphrase: bytes | None = None
    ) -> tuple[Path, Path]:
        """The files of the certificate and its key, in a folder."""
        certificate, key = folder / f"{label}.pem", folder / f"{label}.key"
        certificate.write_bytes(self.pem)
        key.write_bytes(self.key_pem(passphrase))
        return certificate, key


def authority(label: str = "Test CA") -> Issued:
    """A CA, which signs itself; the same one for the same name."""
    return _authority(label)


@cache
def _authority(label: str) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
    builder = (
        x509.CertificateBuilder(name(label), name(label), key.public_key(), 1, NOW - DAY, NOW + DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Issued(builder.sign(key, hashes.SHA256()), key)


_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def issued(
    label: str = "localhost",
    ca: str = "Test CA",
    *,
    host: str = "localhost",
    begin: int = -1,
    end: int = 1,
) -> Issued:
    """A certificate of a CA, valid from and until so many days from now; the same one again."""
    return _issued(label, ca, host, begin, end)


@cache
def _issued(label: str, ca: str, host: str, begin: int, end: int) -> Issued:
    issuer, key = authority(ca), ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder(
            name(ca),
            name(label),
            key.public_key(),
            x509.random_serial_number(),
            NOW + begin * DAY,
            NOW + end * DAY,
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
    )
    return Issued(builder.sign(issuer.key, hashes.SHA256()), key)


def device_certificate(key, device_id=csrs.DEVICE_ID):
    """A certificate, DER, with what a CSR of ``csrs.device`` asks for."""
    request = x509.load_der_x509_csr(csrs.device(key, device_id=device_id))
    builder = x509.CertificateBuilder(
        name("Test CA"), x509.Name([]), key.public_key(), 77, NOW - DAY, NOW + DAY
    )
    for extension in request.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    signed = builder.sign(authority().key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def revocation_list(*revoked, ca="Test CA", begin=-1, end=1, number=7, key=None):
    """A revocation list of a CA, DER; of another key, if one is given."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name(ca))
        .last_update(NOW + begin * DAY)
        .next_update(NOW + end * DAY)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority(ca).key.public_key()),
            critical=False,
        )
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder(one.certificate.serial_number, NOW - DAY)
        builder = builder.add_revoked_certificate(entry.build())
    signed = builder.sign(key or authority(ca).key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def context(folder, server=None, clients=None, lists=b"", version=None):
    """The TLS context of a server.

    Args:
        folder: for files.
        server: its certificate.
        clients: the label of the CA of clients' certificates, which then are required.
        lists: the revocation lists of that CA, PEM.
        version: of TLS, the only one.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*(server or issued()).files(folder, "server"))
    if version is not None:
        made.minimum_version = made.maximum_version = version
    if clients is not None:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(cadata=authority(clients).der)
    if lists:
        (folder / "lists.pem").write_bytes(lists)
        made.load_verify_locations(folder / "lists.pem")
        made.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return made


@contextlib.contextmanager
def serving(*behaviours, tls=None, accepts=True):
    """Yields the port of a server: each connection gets the next behaviour, the last one for good.

    A behaviour is called with the connection, after the handshake, and with what was requested.
    """
    ended, requests = threading.Event(), []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SECONDS)

        def serve():
            number = 0
            while accepts and not ended.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(SECONDS)
                    if not ended.is_set():
                        _serve(connection, behaviours[min(number, len(behaviours) - 1)])
                number += 1

        def _serve(connection, behaviour):
            if tls is not None:
                try:
                    # The socket stays open: an alert is lost with octets that nobody read.
                    wrapped = tls.wrap_socket(connection.dup(), server_side=True)
                except OSError:
                    _drain(connection)
                    return
            else:
                wrapped = connection
            with contextlib.suppress(OSError), wrapped:
                behaviour(wrapped, requests)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Port(listener.getsockname()[1], requests)
        finally:
            ended.set()
            with contextlib.suppress(OSError), socket.create_connection(listener.getsockname(), 1):
                pass
            thread.join()


def _drain(connection):
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 16):
            pass


class Port(int):
    """The port of a server, with the requests that it got: head and body of each."""

    requests: list[tuple[bytes, bytes]]

    def __new__(cls, number, requests):
        port = super().__new__(cls, number)
        port.requests = requests
        return port


def read_request(connection):
    """The head and the body of a request."""
    data = b""
    while b"\r\n\r\n" not in data and (part := connection.recv(1 << 16)):
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        field, _, value = line.partition(b":")
        if field.lower() == b"content-length":
            length = int(value)
    while len(body) < length and (part := connection.recv(1 << 16)):
        body += part
    return head, body


def response(body=b"", status="200 OK", media_type="application/xml", **headers):
    """The octets of an answer; a header's underscores stand for hyphens."""
    lines = [f"HTTP/1.1 {status}"]
    if "Content_Length" not in headers and "Transfer_Encoding" not in headers:
        headers["Content_Length"] = str(len(body))
    if media_type:
        headers["Content_Type"] = media_type
    lines += [f"{field.replace('_', '-')}: {value}" for field, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answers(octets):
    """A behaviour: read the request, then send these octets; or what a function makes of it."""

    def behave(connection, requests):
        request = read_request(connection)
        requests.append(request)
        connection.sendall(octets(*request) if callable(octets) else octets)
        if isinstance(connection, ssl.SSLSocket):
            connection.unwrap()

    return behave


def closes(connection, requests):
    """A behaviour: read the request, and close the connection without an answer."""
    requests.append(read_request(connection))


def resets(connection, requests):
    """A behaviour: read the request, and reset the connection."""
    requests.append(read_request(connection))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def never(connection, requests):
    """A behaviour: read the request, and never answer; ends when the client goes."""
    requests.append(read_request(connection))
    connection.recv(1)
