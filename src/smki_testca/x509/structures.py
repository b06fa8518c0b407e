"""The structures of certificates, CRLs and CSRs as data, and the check of elements against them.

Each structure lists its elements as its clause does. ``faults`` compares any element with its
structure: a structure that is not in the lists below is not looked into.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.der import encode
from smki_testca.der.read import Anomaly, read_wrapped, tag_name
from smki_testca.x509 import names
from smki_testca.x509.values import oid_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from smki_testca.der.read import Node


@dataclass(frozen=True, slots=True, eq=False)
class StructurePart:
    """One element of a structure.

    Attributes:
        name: as the clause calls it.
        types: the identifier octets that it may have, each with the structure inside; None for
            any element.
        optional: whether it may be left out.
    """

    name: str
    types: Mapping[int, Structure | None] | None
    optional: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """A type of RFC 5280 or of what it refers to.

    Attributes:
        name: of the ASN.1 type.
        clause: the document and clause that define it.
        parts: the elements of a SEQUENCE in their order; none for a simple type.
        each: the elements of a SEQUENCE OF or SET OF.
        least: the fewest elements.
        tag: its identifier octet.
        variants: the structure in place of this one, by the content of the OBJECT IDENTIFIER
            that comes first.
        labels: the fields that it may be, by that OBJECT IDENTIFIER.
        path: of the field that it is wherever it is; empty where that depends.
        plans: the parts to look into, by the identifier octets of all elements; filled by use.
    """

    name: str
    clause: str
    parts: tuple[StructurePart, ...] = ()
    each: StructurePart | None = None
    least: int = 0
    tag: int = encode.SEQUENCE
    variants: Mapping[bytes, Structure] | None = None
    labels: Mapping[str, str] | None = None
    path: str = ""
    plans: dict[tuple[int, ...], list[_Step]] = field(default_factory=dict, repr=False)

    @property
    def code(self) -> str:
        """The code of a finding that it is broken."""
        return f"structure.{self.name}"

    @property
    def content(self) -> str:
        """Its elements in words; a question mark is after each that may be left out."""
        if self.each is not None:
            return f"{self.each.name} …"
        parts = (f"{part.name}{'?' if part.optional else ''}" for part in self.parts)
        return ", ".join(parts)


class _Step(NamedTuple):
    """A part to look into: the place of the element, its structure, the part's name."""

    place: int
    structure: Structure
    name: str


class StructureFault(NamedTuple):
    """A place where an element is not what its structure says.

    Attributes:
        structure: the structure that is broken.
        offset: of the element at fault in the document; None where it is missing.
        message: what is wrong.
        path: of the field.
        is_empty: whether it holds nothing and must hold something.
    """

    structure: Structure
    offset: int | None
    message: str
    path: str
    is_empty: bool = False


def faults(*elements: tuple[Node, Structure, str]) -> Iterator[StructureFault]:
    """Compare elements, and every element in them, with structures.

    Of each element at most one fault of its own is reported. The work is bounded by the number
    of elements, which ``der.read`` bounds.

    Args:
        elements: each with the structure that it should have, and the path of the field that it
            is; the path is empty for a whole document.
    """
    pending = list(elements)
    while pending:
        node, structure, path = pending.pop()
        children = node.children
        if structure.variants and children:
            structure = structure.variants.get(children[0].content, structure)
        path = structure.path or path
        if len(children) < structure.least:
            yield _empty(node, structure, path)
        elif structure.each is not None:
            types = structure.each.types
            if types is None:
                continue
            for child in children:
                below = types.get(child.tag)
                if below is not None:
                    pending.append((child, below, path))
                elif child.tag not in types:
                    message = (
                        f"{structure.name} is a list of {structure.each.name};"
                        f" this {tag_name(child.tag)} is none"
                    )
                    yield _fault(node, structure, path, child.offset, message)
        else:
            tags = tuple([child.tag for child in children])
            steps = structure.plans.get(tags)
            if steps is None:
                steps, wrong = _compare(structure, node)
                if wrong is None:
                    structure.plans[tags] = steps
                else:
                    yield _fault(node, structure, path, *wrong)
            for place, below, name in steps:
                pending.append((children[place], below, path or name))


