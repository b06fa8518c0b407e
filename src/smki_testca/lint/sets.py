"""Rules over all documents of an input at once: what no single one of them shows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.x509.names import REASON_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from smki_testca.x509.entries import Entry

Breach = tuple[int, str, str, str]
"""The position of the certificate, a rule's code, the field, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is compared of one certificate.

    Attributes:
        position: of the document in the input.
        place: its file and index, for messages.
        digest: of the whole certificate, to know the same one again.
        eui64: its User, RDP, DCC or Device ID.
    """

    position: int
    place: str
    digest: bytes
    serial: int
    issuer: bytes
    subject: bytes
    usage: tuple[str, ...]
    key: bytes
    eui64: int | None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """What is compared of one CRL.

    Attributes:
        position: of the document in the input.
        place: its file and index, for messages.
        digest: of the whole CRL, to know the same one again.
        number: its cRLNumber, if that can be read.
        is_delta: whether it lists changes only.
        is_verified: whether its signature fits a CA at hand.
    """

    position: int
    place: str
    digest: bytes
    issuer: bytes
    number: int | None
    this_update: datetime
    is_delta: bool
    is_verified: bool


def breaches(facts: Sequence[Facts]) -> Iterator[Breach]:
    """Everything that stands against certificates together, each at the later one."""
    distinct = list({one.digest: one for one in reversed(facts)}.values())[::-1]
    yield from _serials(distinct)
    yield from _same_subject(distinct)
    yield from _decimal_counting(distinct)


def numbers(listings: Iterable[Listing]) -> Iterator[Breach]:
    """CRLs of one issuer whose numbers do not rise with their times, each at the later one."""
    latest: dict[bytes, Listing] = {}
    distinct = {one.digest: one for one in listings if one.number is not None}
    for one in sorted(distinct.values(), key=lambda each: (each.this_update, each.number)):
        earlier = latest.get(one.issuer)
        latest[one.issuer] = one
        if earlier is None or earlier.number is None or one.number is None:
            continue
        # A delta CRL may share its number with the complete one issued with it.
        if one.number < earlier.number or (
            one.number == earlier.number and one.is_delta == earlier.is_delta
        ):
            message = f"its number {one.number} is not above that of {earlier.place}"
            yield (
                one.position,
                "set.crl_number",
                "extensions.cRLNumber",
                f"{message}, which is older",
            )


def revocations(
    facts: Iterable[Facts],
    listings: Iterable[Listing],
    entries_of: Callable[[Listing], Iterable[Entry]],
    at: datetime,
) -> Iterator[Breach]:
    """Certificates that the newest verified CRL of their issuer lists.

    Args:
        facts: of the certificates.
        listings: of the CRLs.
        entries_of: reads the entries of one of them.
        at: revocations after this time, UTC, are none yet.
    """
    wanted: dict[tuple[bytes, int], list[Facts]] = defaultdict(list)
    for one in facts:
        wanted[one.issuer, one.serial].append(one)
    newest: dict[bytes, Listing] = {}
    for listing in listings:
        if listing.is_verified and not listing.is_delta:
            other = newest.setdefault(listing.issuer, listing)
            if listing.this_update > other.this_update:
                newest[listing.issuer] = listing
    issuers = {issuer for issuer, _ in wanted}
    for listing in newest.values():
        if listing.issuer not in issuers:
            continue
        for entry in entries_of(listing):
            found = wanted.get((listing.issuer, -1 if entry.serial is None else entry.serial), ())
            for one in found:
                yield from _revocation(one, listing, entry, at)


def _revocation(one: Facts, listing: Listing, entry: Entry, at: datetime) -> Iterator[Breach]:
    if entry.at is None:
        return
    if one.not_before is not None and entry.at < one.not_before:
        message = f"{one.place} is revoked from {entry.at:%Y-%m-%d}, before it begins"
        yield listing.position, "set.revoked_before_issue", "revokedCertificates", message
    if entry.at <= at:
        reason = REASON_NAMES.get(-1 if entry.reason is None else entry.reason)
        why = "" if reason is None else f" ({reason})"
        message = f"it was revoked on {entry.at:%Y-%m-%d}{why}, by {listing.place}"
        yield one.position, "validity.revoked", "serialNumber", message


def _serials(facts: Iterable[Facts]) -> Iterator[Breach]:
    seen: dict[int, Facts] = {}
    for one in facts:
        earlier = seen.setdefault(one.serial, one)
        if earlier is one:
            continue
        same = earlier.issuer == one.issuer
        code = "set.serial_twice" if same else "set.serial_of_another_issuer"
        whose = "of the same issuer" if same else "of another issuer"
        message = f"another certificate {whose} has this serial: {earlier.place}"
        yield one.position, code, "serialNumber", message


def _same_subject(facts: Iterable[Facts]) -> Iterator[Breach]:
    empty = bytes.fromhex("3000")
    seen: dict[tuple[bytes, int | None, tuple[str, ...]], dict[bytes, Facts]] = defaultdict(dict)
    for one in facts:
        if one.subject == empty and one.eui64 is None:
            continue
        earlier = seen[one.subject, one.eui64, one.usage]
        same_key = earlier.get(one.key)
        if same_key is not None:
            message = f"it renews {same_key.place} with the same key"
            yield one.position, "set.renewal_same_key", "subjectPublicKeyInfo", message
        elif earlier and one.usage == ("keyAgreement",):
            first = next(iter(earlier.values()))
            message = f"another key agreement certificate has this subject: {first.place}"
            yield one.position, "set.key_agreement_pair", "subject", message
        earlier.setdefault(one.key, one)


def _decimal_counting(facts: Iterable[Facts]) -> Iterator[Breach]:
    """An ID …x9 followed by …(x+1)0, with nothing counted from …xA to …xF between them."""
    by_id: dict[int, Facts] = {}
    for one in facts:
        if one.eui64 is not None:
            by_id.setdefault(one.eui64, one)
    for eui64 in sorted(by_id):
        if eui64 & 0xF != 0x9 or eui64 + 7 not in by_id:
            continue
        if not any(eui64 + step in by_id for step in range(1, 7)):
            later = by_id[eui64 + 7]
            message = f"its ID follows that of {by_id[eui64].place} as if counted in decimal"
            yield later.position, "set.decimal_counting", "subject", message
