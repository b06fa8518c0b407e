"""Defects of the path: a CA above the document is not to be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Changed, Importance, Need, Stage, Verdict, defect
from smki_testca.corpus.defects.path_changes import (
    END_ENTITIES,
    SMKI_ENDS,
    another_key,
    another_name,
    below,
    issued_by,
)
from smki_testca.corpus.document_changes import added, but, rekeyed, with_value, without
from smki_testca.corpus.parts import TRUE, lasting, usages
from smki_testca.corpus.signing_keys import spki_from
from smki_testca.der.encode import integer, sequence

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts


@defect(
    "ca-without-basic-constraints",
    on=END_ENTITIES,
    title="whose CA has no basicConstraints",
    stage=Stage.PATH,
    finding="issuer.not_a_ca",
    also=("extensions.basicConstraints.missing",),
    source="RFC 5280 6.1.4 (k)",
    why="A reader that does not ask for cA lets every holder of a certificate issue others.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def ca_without_basic_constraints(it: CertificateParts, base: Base) -> Changed:
    """The extension is left out of the issuing CA's certificate."""
    return below(it, base, lambda ca: without(ca, "basicConstraints"))


@defect(
    "ca-says-it-is-none",
    on=END_ENTITIES,
    title="whose CA says that it is none",
    stage=Stage.PATH,
    finding="issuer.not_a_ca",
    also=("extensions.basicConstraints.cA.missing",),
    source="RFC 5280 6.1.4 (k)",
    why="A reader that does not ask for cA lets every holder of a certificate issue others.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def ca_says_it_is_none(it: CertificateParts, base: Base) -> Changed:
    """The basicConstraints of the issuing CA is an empty SEQUENCE: CA:FALSE."""
    return below(it, base, lambda ca: with_value(ca, "basicConstraints", sequence()))


@defect(
    "ca-without-key-cert-sign",
    on=END_ENTITIES,
    title="whose CA may sign CRLs only",
    stage=Stage.PATH,
    finding="issuer.key_usage",
    also=("extensions.keyUsage.value",),
    source="RFC 5280 6.1.4 (n)",
    why="The key of the CA is used for what its own issuer did not allow.",
    importance=Importance.HIGH,
    needs=(Need.CHAIN,),
)
def ca_without_key_cert_sign(it: CertificateParts, base: Base) -> Changed:
    """The keyUsage of the issuing CA is cRLSign."""
    return below(it, base, lambda ca: with_value(ca, "keyUsage", usages("cRLSign")))


@defect(
    "ca-for-digital-signature",
    on=END_ENTITIES,
    title="whose CA has the keyUsage of an end entity",
    stage=Stage.PATH,
    finding="issuer.key_usage",
    also=("extensions.keyUsage.value",),
    source="RFC 5280 6.1.4 (n)",
    why="The key of the CA is used for what its own issuer did not allow.",
    importance=Importance.HIGH,
    needs=(Need.CHAIN,),
)
def ca_for_digital_signature(it: CertificateParts, base: Base) -> Changed:
    """The keyUsage of the issuing CA is digitalSignature."""
    return below(it, base, lambda ca: with_value(ca, "keyUsage", usages("digitalSignature")))


@defect(
    "root-path-length-zero",
    on=END_ENTITIES,
    title="below a root whose pathLenConstraint is 0, and an issuing CA",
    stage=Stage.PATH,
    finding="issuer.path_length",
    also=("issuer.path_length", "extensions.basicConstraints.path_length"),
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.1.1 (d), 4.2.1.9: of a trust anchor the name and key count",
    gbcs=Verdict.EITHER,
    gbcs_source="RFC 5280 6.1.1 (d)",
    why="Readers that apply the root's own constraints find no path; others do.",
    importance=Importance.LOW,
    needs=(Need.CHAIN,),
)
def root_path_length_zero(it: CertificateParts, base: Base) -> Changed:
    """The pathLenConstraint of the root is 0: it allows no CA below."""
    none_below = sequence(TRUE, integer(0))
    return below(it, base, lambda ca: with_value(ca, "basicConstraints", none_below), -1)


@defect(
    "ca-expired",
    on=END_ENTITIES,
    title="whose CA has expired",
    stage=Stage.PATH,
    finding="issuer.expired",
    also=("validity.expired",),
    source="RFC 5280 6.1.3 (a)(2)",
    why="The CA may have given its key up: nobody watches it any more.",
    importance=Importance.HIGH,
    needs=(Need.CHAIN, Need.TIME),
)
def ca_expired(it: CertificateParts, base: Base) -> Changed:
    """The issuing CA was valid until last year."""
    ended = lasting("2020-01-01", "2025-12-31T23:59:59")
    return below(it, base, lambda ca: but(ca, validity=ended))


@defect(
    "ca-not-yet-valid",
    on=END_ENTITIES,
    title="whose CA is not valid yet",
    stage=Stage.PATH,
    finding="issuer.not_yet_valid",
    also=("validity.not_yet_valid",),
    source="RFC 5280 6.1.3 (a)(2)",
    why="A CA is used before it is meant to be, or a clock is wrong.",
    importance=Importance.MEDIUM,
    needs=(Need.CHAIN, Need.TIME),
)
def ca_not_yet_valid(it: CertificateParts, base: Base) -> Changed:
    """The issuing CA is valid from next year on."""
    later = lasting("2027-01-01", "2044-12-31T23:59:59")
    return below(it, base, lambda ca: but(ca, validity=later))


@defect(
    "root-expired",
    on=END_ENTITIES,
    title="below a root that has expired",
    stage=Stage.PATH,
    finding="validity.expired",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.1.1 (d): of a trust anchor the name and key count",
    why="Readers that check the root's validity stop working on one day; others do not.",
    importance=Importance.MEDIUM,
    needs=(Need.CHAIN, Need.TIME),
)
def root_expired(it: CertificateParts, base: Base) -> Changed:
    """The root was valid until last year."""
    ended = lasting("2020-01-01", "2025-12-31T23:59:59")
    return below(it, base, lambda ca: but(ca, validity=ended), -1)


@defect(
    "ca-signature-bit",
    on=END_ENTITIES,
    title="whose CA has a signature of which one bit is changed",
    stage=Stage.PATH,
    finding="signature.invalid",
    source="RFC 5280 6.1.3 (a)(1)",
    why="A reader that does not verify the CA's own certificate takes any CA.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def ca_signature_bit(it: CertificateParts, base: Base) -> Changed:
    """The last bit of the signature in the issuing CA's certificate is changed (O6)."""

    def broken(ca: CertificateParts) -> CertificateParts:
        signature = ca.signer.sign(ca.tbs)
        return but(ca, signature=signature[:-1] + bytes((signature[-1] ^ 1,)))

    return below(it, base, broken)


@defect(
    "ca-by-another-key",
    on=END_ENTITIES,
    title="whose CA is signed with another key than the root's",
    stage=Stage.PATH,
    finding="signature.invalid",
    source="RFC 5280 6.1.3 (a)(1)",
    why="Somebody else made the CA: a reader that does not verify its certificate takes any CA.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def ca_by_another_key(it: CertificateParts, base: Base) -> Changed:
    """The issuing CA is signed with a key that is not the root's."""
    return below(it, base, lambda ca: but(ca, signer=another_key(it, "not the root")))


@defect(
    "root-of-another-key",
    on=END_ENTITIES,
    title="below a root of the right name, but with another key",
    stage=Stage.PATH,
    finding="issuer.unknown",
    source="RFC 5280 6.1.3 (a)(1)",
    why="A reader that compares the names of roots alone takes a root that anybody made.",
    remedy="Trust the root whose key signed the issuing CA.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def root_of_another_key(it: CertificateParts, base: Base) -> Changed:
    """The root is a namesake, with a key of its own."""
    key = another_key(it, "another root")
    return below(it, base, lambda ca: rekeyed(ca, key.spki, key), -1)


@defect(
    "root-signature-bit",
    on=END_ENTITIES,
    title="below a root of whose own signature one bit is changed",
    stage=Stage.PATH,
    finding="signature.invalid",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 6.1: a trust anchor's certificate is not a part of the path",
    gbcs=Verdict.EITHER,
    gbcs_source="RFC 5280 6.1.1 (d)",
    why="Somebody changed the file of the root; readers that trust it by its octets notice that.",
    importance=Importance.LOW,
    needs=(Need.CHAIN,),
)
def root_signature_bit(it: CertificateParts, base: Base) -> Changed:
    """The last bit of the root's signature by itself is changed."""

    def broken(ca: CertificateParts) -> CertificateParts:
        signature = ca.signer.sign(ca.tbs)
        return but(ca, signature=signature[:-1] + bytes((signature[-1] ^ 1,)))

    return below(it, base, broken, -1)


@defect(
    "ca-namesake",
    on=END_ENTITIES,
    title="whose CA is given as another CA of the same name",
    stage=Stage.PATH,
    finding="issuer.unknown",
    source="RFC 5280 6.1.3 (a)(1)",
    why="Test PKIs have a Z1 each: a reader that compares names alone takes one for the other.",
    remedy="Give the CA whose key signed it.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def ca_namesake(it: CertificateParts, base: Base) -> Changed:
    """The root also certified another key under the CA's name; it did not sign the document."""
    return below(it, base, lambda ca: rekeyed(ca, another_key(it, "another Z1").spki))


@defect(
    "ca-namesake-with-its-ski",
    on=END_ENTITIES,
    title="whose CA is given as another of the same name and key identifier",
    stage=Stage.PATH,
    finding="signature.invalid",
    also=("extensions.subjectKeyIdentifier.value",),
    source="RFC 5280 6.1.3 (a)(1)",
    why="A reader that believes the key identifier does not verify the signature.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def ca_namesake_with_its_ski(it: CertificateParts, base: Base) -> Changed:
    """The CA's certificate has another key, and still the key identifier of the right one."""
    return below(it, base, lambda ca: but(ca, spki=another_key(it, "another Z1").spki))


@defect(
    "ca-key-unusable",
    on=SMKI_ENDS,
    title="whose CA has a point that is on no curve",
    stage=Stage.PATH,
    finding="issuer.unknown",
    also=("subjectPublicKeyInfo.key", "extensions.subjectKeyIdentifier.value"),
    source="RFC 5280 6.1.3 (a)(1); RFC 5480 2.2",
    why="A reader that computes with it may tell an attacker its own key, or accept anything.",
    remedy="Have the CA's certificate issued again with its right key.",
    importance=Importance.HIGH,
    needs=(Need.CHAIN,),
)
def ca_key_unusable(it: CertificateParts, base: Base) -> Changed:
    """The first octet of the issuing CA's point is 05."""

    def unusable(ca: CertificateParts) -> CertificateParts:
        return but(ca, spki=spki_from(b"\x05" + ca.spki[-64:]))

    return below(it, base, unusable)


@defect(
    "ca-renamed",
    on=END_ENTITIES,
    title="whose CA has another name in its certificate",
    stage=Stage.PATH,
    finding="issuer.name_differs",
    source="RFC 5280 6.1.3 (a)(4)",
    why="A reader that follows key identifiers alone takes what another CA is answerable for.",
    importance=Importance.HIGH,
    needs=(Need.CHAIN,),
)
def ca_renamed(it: CertificateParts, base: Base) -> Changed:
    """The subject of the issuing CA is not the document's issuer."""
    return below(it, base, lambda ca: but(ca, subject=another_name(it.profile)))


@defect(
    "ca-unknown-critical",
    on=END_ENTITIES,
    title="whose CA has a critical extension that nobody knows",
    stage=Stage.PATH,
    finding="extensions.unknown_critical",
    source="RFC 5280 4.2, 6.1.4 (o)",
    why="Its issuer said that who does not understand it must not trust the CA.",
    importance=Importance.HIGH,
    needs=(Need.CHAIN,),
)
def ca_unknown_critical(it: CertificateParts, base: Base) -> Changed:
    """The issuing CA's certificate has a critical extension of an unassigned OID."""
    return below(it, base, lambda ca: added(ca, "1.2.826.0.1.99999", b"\x05\x00", critical=True))


@defect(
    "ca-of-another-root",
    on=END_ENTITIES,
    title="whose CA is certified by the root of another hierarchy",
    stage=Stage.PATH,
    finding="issuer.wrong_hierarchy",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 6.1; GBCS v0.8.1 s.12: each hierarchy has its own root",
    why="The root of one hierarchy speaks for another: the path ends in a root, but not the right.",
    importance=Importance.HIGH,
    needs=(Need.CHAIN,),
)
def ca_of_another_root(it: CertificateParts, base: Base) -> Changed:
    """The issuing CA has its own name and key, and was issued by another root."""
    others = {"organisation": "device", "device": "organisation", "dccki": "iki", "iki": "dccki"}
    root = base.pki.chain(others[base.profile])[-1]
    return Changed(it, (issued_by(base.chain[0], root, root.signer), root))
