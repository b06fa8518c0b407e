"""Breaches of what basicConstraints must say: who is a CA, and how many may follow."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import added, with_critical, with_value, without
from smki_testca.corpus.groups import (
    CAS,
    ENDS,
    ROOTS,
    RSA_ENDS,
    SMKI_CAS,
    SMKI_ISSUING,
    SMKI_ROOTS,
    led_by,
)
from smki_testca.corpus.parts import FALSE, TRUE, fixed_integer
from smki_testca.der.encode import INTEGER, integer, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_NAME, _PATH = "basicConstraints", "extensions.basicConstraints"
_NOT_THE_LAST = "asks it of the CAs of a path, not of the certificate at its end"
constraint_defect = partial(defect, stage=Stage.PROFILE, at_least=Stage.PATH)


def _own_length(it: CertificateParts) -> int:
    return 1 if it.is_self_issued else 0


# Of CAs


@constraint_defect(
    "constraints-not-critical",
    on=led_by("iki-root-ca", CAS),
    title="whose basicConstraints is not critical",
    finding=f"{_PATH}.critical",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.9: CAs must mark it critical; no rule has readers check",
    why="A reader that skips it does not tell CAs from end entities.",
    importance=Importance.MEDIUM,
)
def constraints_not_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """The criticality is left out."""
    return with_critical(it, _NAME, b"")


@constraint_defect(
    "constraints-missing",
    on=(*SMKI_CAS, "iki-issuing-ca"),
    title="without basicConstraints",
    finding=f"{_PATH}.missing",
    rfc5280=Verdict.EITHER,
    source=f"RFC 5280 6.1.4 (k) {_NOT_THE_LAST}",
    why="A reader that takes such a CA takes any end entity for one: a Device Certificate was seen"
    " that an organisation's key had signed.",
    importance=Importance.HIGH,
)
def constraints_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is left out."""
    return without(it, _NAME)


@constraint_defect(
    "ca-false",
    on=SMKI_CAS,
    title="whose cA is FALSE, written out",
    finding=f"{_PATH}.cA.value",
    rfc5280=Verdict.EITHER,
    source=f"RFC 5280 6.1.4 (k) {_NOT_THE_LAST}",
    why="A reader that looks for the BOOLEAN and not at its value takes it for a CA.",
    importance=Importance.HIGH,
)
def ca_false(it: CertificateParts, _: Base) -> CertificateParts:
    """The BOOLEAN is 00, which DER leaves out."""
    return with_value(it, _NAME, sequence(FALSE, integer(_own_length(it))))


