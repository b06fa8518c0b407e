"""TLS as a client sees it: the context, what was agreed on, and why a handshake failed."""

from __future__ import annotations

import hashlib
import http.client
import re
import ssl
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Self

from smki_testca.client.service_errors import ServiceError, ServiceFaultError, ServiceRefusalError
from smki_testca.clock import iso
from smki_testca.der.read import DerError
from smki_testca.x509.name_text import name_text, subject_text
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.client.credentials import Credentials


class TlsVersion(Enum):
    """A version of TLS that a client may insist on; its value is what people write."""

    V1_2 = "1.2"
    V1_3 = "1.3"

    @property
    def as_ssl(self) -> ssl.TLSVersion:
        """The same for the standard library."""
        return ssl.TLSVersion.TLSv1_2 if self is TlsVersion.V1_2 else ssl.TLSVersion.TLSv1_3


def client_context(
    authorities: Iterable[bytes] | None,
    credentials: Credentials | None,
    version: TlsVersion | None,
) -> ssl.SSLContext:
    """The TLS context of a client, which always verifies the server.

    Args:
        authorities: the CAs to trust, DER; None for those of the operating system.
        credentials: the client's own; None for none.
        version: the only version to use; 1.2 or later by default.

    Raises:
        InputError: if OpenSSL takes one of the certificates or the key for weak.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if version is not None:
        context.minimum_version = context.maximum_version = version.as_ssl
    # An issuing CA that a user trusts is enough: the root need not be known.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if authorities is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cadata=b"".join(authorities))
    if credentials is not None:
        credentials.load_into(context)
    return context


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """The certificate that a server presented.

    Attributes:
        subject: its subject, as text.
        issuer: its issuer, as text.
        not_before: the start of its validity; empty where it cannot be read.
        not_after: the end of it.
        sha256: its fingerprint, hexadecimal.
    """

    subject: str
    issuer: str
    not_before: str
    not_after: str
    sha256: str

    @classmethod
    def of(cls, der: bytes) -> Self:
        """Describe a certificate, DER; what cannot be read of it is empty."""
        fingerprint = hashlib.sha256(der).hexdigest()
        try:
            view = view_certificate(der)
        except DerError:
            return cls("", "", "", "", fingerprint)
        issuer = view.fields.get("issuer")
        begin, end = view.instant("validity.notBefore"), view.instant("validity.notAfter")
        return cls(
            subject_text(view),
            "" if issuer is None else name_text(issuer.node),
            "" if begin is None else iso(begin),
            "" if end is None else iso(end),
            fingerprint,
        )

    def as_json(self) -> dict[str, str]:
        """The certificate as JSON: subject, issuer, not_before, not_after, sha256."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "not_before": self.not_before,
            "not_after": self.not_after,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class TlsDetails:
    """The details of a connection over TLS.

    Attributes:
        version: of TLS, such as ``TLSv1.2``; empty if the handshake failed.
        suite: the cipher suite; empty if it failed.
        server: the server's certificate; None if it presented none.
        is_asked: whether the server asked for a certificate of the client; None where the handshake
            ended before that could be known.
        sent: the subject of the certificate that the client sent; None if it sent none.
    """

    version: str
    suite: str
    server: PresentedCertificate | None
    is_asked: bool | None
    sent: str | None

    def as_json(self) -> dict[str, Any]:
        """The details as JSON."""
        return {
            "version": self.version,
            "suite": self.suite,
            "server_certificate": None if self.server is None else self.server.as_json(),
            "client_certificate_asked_for": self.is_asked,
            "client_certificate_sent": self.sent,
        }

    def lines(self) -> list[str]:
        """The certificates that each side presented, as lines for a person."""
        lines = []
        if self.server is not None:
            each = self.server
            lines += [
                f"server certificate: {each.subject},",
                f"  issued by {each.issuer},",
                f"  {each.not_before} to {each.not_after},",
                f"  SHA-256 {each.sha256}",
            ]
        if self.is_asked:
            sent = "none was sent" if self.sent is None else f"sent {self.sent}"
            lines.append(f"client certificate: asked for, {sent}")
        elif self.is_asked is None and self.server is None:
            pass  # the handshake did not come so far
        elif self.is_asked is None:
            lines.append("client certificate: not known whether the server asks for one")
        else:
            lines.append("client certificate: not asked for, none was sent")
        return lines


_CERTIFICATE, _CERTIFICATE_REQUEST = 11, 13
_ALERT_OCTETS = 2
_READ, _WRITE = "read", "write"


