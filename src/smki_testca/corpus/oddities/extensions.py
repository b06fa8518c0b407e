"""Oddities of extensions, and of the CAs above a document."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Changed, Importance, Need, Stage, oddity
from smki_testca.corpus.document_changes import added, but, with_value
from smki_testca.corpus.parts import (
    TRUE,
    extension,
    lasting,
    policies,
    serial_of,
)
from smki_testca.der.encode import integer, octet_string, oid, sequence
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_ENDS = ("organisation", "device", "dccki", "iki")
_SMKI_ENDS = ("organisation", "organisation-ka", "device", "device-ka")
_ROOTS = ("organisation-root-ca", "device-root-ca", "dccki-root-ca", "iki-root-ca")
_CONTINGENCY = "1.3.6.1.5.5.7.1.20"
_WRAPPED = sequence(sequence(oid("2.16.840.1.101.3.4.1.45")), octet_string(bytes(range(104))))
"""A wrapped contingency key: AES-256 key wrap, and octets in place of the key."""


@oddity(
    "ca-false",
    on=_SMKI_ENDS,
    title="with basicConstraints that say CA:FALSE",
    stage=Stage.PROFILE,
    source="seen in published GB test certificates: those of the issuing CA OB",
    basis=Basis.OBSERVED,
    why="It says what is so without it: a reader that wants it absent refuses a CA's certificates.",
    notices=("extensions.basicConstraints.ca_false",),
)
def ca_false(it: CertificateParts, base: Base) -> CertificateParts:
    """A critical empty SEQUENCE (O12)."""
    del base
    return added(it, "basicConstraints", sequence(), critical=True)


@oddity(
    "ca-false-not-critical",
    on=_SMKI_ENDS,
    title="with basicConstraints that say CA:FALSE and are not critical",
    stage=Stage.PROFILE,
    source="RFC 5280 4.2.1.9: critical or not in an end entity",
    why="It says what is so without it.",
    importance=Importance.MEDIUM,
    notices=("extensions.basicConstraints.ca_false",),
)
def ca_false_not_critical(it: CertificateParts, base: Base) -> CertificateParts:
    """An empty SEQUENCE."""
    del base
    return added(it, "basicConstraints", sequence())


@oddity(
    "policy-of-rtds",
    on=("device", "device-ka"),
    title="with the policy of the RTDS Devices",
    stage=Stage.PROFILE,
    source="seen in published GB test certificates; RFC 5280 6.1.5 (g): none is required",
    basis=Basis.OBSERVED,
    why="A reader that pins one policy refuses all Devices of the DCC's reference data.",
)
def policy_of_rtds(it: CertificateParts, base: Base) -> CertificateParts:
    """The other policy of the environment; its CA has the usual one."""
    del base
    return with_value(it, "certificatePolicies", policies("1.2.826.0.1.1800000.1.2.1.4"))


@oddity(
    "extensions-turned",
    on=_ENDS,
    title="whose extensions are in another order",
    stage=Stage.STRUCTURE,
    source="RFC 5280 4.2: no order",
    why="A reader that expects them in one order finds none of them.",
    notices=("extensions.order",),
)
def extensions_turned(it: CertificateParts, base: Base) -> CertificateParts:
    """From the last to the first."""
    del base
    return replace(it, extensions=dict(reversed(list(it.extensions.items()))))


@oddity(
    "key-identifier-of-its-own",
    on=("dccki", "iki"),
    title="whose subjectKeyIdentifier is not a digest of its key",
    stage=Stage.PROFILE,
    source="RFC 5280 4.2.1.2: other methods are allowed",
    why="A reader that computes it again refuses the certificates of other CAs' software.",
    importance=Importance.MEDIUM,
    notices=("extensions.subjectKeyIdentifier.value",),
)
def key_identifier_of_its_own(it: CertificateParts, base: Base) -> CertificateParts:
    """20 other octets."""
    del base
    return with_value(it, "subjectKeyIdentifier", octet_string(bytes(range(20))))


# Roots and issuing CAs


@oddity(
    "contingency-key",
    on=("organisation-root-ca",),
    title="with its contingency key",
    stage=Stage.STRUCTURE,
    source="SEC L10.30(e); RFC 5934: id-pe-wrappedApexContinKey",
    basis=Basis.ASSUMED,
    why="The root of the SMKI has it: a reader that refuses it has no root.",
    importance=Importance.CRITICAL,
)
def contingency_key(it: CertificateParts, base: Base) -> CertificateParts:
    """Not critical, after the other extensions."""
    del base
    return added(it, _CONTINGENCY, _WRAPPED)


@oddity(
    "contingency-key-first",
    on=("organisation-root-ca",),
    title="with its contingency key before its other extensions",
    stage=Stage.STRUCTURE,
    source="SEC L10.30(e); RFC 5934: id-pe-wrappedApexContinKey",
    basis=Basis.ASSUMED,
    why="Its place was not read: a reader must find the others behind it.",
)
def contingency_key_first(it: CertificateParts, base: Base) -> CertificateParts:
    """Not critical, before the other extensions."""
    del base
    first = {"first": extension(_CONTINGENCY, _WRAPPED), **it.extensions}
    return replace(it, extensions=first)


@oddity(
    "root-with-contingency-key",
    on=("organisation", "organisation-ka"),
    title="below a root with its contingency key",
    stage=Stage.PATH,
    source="SEC L10.30(e); RFC 5934: id-pe-wrappedApexContinKey",
    basis=Basis.ASSUMED,
    why="The root of the SMKI has it: a reader that refuses it has no path.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def root_with_contingency_key(it: CertificateParts, base: Base) -> Changed:
    """The root alone is changed."""
    return Changed(it, (*base.chain[:-1], added(base.chain[-1], _CONTINGENCY, _WRAPPED)))


@oddity(
    "without-path-length",
    on=(*_ROOTS, "dccki-issuing-ca", "iki-issuing-ca"),
    title="without a pathLenConstraint",
    stage=Stage.STRUCTURE,
    source="RFC 5280 4.2.1.9: it is optional",
    why="A reader that takes a missing one for 0 finds no path below the root.",
    notices=("extensions.basicConstraints.pathLenConstraint.missing",),
)
def without_path_length(it: CertificateParts, base: Base) -> CertificateParts:
    """CA TRUE alone."""
    del base
    return with_value(it, "basicConstraints", sequence(TRUE))


@oddity(
    "great-path-length",
    on=_ROOTS,
    title="with a pathLenConstraint of 128",
    stage=Stage.STRUCTURE,
    source="RFC 5280 4.2.1.9: INTEGER (0..MAX)",
    why="It takes two octets: a reader of one sees a negative number.",
    importance=Importance.LOW,
    notices=("extensions.basicConstraints.pathLenConstraint.value",),
)
def great_path_length(it: CertificateParts, base: Base) -> CertificateParts:
    """INTEGER 128, 00 80."""
    del base
    return with_value(it, "basicConstraints", sequence(TRUE, integer(128)))


@oddity(
    "ca-renewed",
    on=_ENDS,
    title="whose CA was renewed with its key after it was issued",
    stage=Stage.PATH,
    source="RFC 5280 6.1: a path goes by name and key",
    why="A reader that pins the CA's serial or dates refuses what the CA issued before.",
    needs=(Need.CHAIN,),
)
def ca_renewed(it: CertificateParts, base: Base) -> Changed:
    """The CA's certificate has another serial, and begins after the document does."""
    period = lasting("2026-02-01", "2044-12-31T23:59:59")
    ca = but(base.chain[0], serial=serial_of("a renewed CA"), validity=period)
    return Changed(it, (ca, *base.chain[1:]))


