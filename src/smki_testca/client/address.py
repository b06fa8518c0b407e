"""Addresses of services: a base, or a whole URL that is used as it is."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import parse_qs, quote, urlsplit

from smki_testca.errors import InputError
from smki_testca.text import is_one_line, shown

_PORTS = {"http": 80, "https": 443}
_MAX_CHARACTERS = 2048


@dataclass(frozen=True, slots=True)
class Address:
    """The address at which a service answers.

    Attributes:
        is_tls: whether it is called over TLS.
        host: its name or IP address, without brackets; a name outside ASCII as IDNA has it.
        port: its port.
        path: its path; empty where only a base is known.
        query: without the question mark; may hold a secret, and so no message quotes it.
    """

    is_tls: bool
    host: str
    port: int
    path: str = ""
    query: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL with ``http`` or ``https``.

        Raises:
            InputError: if it is none, or has a password or an API key in it.
        """
        if not is_one_line(text) or " " in text or len(text) > _MAX_CHARACTERS:
            raise _error(text, "it has spaces or control characters, or is very long")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise _error(text, str(error)) from error
        if parts.scheme not in _PORTS:
            raise _error(text, "it begins with neither http:// nor https://")
        if parts.username is not None or parts.password is not None:
            raise InputError(
                "client.url",
                "The URL has a user name in it, and perhaps a password, which others can read in"
                " the list of processes.",
                "Leave them out.",
            )
        if any(name.lower() == "apikey" for name in parse_qs(parts.query, keep_blank_values=True)):
            raise InputError(
                "client.url",
                "The URL has an API key in it, which others can read in the list of processes.",
                "Leave it out, and name a file that holds it with --api-key-file.",
            )
        if not parts.hostname or parts.fragment:
            raise _error(text, "it has no host" if not parts.hostname else "it has a fragment (#)")
        if port == 0:
            raise _error(text, "its port is 0")
        # A slash alone is no path: people write one behind a base.
        path = (
            ""
            if parts.path == "/" and not parts.query
            else quote(parts.path, safe="/%:@!$&'()*+,;=~")
        )
        query = quote(parts.query, safe="=&/%:@!$'()*+,;?~")
        host = _ascii_host(text, parts.hostname)
        return cls(parts.scheme == "https", host, port or _PORTS[parts.scheme], path, query)

    def at(self, path: str) -> Self:
        """The same address; one without a path gets this one."""
        return self if self.path else replace(self, path=path)

    def with_query(self, name: str, value: str) -> Self:
        """The same address with a value added to its query."""
        added = f"{name}={quote(value, safe='')}"
        return replace(self, query=f"{self.query}&{added}" if self.query else added)

    @property
    def target(self) -> str:
        """The path and query, as the line of a request has them."""
        return (self.path or "/") + (f"?{self.query}" if self.query else "")

    @property
    def authority(self) -> str:
        """The host, and the port unless it is the scheme's own: the Host of a request."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == _PORTS["https" if self.is_tls else "http"]
        return host if is_usual else f"{host}:{self.port}"

    def __str__(self) -> str:
        """The URL without its query, for messages."""
        return f"{'https' if self.is_tls else 'http'}://{self.authority}{self.path or '/'}"


def _ascii_host(text: str, host: str) -> str:
    if ":" in host:
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError as error:
            raise _error(text, str(error)) from error
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise _error(text, f"{shown(host)} is not the name of a host") from error


def _error(text: str, reason: str) -> InputError:
    # It may be one with a password that is wrong in another way, too.
    quoted = "The text" if "@" in text or "key" in text.lower() else shown(text)
    return InputError(
        "client.url",
        f"{quoted} is not the URL of a service: {reason}.",
        "Write it as https://HOST:PORT or with the whole path.",
    )
