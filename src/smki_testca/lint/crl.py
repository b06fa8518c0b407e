"""The rules of CRLs: what holds of any of them, and the rows that speak of their entries.

The entries are gone through once, however many there are. Most are alike in everything that a
rule looks at, so that each rule is asked of each shape of entry and not of each entry.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smki_testca.lint.findings import Finding
from smki_testca.lint.rows import ASPECTS, check, entry_breaches
from smki_testca.lint.rules import ago
from smki_testca.lint.strict import entry_anomalies
from smki_testca.x509 import names
from smki_testca.x509.entries import Entry, entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from smki_testca.der.read import Anomaly
    from smki_testca.lint.rows import Context
    from smki_testca.profiles.model import RevocationListProfile
    from smki_testca.x509.view import View

Breach = tuple[str, int, str]
"""A rule's code, the octet at fault, and what is wrong."""

_MOST_ANOMALIES = 100
_MAX_NUMBER_BITS = 159
"""A cRLNumber has at most 20 octets (RFC 5280 5.2.3), the first bit of which is its sign."""


@dataclass(slots=True)
class Seen:
    """The entries that are alike in something.

    Attributes:
        first: of them.
        count: how many there are.
    """

    first: Entry
    count: int = 0


@dataclass(slots=True)
class Survey:
    """What the entries of a CRL are.

    Attributes:
        shapes: the entries that are alike in everything but serial and date.
        later: those dated after thisUpdate.
        twice: those whose serial stands before them already.
        duplicates: those that have an extension twice.
        problems: those that are no entries.
        anomalies: what DER forbids in them; the first hundred of it.
    """

    shapes: dict[object, Seen] = field(default_factory=dict)
    later: Seen | None = None
    twice: Seen | None = None
    duplicates: Seen | None = None
    problems: list[Anomaly] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)


def entries_of(view: View) -> Iterator[Entry]:
    """The entries of a CRL, in order; none where it lists no certificate."""
    listed = view.fields.get("revokedCertificates")
    return iter(()) if listed is None else entries(listed.node)


def survey(view: View, read: Iterable[Entry] | None = None) -> Survey:
    """Go through the entries of a CRL.

    Args:
        view: the CRL.
        read: its entries, where they were read already.
    """
    found = Survey()
    this_update = view.instant("thisUpdate")
    serials: set[int] = set()
    names_issuers = False
    for entry in entries_of(view) if read is None else read:
        if entry.node is not None:
            _look_into(entry, found)
        if entry.problem is not None:
            found.problems.append(entry.problem)
            continue
        serial, at = entry.serial, entry.at
        shape = _shape(entry)
        seen = found.shapes.get(shape)
        if seen is None:
            seen = found.shapes[shape] = Seen(entry)
        seen.count += 1
        if this_update is not None and at is not None and at > this_update:
            found.later = _again(found.later, entry)
        # Of an indirect CRL, an entry's serial alone tells no certificate.
        names_issuers |= "certificateIssuer" in entry.criticality
        if serial is not None and not names_issuers:
            if serial in serials:
                found.twice = _again(found.twice, entry)
            serials.add(serial)
    return found


