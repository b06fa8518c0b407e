"""Issues the revocation lists of an estate's CAs, each in one transaction with its audit entry."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from smki_testca.clock import iso
from smki_testca.collector import without_collector
from smki_testca.errors import EstateError, InputError
from smki_testca.estate.revocations import IssuerName, RevocationListRecord
from smki_testca.text import shown
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from datetime import datetime

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.profiles.model import Hierarchy, RevocationListProfile, Tier


def issue(
    estate: Stores,
    hierarchy: Hierarchy,
    tier: Tier,
    *,
    environment: str | None,
    authority: str | None,
    at: datetime | None,
    next_update: datetime | None,
) -> RevocationListRecord:
    """Issue the next revocation list of a CA; see ``Estate.issue_revocation_list``."""
    profile = profile_of_list(estate, hierarchy, tier)
    with estate.transaction(), without_collector():
        signed_by = find_authority(estate, hierarchy, tier, environment, authority)
        issuer = name_of(signed_by)
        now = estate.clock.now()
        made = estate.authorities.able(signed_by).issue_revocation_list(
            profile,
            estate.revocations.of_authority(issuer, at),
            estate.revocations.next_number(issuer),
            at=at or now,
            next_update=next_update,
        )
        told = {
            "profile": profile.name,
            "family": issuer.family,
            "authority": str(signed_by.serial),
            "number": made.number,
            "this_update": iso(made.this_update),
            "next_update": iso(made.next_update),
            "entries": made.count,
            "sha256": hashlib.sha256(made.der).hexdigest(),
        }
        record = RevocationListRecord(
            der=made.der,
            profile=profile.name,
            family=issuer.family,
            hierarchy=hierarchy,
            tier=tier,
            issuer=issuer.name,
            authority=signed_by.serial,
            number=made.number,
            this_update=made.this_update,
            next_update=made.next_update,
            issued_at=now,
            count=made.count,
            audit=estate.audit.append(now, "crl.issue", told),
        )
        estate.revocations.add_list(record)
    return record


def profile_of_list(estate: Stores, hierarchy: Hierarchy, tier: Tier) -> RevocationListProfile:
    """The profile of the lists that a CA of a tier signs.

    Raises:
        InputError: if the hierarchy has none.
    """
    profile = estate.library.revocation_list_profile_for(hierarchy, tier)
    if profile is None:
        raise InputError(
            "crl.none",
            f"The {hierarchy.value} hierarchy has no revocation lists of {tier.value} CAs.",
            "A Device Certificate is known by its status: smki-testca set-status",
        )
    return profile


def find_authority(
    estate: Stores,
    hierarchy: Hierarchy,
    tier: Tier,
    environment: str | None = None,
    authority: str | None = None,
) -> Record:
    """The newest certificate of a CA.

    Lists are kept by the CA's name, so one renewed goes on with the numbers it had.

    Args:
        estate: whose CA it is.
        hierarchy: where the CA stands.
        tier: the same.
        environment: of the CA's family; the estate's own by default.
        authority: the CA's name; by default of the newest there.

    Raises:
        InputError: if there is none of that name, or no such environment.
        EstateError: if the estate was not made for the environment.
    """
    name = estate.environment(environment)
    family = estate.library.environment(name).family
    generations = estate.certificates.generations(family, hierarchy, tier)
    if not generations:
        raise EstateError(
            "estate.no_authority",
            f"The estate has no CAs for {name}.",
            f"Make them: smki-testca init DIR --environment {name}",
        )
    newest = [one[-1] for one in generations]
    named = [one for one in newest if authority in {None, one.label}]
    if not named:
        names = ", ".join(one.label or "" for one in newest)
        raise InputError(
            "ca.unknown",
            f"{shown(authority or '')} is no {tier.value} CA of the {hierarchy.value} hierarchy.",
            f"There are: {names}.",
        )
    return named[-1]


def name_of(authority: Record) -> IssuerName:
    """The name under which a CA's revocations and lists are kept."""
    return IssuerName(authority.family, view_certificate(authority.der).octets("subject") or b"")
