"""Elements that are missing, twice, out of order, empty or too many, in the document itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smki_testca.corpus.defect import Importance, Stage, Verdict, defect
from smki_testca.corpus.document_changes import added, but
from smki_testca.corpus.elements import (
    appended,
    doubled,
    edited,
    elements_of,
    holding,
    swapped,
    without_element,
)
from smki_testca.der.encode import NULL, integer, oid, sequence, tlv

if TYPE_CHECKING:
    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts, CsrParts, Parts, RevocationListParts

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
    why="A verifier that finds nothing to verify must not take that for right.",
)
def signature_missing(it: Parts, base: Base) -> bytes:
    """The document ends with its signatureAlgorithm."""
    del base
    return edited(it, partial(without_element, number=2), "document")


@_broken(
    "signed-missing",
    on=EACH_KIND,
    title="without its signed part",
    why="A verifier that finds nothing to verify must not take that for right.",
)
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
    "signed-empty",
    on=EACH_KIND,
    title="whose signed part is empty",
    importance=Importance.HIGH,
    why="A verifier that finds nothing to verify must not take that for right.",
)
def signed_empty(it: Parts, base: Base) -> bytes:
    """The signed part is 30 00, and is signed."""
    del base
    return edited(it, partial(holding, content=b""), "signed")


@_broken(
    "signature-twice",
    on=EACH_KIND,
    title="with two signatures",
    importance=Importance.HIGH,
    why="Two readers of one document read two values: the first, or the last.",
)
def signature_twice(it: Parts, base: Base) -> bytes:
    """The signatureValue is there twice: which of them is verified?"""
    del base
    return edited(it, partial(doubled, number=2), "document")


@_broken("document-fourth-element", on=EACH_KIND, title="with a fourth element")
def fourth_element(it: Parts, base: Base) -> bytes:
    """A NULL comes after the signature, inside the document: nothing signs it."""
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
def serial_missing(it: CertificateParts, base: Base) -> CertificateParts:
    """The signed part lacks its serial number."""
    del base
    return but(it, serial=b"")


@_broken(
    "inner-algorithm-missing",
    on=_ENDS,
    title="without the algorithm in its signed part",
)
def inner_algorithm_missing(it: CertificateParts, base: Base) -> bytes:
    """The signed part lacks the field signature: only the outer algorithm is there."""
    del base
    return edited(it, partial(without_element, number=2), "signed")


@_broken("issuer-missing", on=_ENDS, title="without issuer")
def issuer_missing(it: CertificateParts, base: Base) -> CertificateParts:
    """The signed part lacks its issuer."""
    del base
    return but(it, issuer=b"")


@_broken(
    "validity-missing",
    on=("device", "organisation"),
    title="without validity",
    importance=Importance.HIGH,
    why="A reader that takes no dates for no limit never lets it expire.",
)
def validity_missing(it: CertificateParts, base: Base) -> CertificateParts:
    """The signed part lacks its validity: a reader that takes none for endless never ends it."""
    del base
    return but(it, validity=b"")


@_broken("subject-missing", on=_ENDS, title="without subject")
def subject_missing(it: CertificateParts, base: Base) -> CertificateParts:
    """The signed part lacks its subject."""
    del base
    return but(it, subject=b"")


@_broken("key-missing", on=_ENDS, title="without subjectPublicKeyInfo")
def key_missing(it: CertificateParts, base: Base) -> CertificateParts:
    """The signed part lacks its key."""
    del base
    return but(it, spki=b"")


@_broken("serial-twice", on=_ENDS, title="with serialNumber twice")
def serial_twice(it: CertificateParts, base: Base) -> CertificateParts:
    """The serial number is there twice in the signed part."""
    del base
    return but(it, serial=it.serial + it.serial)


@_broken(
    "key-twice",
    on=_ENDS,
    title="with subjectPublicKeyInfo twice",
    finding="structure.TBSCertificate",
    importance=Importance.HIGH,
    why="Two readers of one document read two values: the first, or the last.",
)
def key_twice(it: CertificateParts, base: Base) -> CertificateParts:
    """The key is there twice in the signed part."""
    del base
    return but(it, spki=it.spki + it.spki)


@_broken(
    "extensions-twice",
    on=("device", "organisation"),
    title="with [3] extensions twice",
    finding="structure.TBSCertificate",
    importance=Importance.HIGH,
    why="Two readers of one document read two values: the first, or the last.",
)
def extensions_twice(it: CertificateParts, base: Base) -> bytes:
    """The whole field of extensions is there twice."""
    del base
    return edited(it, partial(doubled, number=7), "signed")


@_broken(
    "extensions-two-lists",
    on=_ENDS,
    title="with two lists of extensions in [3]",
    finding="structure.Extensions",
    importance=Importance.HIGH,
    why="Two readers of one document read two values: the first, or the last.",
)
def two_lists(it: CertificateParts, base: Base) -> bytes:
    """The EXPLICIT tag holds the list of extensions twice."""
    del base
    return edited(it, partial(doubled, number=0), "signed", 7)


@_broken(
    "signed-more",
    on=(*_ENDS, "organisation-issuing-ca", "dccki"),
    title="with an element after its extensions",
    finding="structure.TBSCertificate",
)
def signed_more(it: CertificateParts, base: Base) -> bytes:
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
def subject_after_key(it: CertificateParts, base: Base) -> bytes:
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
def issuer_after_validity(it: CertificateParts, base: Base) -> bytes:
    """The validity comes before the issuer."""
    del base
    return edited(it, partial(swapped, number=3), "signed")


@_broken("serial-before-version", on=_ENDS, title="whose serialNumber comes before its version")
def serial_before_version(it: CertificateParts, base: Base) -> bytes:
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
def unique_ids_reversed(it: CertificateParts, base: Base) -> CertificateParts:
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
def two_versions(it: CertificateParts, base: Base) -> CertificateParts:
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
def version_of_nothing(it: CertificateParts, base: Base) -> CertificateParts:
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
def third_time(it: CertificateParts, base: Base) -> bytes:
    """The notAfter is there twice in the validity."""
    del base
    return edited(it, partial(doubled, number=1), "signed", 4)


@_broken(
    "validity-empty",
    on=_ENDS,
    title="whose validity is empty",
    finding="der.structure",
    source="RFC 5280 4.1.2.5",
    importance=Importance.HIGH,
    why="A reader that takes no dates for no limit never lets it expire.",
)
def validity_empty(it: CertificateParts, base: Base) -> CertificateParts:
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
def key_info_more(it: CertificateParts | CsrParts, base: Base) -> bytes:
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
def key_info_empty(it: CertificateParts | CsrParts, base: Base) -> bytes:
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
def key_info_reversed(it: CertificateParts | CsrParts, base: Base) -> bytes:
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
def two_parameters(it: CertificateParts, base: Base) -> CertificateParts:
    """Two NULLs follow the algorithm, inside and outside."""
    number = "1.2.840.10045.4.3.2" if base.name == "device" else "1.2.840.113549.1.1.11"
    return but(it, algorithm=sequence(oid(number), _MORE, _MORE))


# Algorithms and versions

_algorithm = partial(_broken, finding="structure.AlgorithmIdentifier", source="RFC 5280 4.1.1.2")


@_algorithm(
    "key-algorithm-empty",
    on=("organisation", "dccki"),
    title="whose key has an empty AlgorithmIdentifier",
)
def key_algorithm_empty(it: CertificateParts, base: Base) -> bytes:
    """The AlgorithmIdentifier of the key is 30 00."""
    del base
    return edited(it, partial(holding, content=b""), "subjectPublicKeyInfo", 0)


@_algorithm(
    "key-algorithm-reversed",
    on=("organisation", "dccki"),
    finding={"": "structure.AlgorithmIdentifier", "organisation": "subjectPublicKeyInfo.key"},
    title="whose key has its parameters before its algorithm",
)
def key_algorithm_reversed(it: CertificateParts, base: Base) -> bytes:
    """The parameters and the OBJECT IDENTIFIER have changed places."""
    del base
    return edited(it, partial(swapped, number=0), "subjectPublicKeyInfo", 0)


@_algorithm(
    "outer-algorithm-empty",
    on=("organisation", "organisation-crl"),
    also=("signature.algorithms_differ",),
    title="whose signatureAlgorithm is empty",
    importance=Importance.HIGH,
)
def outer_algorithm_empty(it: Parts, base: Base) -> bytes:
    """The AlgorithmIdentifier beside the signature is 30 00."""
    del base
    return edited(it, partial(holding, content=b""), "signatureAlgorithm")


@_broken("version-bare", on=("organisation", "device"), title="whose version has no [0] around it")
def version_bare(it: CertificateParts, base: Base) -> bytes:
    """Two INTEGERs begin the signed part: a reader may take the version for the serial."""
    del base
    return edited(it, lambda octets: elements_of(octets)[0], "signed", 0)


@_broken(
    "version-1-written",
    on=("organisation", "device"),
    title="whose version is v1, written out",
    stage=Stage.DER,
    at_least=Stage.STRUCTURE,
    finding="version.value",
    source="X.690 11.5; RFC 5280 4.1.2.1",
    why="A reader that takes it for v1 does not look at its extensions.",
)
def version_1_written(it: CertificateParts, base: Base) -> CertificateParts:
    """The DEFAULT of the version is written out, and there are extensions."""
    del base
    return but(it, version=tlv(0xA0, integer(0)))


# Nesting

_nested = partial(
    _broken,
    stage=Stage.DER,
    at_least=Stage.STRUCTURE,
    finding="der.too_deep",
    rfc5280=Verdict.EITHER,
    source="X.690 has no limit; a reader needs one",
    importance=Importance.HIGH,
    why="A reader that calls itself for each level uses up its stack: a device restarts.",
)


def _levels(count: int) -> bytes:
    octets = b""
    for _ in range(count):
        octets = sequence(octets)
    return octets


@_nested(
    "nested-40",
    on=("organisation", "organisation-crl"),
    also=("extensions.unexpected",),
    title="with an extension of 40 SEQUENCEs in one another",
)
def nested_40(
    it: CertificateParts | RevocationListParts, base: Base
) -> CertificateParts | RevocationListParts:
    """The value of an unknown extension, which is not critical, is nested deeply."""
    del base
    return added(it, "2.999.2", _levels(40))


@_nested(
    "nested-1000",
    on=("organisation", "device-csr"),
    title="with a subject of 1,000 SEQUENCEs in one another",
    rfc5280=Verdict.REJECT,
    source="RFC 5280 4.1.2.4: a Name is a SEQUENCE of SETs",
    importance=Importance.CRITICAL,
)
def nested_1000(it: CertificateParts | CsrParts, base: Base) -> CertificateParts | CsrParts:
    """The subject is nested deeper than any name."""
    del base
    return but(it, subject=_levels(1000))


@_nested(
    "many-elements",
    on=("organisation",),
    title="with an extension of 20,001 elements",
    finding="der.too_many",
    also=("extensions.unexpected",),
    importance=Importance.LOW,
    why="A reader that keeps a node for each element fills its memory.",
)
def many_elements(it: CertificateParts, base: Base) -> CertificateParts:
    """The value of an unknown extension, which is not critical, is a list of NULLs."""
    del base
    return added(it, "2.999.2", sequence(_MORE * 20_001))
