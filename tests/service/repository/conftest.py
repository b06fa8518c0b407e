"""Calls of the repository, as a client makes them."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

import pytest

from smki_testca.service.settings import Listener


@dataclass(frozen=True)
class Answer:
    """What a client gets."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def xml(self) -> ET.Element:
        return ET.fromstring(self.body)  # noqa: S314 - our own answer


class Client:
    """A client of the repository at an address."""

    def __init__(self, serving, listener=Listener.REPOSITORY):
        self.url = serving.running.services.context.addresses[listener]
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    def get(self, path, method="GET", **headers):
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._call(method, path, None, given)

    def post(self, path, body, content_type="application/xml", **headers):
        return self._call("POST", path, body, {"Content-Type": content_type, **headers})

    def search(self, inner, key="any", **headers):
        body = f"<CertificateSearchRequest>{inner}</CertificateSearchRequest>"
        return self.post(f"/services/certificatesearch?apikey={key}", body.encode(), **headers)

    def retrieve(self, serial, key="any"):
        body = (
            "<CertificateDataRequest>"
            f"<CertificateSerial>{serial}</CertificateSerial></CertificateDataRequest>"
        )
        return self.post(f"/services/retrievecertificate?apikey={key}", body.encode())

    def _call(self, method, path, body, headers):
        request = urllib.request.Request(  # noqa: S310 - our own address
            self.url + path, body, method=method, headers=headers
        )
        try:
            with urllib.request.urlopen(  # noqa: S310 - the same
                request, timeout=30, context=self._context
            ) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())


@pytest.fixture
def repository(serving):
    """The repository of services that all tests share."""
    return Client(serving)


@pytest.fixture
def secure(serving):
    """The same over HTTPS."""
    return Client(serving, Listener.REPOSITORY_TLS)


@pytest.fixture
def client():
    """Makes a client of one's own services."""
    return Client
