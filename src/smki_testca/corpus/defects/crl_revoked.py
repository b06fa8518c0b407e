"""Defects of CRLs: the entries of the revoked certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.defects.crl_bases import (
    CRLS,
    LISTS,
    ORGANISATION_CRL,
    STATUS_GOOD,
    UNKNOWN_OID,
    WHY_DROPPED,
    entry_with,
    serial_in_question,
)
from smki_testca.corpus.document_changes import but
from smki_testca.corpus.parts import (
    Extension,
    RevocationListParts,
    entry,
    extension,
    fixed_integer,
    reason,
    serial_of,
)
from smki_testca.der.encode import INTEGER, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base


def with_entry(it: RevocationListParts, more: bytes) -> RevocationListParts:
    """The list with one more entry."""
    return but(it, entries=(*it.entries, more))


@defect(
    "serial-padded",
    on=LISTS,
    title="that lists the serial with a needless zero octet before it",
    stage=Stage.DER,
    finding="der.integer_not_minimal",
    source="X.690 8.3.2, 10",
    why="The certificate is not found on the list, and passes for good although it is revoked.",
    importance=Importance.CRITICAL,
    at_least=Stage.USE,
)
def serial_padded(it: RevocationListParts, base: Base) -> RevocationListParts:
    """00 before a first octet below 80: seen to free the certificate in five libraries."""
    padded = tlv(INTEGER, b"\x00" + serial_in_question(base)[2:])
    return but(it, entries=(entry_with(base, reason(4), serial=padded),))


@defect(
    "another-serial-padded",
    on=CRLS,
    title="that lists another serial with a needless zero octet before it",
    stage=Stage.DER,
    finding="der.integer_not_minimal",
    source="X.690 8.3.2, 10",
    why=WHY_DROPPED,
    importance=Importance.MEDIUM,
    at_least=Stage.USE,
)
def another_serial_padded(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The entry of the certificate is right, and one after it is not DER."""
    del base
    padded = tlv(INTEGER, b"\x00" + serial_of("another that is revoked")[2:])
    return with_entry(it, entry(padded, "2026-06-15"))


