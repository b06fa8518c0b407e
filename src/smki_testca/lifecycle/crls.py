"""Issues the revocation lists of an estate's CAs, each in one transaction with its audit entry."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from smki_testca.clock import iso
from smki_testca.collector import without_collector
from smki_testca.errors import InputError
from smki_testca.estate.revocations import IssuerName, RevocationListRecord
from smki_testca.text import shown, use_one_of
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
    with estate.transaction():
        signed_by = find_authority(estate, hierarchy, tier, environment, authority)
        return issue_for(estate, signed_by, profile, at=at, next_update=next_update)


def issue_for(
    estate: Stores,
    signed_by: Record,
    profile: RevocationListProfile,
    *,
    at: datetime | None = None,
    next_update: datetime | None = None,
) -> RevocationListRecord:
    """Issue the next revocation list of a CA.

    Args:
        estate: the estate that has the CA.
        signed_by: the CA's newest certificate.
        profile: of the list.
        at: its thisUpdate, UTC; now by default.
        next_update: its nextUpdate, UTC; by default as the profile states.

    Raises:
        InputError: if the profile's rows forbid a value.
    """
    hierarchy, tier = signed_by.hierarchy, signed_by.tier
    with estate.transaction(), without_collector():
        issuer = name_of(signed_by)
        weaknesses = estate.library.weaknesses(profile)
        if weaknesses and not estate.library.environment(signed_by.environment).experimental:
            raise InputError(
                "profile.weakened",
                f"The profile {profile.name} {weaknesses[0]}: its lists could pass for others"
                " (R20).",
                f"Restore the rule, or set experimental = true for {signed_by.environment} in"
                " environments.toml.",
            )
        now = estate.clock.now()
        crl = estate.authorities.able(signed_by).issue_revocation_list(
            profile,
            estate.revocations.of_authority(issuer, at),
            estate.revocations.next_number(issuer),
            at=at or now,
            next_update=next_update,
        )
        body = {
            "profile": profile.name,
            "family": issuer.family,
            "authority": str(signed_by.serial),
            "number": crl.number,
            "this_update": iso(crl.this_update),
            "next_update": iso(crl.next_update),
            "entries": crl.count,
            "sha256": hashlib.sha256(crl.der).hexdigest(),
        }
        record = RevocationListRecord(
            der=crl.der,
            profile=profile.name,
            family=issuer.family,
            hierarchy=hierarchy,
            tier=tier,
            issuer=issuer.name,
            authority=signed_by.serial,
            number=crl.number,
            this_update=crl.this_update,
            next_update=crl.next_update,
            issued_at=now,
            count=crl.count,
            audit=estate.audit.append(now, "crl.issue", body),
            warnings=estate.remarks(signed_by, crl.next_update),
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
            "The status of its certificates says which are in use: smki-testca set-status",
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

    Revocation lists belong to the CA's name, so a renewed CA continues their numbers.

    Args:
        estate: the estate that has the CA.
        hierarchy: of the CA.
        tier: of the CA.
        environment: of the CA's family; the estate's first by default.
        authority: the CA's name; by default that of the last generation.

    Raises:
        InputError: if there is none of that name, or no such environment.
        EstateError: if the estate was not made for the environment.
    """
    known = estate.library.environment(estate.environment(environment))
    newest = [
        generation[-1] for generation in estate.authorities.generations(known, hierarchy, tier)
    ]
    named = [record for record in newest if authority in {None, record.label}]
    if not named:
        raise InputError(
            "ca.unknown",
            f"{shown(authority or '')} is not a {tier.value} CA of the {hierarchy.value}"
            " hierarchy.",
            use_one_of([record.label or "" for record in newest], given=authority or ""),
        )
    return named[-1]


def newest_authorities(estate: Stores) -> list[Record]:
    """The newest certificate of every CA, earlier generations included, in their order."""
    newest: dict[tuple[str, Hierarchy, Tier, str | None, bytes], Record] = {}
    for state in estate.authorities.states():
        record = state.record
        key = (record.family, record.hierarchy, record.tier, record.label, record.key_id)
        newest[key] = record
    return list(newest.values())


def name_of(authority: Record) -> IssuerName:
    """The name to which a CA's revocations and lists belong."""
    return IssuerName(authority.family, view_certificate(authority.der).octets("subject") or b"")
