"""The first page: what there is to download, for people."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from smki_testca.clock import iso
from smki_testca.service.context import CONTEXT
from smki_testca.service.repository import published_authorities
from smki_testca.service.repository.published_files import CERTIFICATE_FILES, LIST_ENDINGS

if TYPE_CHECKING:
    from jinja2 import Template

    from smki_testca.api import Estate
    from smki_testca.service.repository.published_authorities import Listing

MOST_NUMBERS = 50
"""The most earlier revocation lists of a CA that the page links to; the others can be asked for."""
_TEMPLATES = Path(__file__).parent / "templates"


async def index(request: web.Request) -> web.StreamResponse:
    """Answer with the page."""
    context = request.app[CONTEXT]
    text = await context.desk.read(_page)
    return web.Response(
        text=text,
        content_type="text/html",
        headers={
            "Cache-Control": "no-cache" if context.settings.is_local else "private, no-cache",
            "Content-Security-Policy": f"default-src 'none'; style-src '{_style()[1]}';"
            " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        },
    )


def _page(estate: Estate) -> str:
    listings = published_authorities.listings(estate)
    return _template().render(
        style=_style()[0],
        reference=estate.audit.head().number,
        groups=[(title, list(group)) for title, group in groupby(listings, _title)],
        certificate_files=CERTIFICATE_FILES,
        list_endings=LIST_ENDINGS,
        most_numbers=MOST_NUMBERS,
        now=estate.clock.now(),
        iso=iso,
    )


def _title(listing: Listing) -> str:
    family, hierarchy, _ = listing.authority.place
    return f"{family}: {hierarchy}"


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("index.html")


@cache
def _style() -> tuple[str, str]:
    """The style sheet, and the source of it that the page's policy names."""
    text = (_TEMPLATES / "index.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return text, f"sha256-{digest}"
