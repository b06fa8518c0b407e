"""Where a revocation list differs from what the estate would say now."""

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
    from smki_testca.x509.entries import Entry
    from smki_testca.x509.view import View


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing that is not as the estate would have it.

    Attributes:
        code: stable dotted code, listed in ``docs/living.md``.
        message: what it is, one line.
    """

    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        """``{"code", "message"}``."""
        return {"code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A revocation list beside the estate.

    Attributes:
        authority: the newest certificate of the CA of the list's issuer; None where the estate
            has none that signed it.
        number: the cRLNumber; None where there is none.
        this_update, next_update: the times in it; None where it has none.
        entries: how many certificates it names.
        discrepancies: everything that is not as the estate would have it.
    """

    authority: Record | None
    number: int | None
    this_update: datetime | None
    next_update: datetime | None
    entries: int
    discrepancies: tuple[Discrepancy, ...]


def compare_list(estate: Stores, der: bytes) -> Comparison:
    """Compare a revocation list with the estate: signature, times, number and entries.

    Args:
        estate: whose CA should have signed it.
        der: its octets.

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
    found = [*_times(view, estate.clock.now())]
    number = view.value("extensions.cRLNumber")
    number = number if isinstance(number, int) else None
    if signed_by is None:
        found.append(Discrepancy("crl.foreign", "No CA of the estate signed it."))
    else:
        found += _number(estate, signed_by, number, der)
        wanted = estate.revocations.of_authority(name_of(signed_by))
        profile = profile_of_list(estate, signed_by.hierarchy, signed_by.tier)
        found += _entries(wanted, named, tells_reasons=_tells_reasons(profile))
    return Comparison(
        signed_by,
        number,
        view.instant("thisUpdate"),
        view.instant("nextUpdate"),
        len(named),
        tuple(found),
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
        one.number == number and one.der == der
        for one in estate.revocations.lists(current_only=True)
        if (one.family, one.issuer) == (issuer.family, issuer.name)
    ):
        yield Discrepancy(
            "crl.unknown", f"The estate did not issue it: its newest has number {newest}."
        )


def _tells_reasons(profile: RevocationListProfile) -> bool:
    """Whether the lists of a profile give each certificate's own reason."""
    filled = (row.fill for row in profile.filling_rows if row.field.entry == "reasonCode")
    return any(isinstance(fill, Derived) for fill in filled)


def _entries(
    wanted: list[Revocation], named: list[Entry], *, tells_reasons: bool
) -> Iterator[Discrepancy]:
    """What is missing on the list, what is there without reason, what differs."""
    missing = {one.serial.value: one for one in wanted}
    seen = set()
    for entry in named:
        if entry.problem is not None or entry.serial is None:
            what = "it has no serial number" if entry.problem is None else entry.problem.message
            yield Discrepancy("crl.entry_unreadable", f"An entry cannot be read: {what}.")
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
        elif entry.at != revocation.at or (tells_reasons and entry.reason != _code(revocation)):
            yield Discrepancy(
                "crl.entry_differs",
                f"Its date or reason for {_shown(entry.serial)} is not the estate's.",
            )
    for one in missing.values():
        yield Discrepancy(
            "crl.entry_missing", f"It lacks {one.serial}, revoked as of {iso(one.at)}."
        )


def _code(revocation: Revocation) -> int | None:
    """The code of the reason as a list has it: unspecified is never written (RFC 5280 5.3.1)."""
    reason = revocation.reason
    return None if reason is None else reason.code or None


def _shown(serial: int) -> str:
    limit = 1 << (8 * SerialNumber.MAX_OCTETS - 1)
    return str(SerialNumber(serial)) if 0 < serial < limit else hex(serial)