def _compare(structure: Structure, node: Node) -> tuple[list[_Step], tuple[int | None, str] | None]:
    """Match elements with the parts of a structure, in order.

    Returns:
        The parts to look into, and the offset and message of the first thing that is wrong.
    """
    steps: list[_Step] = []
    children = node.children
    position = 0
    required = sum(not part.optional for part in structure.parts)
    for part in structure.parts:
        child = children[position] if position < len(children) else None
        if child is not None and (part.types is None or child.tag in part.types):
            below = None if part.types is None else part.types[child.tag]
            if below is not None:
                steps.append(_Step(position, below, part.name))
            position += 1
        elif not part.optional:
            if child is None or len(children) - position < required:
                return steps, (None, f"{structure.name} lacks {part.name}")
            kind = tag_name(child.tag)
            message = f"{structure.name} holds {kind} in the place of {part.name}"
            return steps, (child.offset, message)
        required -= not part.optional
    if position == len(children):
        return steps, None
    message = (
        f"{structure.name} takes {structure.content}; this {tag_name(children[position].tag)} is"
        " too many, or in the wrong place"
    )
    return steps, (children[position].offset, message)


def _fault(
    node: Node, structure: Structure, path: str, offset: int | None, message: str
) -> StructureFault:
    if structure.labels is not None and node.children:
        oid = oid_of(node.children[0])
        if oid is not None:
            path = f"{path}.{structure.labels.get(oid, oid)}"
    return StructureFault(structure, offset, message, path)


def _empty(node: Node, structure: Structure, path: str) -> StructureFault:
    message = f"{path or structure.name} holds an empty {structure.name}"
    return StructureFault(structure, node.offset, message, path, is_empty=True)


def read_value(octets: Node, extension: str) -> tuple[Node | None, list[Anomaly]]:
    """Read the element inside the value of an extension.

    Octets that cannot be read, and do not even begin as the extension's type does, are no
    element at all: that is one anomaly, whatever they look like when they are read as one.

    Args:
        octets: the OCTET STRING.
        extension: its name.

    Returns:
        The element, or None where the content cannot be read, and the anomalies in it.
    """
    inner, anomalies = read_wrapped(octets)
    structure = EXTENSIONS.get(extension) if anomalies else None
    if structure is None or octets.content[:1] == bytes((structure.tag,)):
        return inner, anomalies
    message = (
        f"the value of {extension} is not of type {structure.name}: it lacks the type's own tag"
    )
    return None, [Anomaly(structure.code, octets.offset, message)]


def extension_faults(wrapped: Mapping[str, Node], whole: str) -> Iterator[StructureFault]:
    """Compare the values of extensions with their structures.

    Args:
        wrapped: the element inside each extension's value, by the extension's name.
        whole: the path of the extensions.
    """
    elements = []
    for name, node in wrapped.items():
        structure = EXTENSIONS.get(name)
        if structure is None:
            continue
        if node.tag != structure.tag:
            kind = tag_name(node.tag)
            message = f"the extension {name} holds {kind} in the place of {structure.name}"
            yield StructureFault(structure, node.offset, message, f"{whole}.{name}")
        elif node.children or structure.least:
            elements.append((node, structure, f"{whole}.{name}"))
    yield from faults(*elements)


_ONE = "one element"
"""The part inside an EXPLICIT tag."""

# Types of one element

_Types = dict[int, Structure | None]

_BOOLEAN: _Types = {0x01: None}
_INTEGER: _Types = {0x02: None}
_BIT_STRING: _Types = {0x03: None}
_OCTET_STRING: _Types = {0x04: None}
_OID: _Types = {0x06: None}
_TIME: _Types = {0x17: None, 0x18: None}


STRUCTURES: dict[str, Structure] = {}
"""One structure of each name."""


