"""Extensions that the profiles lack, with an element too many or of another type."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, defect
from smki_testca.corpus.document_changes import added
from smki_testca.corpus.parts import dns
from smki_testca.der.encode import NULL, oid, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts

_MORE = tlv(NULL, b"")

_broken = partial(
    defect,
    stage=Stage.STRUCTURE,
    at_least=Stage.PROFILE,
    source="RFC 5280 4.2",
    why="A reader that does not check each element, their order and their number reads what the"
    " issuer did not write, or passes over what it did.",
)
_unexpected = partial(
    _broken, on=("dccki-issuing-ca", "iki-issuing-ca"), also=("extensions.unexpected",)
)
_FULL_NAME = tlv(0xA0, tlv(0xA0, tlv(0x86, b"http://ca.example/list.crl")))


@_unexpected(
    "crl-points-null",
    on=("iki-issuing-ca", "dccki-issuing-ca"),
    title="whose cRLDistributionPoints holds a NULL",
    finding="structure.CRLDistributionPoints",
    source="RFC 5280 4.2.1.13",
)
def points_null(it: CertificateParts, base: Base) -> CertificateParts:
    """The list of distribution points has an element that is none."""
    del base
    return added(it, "cRLDistributionPoints", sequence(_MORE))


@_unexpected(
    "crl-point-more",
    title="whose DistributionPoint has an element more",
    finding="structure.DistributionPoint",
    source="RFC 5280 4.2.1.13",
)
def point_more(it: CertificateParts, base: Base) -> CertificateParts:
    """A NULL follows the name of the distribution point."""
    del base
    return added(it, "cRLDistributionPoints", sequence(sequence(_FULL_NAME, _MORE)))


@_unexpected(
    "access-null",
    on=("iki-issuing-ca", "dccki-issuing-ca"),
    title="whose authorityInfoAccess holds a NULL",
    finding="structure.AuthorityInfoAccessSyntax",
    source="RFC 5280 4.2.2.1",
)
def access_null(it: CertificateParts, base: Base) -> CertificateParts:
    """The list of access descriptions has an element that is none."""
    del base
    return added(it, "authorityInfoAccess", sequence(_MORE))


@_unexpected(
    "access-more",
    title="whose AccessDescription has an element more",
    finding="structure.AccessDescription",
    source="RFC 5280 4.2.2.1",
)
def access_more(it: CertificateParts, base: Base) -> CertificateParts:
    """A NULL follows the location."""
    del base
    location = tlv(0x86, b"http://ca.example/")
    return added(
        it, "authorityInfoAccess", sequence(sequence(oid("1.3.6.1.5.5.7.48.1"), location, _MORE))
    )


@_unexpected(
    "policy-mapping-third",
    on=("iki-issuing-ca", "dccki-issuing-ca"),
    title="whose PolicyMapping has three policies",
    finding="structure.PolicyMapping",
    source="RFC 5280 4.2.1.5",
)
def mapping_of_three(it: CertificateParts, base: Base) -> CertificateParts:
    """A policy is mapped to two others."""
    del base
    policy = oid("1.2.826.0.1.8641679.1.2.1.4")
    return added(it, "policyMappings", sequence(sequence(policy, policy, policy)))


@_unexpected(
    "name-constraints-more",
    on=("dccki-issuing-ca", "organisation-issuing-ca", "device-issuing-ca"),
    title="whose nameConstraints has an element more",
    finding="structure.NameConstraints",
    source="RFC 5280 4.2.1.10",
    importance=Importance.HIGH,
)
def name_constraints_more(it: CertificateParts, base: Base) -> CertificateParts:
    """A NULL follows the permitted subtrees."""
    del base
    permitted = tlv(0xA0, sequence(dns(b"example")))
    return added(it, "nameConstraints", sequence(permitted, _MORE), critical=True)


@_unexpected(
    "policy-constraints-more",
    on=("dccki-issuing-ca", "organisation-issuing-ca", "device-issuing-ca"),
    title="whose policyConstraints has an element more",
    finding="structure.PolicyConstraints",
    source="RFC 5280 4.2.1.11",
    importance=Importance.HIGH,
)
def policy_constraints_more(it: CertificateParts, base: Base) -> CertificateParts:
    """A NULL follows requireExplicitPolicy."""
    del base
    return added(it, "policyConstraints", sequence(tlv(0x80, b"\x00"), _MORE), critical=True)


@_unexpected(
    "inhibit-any-null",
    on=("iki-issuing-ca", "dccki-issuing-ca"),
    title="whose inhibitAnyPolicy is a NULL",
    finding="structure.InhibitAnyPolicy",
    source="RFC 5280 4.2.1.14",
)
def inhibit_null(it: CertificateParts, base: Base) -> CertificateParts:
    """The value has another type than INTEGER."""
    del base
    return added(it, "inhibitAnyPolicy", _MORE, critical=True)


@_unexpected(
    "crl-point-name-more",
    title="whose DistributionPointName has an element more",
    finding="structure.DistributionPointName",
    source="RFC 5280 4.2.1.13",
)
def point_name_more(it: CertificateParts, base: Base) -> CertificateParts:
    """A NULL follows the fullName."""
    del base
    full = tlv(0xA0, tlv(0x86, b"http://ca.example/list.crl"))
    return added(it, "cRLDistributionPoints", sequence(sequence(tlv(0xA0, full + _MORE))))


@_unexpected(
    "freshest-crl-more",
    title="whose freshestCRL has an element more",
    finding="structure.FreshestCRL",
    source="RFC 5280 4.2.1.15",
)
def freshest_more(it: CertificateParts, base: Base) -> CertificateParts:
    """A NULL follows the distribution point."""
    del base
    return added(it, "freshestCRL", sequence(sequence(_FULL_NAME), _MORE))


@_unexpected(
    "subject-access-null",
    title="whose subjectInfoAccess holds a NULL",
    finding="structure.SubjectInfoAccessSyntax",
    source="RFC 5280 4.2.2.2",
)
def subject_access_null(it: CertificateParts, base: Base) -> CertificateParts:
    """The list of access descriptions has an element that is none."""
    del base
    return added(it, "subjectInfoAccess", sequence(_MORE))


@_unexpected(
    "directory-attributes-null",
    title="whose subjectDirectoryAttributes holds a NULL",
    finding="structure.SubjectDirectoryAttributes",
    source="RFC 5280 4.2.1.8",
)
def directory_attributes_null(it: CertificateParts, base: Base) -> CertificateParts:
    """The list of attributes has an element that is none."""
    del base
    return added(it, "subjectDirectoryAttributes", sequence(_MORE))


@_unexpected(
    "policy-mappings-null",
    title="whose policyMappings holds a NULL",
    finding="structure.PolicyMappings",
    source="RFC 5280 4.2.1.5",
)
def mappings_null(it: CertificateParts, base: Base) -> CertificateParts:
    """The list of mappings has an element that is none."""
    del base
    return added(it, "policyMappings", sequence(_MORE))


@_unexpected(
    "name-constraints-null-subtree",
    title="whose nameConstraints permits a NULL",
    finding="structure.GeneralSubtrees",
    source="RFC 5280 4.2.1.10",
    importance=Importance.HIGH,
)
def null_subtree(it: CertificateParts, base: Base) -> CertificateParts:
    """The list of permitted subtrees has an element that is none."""
    del base
    return added(it, "nameConstraints", sequence(tlv(0xA0, _MORE)), critical=True)


@_unexpected(
    "name-constraints-subtree-more",
    title="whose permitted subtree has an element more",
    finding="structure.GeneralSubtree",
    source="RFC 5280 4.2.1.10",
    importance=Importance.HIGH,
)
def subtree_more(it: CertificateParts, base: Base) -> CertificateParts:
    """A NULL follows the name of the subtree."""
    del base
    subtree = sequence(dns(b"example"), _MORE)
    return added(it, "nameConstraints", sequence(tlv(0xA0, subtree)), critical=True)


@_unexpected(
    "edi-name-null",
    title="whose issuerAltName has an ediPartyName of a NULL",
    finding="structure.EDIPartyName",
    source="RFC 5280 4.2.1.6",
)
def edi_name_null(it: CertificateParts, base: Base) -> CertificateParts:
    """The ediPartyName lacks its party."""
    del base
    return added(it, "issuerAltName", sequence(tlv(0xA5, _MORE)))


@_unexpected(
    "directory-name-null",
    title="whose issuerAltName has a directoryName that is not a Name",
    finding="structure.GeneralName",
    also=("extensions.general_name", "extensions.unexpected"),
    source="RFC 5280 4.2.1.6",
)
def directory_name_null(it: CertificateParts, base: Base) -> CertificateParts:
    """A NULL is in the directoryName."""
    del base
    return added(it, "issuerAltName", sequence(tlv(0xA4, _MORE)))
