"""Breaches of what certificatePolicies must say: under which policy it was issued."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import with_critical, with_value, without
from smki_testca.corpus.groups import (
    DEVICES,
    ENDS,
    EVERY,
    KINDS,
    RSA,
    RSA_CAS,
    RSA_ENDS,
    SMKI,
    SMKI_CAS,
    SMKI_KINDS,
    SMKI_ROOTS,
)
from smki_testca.corpus.parts import ANY_POLICY, POLICY, TRUE, policies
from smki_testca.der.encode import IA5_STRING, UTF8_STRING, integer, oid, sequence, text

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_NAME = "certificatePolicies"
_CPS, _USER_NOTICE = "1.3.6.1.5.5.7.2.1", "1.3.6.1.5.5.7.2.2"
policy_defect = partial(defect, stage=Stage.PROFILE, at_least=Stage.PATH)


@policy_defect(
    "policies-not-critical",
    on=(*SMKI, "device-ka"),
    title="whose certificatePolicies is not critical",
    finding="extensions.certificatePolicies.critical",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.4 leaves the criticality to the CA",
    why="A published Device Certificate has it so. A reader that skips the extension no longer"
    " tells test material from live.",
    importance=Importance.MEDIUM,
)
def policies_not_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """The criticality is left out, as seen in one published Device Certificate (O13)."""
    return with_critical(it, _NAME, b"")


@policy_defect(
    "policies-critical",
    on=(*RSA_ENDS, "dccki-issuing-ca"),
    title="whose certificatePolicies is critical",
    finding="extensions.certificatePolicies.critical",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.4 leaves the criticality to the CA",
    why="TLS libraries that do not process policies end the handshake.",
    importance=Importance.LOW,
)
def policies_critical(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is critical, as in SMKI."""
    return with_critical(it, _NAME, TRUE)


@policy_defect(
    "policies-missing",
    on=(*KINDS, *RSA_CAS, "device-issuing-ca", *SMKI_ROOTS),
    title="without certificatePolicies",
    finding="extensions.certificatePolicies.missing",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 6.1.5 (g): without an initial explicit policy, a path needs none",
    why="Nothing says that it is a Test Certificate, or that any policy was kept.",
    importance=Importance.MEDIUM,
)
def policies_missing(it: CertificateParts, _: Base) -> CertificateParts:
    """The extension is left out."""
    return without(it, _NAME)


@policy_defect(
    "policies-two",
    on=(*SMKI_KINDS, "device-issuing-ca", *SMKI_ROOTS),
    title="with two policies",
    finding="extensions.certificatePolicies.sole",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.4 allows several policies",
    why="Readers differ in which of the two they take: one sees a Test Certificate, another does"
    " not.",
    importance=Importance.MEDIUM,
)
def policies_two(it: CertificateParts, _: Base) -> CertificateParts:
    """A second policy follows the right one."""
    return with_value(it, _NAME, policies(POLICY, ANY_POLICY))


@policy_defect(
    "policies-two-other-first",
    on=("organisation", "device"),
    title="whose right policy is the second",
    finding="extensions.certificatePolicies.sole",
    also=("extensions.certificatePolicies.policyIdentifier.policy",),
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.4 allows several policies",
    why="A reader of the first policy refuses it, a reader of any accepts it.",
    importance=Importance.LOW,
)
def policies_two_other_first(it: CertificateParts, _: Base) -> CertificateParts:
    """Another policy comes before the right one."""
    return with_value(it, _NAME, policies(ANY_POLICY, POLICY))


@policy_defect(
    "policies-twice",
    on=("device", "dccki"),
    title="with one policy twice",
    finding={
        "": "extensions.certificatePolicies.sole",
        **dict.fromkeys(RSA, "extensions.certificatePolicies.duplicate"),
    },
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.4: a policy must not appear twice; no rule has readers check",
    why="Nothing follows from it but that the CA does not check what it signs.",
    importance=Importance.LOW,
)
def policies_twice(it: CertificateParts, _: Base) -> CertificateParts:
    """The right policy is repeated."""
    return with_value(it, _NAME, policies(POLICY, POLICY))


