"""Defects of the path: the document names another issuer, or another key of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Need, Stage, Verdict, defect
from smki_testca.corpus.defects.path_changes import END_ENTITIES, SMKI_ENDS, another_name
from smki_testca.corpus.document_changes import but, with_value
from smki_testca.corpus.groups import SMKI_ISSUING
from smki_testca.corpus.issuer_names import attributes, of_attributes, rewritten
from smki_testca.corpus.parts import PRINTABLE, UTF8, authority_key
from smki_testca.der.encode import sequence, set_of

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts


@defect(
    "issuer-name-differs",
    on=(*END_ENTITIES, *SMKI_ISSUING),
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
    return but(it, issuer=another_name(it.profile))


_COMPARED = "RFC 5280 7.1: names are compared by caseIgnoreMatch after StringPrep"


@defect(
    "issuer-string-type",
    on=END_ENTITIES,
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
    return but(it, issuer=rewritten(it.issuer, tag=UTF8 if it.profile in SMKI_ENDS else PRINTABLE))


@defect(
    "issuer-case",
    on=END_ENTITIES,
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
    on=END_ENTITIES,
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


@defect(
    "aki-of-the-root",
    on=END_ENTITIES,
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
