"""Oddities of CSRs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.corpus.bases import KEY_AGREEMENT
from smki_testca.corpus.defect import Importance, Stage, oddity
from smki_testca.corpus.document_changes import but, with_critical, with_value, without
from smki_testca.corpus.parts import hardware, organisation_subject, rdn, usages
from smki_testca.der.encode import oid, sequence
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CsrParts

_REFUSED = "Who refuses it gets no certificate."


@oddity(
    "for-key-agreement",
    on=("organisation-csr", "device-csr"),
    title="for key agreement",
    stage=Stage.PROFILE,
    source="SEC App. M F; GBCS v0.8.1 s.12: one of two usages",
    why="A key for key agreement signs its own CSR, and nothing else.",
    facts={"usage": KEY_AGREEMENT},
)
def for_key_agreement(it: CsrParts, base: Base) -> CsrParts:
    """KeyAgreement in place of digitalSignature."""
    del base
    return with_value(it, "keyUsage", usages("keyAgreement"))


@oddity(
    "without-common-name",
    on=("organisation-csr",),
    title="without a common name",
    stage=Stage.PROFILE,
    source="SEC App. M F: the common name is optional",
    why=_REFUSED,
)
def without_common_name(it: CsrParts, base: Base) -> CsrParts:
    """OU and identifier alone."""
    del base
    return but(it, subject=organisation_subject(None))


@oddity(
    "name-of-64-characters",
    on=("organisation-csr",),
    title="with a common name of 64 characters",
    stage=Stage.STRUCTURE,
    source="RFC 5280 A.1: ub-common-name",
    why="A reader with less room cuts the name, or writes past its end.",
    importance=Importance.MEDIUM,
)
def name_of_64_characters(it: CsrParts, base: Base) -> CsrParts:
    """The longest that RFC 5280 allows."""
    del base
    return but(it, subject=organisation_subject("S" * 64))


@oddity(
    "key-usage-not-critical",
    on=("device-csr",),
    title="whose keyUsage is not critical",
    stage=Stage.PROFILE,
    source="SEC App. M F: not validated for Devices",
    why=f"{_REFUSED} The CA writes its own criticality.",
    importance=Importance.MEDIUM,
)
def key_usage_not_critical(it: CsrParts, base: Base) -> CsrParts:
    """The criticality is left out."""
    del base
    return with_critical(it, "keyUsage", b"")


@oddity(
    "name-not-critical",
    on=("device-csr",),
    title="whose subjectAltName is not critical",
    stage=Stage.PROFILE,
    source="SEC App. M F: not validated for Devices",
    why=f"{_REFUSED} The CA writes its own criticality.",
    importance=Importance.MEDIUM,
)
def name_not_critical(it: CsrParts, base: Base) -> CsrParts:
    """The criticality is left out."""
    del base
    return with_critical(it, "subjectAltName", b"")


@oddity(
    "type-of-another-maker",
    on=("device-csr",),
    title="whose hwType is another manufacturer's",
    stage=Stage.PROFILE,
    source="GBCS v0.8.1 s.12; RFC 4108 5: the manufacturer's own OID",
    why="Who pins one hwType refuses every other manufacturer's Devices.",
    importance=Importance.CRITICAL,
)
def type_of_another_maker(it: CsrParts, base: Base) -> CsrParts:
    """An OID under the private enterprises."""
    del base
    named = hardware(hw_type=oid("1.3.6.1.4.1.99999.1.1"))
    return with_value(it, "subjectAltName", sequence(named))


@oddity(
    "extensions-turned",
    on=("device-csr", "dccki-csr"),
    title="whose extensions are in another order",
    stage=Stage.STRUCTURE,
    source="RFC 5280 4.2: no order",
    why=f"{_REFUSED} The CA writes its own order.",
    importance=Importance.MEDIUM,
)
def extensions_turned(it: CsrParts, base: Base) -> CsrParts:
    """From the last to the first."""
    del base
    return replace(it, extensions=dict(reversed(list(it.extensions.items()))))


@oddity(
    "without-signifier",
    on=("dccki-csr",),
    title="that leaves the Signifier to the register",
    stage=Stage.PROFILE,
    source="R8: the register has the Signifier",
    basis=Basis.ASSUMED,
    why=_REFUSED,
    importance=Importance.MEDIUM,
    facts={"signifier": None},
)
def without_signifier(it: CsrParts, base: Base) -> CsrParts:
    """O and CN alone."""
    del base
    named = rdn("commonName", "gateway.example")
    return but(it, subject=sequence(rdn("organizationName", "Supplier One"), named))


@oddity(
    "without-host-name",
    on=("dccki-csr",),
    title="without a host name",
    stage=Stage.PROFILE,
    source="profile dccki: a dNSName where a host name is given",
    basis=Basis.ASSUMED,
    why=_REFUSED,
    importance=Importance.MEDIUM,
)
def without_host_name(it: CsrParts, base: Base) -> CsrParts:
    """No subjectAltName."""
    del base
    return without(it, "subjectAltName")
