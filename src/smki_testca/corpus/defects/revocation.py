"""Defects of revocation: certificates that a list of their CA revokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.bases import revocation_list
from smki_testca.corpus.defect import Changed, Importance, Stage, defect
from smki_testca.corpus.document_changes import but
from smki_testca.corpus.parts import entry, reason

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, RevocationListParts

_OTHER_CAS = ("dccki-issuing-ca", "iki-issuing-ca")
_REVOKED = ("organisation", "organisation-ka", "dccki", "iki")
_SOURCE = "RFC 5280 6.3.3 (j)"
_WHY = "Its CA said that it must not be used any more."


def _list_of(it: CertificateParts, base: Base, code: int | None) -> RevocationListParts:
    """The newest list of the certificate's CA, which revokes it for a reason, or for none."""
    hierarchy = base.profile.split("-")[0]
    profile = f"{hierarchy}-{'arl' if base.profile.endswith('-ca') else 'crl'}"
    crl = revocation_list(base.pki, profile, it)
    why = () if code is None else (reason(code),)
    return but(crl, entries=(entry(it.serial, "2026-06-15", *why),))


@defect(
    "revoked",
    on=("organisation", "organisation-issuing-ca", *_REVOKED[1:], *_OTHER_CAS),
    title="that the list of its CA revokes",
    stage=Stage.USE,
    finding="validity.revoked",
    source=_SOURCE,
    why=_WHY,
    importance=Importance.CRITICAL,
)
def revoked(it: CertificateParts, base: Base) -> Changed:
    """An entry without a reason."""
    return Changed(it, crls=(_list_of(it, base, None),))


@defect(
    "revoked-key-compromise",
    on=_REVOKED,
    title="that the list of its CA revokes, for its key is compromised",
    stage=Stage.USE,
    finding="validity.revoked",
    source=_SOURCE,
    why="Somebody else may have its key.",
    importance=Importance.CRITICAL,
)
def revoked_key_compromise(it: CertificateParts, base: Base) -> Changed:
    """ReasonCode 1."""
    return Changed(it, crls=(_list_of(it, base, 1),))


@defect(
    "revoked-ca-compromise",
    on=("organisation-issuing-ca", "dccki-issuing-ca", "iki-issuing-ca"),
    title="that the list of the root revokes, for its key is compromised",
    stage=Stage.USE,
    finding="validity.revoked",
    source=_SOURCE,
    why="Somebody else may have the CA's key, and so every certificate below it.",
    importance=Importance.CRITICAL,
)
def revoked_ca_compromise(it: CertificateParts, base: Base) -> Changed:
    """ReasonCode 2."""
    return Changed(it, crls=(_list_of(it, base, 2),))


@defect(
    "revoked-affiliation-changed",
    on=("organisation",),
    title="that the list of its CA revokes, for its holder's affiliation changed",
    stage=Stage.USE,
    finding="validity.revoked",
    source=_SOURCE,
    why=_WHY,
    importance=Importance.HIGH,
)
def revoked_affiliation_changed(it: CertificateParts, base: Base) -> Changed:
    """ReasonCode 3."""
    return Changed(it, crls=(_list_of(it, base, 3),))


@defect(
    "revoked-superseded",
    on=("organisation", "iki"),
    title="that the list of its CA revokes, for another has superseded it",
    stage=Stage.USE,
    finding="validity.revoked",
    source=_SOURCE,
    why=_WHY,
    importance=Importance.HIGH,
)
def revoked_superseded(it: CertificateParts, base: Base) -> Changed:
    """ReasonCode 4."""
    return Changed(it, crls=(_list_of(it, base, 4),))


@defect(
    "revoked-cessation-of-operation",
    on=("organisation",),
    title="that the list of its CA revokes, for its holder ceased to operate",
    stage=Stage.USE,
    finding="validity.revoked",
    source=_SOURCE,
    why=_WHY,
    importance=Importance.HIGH,
)
def revoked_cessation_of_operation(it: CertificateParts, base: Base) -> Changed:
    """ReasonCode 5."""
    return Changed(it, crls=(_list_of(it, base, 5),))


@defect(
    "revoked-on-hold",
    on=("organisation", "dccki"),
    title="that the list of its CA suspends",
    stage=Stage.USE,
    finding="validity.revoked",
    also=("revokedCertificates.reasonCode.value",),
    source=f"{_SOURCE}, 5.3.1",
    why="A certificate on hold must not be used as long as it is: it may be released later.",
    importance=Importance.HIGH,
)
def revoked_on_hold(it: CertificateParts, base: Base) -> Changed:
    """ReasonCode 6, certificateHold."""
    return Changed(it, crls=(_list_of(it, base, 6),))


@defect(
    "revoked-privilege-withdrawn",
    on=("organisation",),
    title="that the list of its CA revokes, for its privilege is withdrawn",
    stage=Stage.USE,
    finding="validity.revoked",
    source=_SOURCE,
    why=_WHY,
    importance=Importance.HIGH,
)
def revoked_privilege_withdrawn(it: CertificateParts, base: Base) -> Changed:
    """ReasonCode 9."""
    return Changed(it, crls=(_list_of(it, base, 9),))