def _shape(entry: Entry) -> object:
    serial, at = entry.serial, entry.at
    return (
        None if serial is None else (serial.bit_length() // 8, serial > 0),
        entry.date_tag,
        None if at is None else 1950 <= at.year < 2050,
        entry.reason,
        # What an entry in the usual form has is told by its reason.
        None if entry.node is None else tuple(entry.criticality.items()),
    )


def _look_into(entry: Entry, found: Survey) -> None:
    """What only an entry in an unusual form can have."""
    if entry.duplicates:
        found.duplicates = _again(found.duplicates, entry)
    if len(found.anomalies) < _MOST_ANOMALIES:
        found.anomalies += entry_anomalies(entry)


def _again(seen: Seen | None, entry: Entry) -> Seen:
    seen = seen or Seen(entry)
    seen.count += 1
    return seen


def breaches(
    view: View, found: Survey, at: datetime | None, profile: RevocationListProfile | None
) -> Iterator[Breach]:
    """What is wrong with a CRL by the rules of RFC 5280 5, its profile's rows aside.

    Args:
        view: the CRL.
        found: what its entries are.
        at: the instant that its time is judged at, UTC; None to judge it at none.
        profile: whose rows speak of the same things; None for a CRL of no known kind.
    """
    rows = () if profile is None else profile.filling_rows
    yield from _basics(view, {row.field.path for row in rows})
    yield from _times(view, at)
    yield from _extensions(view)
    yield from _entries(view, found)
    yield from _by_shape(view, found)


def _basics(view: View, spoken_of: set[str]) -> Iterator[Breach]:
    """What every CRL has, where no row says so."""
    start = view.signed.offset
    if "version" not in spoken_of and view.value("version") != "v2":
        yield "crl.version", start, "its version is not 2"
    if "nextUpdate" not in spoken_of and "nextUpdate" not in view.fields:
        yield "crl.next_update", start, "it has no nextUpdate"
    key = "extensions.authorityKeyIdentifier"
    if f"{key}.keyIdentifier" not in spoken_of and key not in view.fields:
        yield "crl.authority_key", start, "it has no authorityKeyIdentifier"
    if "extensions.cRLNumber" in spoken_of:
        return
    number = view.fields.get("extensions.cRLNumber")
    if number is None:
        yield "crl.number", start, "it has no cRLNumber"
    elif not isinstance(number.value, int) or not 0 <= number.value < 1 << _MAX_NUMBER_BITS:
        message = "its cRLNumber is negative, has more than 20 octets, or is no INTEGER"
        yield "crl.number_range", number.node.offset, message


def _times(view: View, at: datetime | None) -> Iterator[Breach]:
    start, end = view.instant("thisUpdate"), view.instant("nextUpdate")
    if start is not None and end is not None and end <= start:
        offset = view.fields["nextUpdate"].node.offset
        yield "crl.update_order", offset, "its nextUpdate is not after its thisUpdate"
    elif at is not None and end is not None and at > end:
        offset = view.fields["nextUpdate"].node.offset
        yield "crl.stale", offset, f"its nextUpdate passed {ago(at - end)} ago"
    if at is not None and start is not None and at < start:
        offset = view.fields["thisUpdate"].node.offset
        yield "crl.future", offset, f"its thisUpdate is {ago(start - at)} ahead"


def _extensions(view: View) -> Iterator[Breach]:
    seen: set[str] = set()
    for name, node in zip(view.extension_order, view.extension_nodes, strict=True):
        if name in seen and name != "unreadable":
            yield "extensions.duplicate", node.offset, f"the extension {name} is there twice"
        seen.add(name)
        if view.criticality.get(name) and name not in names.CRL_EXTENSIONS:
            message = f"the extension {name} is critical, and nobody here knows it"
            yield "extensions.unknown_critical", node.offset, message


def _entries(view: View, found: Survey) -> Iterator[Breach]:
    listed = view.fields.get("revokedCertificates")
    if listed is not None and not listed.value and not found.problems:
        message = "its list of revoked certificates is there and empty"
        yield "crl.empty", listed.node.offset, message
    for problem in found.problems[:_MOST_ANOMALIES]:
        yield problem.code, problem.offset, problem.message
    if found.twice is not None:
        yield "crl.serial_twice", found.twice.first.offset, f"{_whose(found.twice)} stands twice"
    if found.later is not None:
        message = f"{_whose(found.later)} was revoked only after thisUpdate"
        yield "crl.revoked_later", found.later.first.offset, message
    if found.duplicates is not None:
        name = found.duplicates.first.duplicates[0]
        message = f"the extension {name} of {_whose(found.duplicates)} is there twice"
        yield "extensions.duplicate", found.duplicates.first.offset, message


def _by_shape(view: View, found: Survey) -> Iterator[Breach]:
    """What is wrong with whole shapes of entries, told once for all that share it."""
    is_delta = "extensions.deltaCRLIndicator" in view.fields
    gathered: dict[tuple[str, str], Seen] = {}
    for shape in found.shapes.values():
        for breach in _of_shape(shape.first, is_delta=is_delta):
            seen = gathered.setdefault(breach, Seen(shape.first))
            seen.count += shape.count
    for (code, message), seen in gathered.items():
        yield code, seen.first.offset, message.format(whose=_whose(seen))


def _of_shape(entry: Entry, *, is_delta: bool) -> Iterator[tuple[str, str]]:
    for name, is_critical in entry.criticality.items():
        if is_critical and name not in names.ENTRY_EXTENSIONS:
            message = f"the extension {name} of {{whose}} is critical, and unknown here"
            yield "extensions.unknown_critical", message
    if "reasonCode" not in entry.criticality:
        return
    reason = None if entry.reason is None else names.REASON_NAMES.get(entry.reason)
    if reason is None:
        yield "crl.reason_unknown", "the reasonCode of {whose} is none of RFC 5280's"
    elif reason == "unspecified":
        yield "crl.reason_unspecified", "the reasonCode of {whose} is unspecified"
    elif reason == "removeFromCRL" and not is_delta:
        message = "the reasonCode of {whose} is removeFromCRL, outside a delta CRL"
        yield "crl.reason_remove", message


def _whose(seen: Seen) -> str:
    """The first of the entries, and how many more there are."""
    serial = seen.first.serial
    # A serial over 16 octets has more digits than that, a negative one a sign.
    text = "unreadable" if serial is None else f"{serial:032X}"
    more = seen.count - 1
    others = "" if not more else f" (and {more:,} other{'s' if more > 1 else ''})"
    return f"serial {text[:64]}{others}"


def row_findings(
    view: View, found: Survey, profile: RevocationListProfile, context: Context
) -> list[Finding]:
    """One finding for each row of a profile that a CRL breaks, in the order of the rows."""
    return check(view, profile, context) + list(_entry_findings(found, profile, context))


def _entry_findings(
    found: Survey, profile: RevocationListProfile, context: Context
) -> Iterator[Finding]:
    for row in profile.rows:
        if row.field.entry is None:
            continue
        broken: dict[str, tuple[str, Seen]] = {}
        for shape in found.shapes.values():
            for aspect, said in entry_breaches(shape.first, row, context.roles):
                message, seen = broken.setdefault(aspect, (said, Seen(shape.first)))
                seen.count += shape.count
                break
        for aspect, (message, seen) in broken.items():
            yield Finding(
                f"{row.field.path}.{aspect}",
                row.severity,
                row.field.path,
                seen.first.offset,
                f"{row.field.path} of {_whose(seen)} {message}.",
                row.basis,
                row.source,
                ASPECTS[aspect].remedy.format(path=row.field.path),
            )
            break
