"""Tells whether a request names a host for which the services answer.

A page of a name that somebody makes resolve to this machine (DNS rebinding) could otherwise read
what only this machine may, with the rights of whoever looks at that page. An address cannot be
rebound. Services that are reached from elsewhere have any name.
"""

from __future__ import annotations

import socket
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from smki_testca.service.settings import Settings


def is_host_served(host: str, settings: Settings) -> bool:
    """Whether the services answer for a host.

    Args:
        host: as the header Host has it.
        settings: of the services. If only programs of this machine reach them, it must be an
            address, a name of this machine, or one that the services were given.
    """
    name = _host_name(host)
    if name is None:
        return False
    return (
        not settings.is_local
        or _is_address(name)
        or name in _names_of_machine()
        or name in {given.lower() for given in settings.host_names}
    )


def _host_name(host: str) -> str | None:
    """The name in a Host header, in small letters; None if it is not one."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    is_plain = parts.netloc == host and not parts.username and "@" not in host
    return parts.hostname.rstrip(".") if is_plain and parts.hostname else None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


@cache
def _names_of_machine() -> frozenset[str]:
    own = socket.gethostname().lower()
    return frozenset({"localhost", own, own.partition(".")[0]})
