"""Revokes and rejects certificates, and sets their status.

An error refuses the whole selection before anything is changed. Each operation is one transaction
with its audit entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.authority.revocation import Reason, Revocation
from smki_testca.clock import iso
from smki_testca.errors import InputError
from smki_testca.estate.status import LIVING, Status
from smki_testca.lifecycle.crls import name_of, profile_of_list
from smki_testca.profiles.model import Hierarchy, Severity, Tier
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from smki_testca.estate.certificates import Record, Selection
    from smki_testca.estate.stores import Stores
    from smki_testca.identifiers import SerialNumber

REJECTED = "rejected by its subscriber (SEC L11)"
"""The note in the history of a rejected certificate."""
_REFUSED_REASONS = {
    Reason.CERTIFICATE_HOLD: "there is no suspension: a revocation is for good (assumed)",
    Reason.REMOVE_FROM_CRL: "it is for delta CRLs alone (RFC 5280 5.3.1), and there are none",
}


def parse_reason(text: str) -> Reason:
    """Parse a reason: our word for it or RFC 5280's name, in either case.

    Raises:
        InputError: if there is none of that name, or nothing is revoked for it.
    """
    for reason in Reason:
        if text.lower() in {reason.value, reason.name_in_crl.lower()}:
            _check_reason(reason)
            return reason
    raise InputError(
        "revocation.reason",
        f"{shown(text)} is not a reason for a revocation.",
        use_one_of(
            (reason.value for reason in Reason if reason not in _REFUSED_REASONS), given=text
        ),
    )


def revoke(
    estate: Stores,
    selection: Selection,
    reason: Reason | None,
    at: datetime | None,
    *,
    if_needed: bool,
) -> list[Record]:
    """Revoke every certificate of a selection, or none; see ``Estate.revoke``."""
    if reason is not None:
        _check_reason(reason)
    with estate.transaction():
        records = _selected(estate, selection)
        now = estate.clock.now()
        if if_needed:
            records = [
                record for record in records if not _is_revoked_so(estate, record, reason, at)
            ]
        if not records:
            return []
        for record in records:
            _check_revocable(estate, record, now, at, reason)
        for hierarchy, tier in {(record.hierarchy, record.tier) for record in records}:
            _check_listed(estate, hierarchy, tier, reason)
        details = {"reason": None if reason is None else reason.value}
        note = "revoked" if reason is None else f"revoked: {reason.value}"
        _store(estate, "revoke", records, reason, at or now, note, details)
    return records


def reject(estate: Stores, serial: SerialNumber) -> Record:
    """Reject a certificate for its subscriber; see ``Estate.reject``."""
    with estate.transaction():
        record = known(estate, serial)
        now = estate.clock.now()
        if record.tier is not Tier.END_ENTITY:
            raise InputError(
                "rejection.authority",
                f"{_named(record)} is a CA's, and has no subscriber that could reject it.",
                "Revoke it: smki-testca revoke --serial N --reason R",
            )
        if not _has_lists(estate, record):
            _reject_by_status(estate, record, now)
        else:
            _check_revocable(estate, record, now, None, None)
            # RFC 5280 5.3.1 prefers no reason to unspecified (we assume that SEC L11 means this).
            _store(estate, "reject", [record], None, now, REJECTED, {"reason": None})
    return record


def set_status(estate: Stores, selection: Selection, status: Status) -> list[Record]:
    """Set the status of a selection; see ``Estate.set_status``."""
    if not status.settable:
        raise InputError(
            "status.worked_out",
            f"The status {status.word} cannot be set: it follows from dates and revocations.",
            "Revoke with: smki-testca revoke. A certificate expires by itself.",
        )
    with estate.transaction():
        now = estate.clock.now()
        changed = []
        for record in _selected(estate, selection):
            before = estate.statuses.status(record, now)
            if not before.settable:
                raise InputError(
                    f"status.{before.word}",
                    f"{_named(record)} is {before.word}, and stays so.",
                    "Leave it out of the selection.",
                )
            if before is not status:
                changed.append(record)
        if changed:
            serials = [record.serial for record in changed]
            _change_status(estate, serials, status, now, "status.set", "set")
    return changed


def known(estate: Stores, serial: SerialNumber) -> Record:
    """The certificate of a serial number.

    Raises:
        InputError: if the estate has none.
    """
    record = estate.by_serial(serial)
    if record is None:
        raise InputError("certificate.unknown", f"The estate has no certificate {serial}.")
    return record


def _check_reason(reason: Reason) -> None:
    if reason in _REFUSED_REASONS:
        raise InputError(
            "revocation.reason",
            f"Nothing is revoked for the reason {reason.value}: {_REFUSED_REASONS[reason]}.",
        )


def _check_listed(estate: Stores, hierarchy: Hierarchy, tier: Tier, reason: Reason | None) -> None:
    """Check that the revocation list for certificates of a tier may give the reason."""
    above = Tier.ISSUING if tier is Tier.END_ENTITY else Tier.ROOT
    profile = profile_of_list(estate, hierarchy, above)
    if reason is None or reason is Reason.UNSPECIFIED:
        return
    for row in profile.rows:
        allowed = row.holds.one_of
        restricts = row.field.entry == "reasonCode" and row.severity is Severity.ERROR
        if restricts and allowed is not None and reason.name_in_crl not in allowed:
            names = [known.value for known in Reason if known.name_in_crl in allowed]
            raise InputError(
                "revocation.reason",
                f"The profile {profile.name} does not have the reason {reason.value}.",
                use_one_of([*names, Reason.UNSPECIFIED.value]),
            )


def _selected(estate: Stores, selection: Selection) -> list[Record]:
    records = list(estate.select(selection))
    if not records:
        raise InputError("selection.nothing", "No certificate fits the selection.")
    return records


def _has_lists(estate: Stores, record: Record) -> bool:
    """Whether the CAs of a certificate's hierarchy issue revocation lists."""
    return bool(estate.library.hierarchy(record.hierarchy).revocation_lists)


