"""What ``serve`` was asked for: addresses, the window of batches, and whose requests these are."""

from __future__ import annotations

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
PORT_BASE = 8080
"""The first port by default."""


class Listener(StrEnum):
    """What is served, each at a port of its own; in the order of the ports."""

    PORTAL = "portal"
    ADHOC = "adhoc"
    BATCHED = "batched"
    REPOSITORY = "repository"
    REPOSITORY_TLS = "repository-tls"
    PORTAL_TLS = "portal-tls"
    CONTROL = "control"

    @property
    def service(self) -> str:
        """The name of what is served; the same over HTTP and HTTPS."""
        return self.removesuffix("-tls")

    def port(self, base: int) -> int:
        """The port for a base; 0, which takes any free one, for the base 0."""
        return base and base + list(Listener).index(self)


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
    """What the services are to be.

    Attributes:
        bind: the address that all listeners but the control's bind.
        port_base: the first port; each listener has the next. 0 takes free ports.
        purpose: the Testing Service of requests; that of the caller's IKI certificate by default.
        batch_window: when batches are processed; always by default.
        client_folder: where the certificates and keys are written with which to try the services.
        issue_clients: whether IKI certificates for that are issued where the estate has none.
        seed: of the probabilities of misbehaviour.
        misbehaviours: rules of misbehaviour, as on the command line.
    """

    bind: str = "127.0.0.1"
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
    def host(self) -> str:
        """The name of this machine in URLs."""
        if self.is_local:
            return "localhost"
        return f"[{self.bind}]" if ":" in self.bind else self.bind
