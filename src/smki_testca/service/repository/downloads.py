"""Answers downloads of CAs' certificates, of chains and of revocation lists."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from smki_testca.clock import later
from smki_testca.errors import InputError
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles.model import Tier
from smki_testca.service.context import CONTEXT
from smki_testca.service.repository import caching, published_authorities, published_files
from smki_testca.service.repository.misbehaving import is_stale, stale_list
from smki_testca.service.repository.published import HIERARCHIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from smki_testca.api import Estate
    from smki_testca.estate.revocations import RevocationListRecord
    from smki_testca.service.repository.published_authorities import PublishedAuthority
    from smki_testca.service.repository.published_files import PublishedFile

HELD_FOR = timedelta(hours=1)
"""The time for which caches may keep what a renewal of a CA changes."""
LATEST = "latest"
"""In the place of a revocation list's number."""


async def of_authority(request: web.Request) -> web.StreamResponse:
    """Answer with a file of a CA's newest certificate, or of the chain above it."""
    place, name = _place(request), request.match_info["file"]

    def work(estate: Estate) -> PublishedFile:
        record = _authority(estate, place).record
        chain = [record, *estate.certificates.chain(record)]
        return published_files.certificate_file(name, chain, _held(estate))

    return await _download(request, work)


async def of_certificate(request: web.Request) -> web.StreamResponse:
    """Answer with a file of the certificate with a serial number, or of the chain above it."""
    serial, name = request.match_info["serial"], request.match_info["file"]

    def work(estate: Estate) -> PublishedFile:
        try:
            record = estate.by_serial(SerialNumber.parse(serial))
        except InputError as error:
            raise web.HTTPNotFound(text=f"{error.message} {error.remedy}") from error
        is_published = record is not None and (
            record.hierarchy in HIERARCHIES or record.tier is not Tier.END_ENTITY
        )
        if record is None or not is_published:
            raise web.HTTPNotFound(text=f"The repository has no certificate {serial}.")
        chain = [record, *estate.certificates.chain(record)]
        return published_files.certificate_file(
            name, chain, _held(estate) if published_files.has_chain(name) else None
        )

    return await _download(request, work)


async def of_list(request: web.Request) -> web.StreamResponse:
    """Answer with a revocation list of a CA: the latest, or that of a number."""
    place, number, ending = _place(request), *_parts_of_name(request)
    if is_stale(request):
        desk = request.app[CONTEXT].desk
        record = await desk.write(lambda estate: stale_list(estate, _authority(estate, place)))
        return await _download(
            request, lambda _: published_files.list_file(ending, record, is_latest=number == LATEST)
        )

    def work(estate: Estate) -> PublishedFile:
        record = _list(estate, place, number)
        return published_files.list_file(ending, record, is_latest=number == LATEST)

    return await _download(request, work)


def _parts_of_name(request: web.Request) -> tuple[str, str]:
    """The number of a revocation list, and the ending of its file."""
    return request.match_info["number"], request.match_info["ending"]


def _place(request: web.Request) -> tuple[str, ...]:
    return tuple(request.match_info[part] for part in ("family", "hierarchy", "name"))


def _held(estate: Estate) -> datetime:
    return later(estate.clock.now(), HELD_FOR)


def _authority(estate: Estate, place: tuple[str, ...]) -> PublishedAuthority:
    authority = published_authorities.find(estate, place)
    if authority is None:
        raise web.HTTPNotFound(
            text=f"There is no CA {'/'.join(place)}. The first page, /, has all."
        )
    return authority


def _list(estate: Estate, place: tuple[str, ...], number: str) -> RevocationListRecord:
    authority = _authority(estate, place)
    which = None if number == LATEST else int(number)
    record = estate.revocations.list_of(authority.issuer, which)
    if record is None:
        which_one = "a revocation list" if which is None else f"revocation list {number}"
        raise web.HTTPNotFound(
            text=f"The CA {authority.record.label} has not issued {which_one}. The operator issues"
            " lists with: smki-testca crl issue --all --also-current"
        )
    return record


async def _download(
    request: web.Request, work: Callable[[Estate], PublishedFile]
) -> web.StreamResponse:
    """Answer with the file that some work on the estate gives."""
    context = request.app[CONTEXT]
    file = await context.desk.read(work)
    return caching.respond(request, file, context.clock.now(), is_public=context.settings.is_local)