@defect(
    "serial-negative",
    on=LISTS,
    title="that also lists a negative serial",
    stage=Stage.PROFILE,
    finding="revokedCertificates.userCertificate.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.1.2.2: readers handle negative serials gracefully",
    why=WHY_DROPPED,
    gbcs=Verdict.EITHER,
    gbcs_source="RFC 5280 4.1.2.2; GBCS v0.8.1 s.12: no rule for readers was read",
    importance=Importance.LOW,
)
def serial_negative(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A second entry, of a serial whose first bit is set."""
    del base
    return with_entry(it, entry(tlv(INTEGER, b"\x90" + b"\x41" * 15), "2026-06-15"))


@defect(
    "serial-of-17-octets",
    on=ORGANISATION_CRL,
    title="that also lists a serial of 17 octets",
    stage=Stage.PROFILE,
    finding="revokedCertificates.userCertificate.octets",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.1.2.2: readers handle serials of 20 octets",
    why=WHY_DROPPED,
    gbcs=Verdict.EITHER,
    gbcs_source="GBCS v0.8.1 s.12: no rule for readers was read",
    importance=Importance.LOW,
)
def serial_of_17_octets(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A second entry, of a serial of 17 octets."""
    del base
    return with_entry(it, entry(fixed_integer(17), "2026-06-15"))


@defect(
    "serial-twice",
    on=LISTS,
    title="that lists the serial twice",
    stage=Stage.PROFILE,
    finding="crl.serial_twice",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.6: no rule for readers",
    why="Two readers may read two reasons and dates; a table with unique keys loads nothing.",
    importance=Importance.LOW,
)
def serial_twice(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A second entry of the same serial, of another day."""
    return with_entry(it, entry(serial_in_question(base), "2026-06-14", reason(1)))


@defect(
    "released-and-revoked",
    on=CRLS,
    title="that lists the serial twice: once as revoked, once as released",
    stage=Stage.PROFILE,
    finding="crl.serial_twice",
    also=("crl.reason_remove",),
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.3.1, 6.3.3 (k): no rule which of two entries counts",
    why="A reader that lets the last entry count frees the certificate.",
    importance=Importance.MEDIUM,
)
def released_and_revoked(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A second entry of the same serial, with removeFromCRL."""
    return with_entry(it, entry_with(base, reason(8)))


@defect(
    "released",
    on=LISTS,
    title="that lists the serial with removeFromCRL, and is not a delta CRL",
    stage=Stage.PROFILE,
    finding="crl.reason_remove",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.3.1: in delta CRLs only; by 6.3.3 (k) the certificate is not revoked",
    why="Readers that look at the serial alone, and those that read the reason, differ.",
    importance=Importance.MEDIUM,
    facts=STATUS_GOOD,
)
def released(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 8."""
    return but(it, entries=(entry_with(base, reason(8)),))


@defect(
    "reason-unspecified",
    on=LISTS,
    title="with an entry whose reason is unspecified",
    stage=Stage.PROFILE,
    finding="crl.reason_unspecified",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 5.3.1: it should be left out",
    why=WHY_DROPPED,
    importance=Importance.LOW,
)
def reason_unspecified(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 0."""
    return but(it, entries=(entry_with(base, reason(0)),))


@defect(
    "reason-unknown",
    on=LISTS,
    title="with an entry whose reason is 7",
    stage=Stage.PROFILE,
    finding="crl.reason_unknown",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.3.1: the value 7 is not used",
    why=WHY_DROPPED,
    importance=Importance.MEDIUM,
)
def reason_unknown(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 7, which RFC 5280 leaves out."""
    return but(it, entries=(entry_with(base, reason(7)),))


@defect(
    "reason-critical",
    on=LISTS,
    title="with an entry whose reason is critical",
    stage=Stage.PROFILE,
    finding="revokedCertificates.reasonCode.critical",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.3.1, 5.3: a rule for CAs; a reader that knows it may take it",
    why=WHY_DROPPED,
    importance=Importance.LOW,
)
def reason_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A critical reasonCode."""
    return but(it, entries=(entry_with(base, reason(4, critical=True)),))


@defect(
    "entry-unknown-critical",
    on=LISTS,
    title="whose entry has a critical extension that nobody knows",
    stage=Stage.USE,
    finding="extensions.unknown_critical",
    source="RFC 5280 5.3: such a list must not be used to determine a status",
    why=f"Its CA said that who does not understand it must not use it. {WHY_DROPPED}",
    importance=Importance.HIGH,
)
def entry_unknown_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The entry of the certificate has an extension of an unassigned OID."""
    unknown = extension(UNKNOWN_OID, b"\x05\x00", critical=True)
    return but(it, entries=(entry_with(base, unknown),))


@defect(
    "another-entry-unknown-critical",
    on=LISTS,
    title="with another entry that has a critical extension that nobody knows",
    stage=Stage.USE,
    finding="extensions.unknown_critical",
    source="RFC 5280 5.3: such a list must not be used to determine a status",
    why="Readers that look at the entry they search for alone do not notice it.",
    importance=Importance.MEDIUM,
)
def another_entry_unknown_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """An entry of another certificate has an extension of an unassigned OID."""
    del base
    unknown = extension(UNKNOWN_OID, b"\x05\x00", critical=True)
    return with_entry(it, entry(serial_of("another that is revoked"), "2026-06-15", unknown))


def _of_another(base: Base, *, critical: bool) -> Extension:
    """A certificateIssuer that names another CA."""
    other = base.pki.authorities["device-issuing-ca"]
    named = sequence(tlv(0xA4, other.subject))
    return extension("2.5.29.29", named, critical=critical)


@defect(
    "entry-of-another-ca",
    on=LISTS,
    title="whose entry says, critically, that another CA issued the certificate",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.3.3: it is another CA's certificate; 5.3: or the list must not be used",
    why="Readers that look at the serial alone revoke the wrong certificate.",
    importance=Importance.MEDIUM,
    facts=STATUS_GOOD,
)
def entry_of_another_ca(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A critical certificateIssuer in a list that is not indirect."""
    return but(it, entries=(entry_with(base, _of_another(base, critical=True)),))


@defect(
    "list-empty",
    on=LISTS,
    title="whose list of certificates is there and empty",
    stage=Stage.STRUCTURE,
    finding="crl.empty",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.6: it must be absent then",
    why="A reader that expects an entry refuses the list, or reads past its end.",
    importance=Importance.LOW,
    at_least=Stage.USE,
    facts=STATUS_GOOD,
)
def list_empty(it: RevocationListParts, base: Base) -> RevocationListParts:
    """RevokedCertificates is 30 00."""
    del base
    return but(it, revoked_certificates=sequence())