class Messages:
    """Reads along the messages of a handshake: who presented what, and the alert at its end.

    The standard library has no public way to learn whether a server asked for a certificate, nor
    which one it presented where it is not trusted. A context's ``_msg_callback`` tells both.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.is_asked = False
        self.is_sent = False
        self.alert: str | None = None
        self._server = b""
        self._is_1_3 = False
        context._msg_callback = self._message  # type: ignore[attr-defined]  # noqa: SLF001 - see above

    def _message(
        self, _socket: Any, direction: str, version: int, content: int, kind: int, data: bytes
    ) -> None:
        """Take one message; its arguments are those that ``ssl`` gives."""
        if content == _HANDSHAKE and direction == _READ:
            self.is_asked |= kind == _CERTIFICATE_REQUEST
            if kind == _CERTIFICATE and not self._server:
                self._server, self._is_1_3 = bytes(data), version == ssl.TLSVersion.TLSv1_3
        elif content == _HANDSHAKE and kind == _CERTIFICATE:
            self.is_sent |= len(data) > _EMPTY_CERTIFICATE
        elif content == _ALERT and direction == _READ and len(data) == _ALERT_OCTETS:
            # A warning that the connection ends is no reason.
            self.alert = (
                _alert_name(data[1])
                if data[1] != ssl.ALERT_DESCRIPTION_CLOSE_NOTIFY
                else self.alert
            )

    @property
    def server_certificate(self) -> bytes | None:
        """The certificate that the server presented, DER; None if it presented none."""
        data = self._server[4:]
        if self._is_1_3:
            data = data[1 + data[0] :] if data else b""
        length = int.from_bytes(data[3:6])
        return data[6 : 6 + length] or None

    def details(self, tls: ssl.SSLSocket | None, credentials: Credentials | None) -> TlsDetails:
        """The details of the connection.

        Args:
            tls: the connection; None if the handshake failed.
            credentials: the client's.
        """
        der = self.server_certificate
        if tls is not None:
            der = tls.getpeercert(binary_form=True)
        suite = None if tls is None else tls.cipher()
        return TlsDetails(
            (tls.version() or "") if tls is not None else "",
            "" if suite is None else suite[0],
            None if der is None else PresentedCertificate.of(der),
            # The request for one comes last of what a server sends.
            self.is_asked or (None if tls is None else False),
            credentials.subject if self.is_sent and credentials is not None else None,
        )


_HANDSHAKE, _ALERT = 22, 21
"""The content types (RFC 8446 5.1)."""
_EMPTY_CERTIFICATE = 8
"""The most octets of a Certificate message that holds none."""


def _alert_name(number: int) -> str:
    """The name of an alert as RFC 8446 6 writes it."""
    if number == _CERTIFICATE_REQUIRED:
        return "certificate_required"
    try:
        return ssl.AlertDescription(number).name.removeprefix("ALERT_DESCRIPTION_").lower()
    except ValueError:
        return f"alert {number}"


_CERTIFICATE_REQUIRED = 116
"""An alert that ``ssl.AlertDescription`` does not have."""
_OF_CERTIFICATE = frozenset(
    {
        "bad_certificate",
        "unsupported_certificate",
        "certificate_revoked",
        "certificate_expired",
        "certificate_unknown",
        "unknown_ca",
        "access_denied",
        # Before the client sends its certificate, this one is about suites.
        "handshake_failure",
    }
)
"""The alerts that say what is wrong with a client's certificate, once that was sent."""


def alert_error(messages: Messages, error: OSError) -> ServiceError | None:
    """The error for the alert with which a server ended a connection; None if there was none.

    Args:
        messages: of the connection.
        error: in which it ended.
    """
    alert = messages.alert
    if alert is None and isinstance(error, ssl.SSLError):
        # Such as TLSV1_ALERT_UNKNOWN_CA.
        alert = (error.reason or "").partition("_ALERT_")[2].lower() or None
    if alert is None:
        return None
    if alert in _OF_CERTIFICATE and messages.is_sent:
        return ServiceRefusalError(
            "client.certificate_refused",
            f"The server refuses the client's certificate: {alert}.",
            _OF_ALERTS.get(alert, "Present one that the service takes: see docs/client.md."),
        )
    is_missing = alert == "certificate_required" or alert in {
        "handshake_failure",
        "bad_certificate",
    }
    if is_missing and messages.is_asked and not messages.is_sent:
        return ServiceRefusalError(
            "client.certificate_missing",
            f"The server asks for a certificate of the client, and none was sent: {alert}.",
            "Name one with --cert and --key.",
        )
    if alert == "protocol_version":
        return _no_version(alert)
    if alert in {"handshake_failure", "insufficient_security"}:
        return ServiceFaultError(
            "client.tls_suite",
            f"The server takes none of the cipher suites and keys that the client offers: {alert}.",
            "Look at what the server is set up for; SEC App. M G names ECDHE-RSA with AES.",
        )
    return ServiceFaultError(
        "client.tls_alert", f"The server ended TLS with the alert {alert}.", _LOOK_AT_SERVER
    )


