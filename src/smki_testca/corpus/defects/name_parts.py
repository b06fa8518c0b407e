"""Elements of distinguished names that are missing, too many, empty or out of order."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.elements import appended, edited, holding, swapped, without_element
from smki_testca.der.encode import NULL, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, CsrParts, RevocationListParts

_MORE = tlv(NULL, b"")

_named = partial(
    defect,
    stage=Stage.STRUCTURE,
    finding="structure.Name",
    source="RFC 5280 4.1.2.4",
    why="Names are compared to build paths and to find the holder: each reader reads another.",
)


@_named(
    "subject-null",
    on=("organisation", "dccki", "organisation-csr"),
    title="with a NULL in its subject",
)
def null_in_subject(it: CertificateParts | CsrParts, base: Base) -> bytes:
    """A NULL follows the RDNs of the subject."""
    del base
    return edited(it, partial(appended, more=_MORE), "subject")


@_named(
    "rdn-empty",
    on=("organisation", "dccki"),
    title="with an empty RDN",
    finding="structure.RelativeDistinguishedName",
)
def empty_rdn(it: CertificateParts, base: Base) -> bytes:
    """A SET of nothing comes after the RDNs of the subject."""
    del base
    return edited(it, partial(appended, more=b"\x31\x00"), "subject")


@_named(
    "attribute-third-element",
    on=("organisation", "dccki"),
    title="with a third element in an attribute",
    finding="structure.AttributeTypeAndValue",
)
def third_element_of_attribute(it: CertificateParts, base: Base) -> bytes:
    """A NULL follows the value of the OU."""
    del base
    return edited(it, partial(appended, more=_MORE), "subject", 1, 0)


@_named(
    "issuer-empty",
    on=("organisation", "organisation-crl", "dccki"),
    title="whose issuer is an empty SEQUENCE",
    finding="der.empty_sequence",
    importance=Importance.HIGH,
    rfc5280=Verdict.REJECT,
)
def issuer_empty(it: CertificateParts | RevocationListParts, base: Base) -> bytes:
    """The issuer names nobody."""
    del base
    return edited(it, partial(holding, content=b""), "issuer")


@_named(
    "attribute-without-value",
    on=("organisation", "dccki"),
    title="with an attribute without value",
    finding={
        "": "structure.AttributeTypeAndValue",
        "organisation": "subject.organizationalUnitName.missing",
    },
)
def attribute_without_value(it: CertificateParts, base: Base) -> bytes:
    """The OU is its type alone."""
    del base
    return edited(it, partial(without_element, number=1), "subject", 1, 0)


@_named(
    "attribute-reversed",
    on=("organisation", "dccki"),
    title="with an attribute whose value comes first",
    also=("subject.unexpected",),
    finding="structure.AttributeTypeAndValue",
)
def attribute_reversed(it: CertificateParts, base: Base) -> bytes:
    """The value and the type of the OU have changed places."""
    del base
    return edited(it, partial(swapped, number=0), "subject", 1, 0)
