"""Answers with a file so that caches keep it no longer than it holds (RFC 9110, 9111)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from smki_testca.service.repository.published_files import PublishedFile

_YEAR_SECONDS = 31_536_000
"""The time for which to keep what never changes: RFC 9111 5.2 advises no more."""


def respond(
    request: web.Request, file: PublishedFile, now: datetime, *, is_public: bool
) -> web.Response:
    """Answer with a file; with 304 and no body where the client has it already.

    Args:
        request: may have If-None-Match or else If-Modified-Since.
        file: to answer with.
        now: the time by the estate's clock, UTC.
        is_public: whether a cache of several users may keep it.
    """
    headers = {
        "ETag": f'"{file.tag}"',
        "Last-Modified": format_datetime(file.modified.astimezone(UTC), usegmt=True),
        "Cache-Control": _cache_control(file, now, is_public=is_public),
        "X-Content-Type-Options": "nosniff",
    }
    if _has_it(request, file):
        return web.Response(status=304, headers=headers)
    return web.Response(body=file.data, headers={**headers, "Content-Type": file.media_type})


def _cache_control(file: PublishedFile, now: datetime, *, is_public: bool) -> str:
    scope = "public" if is_public else "private"
    if file.until is None:
        return f"{scope}, max-age={_YEAR_SECONDS}, immutable"
    seconds = max(0, int((file.until - now).total_seconds()))
    return f"{scope}, max-age={min(seconds, _YEAR_SECONDS)}, must-revalidate"


def _has_it(request: web.Request, file: PublishedFile) -> bool:
    tags = request.if_none_match
    if tags is not None:
        return any(tag.value in {file.tag, "*"} for tag in tags)
    since = request.if_modified_since
    return since is not None and file.modified <= since
