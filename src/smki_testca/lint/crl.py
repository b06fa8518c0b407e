"""The rules for CRLs, and the checks of profile rows that concern their entries.

The entries are read once, however many there are. Most are alike in everything that a rule looks
at, so each rule runs once for each shape of entry and not for each entry.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.clock import span_in_words
from smki_testca.lint.certificate import (
    algorithms,
    unknown_critical_extensions,
    unsupported_critical_extensions,
)
from smki_testca.lint.chain import NOBODY
from smki_testca.lint.findings import Breach, Finding
from smki_testca.lint.row_checks import check, entry_breaches, rule_of
from smki_testca.lint.rule import LIMIT, detects, rule
from smki_testca.lint.strict import entry_anomalies
from smki_testca.lint.structure_rules import entry_breaches as structure_breaches
from smki_testca.profiles.model import Severity, Tier
from smki_testca.roles import Basis
from smki_testca.x509 import names
from smki_testca.x509.entries import CrlEntry, entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from smki_testca.der.read import Anomaly
    from smki_testca.lint.chain import DocumentSigner
    from smki_testca.lint.row_checks import RowContext
    from smki_testca.profiles.model import Profile, RevocationListProfile
    from smki_testca.x509.view import View

_MOST_ANOMALIES = 100
_ENUMERATED = 0x0A
_NOT_SUPPORTED = frozenset({"certificateIssuer", "invalidityDate"})
"""The extensions of an entry that readers need not support (RFC 5280 5, 5.3)."""
_MAX_NUMBER_BITS = 159
"""A cRLNumber has at most 20 octets (RFC 5280 5.2.3), the first bit of which is its sign."""


@dataclass(slots=True)
class EntryGroup:
    """A group of entries with something in common.

    Attributes:
        first: the first entry of the group.
        count: how many entries it has.
    """

    first: CrlEntry
    count: int = 0


@dataclass(slots=True)
class Survey:
    """The entries of a CRL, counted by shape.

    Attributes:
        shapes: the groups of entries that differ only in serial number and date.
        later: the entries dated after thisUpdate.
        twice: the entries whose serial number an earlier entry has.
        duplicates: the entries that have an extension twice.
        problems: the breaches of elements that are no entries.
        anomalies: the breaches of DER in the entries, a hundred at most.
    """

    shapes: dict[object, EntryGroup] = field(default_factory=dict)
    later: EntryGroup | None = None
    twice: EntryGroup | None = None
    duplicates: EntryGroup | None = None
    problems: list[Breach] = field(default_factory=list)
    anomalies: list[Breach] = field(default_factory=list)


def entries_of(view: View) -> Iterator[CrlEntry]:
    """The entries of a CRL, in order; none where it lists no certificate."""
    listed = view.fields.get("revokedCertificates")
    return iter(()) if listed is None else entries(listed.node)


def survey(view: View, read: Iterable[CrlEntry] | None = None) -> Survey:
    """Read the entries of a CRL once.

    Args:
        view: the CRL.
        read: its entries, where the caller has read them already.
    """
    result = Survey()
    this_update = view.instant("thisUpdate")
    serials: set[int] = set()
    names_issuers = False
    for entry in entries_of(view) if read is None else read:
        if entry.node is not None:
            _add_unusual(entry, result)
        if entry.problem is not None:
            result.problems.append(_problem(entry.problem))
            continue
        serial, at = entry.serial, entry.at
        shape = _shape(entry)
        group = result.shapes.get(shape)
        if group is None:
            group = result.shapes[shape] = EntryGroup(entry)
        group.count += 1
        if this_update is not None and at is not None and at > this_update:
            result.later = _count_entry(result.later, entry)
        # Of an indirect CRL, an entry's serial alone tells no certificate.
        names_issuers |= "certificateIssuer" in entry.criticality
        if serial is not None and not names_issuers:
            if serial in serials:
                result.twice = _count_entry(result.twice, entry)
            serials.add(serial)
    return result


def _shape(entry: CrlEntry) -> object:
    serial, at = entry.serial, entry.at
    return (
        None if serial is None else (serial.bit_length() // 8, serial > 0),
        entry.date_tag,
        None if at is None else 1950 <= at.year < 2050,
        entry.reason,
        _has_broken_reason(entry),
        # An entry in the usual form has at most a reasonCode.
        None if entry.node is None else tuple(entry.criticality.items()),
    )


def _has_broken_reason(entry: CrlEntry) -> bool:
    """Whether a reasonCode is no ENUMERATED, which its structure reports (``CRLReason``)."""
    if entry.node is None or "reasonCode" not in entry.criticality:
        return False
    reason = entry.wrapped.get("reasonCode")
    return reason is None or reason.tag != _ENUMERATED


def _add_unusual(entry: CrlEntry, result: Survey) -> None:
    """Add the faults that only an entry in an unusual form can have."""
    if entry.duplicates:
        result.duplicates = _count_entry(result.duplicates, entry)
    if len(result.anomalies) < _MOST_ANOMALIES:
        result.anomalies += (*entry_anomalies(entry), *structure_breaches(entry))


def _count_entry(group: EntryGroup | None, entry: CrlEntry) -> EntryGroup:
    group = group or EntryGroup(entry)
    group.count += 1
    return group


class CheckedRevocationList(NamedTuple):
    """A CRL and the facts that its rules check it against.

    Attributes:
        view: its fields.
        survey: its entries, counted by shape.
        profile: the profile that it must follow; None for a CRL of no known kind.
        at: the instant at which its times are checked, UTC; None to leave that out.
        signer: the CRL's signer, as far as it is known.
        signer_profile: the profile of the CA that it names or that signed it, if known.
    """

    view: View
    survey: Survey
    profile: RevocationListProfile | None
    at: datetime | None
    signer: DocumentSigner = NOBODY
    signer_profile: Profile | None = None

    def has_row(self, path: str) -> bool:
        """Whether a row of the profile fills this field, and so checks it."""
        rows = () if self.profile is None else self.profile.rows
        return any(row.fill is not None and row.field.path == path for row in rows)

    def lacks(self, path: str, row_path: str) -> bool:
        """Whether a field is missing, and no row of the profile checks that."""
        return path not in self.view.fields and not self.has_row(row_path)


def breaches(document: CheckedRevocationList) -> Iterator[Breach]:
    """Every breach of a rule for CRLs, except those of its profile's rows."""
    for checker in CHECKERS:
        yield from checker(document)


