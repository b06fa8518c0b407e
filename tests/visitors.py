"""Visitors of the portal: they keep cookies, submit forms and follow nothing by themselves."""

from __future__ import annotations

import html
import http.client
import re
import ssl
import uuid
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from estates import opened
from smki_testca.service.settings import Listener

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.service.in_thread import ServicesInThread

PASSWORD = "correct horse"  # noqa: S105 - of accounts that tests make
ACCOUNTS = {"olga": None, "one": "supplier-one", "two": "meters-one"}
"""The accounts of the shared estate, all with one password: an operator's and two participants'."""


class _Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.parts = []

    def handle_data(self, data):
        self.parts.append(data)


@dataclass(frozen=True)
class Answer:
    """What a visitor gets."""

    status: int
    headers: http.client.HTTPMessage = field(repr=False)
    body: bytes

    @property
    def html(self):
        return self.body.decode("utf-8")

    @property
    def text(self):
        """What a person reads, on one line."""
        parser = _Text()
        parser.feed(self.html)
        return " ".join(" ".join(parser.parts).split())

    @property
    def token(self):
        return re.search(r'name="token" value="([^"]*)"', self.html)[1]

    @property
    def links(self):
        return [html.unescape(link) for link in re.findall(r'href="([^"]+)"', self.html)]

    @property
    def location(self):
        return self.headers["Location"]


class Visitor:
    """Somebody with a browser.

    Args:
        url: of the portal.
        tls: of its HTTPS; with a client's certificate, maybe.
    """

    def __init__(self, url, tls=None):
        self.url = url
        self.cookies = {}
        parts = urlsplit(url)
        self._host, self._port, self._tls = parts.hostname, parts.port, tls

    def ask(self, method, path, body=None, **headers):
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies and "Cookie" not in given:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self._tls is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=60)
        else:
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=60, context=self._tls
            )
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, fields, **headers):
        """Submit fields as they are."""
        headers.setdefault("Content_Type", "application/x-www-form-urlencoded")
        return self.ask("POST", path, urlencode(fields), **headers)

    def submit(self, page, path, fields, files=None, **headers):
        """Submit the form of a page, with its token; files are pairs of a name and octets."""
        fields = {"token": self.get(page).token, **fields}
        if files is None:
            return self.post(path, fields, **headers)
        boundary = uuid.uuid4().hex
        start = f"--{boundary}\r\nContent-Disposition: form-data; name="
        parts = [f'{start}"{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
        parts += [
            f'{start}"{name}"; filename="{file}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n".encode()
            + data
            + b"\r\n"
            for name, (file, data) in files.items()
        ]
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        headers["Content_Type"] = f"multipart/form-data; boundary={boundary}"
        return self.ask("POST", path, body, **headers)

    def sign_in(self, name, password=PASSWORD, onward="/"):
        return self.submit(
            "/sign-in", "/sign-in", {"name": name, "password": password, "next": onward}
        )


def visitor_of(serving, listener=Listener.PORTAL, tls=None):
    """A visitor of the portal of running services."""
    return Visitor(serving.running.services.context.addresses[listener], tls)


def unchecked_tls(certificate=None, key=None):
    """TLS of a client that trusts every server."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


@dataclass(frozen=True)
class Shared:
    """Running services, and the estate behind them."""

    estate: Path
    running: ServicesInThread
    told: list[str] = field(repr=False)

    def open(self):
        """The estate, for the thread of the test; close it."""
        return opened(self.estate)