@policy_defect(
    "policies-with-cps",
    on=(*ENDS, *SMKI_CAS),
    title="with a pointer to a practice statement in its policy",
    finding="extensions.certificatePolicies.sole",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.4 defines the qualifier CPS",
    why="The certificate outgrows what a command of 8 replacement certificates has room for.",
    importance=Importance.LOW,
)
def policies_with_cps(it: CertificateParts, _: Base) -> CertificateParts:
    """The policy has a CPS qualifier."""
    practice = sequence(oid(_CPS), text(IA5_STRING, "http://test.example/"))
    return with_value(it, _NAME, sequence(sequence(oid(POLICY), sequence(practice))))


@policy_defect(
    "policies-with-notice",
    on=("organisation", "device"),
    title="with a notice to users in its policy",
    finding="extensions.certificatePolicies.sole",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.4 defines the qualifier userNotice",
    why="The certificate outgrows what a command of 8 replacement certificates has room for.",
    importance=Importance.LOW,
)
def policies_with_notice(it: CertificateParts, _: Base) -> CertificateParts:
    """The policy has a userNotice qualifier."""
    notice = sequence(oid(_USER_NOTICE), sequence(text(UTF8_STRING, "For tests only.")))
    return with_value(it, _NAME, sequence(sequence(oid(POLICY), sequence(notice))))


@policy_defect(
    "policies-with-unknown-qualifier",
    on=("organisation", "device"),
    title="with an unknown qualifier in its critical policy",
    finding="extensions.certificatePolicies.sole",
    source="RFC 5280 4.2.1.4: a reader must interpret a critical certificatePolicies with its"
    " qualifiers, or reject the certificate",
    why="What limits the use of the certificate is ignored.",
    importance=Importance.MEDIUM,
)
def policies_with_unknown_qualifier(it: CertificateParts, _: Base) -> CertificateParts:
    """The policy has a qualifier that nobody knows."""
    unknown = sequence(oid("1.2.826.0.1.99999.1"), text(UTF8_STRING, "?"))
    return with_value(it, _NAME, sequence(sequence(oid(POLICY), sequence(unknown))))


@policy_defect(
    "policies-any",
    on=EVERY,
    title="with anyPolicy",
    finding="extensions.certificatePolicies.policyIdentifier.policy",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 4.2.1.4 allows anyPolicy",
    why="It claims every policy: a program that asks whether it is a Test Certificate hears"
    " yes, and so does one that asks whether it is live.",
    importance=Importance.MEDIUM,
)
def policies_any(it: CertificateParts, _: Base) -> CertificateParts:
    """The policy is 2.5.29.32.0."""
    return with_value(it, _NAME, policies(ANY_POLICY))


@policy_defect(
    "policies-another",
    on=(*DEVICES, "organisation"),
    title="with a policy of another PKI",
    finding="extensions.certificatePolicies.policyIdentifier.policy",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 6.1.5 (g): without an initial policy set, any policy will do",
    why="A certificate that was issued under another policy, perhaps of live systems, is taken for"
    " one of this environment.",
    importance=Importance.HIGH,
)
def policies_another(it: CertificateParts, _: Base) -> CertificateParts:
    """The policy differs from the right one in its last arc."""
    return with_value(it, _NAME, policies(f"{POLICY[:-1]}5"))


@policy_defect(
    "policy-empty",
    on=("device",),
    title="with a policy of nothing",
    finding="structure.PolicyInformation",
    source="RFC 5280 4.2.1.4: policyIdentifier is not an optional element; 4.2",
    rfc5280=Verdict.REJECT,
    stage=Stage.STRUCTURE,
    why="A reader that takes the first element without looking reads past the end.",
    importance=Importance.MEDIUM,
)
def policy_empty(it: CertificateParts, _: Base) -> CertificateParts:
    """The PolicyInformation is an empty SEQUENCE."""
    return with_value(it, _NAME, sequence(sequence()))


@policy_defect(
    "policy-integer",
    on=ENDS,
    title="whose policy is an INTEGER",
    finding="structure.PolicyInformation",
    source="RFC 5280 4.2.1.4: policyIdentifier is an OBJECT IDENTIFIER; 4.2",
    rfc5280=Verdict.REJECT,
    stage=Stage.STRUCTURE,
    why="A reader that compares content without tags reads a policy that nobody wrote.",
    importance=Importance.MEDIUM,
)
def policy_integer(it: CertificateParts, _: Base) -> CertificateParts:
    """The policyIdentifier is of another type."""
    return with_value(it, _NAME, sequence(sequence(integer(4))))
