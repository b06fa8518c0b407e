"""Defects of CRLs: their version, number and key identifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.defects.crl_bases import (
    ARLS,
    CRLS,
    LISTS,
    about,
    entry_with,
    serial_in_question,
)
from smki_testca.corpus.document_changes import (
    but,
    with_critical,
    with_extension,
    with_value,
    without,
)
from smki_testca.corpus.groups import led_by
from smki_testca.corpus.parts import (
    TRUE,
    RevocationListParts,
    authority_key,
    entry,
    extension,
    reason,
)
from smki_testca.der.encode import GENERALIZED_TIME, integer, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base


@defect(
    "version-missing",
    on=LISTS,
    title="of version 1, with extensions",
    stage=Stage.PROFILE,
    finding="version.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.1: a rule for CAs",
    why="A reader of version 1 passes over the extensions, even critical ones.",
    importance=Importance.LOW,
)
def version_missing(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The version is left out: version 1."""
    del base
    return but(it, version=b"")


@defect(
    "version-3",
    on=LISTS,
    title="of version 3",
    stage=Stage.PROFILE,
    finding="version.value",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.1: if there, it is version 2; no rule for readers",
    why="There is no such version: its parts may mean something else.",
    importance=Importance.MEDIUM,
)
def version_3(it: RevocationListParts, base: Base) -> RevocationListParts:
    """INTEGER 2."""
    del base
    return but(it, version=integer(2))


@defect(
    "this-update-generalized",
    on=led_by("dccki-arl", LISTS),
    title="whose thisUpdate of 2026 is a GeneralizedTime",
    stage=Stage.STRUCTURE,
    finding="thisUpdate.encoding",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.4: UTCTime to 2049; a rule for CAs",
    why="A reader that knows one type refuses the list, and knows nothing of any certificate.",
    importance=Importance.MEDIUM,
    at_least=Stage.USE,
)
def this_update_generalized(it: RevocationListParts, base: Base) -> RevocationListParts:
    """20260701000000Z."""
    del base
    return but(it, this_update=tlv(GENERALIZED_TIME, b"20260701000000Z"))


@defect(
    "revocation-date-generalized",
    on=LISTS,
    title="whose revocationDate of 2026 is a GeneralizedTime",
    stage=Stage.STRUCTURE,
    finding="revokedCertificates.revocationDate.encoding",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.1.2.6: UTCTime to 2049; a rule for CAs",
    why="A reader that knows one type passes over the entry, and takes a revoked certificate.",
    importance=Importance.MEDIUM,
    at_least=Stage.USE,
)
def revocation_date_generalized(it: RevocationListParts, base: Base) -> RevocationListParts:
    """20260615000000Z."""
    dated = tlv(GENERALIZED_TIME, b"20260615000000Z")
    return but(it, entries=(entry(serial_in_question(base), dated, reason(4)),))


@defect(
    "number-twice",
    on=led_by("dccki-arl", LISTS),
    title="with two numbers",
    stage=Stage.STRUCTURE,
    finding="extensions.duplicate",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2, 5.2: a rule for CAs",
    why="Two readers read two numbers, and differ about which list is the newer one.",
    importance=Importance.MEDIUM,
    at_least=Stage.USE,
)
def number_twice(it: RevocationListParts, base: Base) -> RevocationListParts:
    """CRLNumber 7 and 8."""
    del base
    return with_extension(it, "again", extension("cRLNumber", integer(8)))


@defect(
    "reason-twice",
    on=led_by("dccki-arl", LISTS),
    title="with an entry of two reasons, superseded and removeFromCRL",
    stage=Stage.STRUCTURE,
    finding="extensions.duplicate",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2, 5.3: a rule for CAs",
    why="A reader that lets the last one count frees the certificate.",
    importance=Importance.HIGH,
    at_least=Stage.USE,
)
def reason_twice(it: RevocationListParts, base: Base) -> RevocationListParts:
    """ReasonCode 4 and 8."""
    return but(it, entries=(entry_with(base, reason(4), reason(8)),))