def _structure(
    name: str,
    clause: str,
    *parts: StructurePart,
    each: StructurePart | None = None,
    least: int = 0,
    tag: int = encode.SEQUENCE,
    variants: Mapping[str, Structure] | None = None,
    labels: Mapping[str, str] | None = None,
    path: str = "",
) -> Structure:
    by_content = {encode.oid(oid)[2:]: variant for oid, variant in (variants or {}).items()} or None
    structure = Structure(name, clause, parts, each, least, tag, by_content, labels, path)
    STRUCTURES.setdefault(name, structure)
    return structure


def _types(*structures: Structure) -> _Types:
    return {structure.tag: structure for structure in structures}


def _tagged(number: int, types: _Types) -> _Types:
    """The same types with an IMPLICIT tag in place of their own."""
    return {(0x80 | tag & 0x20) | number: structure for tag, structure in types.items()}


def _explicit(number: int, structure: Structure, part: StructurePart) -> _Types:
    """An EXPLICIT tag around one element: a fault of it is one of the structure."""
    wrapper = Structure(structure.name, structure.clause, (part,), path=structure.path)
    return {0xA0 | number: wrapper}


def _some(name: str, types: _Types | None) -> StructurePart:
    return StructurePart(name, types, optional=True)


# Parts of all documents

ALGORITHM_IDENTIFIER = _structure(
    "AlgorithmIdentifier",
    "RFC 5280 4.1.1.2",
    StructurePart("algorithm", _OID),
    _some("parameters", None),
)
_ALGORITHM = _types(ALGORITHM_IDENTIFIER)

_ATTRIBUTE_VALUE = _structure(
    "AttributeTypeAndValue",
    "RFC 5280 4.1.2.4",
    StructurePart("type", _OID),
    StructurePart("value", None),
    labels=names.ATTRIBUTE_NAMES,
)
_RELATIVE_NAME = _structure(
    "RelativeDistinguishedName",
    "RFC 5280 4.1.2.4",
    each=StructurePart("AttributeTypeAndValue", _types(_ATTRIBUTE_VALUE)),
    least=1,
    tag=encode.SET,
)
_NAME = _structure(
    "Name",
    "RFC 5280 4.1.2.4",
    each=StructurePart("RelativeDistinguishedName", _types(_RELATIVE_NAME)),
)
_ISSUER = replace(_NAME, least=1)

_VALIDITY = _structure(
    "Validity",
    "RFC 5280 4.1.2.5",
    StructurePart("notBefore", _TIME),
    StructurePart("notAfter", _TIME),
)
_PUBLIC_KEY = _structure(
    "SubjectPublicKeyInfo",
    "RFC 5280 4.1.2.7",
    StructurePart("algorithm", _ALGORITHM),
    StructurePart("subjectPublicKey", _BIT_STRING),
)


def _extensions(labels: Mapping[str, str], path: str) -> Structure:
    extension = _structure(
        "Extension",
        "RFC 5280 4.1, 4.2",
        StructurePart("extnID", _OID),
        _some("critical", _BOOLEAN),
        StructurePart("extnValue", _OCTET_STRING),
        labels=labels,
    )
    return _structure(
        "Extensions",
        "RFC 5280 4.1.2.9",
        each=StructurePart("Extension", _types(extension)),
        least=1,
        path=path,
    )


_CERTIFICATE_EXTENSIONS = _extensions(names.EXTENSION_NAMES, "extensions")
_LIST_EXTENSIONS = _extensions(names.CRL_EXTENSION_NAMES, "extensions")
ENTRY_EXTENSIONS = _extensions(names.ENTRY_EXTENSION_NAMES, "revokedCertificates")
"""The extensions of an entry of a CRL."""

# Whole documents

_VERSION = _structure("Version", "RFC 5280 4.1.2.1", StructurePart(_ONE, _INTEGER))

