"""Defects of the path: a document that its CA did not issue, or whose CA is not to be trusted.

In most of them the document stays as it is, and a certificate above it is changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.corpus.bases import iki, organisation
from smki_testca.corpus.defect import Changed, Importance, Need, Stage, Verdict, defect
from smki_testca.corpus.defects.owners import own_key
from smki_testca.corpus.document_changes import added, but, rekeyed, with_value, without
from smki_testca.corpus.groups import SMKI_ISSUING
from smki_testca.corpus.issuer_names import attributes, of_attributes, rewritten
from smki_testca.corpus.parts import (
    ANY_POLICY,
    PRINTABLE,
    RSA_SHA256,
    TRUE,
    UTF8,
    Extension,
    authority_key,
    ca_subject,
    dns,
    extension,
    hardware,
    lasting,
    policies,
    rdn,
    serial_of,
    usages,
)
from smki_testca.corpus.signing_keys import ec_key, rsa_key, spki_from
from smki_testca.der.encode import integer, oid, sequence, set_of, tlv

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts
    from smki_testca.corpus.signing_keys import CorpusSigner

ENDS = ("organisation", "device", "dccki", "iki")
"""An end entity of each hierarchy."""
ISSUING = ("organisation-issuing-ca", "device-issuing-ca", "dccki-issuing-ca", "iki-issuing-ca")
_OF_SMKI = ("organisation", "device")
_PLAIN = ("dccki", "iki")
_OTHER_POLICY = "1.2.826.0.1.99999.1"


def _below(
    it: CertificateParts,
    base: Base,
    change: Callable[[CertificateParts], CertificateParts],
    number: int = 0,
) -> Changed:
    """The document below a chain, one certificate of which is changed."""
    chain = list(base.chain)
    chain[number] = change(chain[number])
    return Changed(it, chain)


def _issued_by(
    it: CertificateParts, issuer: CertificateParts, signer: CorpusSigner
) -> CertificateParts:
    """The certificate as another issuer would have issued it."""
    pointed = with_value(it, "authorityKeyIdentifier", authority_key(issuer.key_identifier))
    return replace(pointed, issuer=issuer.subject, signer=signer)


def _another_key(it: CertificateParts, name: str) -> CorpusSigner:
    """A key of the same kind as that of the certificate's CA, that is not its."""
    if it.algorithm != RSA_SHA256:
        return ec_key(name)
    return rsa_key("dccki" if it.profile == "iki" else "iki")


# Who issued it