@constraint_defect(
    "ca-missing",
    on=CAS,
    mains=8,
    title="whose basicConstraints has a pathLen and no cA",
    finding=f"{_PATH}.cA.missing",
    rfc5280=Verdict.EITHER,
    source=f"RFC 5280 6.1.4 (k) {_NOT_THE_LAST}",
    why="A reader that goes by the extension, or by its pathLen, takes it for a CA.",
    importance=Importance.HIGH,
)
def ca_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The BOOLEAN is left out: the default is FALSE."""
    return with_value(it, _NAME, sequence(integer(_own_length(it))))


@constraint_defect(
    "path-length-missing",
    on=SMKI_ISSUING,
    title="without pathLen",
    finding=f"{_PATH}.pathLenConstraint.missing",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.9: without it there is no limit",
    why="The CA may make further CAs, which the root never approved.",
    importance=Importance.MEDIUM,
)
def path_length_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """An Issuing CA may have CAs below it."""
    return with_value(it, _NAME, sequence(TRUE))


@constraint_defect(
    "path-length-another",
    on=led_by("iki-root-ca", CAS),
    title="whose pathLen is one more than it should be",
    finding=f"{_PATH}.pathLenConstraint.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.9 allows any number",
    why="One more tier of CAs has room in a path than anybody approved.",
    importance=Importance.MEDIUM,
)
def path_length_another(it: CertificateParts, _: Base) -> CertificateParts:
    """The number is one more."""
    return with_value(it, _NAME, sequence(TRUE, integer(_own_length(it) + 1)))


@constraint_defect(
    "path-length-300-octets",
    on=led_by("device-root-ca", (*SMKI_ISSUING, "iki-issuing-ca", *SMKI_ROOTS)),
    title="with a pathLen of 300 octets",
    finding=f"{_PATH}.pathLenConstraint.unreadable",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2: what cannot be processed is to be rejected; how large a number can be"
    " is up to the reader",
    why="A reader that keeps the last four octets reads another limit, one with room for 32 bits"
    " writes past its end.",
    importance=Importance.HIGH,
)
def path_length_300_octets(it: CertificateParts, _: Base) -> CertificateParts:
    """The number is larger than readers have room for."""
    return with_value(it, _NAME, sequence(TRUE, fixed_integer(300)))


@constraint_defect(
    "path-length-0",
    on=ROOTS,
    title="whose pathLen 0 allows no CA below it",
    finding=f"{_PATH}.path_length",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.9 allows it; 6.1 does not look at that of a trust anchor",
    why="A reader that applies the limit of a root refuses every certificate below it.",
    importance=Importance.MEDIUM,
)
def path_length_0(it: CertificateParts, _: Base) -> CertificateParts:
    """A root may have end entities below it, and nothing else."""
    return with_value(it, _NAME, sequence(TRUE, integer(0)))


@constraint_defect(
    "path-length-negative",
    on=(
        "device-root-ca",
        "organisation-root-ca",
        "organisation-issuing-ca",
        "device-issuing-ca",
        "dccki-issuing-ca",
    ),
    title="with a pathLen of -1",
    finding=f"{_PATH}.path_length",
    source="RFC 5280 4.2.1.9: INTEGER (0..MAX); 4.2: it is critical and cannot be processed",
    why="A reader of unsigned numbers has 4,294,967,295 CAs in a path.",
    importance=Importance.HIGH,
)
def path_length_negative(it: CertificateParts, _: Base) -> CertificateParts:
    """The number is below zero."""
    return with_value(it, _NAME, sequence(TRUE, tlv(INTEGER, b"\xff")))


# Of end entities


@constraint_defect(
    "is-ca",
    on=(*ENDS, *RSA_ENDS, "device-ka", "organisation-ka"),
    title="that says it is a CA",
    finding=f"{_PATH}.end_entity",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.9 lets any certificate say so",
    why="Whoever holds its key can issue certificates that readers take: a meter's key speaks for"
    " any supplier.",
    importance=Importance.CRITICAL,
)
def is_ca(it: CertificateParts, _: Base) -> CertificateParts:
    """An end entity has cA TRUE."""
    return added(it, _NAME, sequence(TRUE), critical=True)


@constraint_defect(
    "is-ca-not-critical",
    on=("device", "organisation"),
    title="that says it is a CA in an extension that is not critical",
    finding=f"{_PATH}.end_entity",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.9 lets any certificate say so",
    why="A reader that looks at critical extensions only passes over it; another takes its"
    " holder for a CA.",
    importance=Importance.CRITICAL,
)
def is_ca_not_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """An end entity has cA TRUE, and readers may pass over it."""
    return added(it, _NAME, sequence(TRUE))


@constraint_defect(
    "path-length-alone",
    on=("device", "organisation"),
    title="with a basicConstraints of a pathLen alone",
    finding=f"{_PATH}.path_length",
    also=(f"{_PATH}.present",),
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.9: CAs must not write it without cA; no rule has readers check",
    why="A reader that goes by the pathLen takes an end entity for a CA.",
    importance=Importance.HIGH,
)
def path_length_alone(it: CertificateParts, _: Base) -> CertificateParts:
    """An end entity has a pathLen of 0 and no cA."""
    return added(it, _NAME, sequence(integer(0)), critical=True)
