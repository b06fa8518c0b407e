"""Tells which CAs owe a revocation list, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from smki_testca.clock import iso
from smki_testca.estate.authorities import no_authority
from smki_testca.lifecycle.crls import issue_for, name_of, newest_authorities

if TYPE_CHECKING:
    from datetime import datetime

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.revocations import IssuerName, RevocationListRecord
    from smki_testca.estate.stores import Stores
    from smki_testca.profiles.model import Hierarchy, Tier


class DueReason(StrEnum):
    """The reasons for which a revocation list is due."""

    NEVER_ISSUED = "never-issued"
    REVOCATIONS = "revocations"
    RUN_OUT = "run-out"


@dataclass(frozen=True, slots=True)
class DueList:
    """A revocation list that a CA owes.

    Attributes:
        authority: the newest certificate of the CA.
        profile: of the list.
        reason: certificates are revoked and the CA issued no list that is valid by now, or the
            current list lacks revocations, or it has run out or will.
        since: when the list fell due or, of one that will run out, when it will; UTC.
        waiting: how many revocations are on no current list.
        number: of the newest list that is valid by now; None if there is none.
    """

    authority: Record
    profile: str
    reason: DueReason
    since: datetime
    waiting: int
    number: int | None

    @property
    def name(self) -> str:
        """The name of the CA."""
        return self.authority.label or str(self.authority.serial)

    def why(self, now: datetime) -> str:
        """The reason in words, to follow the CA's name in a sentence."""
        waiting = f"{self.waiting} revocation" + ("" if self.waiting == 1 else "s")
        match self.reason:
            case DueReason.NEVER_ISSUED:
                return f"{waiting} on no list yet"
            case DueReason.REVOCATIONS:
                return f"{waiting} that list {self.number} lacks"
        verb = "expires" if now <= self.since else "expired"
        also = f", and {waiting} on no current list" if self.waiting else ""
        return f"list {self.number} {verb} at {iso(self.since)}{also}"

    def as_json(self) -> dict[str, Any]:
        """The due list as a JSON object."""
        return {
            "authority": str(self.authority.serial),
            "name": self.name,
            "family": self.authority.family,
            "environment": self.authority.environment,
            "hierarchy": str(self.authority.hierarchy),
            "tier": self.authority.tier.value,
            "profile": self.profile,
            "reason": self.reason.value,
            "since": iso(self.since),
            "waiting": self.waiting,
            "number": self.number,
        }


def due_lists(estate: Stores, before: datetime | None = None) -> list[DueList]:
    """The revocation lists that are due; see ``Estate.due_revocation_lists``."""
    now = estate.clock.now()
    by = now if before is None else max(now, before)
    due = []
    for authority in newest_authorities(estate):
        profile = estate.library.revocation_list_profile_for(authority.hierarchy, authority.tier)
        owed = None if profile is None else _owed(estate, name_of(authority), now, by)
        if profile is not None and owed is not None:
            due.append(DueList(authority, profile.name, *owed))
    return due


def issue_due(
    estate: Stores,
    *,
    environment: str | None,
    hierarchy: Hierarchy | None,
    tier: Tier | None,
    also_current: bool,
) -> list[RevocationListRecord]:
    """Issue the lists that are due, or all; see ``Estate.issue_revocation_lists``."""
    with estate.transaction():
        chosen = authorities_due(
            estate,
            environment=environment,
            hierarchy=hierarchy,
            tier=tier,
            also_current=also_current,
        )
        records = []
        for authority in chosen:
            profile = estate.library.revocation_list_profile_for(
                authority.hierarchy, authority.tier
            )
            if profile is not None:
                records.append(issue_for(estate, authority, profile))
    return records


def authorities_due(
    estate: Stores,
    *,
    environment: str | None,
    hierarchy: Hierarchy | None,
    tier: Tier | None,
    also_current: bool,
) -> list[Record]:
    """The CAs that ``issue_due`` issues lists of, with the same arguments.

    Raises:
        EstateError: if the estate has no CAs for the environment.
    """
    authorities = newest_authorities(estate)
    if environment is not None:
        known = estate.library.environment(environment)
        authorities = [authority for authority in authorities if authority.family == known.family]
        if not authorities:
            raise no_authority(known)
    owing = {entry.authority.serial for entry in due_lists(estate)}
    return [
        authority
        for authority in authorities
        if hierarchy in {None, authority.hierarchy}
        and tier in {None, authority.tier}
        and (also_current or authority.serial in owing)
        and estate.library.revocation_list_profile_for(authority.hierarchy, authority.tier)
        is not None
    ]


def _owed(
    estate: Stores, issuer: IssuerName, now: datetime, by: datetime
) -> tuple[DueReason, datetime, int, int | None] | None:
    """The list that a CA owes: why, since when, how many revocations wait, its newest list."""
    newest = estate.revocations.newest_issue(issuer, now)
    current = estate.revocations.newest_issue(issuer, now, unexpired_at=now)
    waiting, first = estate.revocations.not_listed(issuer, current)
    number = None if newest is None else newest.number
    if newest is None:
        # A CA without revocations has nothing to say yet.
        return None if first is None else (DueReason.NEVER_ISSUED, first, waiting, None)
    if current is None:
        return DueReason.RUN_OUT, newest.next_update, waiting, number
    if first is not None:
        return DueReason.REVOCATIONS, first, waiting, current.number
    if current.next_update < by:
        return DueReason.RUN_OUT, current.next_update, 0, current.number
    return None
