"""Compares a revocation list with the one that the estate would issue now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.clock import iso
from smki_testca.der.read import DerError
from smki_testca.errors import InputError
from smki_testca.identifiers import SerialNumber
from smki_testca.lifecycle.crls import name_of, profile_of_list
from smki_testca.lifecycle.whois import signer_of
from smki_testca.profiles.model import Derived
from smki_testca.x509.entries import entries
from smki_testca.x509.view import view_revocation_list

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from smki_testca.authority.revocation import Revocation
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.profiles.model import RevocationListProfile
    from smki_testca.x509.entries import CrlEntry
    from smki_testca.x509.view import View


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One difference between a revocation list and the estate.

    Attributes:
        code: stable dotted code, listed in ``docs/living.md``.
        message: the difference, one line.
    """

    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        """``{"code", "message"}``."""
        return {"code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class CrlComparison:
    """The outcome of comparing a revocation list with the estate.

    Attributes:
        authority: the newest certificate of the CA that signed it; None if that is no CA of the
            estate.
        number: the cRLNumber, if there is one.
        this_update, next_update: the times in it, if there are any.
        entries: how many certificates it names.
        discrepancies: every difference.
    """

    authority: Record | None
    number: int | None
    this_update: datetime | None
    next_update: datetime | None
    entries: int
    discrepancies: tuple[Discrepancy, ...]


def compare_list(estate: Stores, der: bytes) -> CrlComparison:
    """Compare a revocation list with the estate: signature, times, number and entries.

    Args:
        estate: the estate whose CA should have signed it.
        der: the list.

    Raises:
        InputError: if the octets are no revocation list.
    """
    try:
        view = view_revocation_list(der)
    except DerError as error:
        message = f"The file holds no revocation list: {error.message}."
        raise InputError(error.code, message) from error
    revoked = view.fields.get("revokedCertificates")
    named = [] if revoked is None else list(entries(revoked.node))
    signed_by = signer_of(estate, view)
    discrepancies = [*_times(view, estate.clock.now())]
    number = view.value("extensions.cRLNumber")
    number = number if isinstance(number, int) else None
    if signed_by is None:
        discrepancies.append(Discrepancy("crl.foreign", "No CA of the estate signed it."))
    else:
        discrepancies += _number(estate, signed_by, number, der)
        revocations = estate.revocations.of_authority(name_of(signed_by))
        profile = profile_of_list(estate, signed_by.hierarchy, signed_by.tier)
        discrepancies += _entries(revocations, named, has_reasons=_has_reasons(profile))
    return CrlComparison(
        signed_by,
        number,
        view.instant("thisUpdate"),
        view.instant("nextUpdate"),
        len(named),
        tuple(discrepancies),
    )


def _times(view: View, now: datetime) -> Iterator[Discrepancy]:
    begin, end = view.instant("thisUpdate"), view.instant("nextUpdate")
    if begin is not None and now < begin:
        yield Discrepancy("crl.future", f"Its thisUpdate is yet to come: {iso(begin)}.")
    if end is None:
        yield Discrepancy("crl.no_next_update", "It has no nextUpdate.")
    elif end < now:
        yield Discrepancy("crl.stale", f"Its nextUpdate has passed: {iso(end)}.")


def _number(
    estate: Stores, signed_by: Record, number: int | None, der: bytes
) -> Iterator[Discrepancy]:
    issuer = name_of(signed_by)
    newest = estate.revocations.next_number(issuer) - 1
    if number is None:
        yield Discrepancy("crl.no_number", "It has no cRLNumber.")
    elif number < newest:
        yield Discrepancy("crl.older", f"It has number {number}; the newest has {newest}.")
    elif not any(
        newest_list.number == number and newest_list.der == der
        for newest_list in estate.revocations.lists(current_only=True)
        if (newest_list.family, newest_list.issuer) == (issuer.family, issuer.name)
    ):
        yield Discrepancy(
            "crl.unknown", f"The estate did not issue it: its newest has number {newest}."
        )


def _has_reasons(profile: RevocationListProfile) -> bool:
    """Whether the lists of a profile give the reason of each revocation."""
    filled = (row.fill for row in profile.filling_rows if row.field.entry == "reasonCode")
    return any(isinstance(fill, Derived) for fill in filled)


def _entries(
    revocations: list[Revocation], named: list[CrlEntry], *, has_reasons: bool
) -> Iterator[Discrepancy]:
    """The entries that are missing, superfluous, unreadable or different."""
    missing = {revocation.serial.value: revocation for revocation in revocations}
    seen = set()
    for entry in named:
        if entry.problem is not None or entry.serial is None:
            problem = "it has no serial number" if entry.problem is None else entry.problem.message
            yield Discrepancy("crl.entry_unreadable", f"An entry cannot be read: {problem}.")
            continue
        if entry.serial in seen:
            yield Discrepancy("crl.entry_twice", f"It names {_shown(entry.serial)} twice.")
            continue
        seen.add(entry.serial)
        revocation = missing.pop(entry.serial, None)
        if revocation is None:
            yield Discrepancy(
                "crl.entry_extra", f"It names {_shown(entry.serial)}, which is not revoked."
            )
        elif entry.at != revocation.at or (has_reasons and entry.reason != _code(revocation)):
            yield Discrepancy(
                "crl.entry_differs",
                f"Its date or reason for {_shown(entry.serial)} is not the estate's.",
            )
    for revocation in missing.values():
        yield Discrepancy(
            "crl.entry_missing",
            f"It lacks {revocation.serial}, revoked as of {iso(revocation.at)}.",
        )


def _code(revocation: Revocation) -> int | None:
    """The reasonCode in a list; None for unspecified, which is never written (RFC 5280 5.3.1)."""
    reason = revocation.reason
    return None if reason is None else reason.code or None


def _shown(serial: int) -> str:
    limit = 1 << (8 * SerialNumber.MAX_OCTETS - 1)
    return str(SerialNumber(serial)) if 0 < serial < limit else hex(serial)
