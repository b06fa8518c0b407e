"""Reads certificates, CSRs and CRLs as fields: each path with its value and its element.

Reading is tolerant: a field that is missing or unreadable is left out, and it is for the checks
of the document to report that.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from smki_testca.der import read
from smki_testca.der.read import MAX_OCTETS, Anomaly, DerError, Node
from smki_testca.x509 import entries, names, structures
from smki_testca.x509.fields import SEPARATOR
from smki_testca.x509.values import extension_parts, integer_of, oid_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from smki_testca.x509.fields import Value

_EXPLICIT_0, _EXPLICIT_3 = 0xA0, 0xA3
_IMPLICIT_1, _IMPLICIT_2 = (0x81, 0xA1), (0x82, 0xA2)


@dataclass(frozen=True, slots=True)
class FieldValue:
    """The value of a field in a document (None where unreadable) and its element."""

    value: Value | None
    node: Node


@dataclass(slots=True)
class View:
    """The fields of one document.

    Attributes:
        root: the document's outermost element.
        kind: ``certificate``, ``CSR`` or ``CRL``.
        anomalies: in its lengths and after its end.
        signed: the element that the signature covers.
        signature_algorithm: the outer AlgorithmIdentifier.
        signature: the signature's octets.
        fields: by path.
        criticality: of each extension, by name.
        extension_order: names of the extensions in their order; unknown ones by their OID.
        extension_nodes: the extensions themselves, in the same order.
        wrapped: the element inside each extension's value, by the extension's name.
        subject_order: names of the subject's attributes in their order.
        attribute_order: OIDs of a CSR's attributes in their order.
    """

    kind: str
    root: Node
    anomalies: list[Anomaly]
    signed: Node
    signature_algorithm: Node
    signature: bytes
    fields: dict[str, FieldValue] = field(default_factory=dict)
    criticality: dict[str, bool] = field(default_factory=dict)
    extension_order: list[str] = field(default_factory=list)
    extension_nodes: list[Node] = field(default_factory=list)
    wrapped: dict[str, Node] = field(default_factory=dict)
    subject_order: list[str] = field(default_factory=list)
    attribute_order: list[str] = field(default_factory=list)

    def value(self, path: str) -> Value | None:
        """The value of a field, or None where it is missing or unreadable."""
        field_value = self.fields.get(path)
        return None if field_value is None else field_value.value

    def text(self, path: str) -> str | None:
        """The value of a field that holds text."""
        value = self.value(path)
        return value if isinstance(value, str) else None

    def octets(self, path: str) -> bytes | None:
        """The value of a field that holds octets."""
        value = self.value(path)
        return value if isinstance(value, bytes) else None

    def instant(self, path: str) -> datetime | None:
        """The value of a field that holds a time."""
        value = self.value(path)
        return value if isinstance(value, datetime) else None


def view_certificate(data: bytes) -> View:
    """Read an X.509 certificate (RFC 5280 4.1).

    Raises:
        DerError: if the octets are not a certificate.
    """
    view, children = _signed_document(data, "certificate", 5)
    rest = list(children)
    if rest[0].tag == _EXPLICIT_0:
        version = rest.pop(0)
        inner = version.children[0] if version.children else version
        number = integer_of(inner)
        view.fields["version"] = FieldValue(f"v{number + 1}" if number is not None else None, inner)
    for path in ("serialNumber", "signature", "issuer", "validity", "subject"):
        if not rest:
            break
        _tbs_field(view, path, rest.pop(0))
    if rest:
        spki = rest.pop(0)
        view.fields["subjectPublicKeyInfo"] = FieldValue(spki.encoded, spki)
    for node in rest:
        if node.tag in _IMPLICIT_1:
            view.fields["issuerUniqueID"] = FieldValue(node.content, node)
        elif node.tag in _IMPLICIT_2:
            view.fields["subjectUniqueID"] = FieldValue(node.content, node)
        elif node.tag == _EXPLICIT_3 and node.children:
            _extensions(view, node.children[0])
    return view


def view_request(data: bytes) -> View:
    """Read a PKCS#10 certification request (RFC 2986 4.1) and the extensions it asks for.

    Raises:
        DerError: if the octets are not a certification request.
    """
    view, children = _signed_document(data, "CSR", 3)
    version, subject, spki, *attributes = children
    number = integer_of(version)
    view.fields["version"] = FieldValue(f"v{number + 1}" if number is not None else None, version)
    _tbs_field(view, "subject", subject)
    view.fields["subjectPublicKeyInfo"] = FieldValue(spki.encoded, spki)
    for attribute in (child for group in attributes for child in group.children):
        oid = oid_of(attribute.children[0]) if attribute.children else None
        view.attribute_order.append(oid or "unreadable")
        if oid == names.EXTENSION_REQUEST and len(attribute.children) > 1:
            for extensions in attribute.children[1].children[:1]:
                _extensions(view, extensions)
    return view


def view_revocation_list(data: bytes) -> View:
    """Read an X.509 CRL (RFC 5280 5.1); ``revokedCertificates`` is the number of its entries.

    The entries themselves are not read: ``entries.entries`` does that.

    Raises:
        DerError: if the octets are not a CRL.
    """
    revoked_at, after = entries.place(data) or (None, None)
    closed = None if revoked_at == after else revoked_at
    view, children = _signed_document(data, "CRL", 3, limit=entries.MAX_OCTETS, closed=closed)
    rest = list(children)
    if rest[0].tag == 0x02:
        version = rest.pop(0)
        number = integer_of(version)
        view.fields["version"] = FieldValue(
            f"v{number + 1}" if number is not None else None, version
        )
    for path in ("signature", "issuer"):
        if rest:
            _tbs_field(view, path, rest.pop(0))
    for path in ("thisUpdate", "nextUpdate"):
        if rest and rest[0].tag in {0x17, 0x18}:
            instant = rest.pop(0)
            view.fields[path] = FieldValue(time_of(instant), instant)
    if "thisUpdate" not in view.fields:
        raise DerError("der.structure", "these octets are not a CRL", 0)
    if rest and rest[0].tag == 0x30:
        revoked = rest.pop(0)
        view.fields["revokedCertificates"] = FieldValue(entries.count(revoked), revoked)
    for node in rest:
        if node.tag == _EXPLICIT_0 and node.children:
            _extensions(view, node.children[0], names.CRL_EXTENSION_NAMES)
    return view


def _signed_document(
    data: bytes, noun: str, least: int, *, limit: int = MAX_OCTETS, closed: int | None = None
) -> tuple[View, list[Node]]:
    root, anomalies = read(data, noun=noun, limit=limit, closed=closed)
    parts = root.children
    is_signed = root.tag == 0x30 and [part.tag for part in parts[:3]] == [0x30, 0x30, 0x03]
    if is_signed and len(parts) > 3:
        message = f"a certificate, CSR or CRL has three elements; this one has {len(parts)}"
        raise DerError("der.structure", message, parts[3].offset)
    if not is_signed or len(parts[0].children) < least:
        raise DerError("der.structure", f"these octets are not a {noun}", 0)
    view = View(noun, root, anomalies, parts[0], parts[1], parts[2].content[1:])
    return view, parts[0].children


def _tbs_field(view: View, path: str, node: Node) -> None:
    if path == "serialNumber":
        view.fields[path] = FieldValue(integer_of(node), node)
    elif path == "validity":
        for name, instant in zip(("notBefore", "notAfter"), node.children, strict=False):
            view.fields[f"validity.{name}"] = FieldValue(time_of(instant), instant)
    else:
        view.fields[path] = FieldValue(node.encoded, node)
        if path == "subject":
            _subject(view, node)


def _subject(view: View, name: Node) -> None:
    for relative in name.children:
        for attribute in relative.children:
            if len(attribute.children) < 2:
                continue
            oid = oid_of(attribute.children[0]) or "unreadable"
            label = names.ATTRIBUTE_NAMES.get(oid, oid)
            view.subject_order.append(label)
            node = attribute.children[1]
            if label == "x500UniqueIdentifier":
                value: Value | None = node.content[1:] if node.tag == 0x03 else None
            else:
                value = text_of(node)
            view.fields.setdefault(f"subject.{label}", FieldValue(value, node))


def _extensions(
    view: View, extensions: Node, known: Mapping[str, str] = names.EXTENSION_NAMES
) -> None:
    view.fields["extensions"] = FieldValue(None, extensions)
    for extension in extensions.children:
        oid, is_critical, value = extension_parts(extension)
        label = "unreadable" if oid is None else known.get(oid, oid)
        view.extension_order.append(label)
        view.extension_nodes.append(extension)
        if oid is None:
            view.criticality[label] = is_critical or view.criticality.get(label, False)
            continue
        if label in view.criticality:
            continue
        view.criticality[label] = is_critical
        path = f"extensions.{label}"
        if value is None:
            view.fields[path] = FieldValue(None, extension)
            continue
        inner, anomalies = structures.read_value(value, label)
        view.anomalies += anomalies
        view.fields[path] = FieldValue(None, inner or value)
        if inner is not None:
            view.wrapped[label] = inner
            if label in _EXTENSION_READERS:
                _EXTENSION_READERS[label](view, path, inner)


def _key_usage(view: View, path: str, node: Node) -> None:
    view.fields[path] = FieldValue(_named_bits(node), node)


def _number(view: View, path: str, node: Node) -> None:
    view.fields[path] = FieldValue(integer_of(node), node)


def _octets(view: View, path: str, node: Node) -> None:
    view.fields[path] = FieldValue(node.content if node.tag == 0x04 else None, node)


def _key_purposes(view: View, path: str, node: Node) -> None:
    oids = tuple(oid_of(child) or "unreadable" for child in node.children)
    value = tuple(names.KEY_PURPOSE_NAMES.get(oid, oid) for oid in oids)
    view.fields[path] = FieldValue(value if node.tag == 0x30 else None, node)


def _basic_constraints(view: View, path: str, node: Node) -> None:
    for child in node.children:
        if child.tag == 0x01:
            authority = FieldValue(child.content != b"\x00", child)
            view.fields.setdefault(f"{path}.cA", authority)
        elif child.tag == 0x02:
            length = FieldValue(integer_of(child), child)
            view.fields.setdefault(f"{path}.pathLenConstraint", length)


def _policies(view: View, path: str, node: Node) -> None:
    for policy in node.children[:1]:
        for identifier in policy.children[:1]:
            view.fields[f"{path}.policyIdentifier"] = FieldValue(oid_of(identifier), identifier)


def _authority_key(view: View, path: str, node: Node) -> None:
    for child in node.children:
        if child.tag == 0x80:
            view.fields.setdefault(f"{path}.keyIdentifier", FieldValue(child.content, child))


def _alternative_name(view: View, path: str, node: Node) -> None:
    for name in node.children:
        if name.tag == 0x82:
            _repeatable(view, f"{path}.dNSName", name.content.decode("ascii", "replace"), name)
        elif name.tag == 0x87:
            _repeatable(view, f"{path}.iPAddress", _address(name.content), name)
        elif name.tag == 0xA0 and len(name.children) > 1:
            oid, wrapped = name.children[:2]
            if oid_of(oid) != names.HARDWARE_MODULE_NAME or not wrapped.children:
                continue
            parts: list[Node | None] = list(wrapped.children[0].children)
            if [part.tag for part in parts if part] == [0x04]:
                parts.insert(0, None)
            hw_type, serial = (*parts, None, None)[:2]
            module = f"{path}.hardwareModuleName"
            if hw_type is not None:
                view.fields.setdefault(f"{module}.hwType", FieldValue(oid_of(hw_type), hw_type))
            if serial is not None:
                octets = serial.content if serial.tag == 0x04 else None
                view.fields.setdefault(f"{module}.hwSerialNum", FieldValue(octets, serial))


def _repeatable(view: View, path: str, text: str | None, node: Node) -> None:
    """Add one value of a field that may have several; a comma in it is written ``%2C``."""
    value = None if text is None else text.replace(SEPARATOR, "%2C")
    before = view.fields.get(path)
    if before is None:
        view.fields[path] = FieldValue(value, node)
    elif value is None or before.value is None:
        view.fields[path] = FieldValue(None, before.node)
    else:
        view.fields[path] = FieldValue(f"{view.text(path)}{SEPARATOR}{value}", before.node)


def _address(octets: bytes) -> str | None:
    return str(ipaddress.ip_address(octets)) if len(octets) in {4, 16} else None


def _wrapped_key(view: View, path: str, node: Node) -> None:
    """Read the WrappedApexContingencyKey of RFC 5934: an algorithm and the wrapped key."""
    tags = [child.tag for child in node.children[:2]]
    is_in_order = tags in ([0x30, 0x04], [0x30], [0x04])
    for child in node.children:
        if child.tag == 0x30:
            oid = oid_of(child.children[0]) if child.children and is_in_order else None
            view.fields.setdefault(f"{path}.wrapAlgorithm", FieldValue(oid, child))
        elif child.tag == 0x04:
            octets = child.content if is_in_order and child.content else None
            view.fields.setdefault(f"{path}.wrappedContinPubKey", FieldValue(octets, child))


_EXTENSION_READERS = {
    "keyUsage": _key_usage,
    "subjectKeyIdentifier": _octets,
    "extKeyUsage": _key_purposes,
    "basicConstraints": _basic_constraints,
    "certificatePolicies": _policies,
    "authorityKeyIdentifier": _authority_key,
    "subjectAltName": _alternative_name,
    "wrappedApexContinKey": _wrapped_key,
    "cRLNumber": _number,
}


def normalised_name(name: Node) -> tuple[tuple[tuple[str, str], ...], ...]:
    """A Name in a form to compare (RFC 5280 7.1): without string types, case and spacing."""
    return tuple(
        tuple(
            sorted(
                (
                    attribute.children[0].content.hex(),
                    " ".join(text.casefold().split())
                    if (text := text_of(attribute.children[1])) is not None
                    else attribute.children[1].encoded.hex(),
                )
                for attribute in relative.children
                if len(attribute.children) == 2
            )
        )
        for relative in name.children
    )


def attribute_texts(name: Node) -> list[tuple[str, str | None]]:
    """The attributes of a Name in their order: the name of each, and its text if it holds one."""
    return [
        (label, text_of(value))
        for relative in name.children
        for label, value in labelled_attributes(relative)
    ]


def labelled_attributes(relative: Node) -> Iterator[tuple[str, Node]]:
    """The attributes of an RDN in their order: the name of each, and the element of its value."""
    for attribute in relative.children:
        if len(attribute.children) == 2:
            oid = oid_of(attribute.children[0]) or "unreadable"
            yield names.ATTRIBUTE_NAMES.get(oid, oid), attribute.children[1]


def common_name_of(name: Node) -> str | None:
    """The first commonName of a Name."""
    return next((text for label, text in attribute_texts(name) if label == "commonName"), None)


_STRING_CODECS = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1E: "utf-16-be",
}


def text_of(node: Node) -> str | None:
    """The text in an element of a string type; None for another element, or broken text."""
    codec = _STRING_CODECS.get(node.tag)
    if codec is None:
        return None
    try:
        return node.content.decode(codec)
    except UnicodeDecodeError:
        return None


def _named_bits(node: Node) -> tuple[str, ...] | None:
    content = node.content
    if node.tag != 0x03 or not content or len(content) > 4:
        return None
    bits = int.from_bytes(content[1:])
    count = 8 * (len(content) - 1)
    return tuple(
        names.KEY_USAGE_BITS[number] if number < len(names.KEY_USAGE_BITS) else f"bit {number}"
        for number in range(count)
        if bits >> (count - 1 - number) & 1
    )


def is_in_place(view: View) -> bool:
    """Whether a document has the elements of its kind, each in its place."""
    tags = [child.tag for child in view.signed.children]
    if view.kind == "CRL":
        return True
    if view.kind == "CSR":
        return tags[:3] == [0x02, 0x30, 0x30] and tags[3:4] in ([], [0xA0])
    if tags[0] == 0xA0:
        tags = tags[1:]
    return tags[:1] != [0x30] and tags[1:6] == [0x30] * 5 and "validity.notBefore" in view.fields


def kind_of(data: bytes) -> str | None:
    """The kind of a document, ``certificate``, ``CSR`` or ``CRL``; None for any other octets."""
    if entries.place(data) is not None:
        return "CRL"
    for view_document in (view_certificate, view_request, view_revocation_list):
        try:
            view = view_document(data)
        except DerError:
            continue
        if is_in_place(view):
            return view.kind
    return None