@rule(
    "crl.hierarchy", Severity.NOTICE, Basis.ASSUMED, "no public CRL or policy was found",
    meaning="A CA of a hierarchy without CRLs issued it.",
    remedy="Use the status of Device Certificates instead.",
    good="a CRL of the Issuing OCA", bad="a CRL of the Issuing DCA",
)  # fmt: skip
def hierarchy(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find a CRL of a CA whose hierarchy has no CRLs."""
    ca = document.signer_profile
    if document.profile is None and ca is not None and ca.tier is not Tier.END_ENTITY:
        message = f"no CA of the {ca.hierarchy} hierarchy issues CRLs"
        yield Breach("crl.hierarchy", document.view.fields["issuer"].node.offset, message)


@rule(
    "crl.issuer_key_usage", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 6.3.3 (f)",
    meaning="The issuer's keyUsage lacks cRLSign.", remedy="Have it issued by a CA whose"
    " keyUsage allows it.",
    good="keyCertSign, cRLSign", bad="keyCertSign only",
)  # fmt: skip
def issuer_key_usage(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find a CA whose keyUsage does not allow it to sign CRLs."""
    issuer = document.signer.issuer
    if issuer is not None and not issuer.may("cRLSign"):
        message = "the issuer's keyUsage does not allow it to sign CRLs"
        offset = document.view.fields["issuer"].node.offset
        yield Breach("crl.issuer_key_usage", offset, message)


@rule(
    "crl.version", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 5.1.2.1",
    meaning="The CRL is not of version 2.", remedy="Issue it as v2.",
    good="v2", bad="v1",
)  # fmt: skip
@rule(
    "crl.next_update", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 5.1.2.5",
    meaning="The CRL has no nextUpdate.", remedy="Issue it with one.",
    good="nextUpdate 48 hours on", bad="no nextUpdate",
)  # fmt: skip
@rule(
    "crl.authority_key", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 5.2.1",
    meaning="The CRL has no authorityKeyIdentifier.", remedy="Issue it with one.",
    good="the issuer's key identifier", bad="no authorityKeyIdentifier",
)  # fmt: skip
@rule(
    "crl.number", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 5.2.3",
    meaning="The CRL has no cRLNumber.", remedy="Issue it with one.",
    good="cRLNumber 7", bad="no cRLNumber",
)  # fmt: skip
def required_fields(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find a CRL that is not v2, or lacks a field that RFC 5280 requires."""
    offset = document.view.signed.offset
    if not document.has_row("version") and document.view.value("version") != "v2":
        yield Breach("crl.version", offset, "its version is not 2")
    if document.lacks("nextUpdate", "nextUpdate"):
        yield Breach("crl.next_update", offset, "it has no nextUpdate")
    key = "extensions.authorityKeyIdentifier"
    if document.lacks(key, f"{key}.keyIdentifier"):
        yield Breach("crl.authority_key", offset, "it has no authorityKeyIdentifier")
    if document.lacks("extensions.cRLNumber", "extensions.cRLNumber"):
        yield Breach("crl.number", offset, "it has no cRLNumber")


@rule(
    "crl.number_range", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 5.2.3",
    meaning="The cRLNumber is negative, has more than 20 octets, or is not an INTEGER.",
    remedy="Number CRLs from 1 on.",
    good="cRLNumber 7", bad="cRLNumber -1",
)  # fmt: skip
def number_range(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find a cRLNumber outside the range of RFC 5280."""
    crl_number = document.view.fields.get("extensions.cRLNumber")
    if crl_number is None or document.has_row("extensions.cRLNumber"):
        return
    value = crl_number.value
    if not isinstance(value, int) or not 0 <= value < 1 << _MAX_NUMBER_BITS:
        message = "its cRLNumber is negative, has more than 20 octets, or is not an INTEGER"
        yield Breach("crl.number_range", crl_number.node.offset, message)


def _is_in_order(view: View) -> bool:
    start, end = view.instant("thisUpdate"), view.instant("nextUpdate")
    return start is None or end is None or end > start


@rule(
    "crl.update_order", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 5.1.2.5",
    meaning="The CRL's nextUpdate is not after its thisUpdate.",
    remedy="Issue it with its times in order.",
    good="nextUpdate 48 hours after thisUpdate", bad="nextUpdate an hour before thisUpdate",
)  # fmt: skip
def update_order(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find a nextUpdate that is not after thisUpdate."""
    if not _is_in_order(document.view):
        offset = document.view.fields["nextUpdate"].node.offset
        message = "its nextUpdate is not after its thisUpdate"
        yield Breach("crl.update_order", offset, message)


@rule(
    "crl.stale", Severity.WARNING, Basis.SPECIFIED, "RFC 5280 5.1.2.5",
    meaning="The CRL's nextUpdate has passed.", remedy="Fetch the newest CRL.",
    good="nextUpdate tomorrow", bad="nextUpdate yesterday",
)  # fmt: skip
def stale(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find a CRL whose nextUpdate has passed."""
    at, end = document.at, document.view.instant("nextUpdate")
    if at is not None and end is not None and at > end and _is_in_order(document.view):
        message = f"its nextUpdate passed {span_in_words(at - end)} ago"
        yield Breach("crl.stale", document.view.fields["nextUpdate"].node.offset, message)


@rule(
    "crl.future", Severity.WARNING, Basis.SPECIFIED, "RFC 5280 5.1.2.4",
    meaning="The CRL's thisUpdate is in the future.", remedy="Wait, or check the clock.",
    good="thisUpdate an hour ago", bad="thisUpdate tomorrow",
)  # fmt: skip
def future(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find a CRL whose thisUpdate is in the future."""
    at, start = document.at, document.view.instant("thisUpdate")
    if at is not None and start is not None and at < start:
        message = f"its thisUpdate is {span_in_words(start - at)} ahead"
        yield Breach("crl.future", document.view.fields["thisUpdate"].node.offset, message)


@detects("extensions.duplicate")
def duplicate_extensions(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find each repeated extension, at each place but its first."""
    view = document.view
    seen: set[str] = set()
    for name, node in zip(view.extension_order, view.extension_nodes, strict=True):
        if name in seen and name != "unreadable":
            message = f"the extension {name} is there twice"
            yield Breach("extensions.duplicate", node.offset, message)
        seen.add(name)


@rule(
    "crl.empty", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 5.1.2.6",
    meaning="revokedCertificates is there and lists nothing.",
    remedy="Leave it out where nothing is revoked.",
    good="no revokedCertificates", bad="revokedCertificates 30 00",
)  # fmt: skip
def empty_list(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find an empty revokedCertificates."""
    listed = document.view.fields.get("revokedCertificates")
    if listed is not None and not listed.value and not document.survey.problems:
        message = "its list of revoked certificates is there and empty"
        yield Breach("crl.empty", listed.node.offset, message)


@rule(
    "crl.entry", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 5.1.2.6",
    meaning="An entry is not a serial number, a time and, perhaps, extensions.",
    remedy="Write each element of the entry once, in its order and type, and sign the CRL again.",
    good="SEQUENCE { userCertificate, revocationDate }", bad="SEQUENCE { userCertificate }",
)  # fmt: skip
@rule(
    "crl.too_many_entries", Severity.ERROR, Basis.ASSUMED, LIMIT,
    meaning="The CRL has more entries than are read.", remedy="Check what else is in the file.",
    good="100,000 entries", bad="250,001 entries",
)  # fmt: skip
def _problem(problem: Anomaly) -> Breach:
    """The breach of an element that is no entry, as ``x509.entries`` found it."""
    return Breach(problem.code, problem.offset, problem.message)


def no_entries(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find the elements of the list that are no entries."""
    yield from document.survey.problems[:_MOST_ANOMALIES]


@rule(
    "crl.serial_twice", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 5.1.2.6",
    meaning="The CRL lists one serial number twice.", remedy="List each certificate once.",
    good="every serial once", bad="one serial with two dates",
)  # fmt: skip
def serial_twice(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find serial numbers that are listed twice."""
    twice = document.survey.twice
    if twice is not None:
        place = twice.first.offset_of("userCertificate")
        yield Breach("crl.serial_twice", place, f"{_group_text(twice)} is there twice")


@rule(
    "crl.revoked_later", Severity.WARNING, Basis.SPECIFIED, "RFC 5280 5.1.2.4, 5.1.2.6",
    meaning="An entry's revocationDate is after thisUpdate.",
    remedy="List what was revoked when the CRL was issued.",
    good="revoked an hour before thisUpdate", bad="revoked an hour after thisUpdate",
)  # fmt: skip
def revoked_later(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find entries that are dated after the CRL."""
    later = document.survey.later
    if later is not None:
        message = f"{_group_text(later)} was revoked only after thisUpdate"
        place = later.first.offset_of("revocationDate")
        yield Breach("crl.revoked_later", place, message)


@detects("extensions.duplicate")
def duplicate_entry_extensions(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find entries that have an extension twice."""
    group = document.survey.duplicates
    if group is not None:
        message = (
            f"the extension {group.first.duplicates[0]} of {_group_text(group)} is there twice"
        )
        place = group.first.offset_of(group.first.duplicates[0], 1)
        yield Breach("extensions.duplicate", place, message)


def entries_by_shape(document: CheckedRevocationList) -> Iterator[Breach]:
    """Find faults of entries: one finding for all that share the fault."""
    is_delta = "extensions.deltaCRLIndicator" in document.view.fields
    groups: dict[Breach, EntryGroup] = {}
    places: dict[Breach, int | None] = {}
    for shape in document.survey.shapes.values():
        for breach in (
            *_shape_breaches(shape.first, is_delta=is_delta),
            *_unsupported_extensions(shape.first, document),
        ):
            fault = breach._replace(offset=None)
            places.setdefault(fault, breach.offset)
            group = groups.setdefault(fault, EntryGroup(shape.first))
            group.count += shape.count
    for breach, group in groups.items():
        message = breach.message.format(whose=_group_text(group))
        yield breach._replace(offset=places[breach], message=message)


@rule(
    "crl.reason_unknown", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 5.3.1",
    meaning="A reasonCode is unknown.", remedy="Use one of RFC 5280.",
    good="reasonCode keyCompromise", bad="reasonCode 7",
)  # fmt: skip
@rule(
    "crl.reason_unspecified", Severity.WARNING, Basis.SPECIFIED, "RFC 5280 5.3.1",
    meaning="A reasonCode says unspecified: it should be left out.",
    remedy="Leave the reasonCode out.",
    good="no reasonCode", bad="reasonCode unspecified",
)  # fmt: skip
@rule(
    "crl.reason_remove", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 5.3.1",
    meaning="A reasonCode says removeFromCRL outside a delta CRL.", remedy="Leave the entry out.",
    good="no such entry", bad="reasonCode removeFromCRL",
)  # fmt: skip
@detects("extensions.unknown_critical")
def _shape_breaches(entry: CrlEntry, *, is_delta: bool) -> Iterator[Breach]:
    """Find faults of an entry; their messages have ``{whose}`` for the entries of its shape."""
    for name, is_critical in entry.criticality.items():
        if is_critical and name not in names.ENTRY_EXTENSIONS:
            message = f"the extension {name} of {{whose}} is critical, and unknown here"
            yield Breach("extensions.unknown_critical", entry.offset_of(name), message)
    if "reasonCode" not in entry.criticality or _has_broken_reason(entry):
        return
    place = entry.offset_of("reasonCode")
    reason = None if entry.reason is None else names.REASON_NAMES.get(entry.reason)
    if reason is None:
        message = "the reasonCode of {whose} is not one of RFC 5280"
        yield Breach("crl.reason_unknown", place, message)
    elif reason == "unspecified":
        message = "the reasonCode of {whose} is unspecified"
        yield Breach("crl.reason_unspecified", place, message)
    elif reason == "removeFromCRL" and not is_delta:
        message = "the reasonCode of {whose} is removeFromCRL, outside a delta CRL"
        yield Breach("crl.reason_remove", place, message)


@detects("extensions.critical_unsupported")
def _unsupported_extensions(entry: CrlEntry, document: CheckedRevocationList) -> Iterator[Breach]:
    """Find critical extensions of an entry that readers need not support, and that no row fills."""
    for name, is_critical in entry.criticality.items():
        path = f"revokedCertificates.{name}"
        if not is_critical or name not in _NOT_SUPPORTED or document.profile is None:
            continue
        if not document.has_row(path):
            message = (
                f"the extension {name} of {{whose}} is critical, and readers need not support it"
            )
            place = entry.offset_of(name)
            yield Breach("extensions.critical_unsupported", place, message, path)


def _group_text(group: EntryGroup) -> str:
    """The first of the entries, and how many more there are."""
    serial = group.first.serial
    # A serial over 16 octets has more digits than that, a negative one a sign.
    text = "unreadable" if serial is None else f"{serial:032X}"
    more = group.count - 1
    others = "" if not more else f" (and {more:,} other{'s' if more > 1 else ''})"
    return f"serial {text[:64]}{others}"


def row_findings(
    view: View, surveyed: Survey, profile: RevocationListProfile, context: RowContext
) -> list[Finding]:
    """One finding for each row of a profile that a CRL breaks, in the order of the rows."""
    return check(view, profile, context) + list(_entry_findings(surveyed, profile, context))


def _entry_findings(
    surveyed: Survey, profile: RevocationListProfile, context: RowContext
) -> Iterator[Finding]:
    for row in profile.rows:
        if row.field.entry is None:
            continue
        # Of several ways in which entries break the row, the first is enough.
        broken: tuple[Breach, EntryGroup] | None = None
        for shape in surveyed.shapes.values():
            breach = next(entry_breaches(shape.first, row, context.roles), None)
            if breach is None:
                continue
            if broken is None:
                broken = breach, EntryGroup(shape.first)
            if broken[0].code == breach.code:
                broken[1].count += shape.count
        if broken is not None:
            breach, group = broken
            message = f"{row.field.path} of {_group_text(group)} {breach.message}."
            place = group.first.offset_of(row.field.entry or "")
            breach = breach._replace(offset=place, message=message)
            yield Finding.of(breach, rule_of(row, breach.code))


CHECKERS: tuple[Callable[[CheckedRevocationList], Iterator[Breach]], ...] = (
    algorithms,
    hierarchy,
    issuer_key_usage,
    required_fields,
    number_range,
    update_order,
    stale,
    future,
    duplicate_extensions,
    unknown_critical_extensions,
    unsupported_critical_extensions,
    empty_list,
    no_entries,
    serial_twice,
    revoked_later,
    duplicate_entry_extensions,
    entries_by_shape,
)
"""The checkers of a CRL."""
