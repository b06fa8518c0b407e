"""Defects of CRLs: who issued and signed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.bases import organisation
from smki_testca.corpus.defect import Changed, Importance, Need, Stage, Verdict, defect
from smki_testca.corpus.defects.crl_bases import CRLS, LISTS, ORGANISATION_CRL
from smki_testca.corpus.document_changes import but, rekeyed, with_value
from smki_testca.corpus.issuer_names import rewritten
from smki_testca.corpus.parts import (
    RSA_SHA256,
    UTF8,
    RevocationListParts,
    authority_key,
    ca_subject,
    lasting,
    rdn,
    serial_of,
    usages,
)
from smki_testca.corpus.signing_keys import ec_key, key_identifier_of, rsa_key
from smki_testca.der.encode import sequence

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.signing_keys import CorpusSigner

BOTH = ("organisation-crl", "dccki-crl")


def _another_key(it: RevocationListParts, name: str) -> CorpusSigner:
    return rsa_key("dccki") if it.algorithm == RSA_SHA256 else ec_key(name)


@defect(
    "by-another-key",
    on=LISTS,
    title="that is signed with another key than its CA's",
    stage=Stage.SIGNATURE,
    finding="signature.invalid",
    source="RFC 5280 6.3.3 (g)",
    why="Anybody can make a list on which a certificate is not, or is.",
    importance=Importance.CRITICAL,
)
def by_another_key(it: RevocationListParts, base: Base) -> RevocationListParts:
    """The signature is a stranger's."""
    del base
    return but(it, signer=_another_key(it, "stranger"))


@defect(
    "of-a-namesake",
    on=BOTH,
    title="of another CA with the same name",
    stage=Stage.PATH,
    finding="issuer.unknown",
    source="RFC 5280 6.3.3 (g)",
    why="Test PKIs have a Z1 each: the list of one says nothing of the certificates of another.",
    remedy="Use the list of the CA that issued the certificate.",
    importance=Importance.CRITICAL,
)
def of_a_namesake(it: RevocationListParts, base: Base) -> RevocationListParts:
    """AuthorityKeyIdentifier and signature are a namesake's."""
    del base
    key = _another_key(it, "another Z1")
    return but(_pointing(it, key), signer=key)


def _pointing(it: RevocationListParts, key: CorpusSigner) -> RevocationListParts:
    """The list with the key identifier of another key."""
    return with_value(it, "authorityKeyIdentifier", authority_key(key_identifier_of(key.spki)))


@defect(
    "of-another-ca",
    on=BOTH,
    title="that is right, and of another CA than the one that issued the certificate",
    stage=Stage.USE,
    finding="",
    source="RFC 5280 6.3.3 (b)(1)",
    why="Two CAs may give one serial number: the list of one says nothing of the other's.",
    remedy="Use the list of the CA that issued the certificate.",
    importance=Importance.CRITICAL,
    needs=(Need.NAMES,),
)
def of_another_ca(it: RevocationListParts, base: Base) -> Changed:
    """Another CA of the same root issued the list; the entry has the same serial."""
    issuing = base.chain[0]
    key = _another_key(it, "another CA")
    name = (
        ca_subject("07", "OB")
        if base.profile.startswith("organisation")
        else sequence(rdn("organizationName", "smki-testca"), rdn("commonName", "Another CA"))
    )
    other = but(rekeyed(issuing, key.spki), subject=name, serial=serial_of("another CA"))
    return Changed(but(_pointing(it, key), issuer=name, signer=key), (other, *base.chain[1:]))


@defect(
    "by-end-entity",
    on=ORGANISATION_CRL,
    title="that an Organisation signed",
    stage=Stage.PATH,
    finding="crl.issuer_key_usage",
    source="RFC 5280 6.3.3 (f)",
    why="Every holder of a certificate could make lists, and so free its own certificate.",
    importance=Importance.CRITICAL,
)
def by_end_entity(it: RevocationListParts, base: Base) -> Changed:
    """Issuer, authorityKeyIdentifier and signature are an end entity's."""
    name = "organisation-that-issues"
    key = ec_key(name)
    above = organisation(base.pki, name)
    signed = but(_pointing(it, key), issuer=above.subject, signer=key)
    return Changed(signed, (above, *base.chain))


@defect(
    "ca-without-crl-sign",
    on=LISTS,
    title="whose CA may issue certificates only",
    stage=Stage.PATH,
    finding="crl.issuer_key_usage",
    also=("extensions.keyUsage.value",),
    source="RFC 5280 6.3.3 (f), 4.2.1.3",
    why="The key of the CA is used for what its own issuer did not allow.",
    importance=Importance.MEDIUM,
)
def ca_without_crl_sign(it: RevocationListParts, base: Base) -> Changed:
    """The keyUsage of the CA is keyCertSign."""
    ca = with_value(base.chain[0], "keyUsage", usages("keyCertSign"))
    return Changed(it, (ca, *base.chain[1:]))


@defect(
    "ca-expired",
    on=CRLS,
    title="whose CA has expired",
    stage=Stage.PATH,
    finding="validity.expired",
    source="RFC 5280 6.3.3 (f), 6.1.3 (a)(2)",
    why="The CA may have given its key up: nobody watches it any more.",
    importance=Importance.MEDIUM,
)
def ca_expired(it: RevocationListParts, base: Base) -> Changed:
    """The issuing CA was valid until last year."""
    ended = lasting("2020-01-01", "2025-12-31T23:59:59")
    return Changed(it, (but(base.chain[0], validity=ended), *base.chain[1:]))


@defect(
    "ca-by-another-key",
    on=CRLS,
    title="whose CA is signed with another key than the root's",
    stage=Stage.PATH,
    finding="signature.invalid",
    source="RFC 5280 6.3.3 (f), 6.1.3 (a)(1)",
    why="Somebody else made the CA: anybody can make a list on which a certificate is not.",
    importance=Importance.HIGH,
)
def ca_by_another_key(it: RevocationListParts, base: Base) -> Changed:
    """The certificate of the issuing CA is signed with a key that is not the root's."""
    ca = but(base.chain[0], signer=_another_key(it, "not the root"))
    return Changed(it, (ca, *base.chain[1:]))


@defect(
    "issuer-name-differs",
    on=LISTS,
    title="whose issuer is not the subject of the CA that signed it",
    stage=Stage.PATH,
    finding="issuer.name_differs",
    source="RFC 5280 6.3.3 (b)(1)",
    why="The list is another CA's by its name: its serials say nothing of this one's.",
    importance=Importance.HIGH,
)
def issuer_name_differs(it: RevocationListParts, base: Base) -> RevocationListParts:
    """Another CN; the key is the right CA's."""
    del base
    if it.profile.startswith("organisation"):
        return but(it, issuer=ca_subject("07", "Z9"))
    other = sequence(rdn("organizationName", "smki-testca"), rdn("commonName", "Another CA"))
    return but(it, issuer=other)


@defect(
    "issuer-string-type",
    on=("organisation-crl", "organisation-arl"),
    title="whose issuer is written in another string type than the CA's subject",
    stage=Stage.PATH,
    finding="issuer.octets_differ",
    rfc5280=Verdict.ACCEPT,
    source="RFC 5280 7.1: names are compared by caseIgnoreMatch after StringPrep",
    why="Readers that compare names octet for octet do not find the list, and go without.",
    importance=Importance.MEDIUM,
)
def issuer_string_type(it: RevocationListParts, base: Base) -> RevocationListParts:
    """UTF8String where the CA has PrintableString."""
    del base
    return but(it, issuer=rewritten(it.issuer, tag=UTF8))