@defect(
    "issuer-unknown",
    on=("organisation", "device"),
    title="whose issuer is a CA that nobody knows",
    stage=Stage.PATH,
    finding="issuer.unknown",
    source="RFC 5280 6.1.3 (a)(1), 6.1.3 (a)(4)",
    why="Anybody can make a CA: a reader that takes its certificates trusts everybody.",
    remedy="Have it issued by the issuing CA of its hierarchy.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def issuer_unknown(it: CertificateParts, base: Base) -> CertificateParts:
    """Issuer, authorityKeyIdentifier and signature are those of a stranger (O8)."""
    stranger = ec_key("stranger")
    subject = ca_subject("07", "Y1") if base.profile == "organisation" else ca_subject(None, "E357")
    return _issued_by(it, rekeyed(replace(base.chain[0], subject=subject), stranger.spki), stranger)


@defect(
    "self-signed",
    on=ENDS,
    title="that names its CA as issuer, but is signed with its own key",
    stage=Stage.PATH,
    finding="issuer.self_signed",
    source="RFC 5280 6.1.3 (a)(1)",
    why="Its holder issued it to itself, and may have written any name and role into it.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def self_signed(it: CertificateParts, base: Base) -> CertificateParts:
    """The signature is by the key inside."""
    return replace(it, signer=own_key(base))


@defect(
    "self-signed-pretender",
    on=("organisation",),
    title="for 100 years that names its CA in another string type, but is signed with its own key",
    stage=Stage.PATH,
    finding="issuer.self_signed",
    also=("validity.notAfter.period",),
    source="RFC 5280 6.1.3 (a)(1)",
    why="Seen as published: its holder issued it to itself, under the name of a CA.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def self_signed_pretender(it: CertificateParts, base: Base) -> CertificateParts:
    """The certificate as it was published (O3), with our own key."""
    named = replace(
        without(it, "authorityKeyIdentifier"),
        issuer=rewritten(it.issuer, tag=UTF8),
        validity=lasting("2026-01-01", "2126-01-01"),
    )
    return replace(named, signer=own_key(base))


@defect(
    "self-issued",
    on=("organisation", "dccki", "iki"),
    title="that names itself as issuer and is signed with its own key",
    stage=Stage.PATH,
    finding="issuer.self_signed",
    source="RFC 5280 6.1.3 (a)(1); RFC 5280 6.1.1 (d)",
    why="A reader that takes whatever is signed with its own key takes everything.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def self_issued(it: CertificateParts, base: Base) -> CertificateParts:
    """Issuer, authorityKeyIdentifier and signature are its own."""
    return _issued_by(it, it, own_key(base))


@defect(
    "issued-by-end-entity",
    on=ENDS,
    title="that an end entity issued",
    stage=Stage.PATH,
    finding="issuer.not_a_ca",
    source="RFC 5280 6.1.4 (k)",
    why="A reader that does not ask for cA lets every holder of a certificate issue others.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def issued_by_end_entity(it: CertificateParts, base: Base) -> Changed:
    """Issued with the key of an Organisation, or of an IKI certificate (O5)."""
    above, key = _end_entity_above(base)
    chain = (above, *base.pki.chain(above.profile))
    return Changed(_issued_by(it, above, key), chain)


@defect(
    "issued-by-end-entity-without-ski",
    on=("device",),
    title="that an Organisation issued, and that has no subjectKeyIdentifier",
    stage=Stage.PATH,
    finding="issuer.not_a_ca",
    also=("extensions.subjectKeyIdentifier.missing",),
    source="RFC 5280 6.1.4 (k)",
    why="Seen as published: an Organisation's key issued a Device Certificate.",
    importance=Importance.CRITICAL,
    needs=(Need.CHAIN,),
)
def issued_by_end_entity_without_ski(it: CertificateParts, base: Base) -> Changed:
    """The certificate as it was published (O5), with our own keys."""
    above, key = _end_entity_above(base)
    chain = (above, *base.pki.chain(above.profile))
    return Changed(without(_issued_by(it, above, key), "subjectKeyIdentifier"), chain)


def _end_entity_above(base: Base) -> tuple[CertificateParts, CorpusSigner]:
    if base.profile in _OF_SMKI:
        name = "organisation-that-issues"
        return organisation(base.pki, name), ec_key(name)
    above = iki(base.pki)
    spki = rsa_key("iki").spki if base.profile == "dccki" else rsa_key("dccki").spki
    return rekeyed(above, spki), rsa_key("iki" if base.profile == "dccki" else "dccki")


@defect(
    "issued-by-root",
    on=ENDS,
    title="that the root issued",
    stage=Stage.PATH,
    finding={"": "issuer.root", "dccki": "issuer.root_assumed", "iki": "issuer.root_assumed"},
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 6.1; GBCS v0.8.1 s.12: a root issues CAs only",
    why="The root's key is to be used for CAs only, and to be kept off line.",
    importance=Importance.LOW,
    needs=(Need.CHAIN,),
)
def issued_by_root(it: CertificateParts, base: Base) -> Changed:
    """Issuer, authorityKeyIdentifier and signature are the root's."""
    root = base.chain[-1]
    return Changed(_issued_by(it, root, root.signer), (root,))


@defect(
    "of-another-hierarchy",
    on=_OF_SMKI,
    title="that the issuing CA of another hierarchy issued",
    stage=Stage.PATH,
    finding="issuer.wrong_hierarchy",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 6.1; GBCS v0.8.1 s.12: each hierarchy has its own root",
    why="A CA that is trusted for one thing speaks for another: an Organisation's CA for Devices.",
    importance=Importance.HIGH,
    needs=(Need.CHAIN,),
)
def of_another_hierarchy(it: CertificateParts, base: Base) -> Changed:
    """Issued by the Issuing OCA where the DCA is right, and so on; the chain is that CA's."""
    others = {"organisation": "device", "device": "organisation"}
    chain = base.pki.chain(others[base.profile])
    return Changed(_issued_by(it, chain[0], base.pki.signers[chain[0].profile]), chain)


@defect(
    "below-subordinate-ca",
    on=ENDS,
    title="below a CA below its issuing CA, whose pathLenConstraint is 0",
    stage=Stage.PATH,
    finding="issuer.path_length",
    also=("issuer.path_length",),
    source="RFC 5280 6.1.4 (l), 6.1.4 (m)",
    why="An issuing CA makes CAs that its root did not allow, and they issue whatever they like.",
    importance=Importance.HIGH,
    needs=(Need.CHAIN,),
)
def below_subordinate_ca(it: CertificateParts, base: Base) -> Changed:
    """Issued by a CA that the issuing CA issued."""
    issuing = base.chain[0]
    key = _another_key(it, "subordinate")
    named = (
        ca_subject("07", "Z1S")
        if base.profile == "organisation"
        else ca_subject(None, "DZ1S")
        if base.profile == "device"
        else sequence(rdn("organizationName", "smki-testca"), rdn("commonName", "Subordinate"))
    )
    subordinate = replace(
        rekeyed(_issued_by(issuing, issuing, it.signer), key.spki),
        subject=named,
        serial=serial_of("subordinate"),
    )
    return Changed(_issued_by(it, subordinate, key), (subordinate, *base.chain))


# The issuer's name


@defect(
    "issuer-name-differs",
    on=(*ENDS, *SMKI_ISSUING),
    title="whose issuer is not the subject of the CA that signed it",
    stage=Stage.PATH,
    finding="issuer.name_differs",
    source="RFC 5280 6.1.3 (a)(4)",
    why="The certificate is filed under a CA that did not issue it; its serial is not that CA's.",
    importance=Importance.HIGH,
    needs=(Need.CHAIN,),
)
def issuer_name_differs(it: CertificateParts, base: Base) -> CertificateParts:
    """Another CN in the issuer's name; the key is the right CA's."""
    del base
    return but(it, issuer=_another_name(it.profile))


def _another_name(profile: str) -> bytes:
    """The name of a CA that there is not."""
    if profile == "organisation":
        return ca_subject("07", "Z9")
    if profile == "device":
        return ca_subject(None, "DZ9")
    return sequence(rdn("organizationName", "smki-testca"), rdn("commonName", "Another CA"))


_COMPARED = "RFC 5280 7.1: names are compared by caseIgnoreMatch after StringPrep"


@defect(
    "issuer-string-type",
    on=ENDS,
    title="whose issuer is written in another string type than the CA's subject",
    stage=Stage.PATH,
    finding="issuer.octets_differ",
    rfc5280=Verdict.ACCEPT,
    source=_COMPARED,
    why="Readers that compare names octet for octet find no path; others do.",
    importance=Importance.MEDIUM,
    needs=(Need.CHAIN,),
)
def issuer_string_type(it: CertificateParts, base: Base) -> CertificateParts:
    """UTF8String where the CA has PrintableString, or the other way round."""
    del base
    return but(it, issuer=rewritten(it.issuer, tag=UTF8 if it.profile in _OF_SMKI else PRINTABLE))


@defect(
    "issuer-case",
    on=ENDS,
    title="whose issuer has small letters where the CA's subject has capitals",
    stage=Stage.PATH,
    finding="issuer.octets_differ",
    rfc5280=Verdict.ACCEPT,
    source=_COMPARED,
    why="Readers that compare names octet for octet find no path; others do.",
    importance=Importance.LOW,
    needs=(Need.CHAIN,),
)
def issuer_case(it: CertificateParts, base: Base) -> CertificateParts:
    """The name of the CA in lower case."""
    del base
    return but(it, issuer=rewritten(it.issuer, str.lower))


@defect(
    "issuer-spaces",
    on=ENDS,
    title="whose issuer has spaces at its end that the CA's subject does not have",
    stage=Stage.PATH,
    finding="issuer.octets_differ",
    rfc5280=Verdict.ACCEPT,
    source=_COMPARED,
    why="Readers that compare names octet for octet find no path; others do.",
    importance=Importance.LOW,
    needs=(Need.CHAIN,),
)
def issuer_spaces(it: CertificateParts, base: Base) -> CertificateParts:
    """A space after each value."""
    del base
    return but(it, issuer=rewritten(it.issuer, lambda text: f"{text} "))


@defect(
    "issuer-order",
    on=("organisation", "dccki", "iki"),
    title="whose issuer has the names of its CA in another order",
    stage=Stage.PATH,
    finding="issuer.name_differs",
    source="RFC 5280 7.1, 6.1.3 (a)(4): a Name is a SEQUENCE, and its order counts",
    why="It is another name: a reader that sorts names takes two CAs for one.",
    importance=Importance.MEDIUM,
    needs=(Need.CHAIN,),
)
def issuer_order(it: CertificateParts, base: Base) -> CertificateParts:
    """CN before OU or O."""
    del base
    return but(it, issuer=of_attributes(attributes(it.issuer)[::-1]))


@defect(
    "issuer-multi-valued",
    on=("organisation", "dccki", "iki"),
    title="whose issuer has the names of its CA in one RDN",
    stage=Stage.PATH,
    finding="issuer.name_differs",
    source="RFC 5280 7.1, 6.1.3 (a)(4)",
    why="It is another name: a reader that looks at the values alone takes two CAs for one.",
    importance=Importance.LOW,
    needs=(Need.CHAIN,),
)
def issuer_multi_valued(it: CertificateParts, base: Base) -> CertificateParts:
    """Both attributes in one SET."""
    del base
    return but(it, issuer=sequence(set_of(attributes(it.issuer))))


@defect(
    "issuer-lacks-name",
    on=("organisation", "dccki", "iki"),
    title="whose issuer lacks a part of the CA's subject",
    stage=Stage.PATH,
    finding="issuer.name_differs",
    source="RFC 5280 7.1, 6.1.3 (a)(4)",
    why="A reader that compares the CN alone takes two CAs for one.",
    importance=Importance.MEDIUM,
    needs=(Need.CHAIN,),
)
def issuer_lacks_name(it: CertificateParts, base: Base) -> CertificateParts:
    """The CN alone."""
    del base
    return but(it, issuer=of_attributes(attributes(it.issuer)[-1:]))


# The pointer to the issuer's key


@defect(
    "aki-of-the-root",
    on=ENDS,
    title="whose authorityKeyIdentifier is that of the root",
    stage=Stage.PATH,
    finding="extensions.authorityKeyIdentifier.keyIdentifier.value",
    rfc5280=Verdict.EITHER,
    source="RFC 5280 4.2.1.1: it helps to find the key; 6.1 does not check it",
    why="Readers that look keys up by it find another CA's, or none.",
    importance=Importance.MEDIUM,
    needs=(Need.CHAIN,),
)
def aki_of_the_root(it: CertificateParts, base: Base) -> CertificateParts:
    """The key identifier of the root."""
    return with_value(it, "authorityKeyIdentifier", authority_key(base.chain[-1].key_identifier))


# The CA's certificate


@defect(
    "ca-without-basic-constraints",
    on=ENDS,
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
    return _below(it, base, lambda ca: without(ca, "basicConstraints"))


@defect(
    "ca-says-it-is-none",
    on=ENDS,
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
    return _below(it, base, lambda ca: with_value(ca, "basicConstraints", sequence()))


@defect(
    "ca-without-key-cert-sign",
    on=ENDS,
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
    return _below(it, base, lambda ca: with_value(ca, "keyUsage", usages("cRLSign")))


@defect(
    "ca-for-digital-signature",
    on=ENDS,
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
    return _below(it, base, lambda ca: with_value(ca, "keyUsage", usages("digitalSignature")))


@defect(
    "root-path-length-zero",
    on=ENDS,
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
    return _below(it, base, lambda ca: with_value(ca, "basicConstraints", none_below), -1)


@defect(
    "ca-expired",
    on=ENDS,
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
    return _below(it, base, lambda ca: but(ca, validity=ended))


@defect(
    "ca-not-yet-valid",
    on=ENDS,
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
    return _below(it, base, lambda ca: but(ca, validity=later))


@defect(
    "root-expired",
    on=ENDS,
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
    return _below(it, base, lambda ca: but(ca, validity=ended), -1)


@defect(
    "ca-signature-bit",
    on=ENDS,
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

    return _below(it, base, broken)


@defect(
    "ca-by-another-key",
    on=ENDS,
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
    return _below(it, base, lambda ca: but(ca, signer=_another_key(it, "not the root")))


@defect(
    "root-of-another-key",
    on=ENDS,
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
    key = _another_key(it, "another root")
    return _below(it, base, lambda ca: rekeyed(ca, key.spki, key), -1)


@defect(
    "root-signature-bit",
    on=ENDS,
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

    return _below(it, base, broken, -1)


@defect(
    "ca-namesake",
    on=ENDS,
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
    return _below(it, base, lambda ca: rekeyed(ca, _another_key(it, "another Z1").spki))


@defect(
    "ca-namesake-with-its-ski",
    on=ENDS,
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
    return _below(it, base, lambda ca: but(ca, spki=_another_key(it, "another Z1").spki))


@defect(
    "ca-key-unusable",
    on=_OF_SMKI,
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

    return _below(it, base, unusable)


@defect(
    "ca-renamed",
    on=ENDS,
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
    return _below(it, base, lambda ca: but(ca, subject=_another_name(it.profile)))


@defect(
    "ca-unknown-critical",
    on=ENDS,
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
    return _below(it, base, lambda ca: added(ca, "1.2.826.0.1.99999", b"\x05\x00", critical=True))


@defect(
    "ca-of-another-root",
    on=ENDS,
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
    return Changed(it, (_issued_by(base.chain[0], root, root.signer), root))


# What the CA's certificate forbids


def _constrained(it: CertificateParts, base: Base, value: bytes) -> Changed:
    return _below(it, base, lambda ca: added(ca, "nameConstraints", value, critical=True))


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
    on=ENDS,
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
    return _below(it, base, lambda ca: _demanding(ca, _OTHER_POLICY, required, "policyConstraints"))


@defect(
    "ca-maps-any-policy",
    on=ENDS,
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
    return _below(it, base, lambda ca: added(ca, "policyMappings", mapped, critical=True))


@defect(
    "any-policy-inhibited",
    on=ENDS,
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
    on=ENDS,
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
    return _below(
        it, base, lambda ca: with_value(ca, "certificatePolicies", policies(_OTHER_POLICY))
    )
