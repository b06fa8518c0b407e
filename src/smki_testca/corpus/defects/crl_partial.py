"""Defects of CRLs: extensions by which a list is not the whole one for every certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.defects.crl_bases import (
    ARLS,
    CRLS,
    LISTS,
    STATUS_GOOD,
    UNKNOWN_OID,
    WHY_DROPPED,
)
from smki_testca.corpus.document_changes import added, but
from smki_testca.corpus.groups import led_by
from smki_testca.der.encode import integer, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import RevocationListParts


@defect(
    "unknown-critical",
    on=LISTS,
    title="with a critical extension that nobody knows",
    stage=Stage.USE,
    finding="extensions.unknown_critical",
    source="RFC 5280 5.2: such a list must not be used to determine a status",
    why=f"Its CA said that who does not understand it must not use it. {WHY_DROPPED}",
    importance=Importance.HIGH,
)
def unknown_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """An extension of an unassigned OID."""
    del base
    return added(it, UNKNOWN_OID, b"\x05\x00", critical=True)


@defect(
    "delta",
    on=LISTS,
    title="that says it is a delta CRL",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.4, 6.3.3 (c): a delta is used with its base only",
    why="What is not on it may be on its base: who takes it for complete frees certificates.",
    importance=Importance.MEDIUM,
)
def delta(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A critical deltaCRLIndicator of base 6; the certificate is on it."""
    del base
    return added(it, "deltaCRLIndicator", integer(6), critical=True)


_EMPTY_DELTA = "A reader that takes it for complete answers good for everything on its base."


@defect(
    "delta-that-lists-nothing",
    on=CRLS,
    title="that says it is a delta CRL, and lists nothing",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    source="RFC 5280 5.2.4, 5.2: without its base it tells no status",
    why=_EMPTY_DELTA,
    importance=Importance.HIGH,
    facts=STATUS_GOOD,
)
def delta_that_lists_nothing(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A critical deltaCRLIndicator of base 6, and no entry."""
    del base
    return added(but(it, entries=()), "deltaCRLIndicator", integer(6), critical=True)


@defect(
    "delta-not-critical",
    on=LISTS,
    title="that says it is a delta CRL, and not critically",
    stage=Stage.USE,
    finding="extensions.deltaCRLIndicator.present",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.4: it must be critical; a rule for CAs",
    why="Readers that ignore it take a part of the list for the whole, and free what is missing.",
    importance=Importance.MEDIUM,
)
def delta_not_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """A deltaCRLIndicator of base 6 that may be ignored; the certificate is on the list."""
    del base
    return added(it, "deltaCRLIndicator", integer(6))


@defect(
    "scope-not-critical",
    on=(*CRLS, *ARLS),
    title="that says it is of CAs only, and not critically",
    stage=Stage.USE,
    finding="extensions.issuingDistributionPoint.present",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.5: it must be critical; a rule for CAs",
    why="Readers that ignore it take the list for one of end entities.",
    importance=Importance.MEDIUM,
)
def scope_not_critical(it: RevocationListParts, base: Base) -> RevocationListParts:
    """OnlyContainsCACerts in an issuingDistributionPoint that may be ignored."""
    del base
    return added(it, "issuingDistributionPoint", sequence(tlv(0x82, b"\xff")))


def _scoped(it: RevocationListParts, scope: bytes) -> RevocationListParts:
    """The list with a critical issuingDistributionPoint."""
    return added(it, "issuingDistributionPoint", sequence(scope), critical=True)


@defect(
    "for-users-only",
    on=CRLS,
    title="that says it is of end entities only",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.5, 5.2: who does not know the extension must not use the list",
    why=WHY_DROPPED,
    importance=Importance.MEDIUM,
)
def for_users_only(it: RevocationListParts, base: Base) -> RevocationListParts:
    """onlyContainsUserCerts: the certificate is in its scope."""
    del base
    return _scoped(it, tlv(0x81, b"\xff"))


@defect(
    "for-cas-only",
    on=CRLS,
    title="that says it is of CAs only",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    source="RFC 5280 6.3.3 (b)(2)(iii)",
    why="The list says nothing of end entities: who asks it for one answers good for all of them.",
    importance=Importance.HIGH,
)
def for_cas_only(it: RevocationListParts, base: Base) -> RevocationListParts:
    """onlyContainsCACerts: the certificate is not in its scope."""
    del base
    return _scoped(it, tlv(0x82, b"\xff"))


@defect(
    "for-users-only",
    on=("organisation-arl", "dccki-arl", "iki-arl"),
    title="that says it is of end entities only",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    source="RFC 5280 6.3.3 (b)(2)(ii)",
    why="The list says nothing of CAs: who asks it for one answers good for all of them.",
    importance=Importance.HIGH,
)
def arl_for_users_only(it: RevocationListParts, base: Base) -> RevocationListParts:
    """onlyContainsUserCerts: the CA is not in its scope."""
    del base
    return _scoped(it, tlv(0x81, b"\xff"))


@defect(
    "for-attributes-only",
    on=led_by("iki-crl", CRLS),
    title="that says it is of attribute certificates only",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    source="RFC 5280 6.3.3 (b)(2)(iv)",
    why="The list says nothing of certificates: who asks it answers good for all of them.",
    importance=Importance.MEDIUM,
)
def for_attributes_only(it: RevocationListParts, base: Base) -> RevocationListParts:
    """onlyContainsAttributeCerts: the certificate is not in its scope."""
    del base
    return _scoped(it, tlv(0x85, b"\xff"))


@defect(
    "for-some-reasons-only",
    on=CRLS,
    title="that says it is of compromised keys only",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.5, 6.3.3 (e): the other reasons stay open",
    why="What is revoked for another reason is not on it, and passes for good.",
    importance=Importance.MEDIUM,
)
def for_some_reasons_only(it: RevocationListParts, base: Base) -> RevocationListParts:
    """onlySomeReasons: keyCompromise."""
    del base
    return _scoped(it, tlv(0x83, b"\x06\x40"))


@defect(
    "of-another-distribution-point",
    on=CRLS,
    title="that says it is of a distribution point that the certificate does not name",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    source="RFC 5280 6.3.3 (b)(2)(i)",
    why="The list covers a part of the certificates: who asks it for the rest answers good.",
    importance=Importance.MEDIUM,
)
def of_another_distribution_point(it: RevocationListParts, base: Base) -> RevocationListParts:
    """DistributionPoint is a URI; the certificate has no cRLDistributionPoints."""
    del base
    uri = tlv(0x86, b"http://ca.example/part-2.crl")
    return _scoped(it, tlv(0xA0, tlv(0xA0, uri)))


@defect(
    "indirect",
    on=CRLS,
    title="that says it lists certificates of other CAs, too",
    stage=Stage.USE,
    finding="extensions.critical_unsupported",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 5.2.5, 5.2: who does not know the extension must not use the list",
    why=WHY_DROPPED,
    importance=Importance.LOW,
)
def indirect(it: RevocationListParts, base: Base) -> RevocationListParts:
    """indirectCRL, and its only entry is of its own CA."""
    del base
    return _scoped(it, tlv(0x84, b"\xff"))