TBS_CERTIFICATE = _structure(
    "TBSCertificate",
    "RFC 5280 4.1",
    _some("version", _explicit(0, _VERSION, StructurePart(_ONE, _INTEGER))),
    StructurePart("serialNumber", _INTEGER),
    StructurePart("signature", _ALGORITHM),
    StructurePart("issuer", _types(_ISSUER)),
    StructurePart("validity", _types(_VALIDITY)),
    StructurePart("subject", _types(_NAME)),
    StructurePart("subjectPublicKeyInfo", _types(_PUBLIC_KEY)),
    _some("issuerUniqueID", _tagged(1, _BIT_STRING)),
    _some("subjectUniqueID", _tagged(2, _BIT_STRING)),
    _some(
        "extensions",
        _explicit(3, _CERTIFICATE_EXTENSIONS, StructurePart(_ONE, _types(_CERTIFICATE_EXTENSIONS))),
    ),
)

TBS_CERT_LIST = _structure(
    "TBSCertList",
    "RFC 5280 5.1",
    _some("version", _INTEGER),
    StructurePart("signature", _ALGORITHM),
    StructurePart("issuer", _types(_ISSUER)),
    StructurePart("thisUpdate", _TIME),
    _some("nextUpdate", _TIME),
    # The entries are read one by one: x509.entries.
    _some("revokedCertificates", {encode.SEQUENCE: None}),
    _some(
        "crlExtensions",
        _explicit(0, _LIST_EXTENSIONS, StructurePart(_ONE, _types(_LIST_EXTENSIONS))),
    ),
)

_VALUES = Structure(
    "Attribute", "RFC 2986 4.1", each=StructurePart("value", None), least=1, tag=encode.SET
)
_REQUESTED = _structure(
    "ExtensionRequest",
    "RFC 2985 5.4.2",
    StructurePart("one list of extensions", _types(_CERTIFICATE_EXTENSIONS)),
    tag=encode.SET,
)
_ATTRIBUTE = _structure(
    "Attribute",
    "RFC 2986 4.1",
    StructurePart("type", _OID),
    StructurePart("values", _types(_VALUES)),
    variants={
        names.EXTENSION_REQUEST: Structure(
            "Attribute",
            "RFC 2986 4.1",
            (StructurePart("type", _OID), StructurePart("values", _types(_REQUESTED))),
        )
    },
)
_ATTRIBUTES = _structure(
    "Attributes",
    "RFC 2986 4.1",
    each=StructurePart("Attribute", _types(_ATTRIBUTE)),
    tag=encode.SET,
)

CERTIFICATION_REQUEST_INFO = _structure(
    "CertificationRequestInfo",
    "RFC 2986 4.1",
    StructurePart("version", _INTEGER),
    StructurePart("subject", _types(_NAME)),
    StructurePart("subjectPublicKeyInfo", _types(_PUBLIC_KEY)),
    _some("attributes", _tagged(0, _types(_ATTRIBUTES))),
)

# Names in extensions

_HARDWARE_MODULE = _structure(
    "HardwareModuleName",
    "RFC 4108 5",
    StructurePart("hwType", _OID),
    StructurePart("hwSerialNum", _OCTET_STRING),
)
_OTHER_NAME_CLAUSE = ("OtherName", "RFC 5280 4.2.1.6")


def _other_name(value: _Types | None) -> Structure:
    wrapper = Structure(*_OTHER_NAME_CLAUSE, (StructurePart(_ONE, value),))
    return Structure(
        *_OTHER_NAME_CLAUSE,
        (StructurePart("type-id", _OID), StructurePart("value", {0xA0: wrapper})),
    )


_OTHER_NAME = _structure(
    *_OTHER_NAME_CLAUSE,
    *_other_name(None).parts,
    variants={names.HARDWARE_MODULE_NAME: _other_name(_types(_HARDWARE_MODULE))},
)
_EDI_PARTY_NAME = _structure(
    "EDIPartyName",
    "RFC 5280 4.2.1.6",
    _some("nameAssigner", {0xA0: None}),
    StructurePart("partyName", {0xA1: None}),
)
_DIRECTORY_NAME = _structure(
    "GeneralName", "RFC 5280 4.2.1.6", StructurePart("Name", _types(_NAME))
)
_GENERAL_NAME: _Types = {
    0xA0: _OTHER_NAME,
    0x81: None,
    0x82: None,
    0xA3: None,
    0xA4: _DIRECTORY_NAME,
    0xA5: _EDI_PARTY_NAME,
    0x86: None,
    0x87: None,
    0x88: None,
}


