"""Defects of the path: a CA's certificate forbids what is below it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Changed, Importance, Need, Stage, Verdict, defect
from smki_testca.corpus.defects.path_changes import END_ENTITIES, below
from smki_testca.corpus.document_changes import added, with_value
from smki_testca.corpus.parts import ANY_POLICY, Extension, dns, extension, hardware, policies, rdn
from smki_testca.der.encode import integer, oid, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_OTHER_POLICY = "1.2.826.0.1.99999.1"


def _constrained(it: CertificateParts, base: Base, value: bytes) -> Changed:
    return below(it, base, lambda ca: added(ca, "nameConstraints", value, critical=True))


def _permitted(name: bytes) -> bytes:
    return sequence(tlv(0xA0, sequence(name)))


def _excluded(name: bytes) -> bytes:
    return sequence(tlv(0xA1, sequence(name)))


@defect(
    "ca-permits-other-names",
    on=("organisation", "dccki", "iki"),
    title="whose CA permits the names of others only",
    stage=Stage.PATH,
    finding="issuer.constraints_not_evaluated",
    also=("extensions.unexpected",),
    source="RFC 5280 6.1.3 (b), 4.2.1.10",
    why="A CA that is trusted for one organisation issues for every other.",
    importance=Importance.MEDIUM,
    needs=(Need.CHAIN,),
)
def ca_permits_other_names(it: CertificateParts, base: Base) -> Changed:
    """NameConstraints of the issuing CA permit directory names below another organisation's."""
    other = sequence(rdn("organizationName", "Another Organisation"))
    return _constrained(it, base, _permitted(tlv(0xA4, other)))


@defect(
    "ca-excludes-name",
    on=("organisation", "dccki", "iki"),
    title="whose CA excludes its subject",
    stage=Stage.PATH,
    finding="issuer.constraints_not_evaluated",
    also=("extensions.unexpected",),
    source="RFC 5280 6.1.3 (c), 4.2.1.10",
    why="A CA issues for somebody for whom its own issuer forbade it.",
    importance=Importance.MEDIUM,
    needs=(Need.CHAIN,),
)
def ca_excludes_name(it: CertificateParts, base: Base) -> Changed:
    """NameConstraints of the issuing CA exclude the subject itself."""
    return _constrained(it, base, _excluded(tlv(0xA4, it.subject)))


@defect(
    "ca-excludes-device",
    on=("device",),
    title="whose CA excludes hardwareModuleNames",
    stage=Stage.PATH,
    finding="issuer.constraints_not_evaluated",
    also=("extensions.unexpected",),
    source="RFC 5280 4.2.1.10: process a critical constraint on a name form, or reject",
    why="A CA issues for a Device for which its own issuer forbade it.",
    importance=Importance.MEDIUM,
    needs=(Need.CHAIN,),
)
def ca_excludes_device(it: CertificateParts, base: Base) -> Changed:
    """Critical nameConstraints of the issuing CA exclude the Device's own otherName."""
    return _constrained(it, base, _excluded(hardware()))


@defect(
    "ca-permits-other-host",
    on=("dccki",),
    title="whose CA permits hosts of another domain only",
    stage=Stage.PATH,
    finding="issuer.constraints_not_evaluated",
    also=("extensions.unexpected",),
    source="RFC 5280 6.1.3 (b), 4.2.1.10",
    why="A CA that is trusted for one domain issues for every other.",
    importance=Importance.MEDIUM,
    needs=(Need.CHAIN,),
)
def ca_permits_other_host(it: CertificateParts, base: Base) -> Changed:
    """NameConstraints of the issuing CA permit dNSNames below other.test only."""
    return _constrained(it, base, _permitted(dns(b"other.test")))


def _demanding(ca: CertificateParts, policy: str, extra: Extension, name: str) -> CertificateParts:
    """A CA of one policy, with one more extension after it."""
    certificate = with_value(ca, "certificatePolicies", policies(policy))
    extensions: dict[str, Extension] = {}
    for key, each in certificate.extensions.items():
        extensions[key] = each
        if key == "certificatePolicies":
            extensions[name] = extra
    return replace(certificate, extensions=extensions)


