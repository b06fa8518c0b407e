"""Defects of the path: the document was not issued by its CA."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.corpus.bases import iki, organisation
from smki_testca.corpus.defect import Changed, Importance, Need, Stage, Verdict, defect
from smki_testca.corpus.defects.owners import own_key
from smki_testca.corpus.defects.path_changes import END_ENTITIES, SMKI_ENDS, another_key, issued_by
from smki_testca.corpus.document_changes import rekeyed, without
from smki_testca.corpus.issuer_names import rewritten
from smki_testca.corpus.parts import UTF8, ca_subject, lasting, rdn, serial_of
from smki_testca.corpus.signing_keys import ec_key, rsa_key
from smki_testca.der.encode import sequence

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts
    from smki_testca.corpus.signing_keys import CorpusSigner


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
    return issued_by(it, rekeyed(replace(base.chain[0], subject=subject), stranger.spki), stranger)


@defect(
    "self-signed",
    on=END_ENTITIES,
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
    return issued_by(it, it, own_key(base))


@defect(
    "issued-by-end-entity",
    on=END_ENTITIES,
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
    return Changed(issued_by(it, above, key), chain)


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
    return Changed(without(issued_by(it, above, key), "subjectKeyIdentifier"), chain)


def _end_entity_above(base: Base) -> tuple[CertificateParts, CorpusSigner]:
    if base.profile in SMKI_ENDS:
        name = "organisation-that-issues"
        return organisation(base.pki, name), ec_key(name)
    above = iki(base.pki)
    spki = rsa_key("iki").spki if base.profile == "dccki" else rsa_key("dccki").spki
    return rekeyed(above, spki), rsa_key("iki" if base.profile == "dccki" else "dccki")


@defect(
    "issued-by-root",
    on=END_ENTITIES,
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
    return Changed(issued_by(it, root, root.signer), (root,))


@defect(
    "of-another-hierarchy",
    on=SMKI_ENDS,
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
    return Changed(issued_by(it, chain[0], base.pki.signers[chain[0].profile]), chain)


@defect(
    "below-subordinate-ca",
    on=END_ENTITIES,
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
    key = another_key(it, "subordinate")
    named = (
        ca_subject("07", "Z1S")
        if base.profile == "organisation"
        else ca_subject(None, "DZ1S")
        if base.profile == "device"
        else sequence(rdn("organizationName", "smki-testca"), rdn("commonName", "Subordinate"))
    )
    subordinate = replace(
        rekeyed(issued_by(issuing, issuing, it.signer), key.spki),
        subject=named,
        serial=serial_of("subordinate"),
    )
    return Changed(issued_by(it, subordinate, key), (subordinate, *base.chain))