def _names(clause: str) -> Structure:
    return _structure(
        "GeneralNames", clause, each=StructurePart("GeneralName", _GENERAL_NAME), least=1
    )


_GENERAL_NAMES = _names("RFC 5280 4.2.1.6")
_DISTRIBUTION_POINT_NAME = _structure(
    "DistributionPointName",
    "RFC 5280 4.2.1.13",
    StructurePart(
        "fullName or nameRelativeToCRLIssuer",
        {**_tagged(0, _types(_GENERAL_NAMES)), **_tagged(1, _types(_RELATIVE_NAME))},
    ),
)

# Values of extensions


def _list_of(name: str, clause: str, element: str, types: _Types) -> Structure:
    return _structure(name, clause, each=StructurePart(element, types), least=1)


def _distribution_points(name: str, clause: str) -> Structure:
    point = _structure(
        "DistributionPoint",
        "RFC 5280 4.2.1.13",
        _some("distributionPoint", {0xA0: _DISTRIBUTION_POINT_NAME}),
        _some("reasons", _tagged(1, _BIT_STRING)),
        _some("cRLIssuer", _tagged(2, _types(_GENERAL_NAMES))),
        least=1,
    )
    return _list_of(name, clause, "DistributionPoint", _types(point))


def _information_access(name: str, clause: str) -> Structure:
    description = _structure(
        "AccessDescription",
        "RFC 5280 4.2.2.1",
        StructurePart("accessMethod", _OID),
        StructurePart("accessLocation", _GENERAL_NAME),
    )
    return _list_of(name, clause, "AccessDescription", _types(description))


_POLICY_QUALIFIER = _structure(
    "PolicyQualifierInfo",
    "RFC 5280 4.2.1.4",
    StructurePart("policyQualifierId", _OID),
    StructurePart("qualifier", None),
)
_POLICY_QUALIFIERS = _list_of(
    "PolicyQualifiers", "RFC 5280 4.2.1.4", "PolicyQualifierInfo", _types(_POLICY_QUALIFIER)
)
_POLICY = _structure(
    "PolicyInformation",
    "RFC 5280 4.2.1.4",
    StructurePart("policyIdentifier", _OID),
    _some("policyQualifiers", _types(_POLICY_QUALIFIERS)),
)
_POLICY_MAPPING = _structure(
    "PolicyMapping",
    "RFC 5280 4.2.1.5",
    StructurePart("issuerDomainPolicy", _OID),
    StructurePart("subjectDomainPolicy", _OID),
)
_SUBTREE = _structure(
    "GeneralSubtree",
    "RFC 5280 4.2.1.10",
    StructurePart("base", _GENERAL_NAME),
    _some("minimum", _tagged(0, _INTEGER)),
    _some("maximum", _tagged(1, _INTEGER)),
)
_SUBTREES = _list_of("GeneralSubtrees", "RFC 5280 4.2.1.10", "GeneralSubtree", _types(_SUBTREE))
_AUTHORITY_KEY = _structure(
    "AuthorityKeyIdentifier",
    "RFC 5280 4.2.1.1",
    _some("keyIdentifier", _tagged(0, _OCTET_STRING)),
    _some("authorityCertIssuer", _tagged(1, _types(_GENERAL_NAMES))),
    _some("authorityCertSerialNumber", _tagged(2, _INTEGER)),
    least=1,
)