def _title(hierarchy: Hierarchy) -> str:
    return hierarchy[:1].upper() + hierarchy[1:]


def _is_revoked_so(
    estate: Stores, record: Record, reason: Reason | None, at: datetime | None
) -> bool:
    """Whether a certificate is revoked for a reason and, if a time is given, as of that time."""
    earlier = estate.revocations.by_serial(record.serial)
    # A list leaves the reason out for both.
    none = {None, Reason.UNSPECIFIED}
    return (
        earlier is not None
        and (earlier.reason == reason or {earlier.reason, reason} <= none)
        and at in {None, earlier.at}
    )


def _check_revocable(
    estate: Stores, record: Record, now: datetime, at: datetime | None, reason: Reason | None
) -> None:
    """Check that a certificate can be revoked for a reason, as of a time or now."""
    earlier = estate.revocations.by_serial(record.serial)
    if earlier is not None:
        why = "" if earlier.reason is None else f" ({earlier.reason.value})"
        skips = "smki-testca revoke --status in-use skips it."
        is_so = _is_revoked_so(estate, record, reason, at)
        raise InputError(
            "revocation.twice",
            f"{_named(record)} is already revoked{why}, since {iso(earlier.at)}.",
            f"Nothing is left to do for it: {skips}"
            if is_so
            else f"A revocation stays as it is, with its reason and its time: {skips}",
        )
    if record.tier is Tier.ROOT:
        raise InputError(
            "revocation.root",
            f"{_named(record)} is a root's: no CA above it could list it.",
        )
    if not _has_lists(estate, record):
        raise InputError(
            "revocation.device",
            f"{_named(record)} is of the {_title(record.hierarchy)} hierarchy, which has no"
            " revocation lists.",
            "State it by its status: smki-testca set-status --serial N not-in-use",
        )
    if at is None and record.not_after < now:
        raise InputError(
            "revocation.expired",
            f"{_named(record)} expired on {iso(record.not_after)}.",
            "Revoke it as of a time before that (smki-testca revoke --at TIME), or leave it out:"
            " smki-testca revoke --status in-use",
        )
    if not record.not_before <= (at or now) <= min(now, record.not_after):
        raise InputError(
            "revocation.date",
            f"{_named(record)} cannot be revoked as of {iso(at or now)}: its validity began at"
            f" {iso(record.not_before)} and ends at {iso(record.not_after)}, and it is"
            f" {iso(now)} now.",
        )


def _store(
    estate: Stores,
    action: str,
    records: list[Record],
    reason: Reason | None,
    at: datetime,
    note: str,
    details: Mapping[str, object],
) -> None:
    """Store revocations with their audit entry, within the caller's transaction."""
    now = estate.clock.now()
    issuers = {record.issuer for record in records}
    names = {serial: name_of(known(estate, serial)) for serial in issuers}
    body = {**details, "at": iso(at), "revoked": [str(record.serial) for record in records]}
    number = estate.audit.append(now, action, body)
    estate.revocations.add(
        ((names[record.issuer], Revocation(record.serial, at, reason)) for record in records),
        note,
        now,
        number,
    )


def _reject_by_status(estate: Stores, record: Record, now: datetime) -> None:
    status = estate.statuses.status(record, now)
    if status not in LIVING:
        raise InputError(
            "rejection.status",
            f"{_named(record)} is {status.word}: there is nothing left to reject.",
        )
    _change_status(estate, [record.serial], Status.NOT_IN_USE, now, "reject", REJECTED)


def _change_status(
    estate: Stores,
    serials: list[SerialNumber],
    status: Status,
    at: datetime,
    action: str,
    note: str,
) -> None:
    """Set a status with its audit entry, within the caller's transaction."""
    body = {"status": status.value, "serials": [str(serial) for serial in serials]}
    number = estate.audit.append(at, action, body)
    estate.statuses.change(serials, status, at, note, number)


def _named(record: Record) -> str:
    return f"Certificate {record.serial}"
