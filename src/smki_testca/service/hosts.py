"""Tells whether a request names a host for which the services answer.

A page of a name that somebody makes resolve to this machine (DNS rebinding) could otherwise read
what only this machine may, with the rights of whoever looks at that page. An address cannot be
rebound. Services that are reached from elsewhere have any name.
"""

from __future__ import annotations

import socket
from functools import cache
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_host_served(host: str, *, is_local: bool) -> bool:
    """Whether the services answer for a host.

    Args:
        host: as the header Host has it.
        is_local: whether only programs of this machine reach them: then it must be an address, or a
            name of this machine.
    """
    name = _host_name(host)
    if name is None:
        return False
    return not is_local or _is_address(name) or name in _names_of_machine()


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
