"""Guards the portal: what every request must meet, and every answer carries."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from smki_testca.service.hosts import is_host_served
from smki_testca.service.portal.unanswered import Unanswered
from smki_testca.text import shown

if TYPE_CHECKING:
    from aiohttp import web

    from smki_testca.service.settings import Settings

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


def check_host(request: web.Request, settings: Settings) -> None:
    """Check that a request to a portal of this machine alone names this machine.

    Where the portal is reached from elsewhere, it has any name, and nobody sees anything who has
    not signed in under that name.

    Args:
        request: the request.
        settings: of the services.

    Raises:
        Unanswered: if it names another.
    """
    if not is_host_served(request.host, settings):
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
