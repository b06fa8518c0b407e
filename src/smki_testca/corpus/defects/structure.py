"""Elements that are missing, twice, out of order, empty or too many, in the document itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.changes import but
from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.elements import (
    appended,
    doubled,
    edited,
    element,
    holding,
    swapped,
    without_element,
)
from smki_testca.der.encode import NULL, integer, oid, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import Certificate, Parts, Request, RevocationList

EACH_KIND = ("device", "organisation-crl", "device-csr")
_ENDS = ("organisation",)
_MORE = tlv(NULL, b"")

_broken = partial(
    defect,
    stage=Stage.STRUCTURE,
    finding="der.structure",
    source="RFC 5280 4.1",
    why="A reader that counts elements takes one of them for another.",
)
_list = partial(_broken, finding="structure.TBSCertList", source="RFC 5280 5.1")
_csr = partial(_broken, finding="structure.CertificationRequestInfo", source="RFC 2986 4.1")
_named = partial(
    _broken,
    finding="structure.Name",
    source="RFC 5280 4.1.2.4",
    why="Names are compared to build paths and to find the holder: each reader reads another.",
)


# The three elements of every document


@_broken("algorithm-missing", on=EACH_KIND, title="without its signatureAlgorithm")
def algorithm_missing(it: Parts, base: Base) -> bytes:
    """The AlgorithmIdentifier between the signed part and the signature is missing."""
    del base
    return edited(it, partial(without_element, number=1), "document")


@_broken(
    "signature-missing",
    on=EACH_KIND,
    title="without its signatureValue",
    importance=Importance.HIGH,
)
def signature_missing(it: Parts, base: Base) -> bytes:
    """The document ends with its signatureAlgorithm."""
    del base
    return edited(it, partial(without_element, number=2), "document")


@_broken("signed-missing", on=EACH_KIND, title="without its signed part")
def signed_missing(it: Parts, base: Base) -> bytes:
    """The document begins with its signatureAlgorithm."""
    del base
    return edited(it, partial(without_element, number=0), "document")


@_broken("document-empty", on=("device",), title="that is an empty SEQUENCE")
def document_empty(it: Parts, base: Base) -> bytes:
    """The document is 30 00."""
    del base
    return edited(it, partial(holding, content=b""), "document")


@_broken(
    "signed-empty", on=EACH_KIND, title="whose signed part is empty", importance=Importance.HIGH
)
def signed_empty(it: Parts, base: Base) -> bytes:
    """The signed part is 30 00, and is signed."""
    del base
    return edited(it, partial(holding, content=b""), "signed")


@_broken("signature-twice", on=EACH_KIND, title="with two signatures", importance=Importance.HIGH)
def signature_twice(it: Parts, base: Base) -> bytes:
    """The signatureValue stands twice: which of them is verified?"""
    del base
    return edited(it, partial(doubled, number=2), "document")


@_broken("document-fourth-element", on=EACH_KIND, title="with a fourth element")
def fourth_element(it: Parts, base: Base) -> bytes:
    """A NULL stands after the signature, inside the document: nothing signs it."""
    del base
    return edited(it, partial(appended, more=_MORE), "document")


@_broken(
    "document-reversed", on=EACH_KIND, title="whose signatureAlgorithm comes after the signature"
)
def algorithm_last(it: Parts, base: Base) -> bytes:
    """The signatureAlgorithm and the signatureValue have changed places."""
    del base
    return edited(it, partial(swapped, number=1), "document")


# The signed part of a certificate


@_broken("serial-missing", on=("device", "organisation"), title="without serialNumber")
def serial_missing(it: Certificate, base: Base) -> Certificate:
    """The signed part lacks its serial number."""
    del base
    return but(it, serial=b"")


@_broken(
    "inner-algorithm-missing",
    on=_ENDS,
    title="without the algorithm in its signed part",
)
def inner_algorithm_missing(it: Certificate, base: Base) -> bytes:
    """The signed part lacks the field signature: only the outer algorithm is there."""
    del base
    return edited(it, partial(without_element, number=2), "signed")


@_broken("issuer-missing", on=_ENDS, title="without issuer")
def issuer_missing(it: Certificate, base: Base) -> Certificate:
    """The signed part lacks its issuer."""
    del base
    return but(it, issuer=b"")


@_broken(
    "validity-missing",
    on=("device", "organisation"),
    title="without validity",
    importance=Importance.HIGH,
)
def validity_missing(it: Certificate, base: Base) -> Certificate:
    """The signed part lacks its validity: a reader that takes none for endless never ends it."""
    del base
    return but(it, validity=b"")


@_broken("subject-missing", on=_ENDS, title="without subject")
def subject_missing(it: Certificate, base: Base) -> Certificate:
    """The signed part lacks its subject."""
    del base
    return but(it, subject=b"")


@_broken("key-missing", on=_ENDS, title="without subjectPublicKeyInfo")
def key_missing(it: Certificate, base: Base) -> Certificate:
    """The signed part lacks its key."""
    del base
    return but(it, spki=b"")


@_broken("serial-twice", on=_ENDS, title="with serialNumber twice")
def serial_twice(it: Certificate, base: Base) -> Certificate:
    """The serial number stands twice in the signed part."""
    del base
    return but(it, serial=it.serial + it.serial)


@_broken(
    "key-twice",
    on=_ENDS,
    title="with subjectPublicKeyInfo twice",
    finding="structure.TBSCertificate",
    importance=Importance.HIGH,
)
def key_twice(it: Certificate, base: Base) -> Certificate:
    """The key stands twice in the signed part."""
    del base
    return but(it, spki=it.spki + it.spki)


@_broken(
    "extensions-twice",
    on=("device", "organisation"),
    title="with [3] extensions twice",
    finding="structure.TBSCertificate",
    importance=Importance.HIGH,
)
def extensions_twice(it: Certificate, base: Base) -> bytes:
    """The whole field of extensions stands twice."""
    del base
    return edited(it, partial(doubled, number=7), "signed")


@_broken(
    "extensions-two-lists",
    on=_ENDS,
    title="with two lists of extensions in [3]",
    finding="structure.Extensions",
    importance=Importance.HIGH,
)
def two_lists(it: Certificate, base: Base) -> bytes:
    """The EXPLICIT tag holds the list of extensions twice."""
    del base
    return edited(it, partial(doubled, number=0), "signed", 7)


@_broken(
    "signed-more",
    on=(*_ENDS, "organisation-issuing-ca", "dccki"),
    title="with an element after its extensions",
    finding="structure.TBSCertificate",
)
def signed_more(it: Certificate, base: Base) -> bytes:
    """A NULL follows the extensions in the signed part."""
    del base
    return edited(it, partial(appended, more=_MORE), "signed")


@_broken(
    "subject-after-key",
    on=("device",),
    finding="structure.SubjectPublicKeyInfo",
    also=("structure.Name", "structure.Name"),
    title="whose subject and key have changed places",
)
def subject_after_key(it: Certificate, base: Base) -> bytes:
    """The subjectPublicKeyInfo comes before the subject."""
    del base
    return edited(it, partial(swapped, number=5), "signed")


@_broken(
    "issuer-after-validity",
    on=("device",),
    finding="structure.Name",
    also=("structure.Name", "validity.notBefore.unreadable", "validity.notAfter.missing"),
    title="whose issuer and validity have changed places",
)
def issuer_after_validity(it: Certificate, base: Base) -> bytes:
    """The validity comes before the issuer."""
    del base
    return edited(it, partial(swapped, number=3), "signed")


@_broken("serial-before-version", on=_ENDS, title="whose serialNumber comes before its version")
def serial_before_version(it: Certificate, base: Base) -> bytes:
    """The version and the serial have changed places."""
    del base
    return edited(it, partial(swapped, number=0), "signed")


@_broken(
    "unique-ids-reversed",
    on=_ENDS,
    title="with subjectUniqueID before issuerUniqueID",
    finding="structure.TBSCertificate",
    also=("issuerUniqueID.present", "subjectUniqueID.present"),
)
def unique_ids_reversed(it: Certificate, base: Base) -> Certificate:
    """Both unique identifiers are there, in the wrong order."""
    del base
    return but(it, unique_ids=tlv(0x82, b"\x00\x01") + tlv(0x81, b"\x00\x02"))


@_broken(
    "version-two-numbers",
    on=_ENDS,
    title="with two versions",
    finding="structure.Version",
    source="RFC 5280 4.1.2.1",
)
def two_versions(it: Certificate, base: Base) -> Certificate:
    """The [0] of the version holds v3 twice."""
    del base
    return but(it, version=tlv(0xA0, integer(2) + integer(2)))


@_broken(
    "version-nothing",
    on=_ENDS,
    title="whose version holds nothing",
    finding="structure.Version",
    also=("version.unreadable",),
    source="RFC 5280 4.1.2.1",
)
def version_of_nothing(it: Certificate, base: Base) -> Certificate:
    """The [0] of the version is empty."""
    del base
    return but(it, version=tlv(0xA0, b""))


# Validity and key


@_broken(
    "validity-third-time",
    on=_ENDS,
    title="with a third time in its validity",
    finding="structure.Validity",
    source="RFC 5280 4.1.2.5",
)
def third_time(it: Certificate, base: Base) -> bytes:
    """The notAfter stands twice in the validity."""
    del base
    return edited(it, partial(doubled, number=1), "signed", 4)


@_broken(
    "validity-empty",
    on=_ENDS,
    title="whose validity is empty",
    finding="der.structure",
    source="RFC 5280 4.1.2.5",
    importance=Importance.HIGH,
)
def validity_empty(it: Certificate, base: Base) -> Certificate:
    """The validity holds no time."""
    del base
    return but(it, validity=sequence())


@_broken(
    "key-info-more",
    on=("device", "dccki", "device-csr"),
    title="with an element after its key",
    finding="structure.SubjectPublicKeyInfo",
    source="RFC 5280 4.1.2.7",
)
def key_info_more(it: Certificate | Request, base: Base) -> bytes:
    """A NULL follows the BIT STRING in subjectPublicKeyInfo."""
    del base
    return edited(it, partial(appended, more=_MORE), "subjectPublicKeyInfo")


@_broken(
    "key-info-empty",
    on=("device", "device-csr"),
    title="whose subjectPublicKeyInfo is empty",
    finding="structure.SubjectPublicKeyInfo",
    source="RFC 5280 4.1.2.7",
)
def key_info_empty(it: Certificate | Request, base: Base) -> bytes:
    """The subjectPublicKeyInfo is 30 00."""
    del base
    return edited(it, partial(holding, content=b""), "subjectPublicKeyInfo")


@_broken(
    "key-info-reversed",
    on=("device", "device-csr"),
    title="whose key comes before its algorithm",
    finding="structure.SubjectPublicKeyInfo",
    source="RFC 5280 4.1.2.7",
)
def key_info_reversed(it: Certificate | Request, base: Base) -> bytes:
    """The BIT STRING and the AlgorithmIdentifier have changed places."""
    del base
    return edited(it, partial(swapped, number=0), "subjectPublicKeyInfo")


@_broken(
    "algorithm-more",
    on=("device", "dccki"),
    title="whose algorithms have two parameters",
    finding="structure.AlgorithmIdentifier",
    also=("structure.AlgorithmIdentifier",),
    source="RFC 5280 4.1.1.2",
)
def two_parameters(it: Certificate, base: Base) -> Certificate:
    """Two NULLs follow the algorithm, inside and outside."""
    number = "1.2.840.10045.4.3.2" if base.name == "device" else "1.2.840.113549.1.1.11"
    return but(it, algorithm=sequence(oid(number), _MORE, _MORE))


# Names


@_named(
    "subject-null",
    on=("organisation", "dccki", "organisation-csr"),
    title="with a NULL in its subject",
)
def null_in_subject(it: Certificate | Request, base: Base) -> bytes:
    """A NULL follows the RDNs of the subject."""
    del base
    return edited(it, partial(appended, more=_MORE), "subject")


@_named(
    "rdn-empty",
    on=("organisation", "dccki"),
    title="with an empty RDN",
    finding="structure.RelativeDistinguishedName",
)
def empty_rdn(it: Certificate, base: Base) -> bytes:
    """A SET of nothing stands after the RDNs of the subject."""
    del base
    return edited(it, partial(appended, more=b"\x31\x00"), "subject")


@_named(
    "attribute-third-element",
    on=("organisation", "dccki"),
    title="with a third element in an attribute",
    finding="structure.AttributeTypeAndValue",
)
def third_element_of_attribute(it: Certificate, base: Base) -> bytes:
    """A NULL follows the value of the OU."""
    del base
    return edited(it, partial(appended, more=_MORE), "subject", 1, 0)


@_named(
    "issuer-empty",
    on=(*_ENDS, "dccki", "organisation-crl"),
    title="whose issuer is an empty SEQUENCE",
    finding="der.empty_sequence",
    importance=Importance.HIGH,
    rfc5280=Verdict.REJECT,
)
def issuer_empty(it: Certificate | RevocationList, base: Base) -> bytes:
    """The issuer names nobody."""
    del base
    return edited(it, partial(holding, content=b""), "issuer")


# CRLs


@_list(
    "this-update-missing",
    on=("organisation-crl", "organisation-arl"),
    title="without a time",
    finding="der.structure",
)
def times_missing(it: RevocationList, base: Base) -> bytes:
    """The signed part has neither thisUpdate nor nextUpdate."""
    del base
    return edited(
        it,
        lambda octets: without_element(without_element(octets, 4), 3),
        "signed",
    )


@_list("third-update", on=("organisation-crl", "iki-crl"), title="with a third time")
def third_update(it: RevocationList, base: Base) -> bytes:
    """The nextUpdate stands twice."""
    del base
    return edited(it, partial(doubled, number=4), "signed")


@_list(
    "entries-twice",
    on=("organisation-crl", "organisation-arl"),
    title="with two lists of entries",
    importance=Importance.CRITICAL,
)
def entries_twice(it: RevocationList, base: Base) -> bytes:
    """A second list of entries follows the first: a reader may read only one."""
    del base
    return edited(it, partial(doubled, number=5), "signed")


@_list(
    "extensions-first",
    on=("organisation-crl", "iki-arl"),
    title="whose extensions come before its entries",
    importance=Importance.CRITICAL,
)
def extensions_first(it: RevocationList, base: Base) -> bytes:
    """A reader that takes the entries to be missing lets every certificate pass."""
    del base
    return edited(it, partial(swapped, number=5), "signed")


@_list(
    "list-more", on=("organisation-crl", "dccki-crl"), title="with an element after its extensions"
)
def list_more(it: RevocationList, base: Base) -> bytes:
    """A NULL follows the extensions in the signed part."""
    del base
    return edited(it, partial(appended, more=_MORE), "signed")


_entry = partial(
    _broken,
    finding="crl.entry",
    source="RFC 5280 5.1.2.6",
    importance=Importance.CRITICAL,
    why="A reader that passes over the entry lets the revoked certificate pass.",
)


@_entry(
    "entry-without-date",
    on=("organisation-crl", "organisation-arl"),
    title="with an entry without date",
)
def entry_without_date(it: RevocationList, base: Base) -> bytes:
    """The entry is a serial number and its extensions."""
    del base
    return edited(it, partial(without_element, number=1), "revokedCertificates", 0)


@_entry("entry-reversed", on=("organisation-crl",), title="with an entry whose date comes first")
def entry_reversed(it: RevocationList, base: Base) -> bytes:
    """The serial and the date have changed places."""
    del base
    return edited(it, partial(swapped, number=0), "revokedCertificates", 0)


@_entry("entry-more", on=("organisation-crl", "iki-crl"), title="with an entry of four elements")
def entry_more(it: RevocationList, base: Base) -> bytes:
    """A NULL follows the extensions of the entry."""
    del base
    return edited(it, partial(appended, more=_MORE), "revokedCertificates", 0)


@_entry("entry-empty", on=("organisation-crl",), title="with an empty entry")
def entry_empty(it: RevocationList, base: Base) -> bytes:
    """The only entry is 30 00."""
    del base
    return edited(it, partial(holding, content=b""), "revokedCertificates", 0)


@_entry("entry-bare", on=("organisation-crl",), title="with a serial number in place of an entry")
def entry_bare(it: RevocationList, base: Base) -> bytes:
    """The serial and the date stand in the list itself, without a SEQUENCE around them."""
    del base
    entry = element(it, "revokedCertificates", 0, 0)
    return edited(it, lambda _: entry, "revokedCertificates", 0)


@_entry(
    "entry-extensions-empty",
    on=("organisation-crl", "organisation-arl"),
    title="with an entry whose extensions are empty",
    finding="der.empty_sequence",
    importance=Importance.LOW,
    rfc5280=Verdict.REJECT,
)
def entry_extensions_empty(it: RevocationList, base: Base) -> bytes:
    """The list of the entry's extensions is 30 00."""
    del base
    return edited(it, partial(holding, content=b""), "revokedCertificates", 0, 2)