@oddity(
    "ends-after-its-ca",
    on=("organisation", "device", "iki"),
    title="that ends after its CA does",
    stage=Stage.PATH,
    source="RFC 5280 6.1.3 (a)(2): every certificate of a path is valid now; no more",
    why="Device Certificates end in 9999: a reader that wants them inside their CA refuses all.",
    needs=(Need.CHAIN,),
)
def ends_after_its_ca(it: CertificateParts, base: Base) -> Changed:
    """The CA ends in 2030."""
    ca = but(base.chain[0], validity=lasting("2020-01-01", "2030-07-01"))
    return Changed(it, (ca, *base.chain[1:]))


@oddity(
    "ca-without-path-length",
    on=("device", "dccki", "iki"),
    title="whose CAs have no pathLenConstraint",
    stage=Stage.PATH,
    source="RFC 5280 4.2.1.9: it is optional",
    why="A reader that takes a missing one for 0 finds no path.",
    importance=Importance.MEDIUM,
    notices=("extensions.basicConstraints.pathLenConstraint.missing",),
    needs=(Need.CHAIN,),
)
def ca_without_path_length(it: CertificateParts, base: Base) -> Changed:
    """CA TRUE alone in the issuing CA."""
    ca = with_value(base.chain[0], "basicConstraints", sequence(TRUE))
    return Changed(it, (ca, *base.chain[1:]))


@oddity(
    "ca-with-unknown-extension",
    on=_ENDS,
    title="whose CA has an extension that nobody knows, and that is not critical",
    stage=Stage.PATH,
    source="RFC 5280 4.2: it may be ignored",
    why="A reader that refuses what it does not know finds no path.",
    importance=Importance.MEDIUM,
    notices=("extensions.unexpected",),
    needs=(Need.CHAIN,),
)
def ca_with_unknown_extension(it: CertificateParts, base: Base) -> Changed:
    """An unassigned OID, NULL."""
    ca = added(base.chain[0], "1.2.826.0.1.99999", b"\x05\x00")
    return Changed(it, (ca, *base.chain[1:]))


@oddity(
    "last-second-of-its-ca",
    on=("organisation", "device"),
    title="in the last second of its CA",
    stage=Stage.PATH,
    source="RFC 5280 4.1.2.5: from notBefore to notAfter, inclusive",
    why="A reader that leaves the last second out refuses it a second too soon.",
    importance=Importance.LOW,
    notices=("validity.ends_soon",),
    needs=(Need.CHAIN, Need.TIME),
)
def last_second_of_its_ca(it: CertificateParts, base: Base) -> Changed:
    """NotAfter of the CA is the instant of the case."""
    ca = but(base.chain[0], validity=lasting("2020-01-01", "2026-07-01T12:00:00"))
    return Changed(it, (ca, *base.chain[1:]))
