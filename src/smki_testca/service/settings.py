"""The settings of ``serve``: addresses, the window of batches, and whose requests these are."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from smki_testca.errors import InputError
from smki_testca.text import shown

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Addresses that only programs of this machine reach."""
_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - what is bound is the operator's choice
"""Addresses that bind all of this machine's, and that no client could call."""
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*",
    re.ASCII,
)
_NOWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses of documents (RFC 5737, RFC 3849): the way to them tells this machine's own."""
PORT_BASE = 8080
"""The first port by default."""


class Listener(StrEnum):
    """The listeners, each at a port of its own; in the order of the ports."""

    PORTAL = "portal"
    ADHOC = "adhoc"
    BATCHED = "batched"
    REPOSITORY = "repository"
    REPOSITORY_TLS = "repository-tls"
    PORTAL_TLS = "portal-tls"
    CONTROL = "control"

    @property
    def words(self) -> str:
        """The name in messages."""
        return _TITLES[self]

    @property
    def service(self) -> str:
        """The name of what is served; the same over HTTP and HTTPS."""
        return self.removesuffix("-tls")

    def port(self, base: int) -> int:
        """The port for a base; 0, which takes any free one, for the base 0."""
        return base and base + list(Listener).index(self)


_TITLES = {
    Listener.PORTAL: "portal",
    Listener.ADHOC: "Ad Hoc service",
    Listener.BATCHED: "Batched service",
    Listener.REPOSITORY: "repository",
    Listener.REPOSITORY_TLS: "repository over HTTPS",
    Listener.PORTAL_TLS: "portal over HTTPS",
    Listener.CONTROL: "control listener",
}


def host_name(text: str) -> str:
    """Read the name or the IP address of a host, as a certificate has it.

    Raises:
        InputError: if it is neither.
    """
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    if not _HOST_NAME.fullmatch(text):
        raise InputError(
            "service.host_name",
            f"{shown(text)} is neither the name of a host nor an IP address.",
            "Write it without https:// and without a port; a name outside ASCII as IDNA has it.",
        )
    return text.lower()


def _own_names() -> tuple[str, ...]:
    """The name and the IP addresses of this machine, as far as they can be told."""
    names = [socket.gethostname().lower()]
    with contextlib.suppress(OSError):
        names += [str(info[4][0]) for info in socket.getaddrinfo(names[0], None)]
    for family, place in _NOWHERE.items():
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((place, 9))  # nothing is sent
            names.append(str(asking.getsockname()[0]))
    usable = []
    for name in names:
        with contextlib.suppress(InputError):
            usable.append(host_name(name.partition("%")[0]))
    return tuple(dict.fromkeys(usable))


@dataclass(frozen=True, slots=True)
class Window:
    """The time of day, UTC, in which batches are processed; it may span midnight.

    Attributes:
        opens: the first moment.
        closes: the first moment after it.
    """

    opens: time
    closes: time

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``20:00-08:00``.

        Raises:
            InputError: if it is not written so, or is empty.
        """
        try:
            opens, closes = (time.fromisoformat(part) for part in text.split("-"))
        except ValueError:
            opens = closes = time()
        if opens == closes or opens.tzinfo or closes.tzinfo:
            raise InputError(
                "service.window",
                f"{shown(text)} is not a window of the day.",
                "Write it as 20:00-08:00, in UTC.",
            )
        return cls(opens, closes)

    def __str__(self) -> str:
        return f"{self.opens.isoformat()}-{self.closes.isoformat()}"

    def is_open(self, at: time) -> bool:
        """Whether a time of day, UTC, lies in it."""
        if self.opens < self.closes:
            return self.opens <= at < self.closes
        return at >= self.opens or at < self.closes


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the services.

    Attributes:
        bind: the address that all listeners but the control's bind.
        host_names: names and IP addresses by which clients call, besides those that follow.
        port_base: the first port; each listener has the next. 0 takes free ports.
        purpose: the Testing Service of requests; that of the caller's IKI certificate by default.
        batch_window: when batches are processed; always by default.
        client_folder: where the certificates and keys are written with which to try the services.
        issue_clients: whether IKI certificates for that are issued where the estate has none.
        seed: of the probabilities of misbehaviour.
        misbehaviours: rules of misbehaviour, as on the command line.
    """

    bind: str = "127.0.0.1"
    host_names: tuple[str, ...] = ()
    port_base: int = PORT_BASE
    purpose: str | None = None
    batch_window: Window | None = None
    client_folder: Path | None = None
    issue_clients: bool = True
    seed: int = 0
    misbehaviours: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether only programs of this machine reach the services."""
        return self.bind in LOOPBACK

    @property
    def certified(self) -> tuple[str, ...]:
        """The names and IP addresses for which the servers' certificate is, the first in URLs.

        Those of this machine alone, such as localhost, are not among them.
        """
        own = _own_names() if self.bind in _EVERYWHERE else () if self.is_local else (self.bind,)
        return tuple(dict.fromkeys((*self.host_names, *own)))

    @property
    def host(self) -> str:
        """The name of this machine in URLs."""
        if self.is_local:
            return "localhost"
        name = self.certified[0]
        return f"[{name}]" if ":" in name else name