# CSRs


@_csr(
    "request-more",
    on=("device-csr", "organisation-csr", "dccki-csr"),
    title="with an element after its attributes",
)
def request_more(it: Request, base: Base) -> bytes:
    """A NULL follows the attributes in the signed part."""
    del base
    return edited(it, partial(appended, more=_MORE), "signed")


@_csr(
    "request-version-missing",
    on=("device-csr", "organisation-csr"),
    title="without version",
    finding="der.structure",
)
def request_version_missing(it: Request, base: Base) -> bytes:
    """The signed part begins with its subject."""
    del base
    return edited(it, partial(without_element, number=0), "signed")


@_csr(
    "attributes-twice",
    also=("csr.attributes", "csr.extension", "csr.extension"),
    on=("device-csr",),
    title="with [0] attributes twice",
)
def attributes_twice(it: Request, base: Base) -> bytes:
    """The whole field of attributes stands twice."""
    del base
    return edited(it, partial(doubled, number=3), "signed")


@_csr(
    "attribute-more",
    on=("device-csr", "organisation-csr"),
    title="with a third element in its extensionRequest",
    finding="structure.Attribute",
)
def attribute_more(it: Request, base: Base) -> bytes:
    """A NULL follows the values of the attribute."""
    del base
    return edited(it, partial(appended, more=_MORE), "signed", 3, 0)


@_csr(
    "extension-request-two-values",
    on=("device-csr", "organisation-csr"),
    title="with two values in its extensionRequest",
    finding="structure.ExtensionRequest",
    source="RFC 2985 5.4.2",
    importance=Importance.HIGH,
)
def request_of_two_values(it: Request, base: Base) -> bytes:
    """The list of extensions stands twice in the attribute: a CA may take either."""
    del base
    return edited(it, partial(doubled, number=0), "signed", 3, 0, 1)


@_csr(
    "extension-request-no-value",
    on=("organisation-csr",),
    title="without a value in its extensionRequest",
    finding="structure.ExtensionRequest",
    also=("csr.key_usage",),
    source="RFC 2985 5.4.2",
)
def request_of_no_value(it: Request, base: Base) -> bytes:
    """The SET of values of the attribute is empty."""
    del base
    return edited(it, partial(holding, content=b""), "signed", 3, 0, 1)
