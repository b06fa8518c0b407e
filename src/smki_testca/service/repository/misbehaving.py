"""Answers of the repository that misbehaves on purpose: stale lists, wrong certificates."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from smki_testca.clock import earlier, iso
from smki_testca.estate.certificates import Selection
from smki_testca.lifecycle import crls
from smki_testca.profiles.model import Hierarchy
from smki_testca.service.misbehaviour import content_mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.revocations import RevocationListRecord
    from smki_testca.service.repository.published import Published
    from smki_testca.service.repository.published_authorities import PublishedAuthority

_PAST = timedelta(hours=1)
"""The time since the nextUpdate of a stale list."""


def is_stale(request: web.Request) -> bool:
    """Whether a request for a revocation list is to be answered with a stale one."""
    mode = content_mode(request)
    return mode is not None and mode.name == "stale-crl"


def stale_list(estate: Estate, authority: PublishedAuthority) -> RevocationListRecord:
    """A revocation list of a CA that is past its nextUpdate.

    It is the newest list, if that is. Or else it is signed now, with the number before the newest
    one's. That one is for a single answer, and is in the audit log, but not among the lists.

    Raises:
        HTTPException: if the CA has issued none.
        InputError: if the CA is too new to have signed one that is past.
    """
    newest = estate.revocations.list_of(authority.issuer)
    if newest is None:
        raise web.HTTPNotFound(text="The CA has not issued a revocation list.")
    now = estate.clock.now()
    ended = earlier(now, _PAST)
    if newest.next_update <= ended:
        return newest
    began = ended - (newest.next_update - newest.this_update)
    profile = crls.profile_of_list(estate, authority.record.hierarchy, authority.record.tier)
    stale = estate.authorities.able(authority.record).issue_revocation_list(
        profile,
        estate.revocations.of_authority(authority.issuer, began),
        max(1, newest.number - 1),
        at=began,
        next_update=ended,
    )
    body = {
        "authority": str(authority.record.serial),
        "number": stale.number,
        "this_update": iso(stale.this_update),
        "next_update": iso(stale.next_update),
        "sha256": hashlib.sha256(stale.der).hexdigest(),
    }
    with estate.transaction():
        audit = estate.audit.append(now, "service.stale-crl", body)
    return replace(
        newest,
        der=stale.der,
        number=stale.number,
        this_update=stale.this_update,
        next_update=stale.next_update,
        issued_at=stale.this_update,
        count=stale.count,
        audit=audit,
    )


def wrong_certificate(request: web.Request) -> Callable[[Estate, Published], Published] | None:
    """The replacement of a certificate that is retrieved; None where the right one is due."""
    mode = content_mode(request)
    match None if mode is None else mode.name:
        case "wrong-certificate":
            return _with_another_key
        case "other-device":
            return _of_another_device
    return None


def _with_another_key(estate: Estate, published: Published) -> Published:
    """Of the same Device or organisation with another key; or else its CA's own."""
    record = _record(estate, published)
    same = (
        other
        for other in estate.select(Selection(eui64=record.eui64))
        if other.profile == record.profile and other.key_id != record.key_id
    )
    other = next(same, None) if record.eui64 is not None else None
    if other is None:
        other = next(iter(estate.certificates.chain(record)), record)
    return replace(published, der=other.der)


def _of_another_device(estate: Estate, published: Published) -> Published:
    """Of another Device; where there is none, with another key."""
    record = _record(estate, published)
    profiles = [
        profile.name
        for profile in estate.library.end_entity_profiles
        if profile.hierarchy == Hierarchy.DEVICE
    ]
    others = estate.select(Selection(profile=profiles))
    other = next((candidate for candidate in others if candidate.eui64 != record.eui64), None)
    return (
        _with_another_key(estate, published) if other is None else replace(published, der=other.der)
    )


def _record(estate: Estate, published: Published) -> Record:
    record = estate.by_serial(published.serial)
    if record is None:
        raise LookupError(f"{published.serial} was found, and is not there")
    return record