@defect(
    "without-number",
    on=LISTS,
    title="without cRLNumber",
    stage=Stage.PROFILE,
    finding="extensions.cRLNumber.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.3: a rule for CAs",
    why="Which of two lists is the newer one is not to be told by their numbers.",
    importance=Importance.LOW,
)
def without_number(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The extension is left out."""
    del base
    return without(it, "cRLNumber")


@defect(
    "number-negative",
    on=(*CRLS, *ARLS),
    title="whose number is -1",
    stage=Stage.PROFILE,
    finding="extensions.cRLNumber.value",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.3: INTEGER (0..MAX)",
    why="A reader without sign takes it for a great number, and every later list for an older one.",
    importance=Importance.LOW,
)
def number_negative(it: RevocationListParts, base: Base) -> RevocationListParts:
    """CRLNumber -1."""
    del base
    return with_value(it, "cRLNumber", integer(-1))


@defect(
    "number-of-21-octets",
    on=CRLS,
    title="whose number has 21 octets",
    stage=Stage.PROFILE,
    finding="extensions.cRLNumber.octets",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.3: readers handle 20 octets",
    why="A reader with room for 20 octets cuts it, or writes past its end.",
    importance=Importance.LOW,
)
def number_of_21_octets(it: RevocationListParts, base: Base) -> RevocationListParts:
    """CRLNumber 2 to the power of 160."""
    del base
    return with_value(it, "cRLNumber", integer(1 << 160))


@defect(
    "number-critical",
    on=CRLS,
    title="whose number is critical",
    stage=Stage.PROFILE,
    finding="extensions.cRLNumber.critical",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.3, 5.2: a rule for CAs; a reader that knows it may take it",
    why="A reader that knows no cRLNumber refuses the list.",
    importance=Importance.LOW,
)
def number_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The cRLNumber is critical."""
    del base
    return with_critical(it, "cRLNumber", TRUE)


@defect(
    "without-aki",
    on=LISTS,
    title="without authorityKeyIdentifier",
    stage=Stage.PROFILE,
    finding="extensions.authorityKeyIdentifier.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.1: a rule for CAs",
    why="Of two CAs of one name a reader cannot tell which signed it.",
    importance=Importance.LOW,
)
def without_aki(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The extension is left out."""
    del base
    return without(it, "authorityKeyIdentifier")


@defect(
    "aki-critical",
    on=(*CRLS, *ARLS),
    title="whose authorityKeyIdentifier is critical",
    stage=Stage.PROFILE,
    finding="extensions.authorityKeyIdentifier.critical",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.1: a rule for CAs",
    why="A reader that does not know it refuses the list.",
    importance=Importance.LOW,
)
def aki_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The authorityKeyIdentifier is critical."""
    del base
    return with_critical(it, "authorityKeyIdentifier", TRUE)


@defect(
    "aki-of-another-key",
    on=led_by("dccki-arl", LISTS),
    title="whose authorityKeyIdentifier is that of another key than its CA's",
    stage=Stage.PATH,
    finding="extensions.authorityKeyIdentifier.keyIdentifier.value",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.1: it helps to find the key; 6.3 does not check it",
    why="A reader that looks keys up by it does not find the CA's, and goes without the list.",
    importance=Importance.MEDIUM,
)
def aki_of_another_key(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The key identifier of the certificate that the list revokes."""
    return with_value(it, "authorityKeyIdentifier", authority_key(about(base).key_identifier))


@defect(
    "aki-without-key",
    on=(*CRLS, *ARLS),
    title="whose authorityKeyIdentifier holds a serial alone",
    stage=Stage.PROFILE,
    finding="extensions.authorityKeyIdentifier.keyIdentifier.missing",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.1: a rule for CAs",
    why="A reader that looks keys up by it does not find the CA's, and goes without the list.",
    importance=Importance.LOW,
)
def aki_without_key(it: RevocationListParts, base: Base) -> RevocationListParts:
    """AuthorityCertSerialNumber without issuer and key identifier."""
    del base
    return with_value(it, "authorityKeyIdentifier", sequence(tlv(0x82, b"\x07")))