_REQUIRED = sequence(tlv(0x80, b"\x00"))


@defect(
    "ca-demands-another-policy",
    on=END_ENTITIES,
    title="whose CA demands another policy than it has",
    stage=Stage.PATH,
    finding="issuer.constraints_not_evaluated",
    also=("extensions.certificatePolicies.policyIdentifier.policy", "extensions.unexpected"),
    source="RFC 5280 6.1.3 (f), 6.1.5 (g)",
    why="A certificate of one policy passes for one of another, such as of a test for a live one.",
    importance=Importance.MEDIUM,
    needs=(Need.CHAIN,),
)
def ca_demands_another_policy(it: CertificateParts, base: Base) -> Changed:
    """The CA's policy is not the document's, and policyConstraints requires an explicit one."""
    required = extension("policyConstraints", _REQUIRED, critical=True)
    return below(it, base, lambda ca: _demanding(ca, _OTHER_POLICY, required, "policyConstraints"))


@defect(
    "ca-maps-any-policy",
    on=END_ENTITIES,
    title="whose CA maps anyPolicy to another policy",
    stage=Stage.PATH,
    finding="extensions.policyMappings.any_policy",
    also=("extensions.unexpected",),
    source="RFC 5280 6.1.4 (a)",
    why="By the mapping every policy counts as one that is trusted.",
    importance=Importance.LOW,
    needs=(Need.CHAIN,),
)
def ca_maps_any_policy(it: CertificateParts, base: Base) -> Changed:
    """PolicyMappings of the issuing CA has anyPolicy as issuerDomainPolicy."""
    mapped = sequence(sequence(oid(ANY_POLICY), oid(_OTHER_POLICY)))
    return below(it, base, lambda ca: added(ca, "policyMappings", mapped, critical=True))


@defect(
    "any-policy-inhibited",
    on=END_ENTITIES,
    title="whose policy is anyPolicy, which its CA inhibits where one is required",
    stage=Stage.PATH,
    finding="issuer.constraints_not_evaluated",
    also=("extensions.certificatePolicies.policyIdentifier.policy", "extensions.unexpected"),
    source="RFC 5280 6.1.3 (d)(2), 6.1.3 (f), 6.1.4 (j)",
    why="A certificate of no policy passes for one of a policy that is trusted.",
    importance=Importance.LOW,
    needs=(Need.CHAIN,),
)
def any_policy_inhibited(it: CertificateParts, base: Base) -> Changed:
    """The document says anyPolicy; the CA has inhibitAnyPolicy 0 and requires a policy."""
    document = with_value(it, "certificatePolicies", policies(ANY_POLICY))

    def inhibiting(ca: CertificateParts) -> CertificateParts:
        requiring = added(ca, "policyConstraints", _REQUIRED, critical=True)
        return added(requiring, "inhibitAnyPolicy", integer(0), critical=True)

    chain = (inhibiting(base.chain[0]), *base.chain[1:])
    return Changed(document, chain)


@defect(
    "ca-of-another-policy",
    on=END_ENTITIES,
    title="whose CA lacks its policy",
    stage=Stage.PATH,
    finding="extensions.certificatePolicies.policyIdentifier.policy",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 6.1.5 (g): no explicit policy is required",
    gbcs=Verdict.EITHER,
    gbcs_source="RFC 5280 6.1.1 (c): which policies a Device asks for was not read",
    why="Readers that ask for the policy of the SMKI find no path; others do.",
    importance=Importance.LOW,
    needs=(Need.CHAIN,),
)
def ca_of_another_policy(it: CertificateParts, base: Base) -> Changed:
    """The policy of the issuing CA is not the document's."""
    return below(
        it, base, lambda ca: with_value(ca, "certificatePolicies", policies(_OTHER_POLICY))
    )
