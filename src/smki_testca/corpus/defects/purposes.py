"""Breaches of what extKeyUsage must say in DCCKI and IKI certificates: what they are for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import with_critical, with_value, without
from smki_testca.corpus.groups import RSA_ENDS
from smki_testca.corpus.parts import TRUE
from smki_testca.der.encode import integer, oid, sequence
from smki_testca.x509.names import KEY_PURPOSES

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_NAME, _PATH = "extKeyUsage", "extensions.extKeyUsage"
purpose_defect = partial(defect, stage=Stage.PROFILE, at_least=Stage.USE, on=RSA_ENDS)


@purpose_defect(
    "purposes-critical",
    title="whose extKeyUsage is critical",
    finding=f"{_PATH}.critical",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.12 leaves the criticality to the CA",
    why="Nothing follows for those who know the extension; others refuse the certificate.",
    importance=Importance.LOW,
)
def purposes_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is marked critical."""
    return with_critical(it, _NAME, TRUE)


@purpose_defect(
    "purposes-missing",
    title="without extKeyUsage",
    finding=f"{_PATH}.missing",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.12: without it any purpose is allowed",
    why="The certificate serves any purpose, signing code among them.",
    importance=Importance.LOW,
)
def purposes_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is left out."""
    return without(it, _NAME)


@purpose_defect(
    "purposes-integer",
    title="whose extKeyUsage is an INTEGER",
    finding="structure.ExtKeyUsageSyntax",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2: what is recognised must be processed; what else is up to the reader",
    why="A reader that takes what it cannot read for nothing allows any purpose.",
    importance=Importance.MEDIUM,
    stage=Stage.STRUCTURE,
)
def purposes_integer(it: CertificateParts, _: Base) -> CertificateParts:
    """It is of another type."""
    return with_value(it, _NAME, integer(2))


@purpose_defect(
    "purposes-email",
    title="whose only purpose is e-mail",
    finding=f"{_PATH}.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.12 allows any purpose; TLS is to check its own",
    why="A TLS peer that does not look at purposes takes a certificate for e-mail.",
    importance=Importance.HIGH,
)
def purposes_email(it: CertificateParts, _: Base) -> CertificateParts:
    """The only purpose is one that nobody has there."""
    return with_value(it, _NAME, sequence(oid(KEY_PURPOSES["emailProtection"])))


@purpose_defect(
    "purposes-other-role",
    title="whose only purpose is that of the other end of TLS",
    finding=f"{_PATH}.value",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.12 allows any purpose; TLS is to check its own",
    why="A client's certificate is taken for a server's: it can stand in for the gateway.",
    importance=Importance.MEDIUM,
)
def purposes_other_role(it: CertificateParts, base: Base) -> CertificateParts:
    """A DCCKI certificate is for clients only, an IKI certificate for servers only."""
    purpose = "clientAuth" if base.name == "dccki" else "serverAuth"
    return with_value(it, _NAME, sequence(oid(KEY_PURPOSES[purpose])))
