"""What every request to the portal must meet, and every answer carries."""

from __future__ import annotations

import socket
from functools import cache
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from smki_testca.service.portal.page import Unanswered
from smki_testca.text import shown

if TYPE_CHECKING:
    from aiohttp import web

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no-referrer, browsers would send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""The headers of every answer. There is no Strict-Transport-Security: it would hold for every
port of the machine, and the portal over HTTP is one of them."""
_SAFE = frozenset({"GET", "HEAD"})
_OWN_SITE = frozenset({"same-origin", "none"})


def check_host(request: web.Request, *, is_local: bool) -> None:
    """Check that a request to a portal of this machine alone names this machine.

    Otherwise a page of a name that somebody makes resolve to this machine (DNS rebinding) could
    read the portal with the rights of whoever looks at that page. An address cannot be rebound.
    Where the portal is reached from elsewhere, it has any name, and nobody sees anything who has
    not signed in under that name.

    Args:
        request: the request.
        is_local: whether only programs of this machine reach the portal.

    Raises:
        Unanswered: if it names another.
    """
    name = _host_name(request.host)
    if name is None or (is_local and not (_is_address(name) or name in _names_of_machine())):
        raise Unanswered(
            HTTPStatus.MISDIRECTED_REQUEST,
            f"This portal does not answer for the host {shown(request.host)}.",
            "Use localhost, the address or the host name of the machine that serves it.",
        )


def check_origin(request: web.Request) -> None:
    """Check that what changes something comes from a page of this portal.

    Programs send none of these headers: for them the token of the form has to do.

    Raises:
        Unanswered: if it comes from another site.
    """
    if request.method in _SAFE:
        return
    own = f"{request.scheme}://{request.host}".lower()
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site")
    is_ours = origin is None or origin.lower() == own
    if not is_ours or (site is not None and site not in _OWN_SITE):
        raise Unanswered(
            HTTPStatus.FORBIDDEN,
            "The form was submitted by a page of another site.",
            "Open the portal itself, and submit it there.",
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