_LOOK_AT_SERVER = "Look at the server's log."
_OF_ALERTS = {
    "certificate_revoked": "Present one that is not revoked.",
    "certificate_expired": "Present one that is valid now.",
    "unknown_ca": "Present one of a CA that the service trusts, with its issuing CA in the file.",
}


def _no_version(reason: str) -> ServiceFaultError:
    return ServiceFaultError(
        "client.tls_version",
        f"Client and server have no version of TLS in common: {reason}.",
        "Try another with --tls, or leave that out; versions before 1.2 are not offered.",
    )


_NOT_TLS = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "UNKNOWN_PROTOCOL",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "UNEXPECTED_MESSAGE",
        "BAD_PROTOCOL_VERSION_NUMBER",
    }
)
_NO_VERSION = frozenset({"UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE", "WRONG_SSL_VERSION"})


_PLACE = re.compile(r" *\(_ssl\.c:[0-9]+\)")
"""A place in Python's source, which says nothing to a person."""


def openssl_words(error: OSError) -> str:
    """The reason for which OpenSSL or the system ended a connection; empty if it only ended.

    Args:
        error: of the standard library.
    """
    if isinstance(error, ssl.SSLEOFError | http.client.RemoteDisconnected):
        return ""
    if isinstance(error, ssl.SSLError):
        return _PLACE.sub("", error.reason or str(error)).replace("_", " ").lower()
    return _PLACE.sub("", error.strerror or str(error)).rstrip(".")


def handshake_error(messages: Messages, error: ssl.SSLError, host: str) -> ServiceError:
    """The error for a handshake that OpenSSL ended.

    Args:
        messages: of the connection.
        error: OpenSSL's.
        host: the name or IP address that was called.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(messages.server_certificate, error, host)
    alert = alert_error(messages, error)
    if alert is not None:
        return alert
    reason = error.reason or ""
    if reason in _NOT_TLS:
        return ServiceFaultError(
            "client.not_tls",
            f"What answers at {host} does not speak TLS.",
            "Compare the port; or use http:// if the service has no TLS.",
        )
    words = openssl_words(error)
    if reason in _NO_VERSION:
        return _no_version(words)
    return ServiceFaultError("client.tls_failed", f"TLS failed: {words}.", _LOOK_AT_SERVER)


_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAME = frozenset({62, 64})
_NO_ISSUER = frozenset({2, 18, 19, 20, 21, 27, 33})
"""The numbers that OpenSSL gives its reasons (X509_V_ERR_…)."""


def _untrusted(
    der: bytes | None, error: ssl.SSLCertVerificationError, host: str
) -> ServiceFaultError:
    """The error for a server's certificate that does not verify."""
    server = None if der is None else PresentedCertificate.of(der)
    subject = "" if server is None else f" {server.subject}"
    if error.verify_code == _EXPIRED:
        until = "" if server is None else f": it was valid until {server.not_after}"
        return ServiceFaultError(
            "client.server_expired",
            f"The server's certificate{subject}, or a CA above it, has expired{until}.",
            "Have the server's certificate renewed; compare this machine's clock, too.",
        )
    if error.verify_code == _NOT_YET:
        begin = "" if server is None else f": it is valid from {server.not_before}"
        return ServiceFaultError(
            "client.server_future",
            f"The server's certificate{subject}, or a CA above it, is not valid yet{begin}.",
            "Compare this machine's clock.",
        )
    if error.verify_code in _OTHER_NAME:
        return ServiceFaultError(
            "client.server_name",
            f"The server's certificate{subject} is not for the name {host}.",
            "Use the name that it is for in the URL, or have one issued for this name.",
        )
    if error.verify_code in _NO_ISSUER:
        issuer = "" if server is None else f": it was issued by {server.issuer}"
        return ServiceFaultError(
            "client.server_untrusted",
            f"The server's certificate{subject} is of no CA that the client trusts{issuer}.",
            "Name the file of its CA with --ca, if you trust it.",
        )
    return ServiceFaultError(
        "client.server_certificate",
        f"The server's certificate{subject} does not verify: {error.verify_message}.",
        "Have the server's certificate put right.",
    )