EXTENSIONS: Mapping[str, Structure] = {
    "authorityKeyIdentifier": _AUTHORITY_KEY,
    "subjectKeyIdentifier": _structure("SubjectKeyIdentifier", "RFC 5280 4.2.1.2", tag=0x04),
    "keyUsage": _structure("KeyUsage", "RFC 5280 4.2.1.3", tag=0x03),
    "certificatePolicies": _list_of(
        "CertificatePolicies", "RFC 5280 4.2.1.4", "PolicyInformation", _types(_POLICY)
    ),
    "policyMappings": _list_of(
        "PolicyMappings", "RFC 5280 4.2.1.5", "PolicyMapping", _types(_POLICY_MAPPING)
    ),
    "subjectAltName": _GENERAL_NAMES,
    "issuerAltName": _GENERAL_NAMES,
    "subjectDirectoryAttributes": _list_of(
        "SubjectDirectoryAttributes", "RFC 5280 4.2.1.8", "Attribute", _types(_ATTRIBUTE)
    ),
    "basicConstraints": _structure(
        "BasicConstraints",
        "RFC 5280 4.2.1.9",
        _some("cA", _BOOLEAN),
        _some("pathLenConstraint", _INTEGER),
    ),
    "nameConstraints": _structure(
        "NameConstraints",
        "RFC 5280 4.2.1.10",
        _some("permittedSubtrees", _tagged(0, _types(_SUBTREES))),
        _some("excludedSubtrees", _tagged(1, _types(_SUBTREES))),
        least=1,
    ),
    "policyConstraints": _structure(
        "PolicyConstraints",
        "RFC 5280 4.2.1.11",
        _some("requireExplicitPolicy", _tagged(0, _INTEGER)),
        _some("inhibitPolicyMapping", _tagged(1, _INTEGER)),
        least=1,
    ),
    "extKeyUsage": _list_of("ExtKeyUsageSyntax", "RFC 5280 4.2.1.12", "KeyPurposeId", _OID),
    "cRLDistributionPoints": _distribution_points("CRLDistributionPoints", "RFC 5280 4.2.1.13"),
    "inhibitAnyPolicy": _structure("InhibitAnyPolicy", "RFC 5280 4.2.1.14", tag=0x02),
    "freshestCRL": _distribution_points("FreshestCRL", "RFC 5280 4.2.1.15"),
    "authorityInfoAccess": _information_access("AuthorityInfoAccessSyntax", "RFC 5280 4.2.2.1"),
    "subjectInfoAccess": _information_access("SubjectInfoAccessSyntax", "RFC 5280 4.2.2.2"),
    "wrappedApexContinKey": _structure(
        "ApexContingencyKey",
        "RFC 5934",
        StructurePart("wrapAlgorithm", _ALGORITHM),
        StructurePart("wrappedContinPubKey", _OCTET_STRING),
    ),
    "cRLNumber": _structure("CRLNumber", "RFC 5280 5.2.3", tag=0x02),
    "deltaCRLIndicator": _structure("BaseCRLNumber", "RFC 5280 5.2.4", tag=0x02),
    "issuingDistributionPoint": _structure(
        "IssuingDistributionPoint",
        "RFC 5280 5.2.5",
        _some("distributionPoint", {0xA0: _DISTRIBUTION_POINT_NAME}),
        _some("onlyContainsUserCerts", _tagged(1, _BOOLEAN)),
        _some("onlyContainsCACerts", _tagged(2, _BOOLEAN)),
        _some("onlySomeReasons", _tagged(3, _BIT_STRING)),
        _some("indirectCRL", _tagged(4, _BOOLEAN)),
        _some("onlyContainsAttributeCerts", _tagged(5, _BOOLEAN)),
        least=1,
    ),
    "reasonCode": _structure("CRLReason", "RFC 5280 5.3.1", tag=0x0A),
    "invalidityDate": _structure("InvalidityDate", "RFC 5280 5.3.2", tag=0x18),
    "certificateIssuer": _GENERAL_NAMES,
}
"""The values of the extensions of certificates, CRLs and their entries, by name."""

DOCUMENTS: Mapping[str, Structure] = {
    "certificate": TBS_CERTIFICATE,
    "CRL": TBS_CERT_LIST,
    "CSR": CERTIFICATION_REQUEST_INFO,
}
"""The signed part of a document, by the kind of the document."""
