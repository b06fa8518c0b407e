"""The fields of certificates and CRLs, and the DER encoding of their values.

A path such as ``subject.organizationalUnitName`` names one field. Profiles use the same paths to
fill a document, to check one and to show one.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Final

from smki_testca.der import encode
from smki_testca.errors import InputError
from smki_testca.text import is_only_spaces, plain, shown
from smki_testca.x509 import names


class FieldKind(Enum):
    """The type of a field's value."""

    VERSION = "version"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"
    BITS = "octets in a BIT STRING"
    OCTETS = "octets"
    NAMED_BITS = "key usages"
    OID = "object identifier"
    OIDS = "object identifiers"
    TIME = "time"
    ENCODED = "encoded structure"
    ORDER = "sequence"
    PRESENCE = "presence"
    ADDRESS = "IP address"


Value = str | int | bool | bytes | datetime | tuple[str, ...]


SEPARATOR: Final = ","
"""Between the values of a field that may have several."""


def packed_address(text: str) -> bytes:
    """The octets of an IP address, 4 or 16 (RFC 5280 4.2.1.6).

    Raises:
        InputError: if it is none.
    """
    try:
        return ipaddress.ip_address(text).packed
    except ValueError as error:
        raise InputError(
            "address.form",
            f"{shown(text)} is not an IP address.",
            "Write it like 192.0.2.1 or 2001:db8::1.",
        ) from error


def shown_value(value: object) -> str:
    """A value as text for a person."""
    match value:
        case bytes():
            for algorithm in names.SIGNATURE_ALGORITHMS.values():
                if value == algorithm.encoded:
                    return algorithm.name
            return value.hex() if len(value) <= 64 else f"{value[:32].hex()}… ({len(value)} octets)"
        case datetime():
            return f"{value.replace(tzinfo=None, microsecond=0).isoformat(sep=' ')}Z"
        case tuple():
            return ", ".join(str(item) for item in value)
        case bool():
            return "TRUE" if value else "FALSE"
        case _:
            return plain(str(value))


STRING_TAGS: Final = {
    "UTF8String": encode.UTF8_STRING,
    "PrintableString": encode.PRINTABLE_STRING,
    "IA5String": encode.IA5_STRING,
}
_PRINTABLE: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?"
)


@cache
def _part_of(path: str, whole: str) -> str | None:
    parts = path.split(".")
    return parts[1] if parts[0] == whole and len(parts) > 1 else None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a certificate or CRL.

    Attributes:
        path: such as ``extensions.basicConstraints.cA``.
        kind: the type of its value.
        encodings: the ASN.1 types it may be written in; the first is the usual one.
        implicit_tag: the identifier octet that replaces that of the type, if any.
        is_repeatable: whether a document may have several values of it: the value of the field is
            all of them then, with commas between.
    """

    path: str
    kind: FieldKind
    encodings: tuple[str, ...]
    implicit_tag: int | None = None
    is_repeatable: bool = False

    def each(self, value: Value) -> tuple[Value, ...]:
        """The values in the value of the field: one, unless it may have several."""
        if self.is_repeatable and isinstance(value, str):
            return tuple(value.split(SEPARATOR))
        return (value,)

    @property
    def extension(self) -> str | None:
        """The extension that the field is, or is part of."""
        return _part_of(self.path, "extensions")

    @property
    def attribute(self) -> str | None:
        """The subject attribute that the field is."""
        return _part_of(self.path, "subject")

    @property
    def entry(self) -> str | None:
        """The part of a CRL entry that the field is, or is part of."""
        return _part_of(self.path, "revokedCertificates")

    @property
    def is_whole_extension(self) -> bool:
        """Whether the field is a whole extension, not a part of one."""
        if self.entry is not None:
            return self.entry in names.ENTRY_EXTENSIONS
        return self.path == f"extensions.{self.extension}"

    def accepts(self, value: object) -> bool:
        """Whether a value is of the field's kind."""
        match self.kind:
            case FieldKind.VERSION:
                return value in {"v1", "v2", "v3"}
            case FieldKind.INTEGER:
                return isinstance(value, int) and not isinstance(value, bool)
            case FieldKind.BOOLEAN:
                return isinstance(value, bool)
            case FieldKind.TEXT | FieldKind.OID | FieldKind.ADDRESS:
                return isinstance(value, str)
            case FieldKind.OCTETS | FieldKind.BITS | FieldKind.ENCODED:
                return isinstance(value, bytes)
            case FieldKind.TIME:
                return isinstance(value, datetime)
            case FieldKind.NAMED_BITS:
                return isinstance(value, tuple) and set(value) <= set(names.KEY_USAGE_BITS)
            case FieldKind.OIDS:
                return isinstance(value, tuple)
            case _:
                return False


def _vocabulary() -> dict[str, Field]:
    fields = [
        Field("version", FieldKind.VERSION, ("INTEGER",)),
        Field("serialNumber", FieldKind.INTEGER, ("INTEGER",)),
        Field("signature", FieldKind.ENCODED, ("AlgorithmIdentifier",)),
        Field("issuer", FieldKind.ENCODED, ("Name",)),
        Field("validity.notBefore", FieldKind.TIME, ("Time",)),
        Field("validity.notAfter", FieldKind.TIME, ("Time",)),
        Field("subject", FieldKind.ORDER, ("Name",)),
        Field("subjectPublicKeyInfo", FieldKind.ENCODED, ("SubjectPublicKeyInfo",)),
        Field("issuerUniqueID", FieldKind.PRESENCE, ("BIT STRING",)),
        Field("subjectUniqueID", FieldKind.PRESENCE, ("BIT STRING",)),
        Field("extensions", FieldKind.ORDER, ("Extensions",)),
        Field("extensions.keyUsage", FieldKind.NAMED_BITS, ("BIT STRING",)),
        Field("extensions.subjectKeyIdentifier", FieldKind.OCTETS, ("OCTET STRING",)),
        Field("extensions.extKeyUsage", FieldKind.OIDS, ("SEQUENCE OF OBJECT IDENTIFIER",)),
        Field("extensions.basicConstraints.cA", FieldKind.BOOLEAN, ("BOOLEAN",)),
        Field("extensions.basicConstraints.pathLenConstraint", FieldKind.INTEGER, ("INTEGER",)),
        Field(
            "extensions.certificatePolicies.policyIdentifier", FieldKind.OID, ("OBJECT IDENTIFIER",)
        ),
        Field(
            "extensions.authorityKeyIdentifier.keyIdentifier",
            FieldKind.OCTETS,
            ("OCTET STRING",),
            implicit_tag=0x80,
        ),
        Field(
            "extensions.subjectAltName.hardwareModuleName.hwType",
            FieldKind.OID,
            ("OBJECT IDENTIFIER",),
        ),
        Field(
            "extensions.subjectAltName.hardwareModuleName.hwSerialNum",
            FieldKind.OCTETS,
            ("OCTET STRING",),
        ),
        Field(
            "extensions.subjectAltName.dNSName",
            FieldKind.TEXT,
            ("IA5String",),
            implicit_tag=0x82,
            is_repeatable=True,
        ),
        Field(
            "extensions.subjectAltName.iPAddress",
            FieldKind.ADDRESS,
            ("OCTET STRING",),
            implicit_tag=0x87,
            is_repeatable=True,
        ),
        Field(
            "extensions.wrappedApexContinKey.wrapAlgorithm", FieldKind.OID, ("AlgorithmIdentifier",)
        ),
        Field(
            "extensions.wrappedApexContinKey.wrappedContinPubKey",
            FieldKind.OCTETS,
            ("OCTET STRING",),
        ),
    ]
    strings = ("UTF8String", "PrintableString")
    for name in names.ATTRIBUTES:
        if name == "x500UniqueIdentifier":
            fields.append(Field(f"subject.{name}", FieldKind.BITS, ("BIT STRING",)))
        elif name == "domainComponent":
            fields.append(Field(f"subject.{name}", FieldKind.TEXT, ("IA5String",)))
        elif name in {"countryName", "serialNumber", "dnQualifier"}:
            fields.append(Field(f"subject.{name}", FieldKind.TEXT, ("PrintableString",)))
        else:
            fields.append(Field(f"subject.{name}", FieldKind.TEXT, strings))
    paths = {field.path for field in fields}
    fields += [
        Field(f"extensions.{name}", FieldKind.PRESENCE, ("Extension",))
        for name in (*names.EXTENSIONS, *names.ROOT_EXTENSIONS)
        if f"extensions.{name}" not in paths
    ]
    return {field.path: field for field in fields}


FIELDS: Final = _vocabulary()
"""Every field of a certificate by its path."""


def _revocation_list_vocabulary() -> dict[str, Field]:
    fields = [
        Field("version", FieldKind.VERSION, ("INTEGER",)),
        Field("signature", FieldKind.ENCODED, ("AlgorithmIdentifier",)),
        Field("issuer", FieldKind.ENCODED, ("Name",)),
        Field("thisUpdate", FieldKind.TIME, ("Time",)),
        Field("nextUpdate", FieldKind.TIME, ("Time",)),
        Field("revokedCertificates.userCertificate", FieldKind.INTEGER, ("INTEGER",)),
        Field("revokedCertificates.revocationDate", FieldKind.TIME, ("Time",)),
        Field("revokedCertificates.reasonCode", FieldKind.TEXT, ("ENUMERATED",)),
        Field("revokedCertificates.invalidityDate", FieldKind.PRESENCE, ("Extension",)),
        Field("revokedCertificates.certificateIssuer", FieldKind.PRESENCE, ("Extension",)),
        Field("extensions", FieldKind.ORDER, ("Extensions",)),
        Field("extensions.authorityKeyIdentifier", FieldKind.PRESENCE, ("Extension",)),
        FIELDS["extensions.authorityKeyIdentifier.keyIdentifier"],
        Field("extensions.cRLNumber", FieldKind.INTEGER, ("INTEGER",)),
    ]
    paths = {field.path for field in fields}
    fields += [
        Field(f"extensions.{name}", FieldKind.PRESENCE, ("Extension",))
        for name in names.CRL_EXTENSIONS
        if f"extensions.{name}" not in paths
    ]
    return {field.path: field for field in fields}


REVOCATION_LIST_FIELDS: Final = _revocation_list_vocabulary()
"""Every field of a CRL by its path; paths in an entry begin with ``revokedCertificates``."""


def check_characters(field: Field, encoding: str, value: Value) -> None:
    """Check that a text can be written in the string type chosen for it.

    Raises:
        InputError: if it is empty or only spaces; or naming the first character that cannot be
            written.
    """
    if not isinstance(value, str):
        return
    for element in field.each(value):
        _check_text(field, encoding, str(element))


def _check_text(field: Field, encoding: str, value: str) -> None:
    if not value:
        raise InputError("field.empty", f"{field.path} cannot be empty.", "Leave it out.")
    if is_only_spaces(value):
        raise InputError(
            "field.empty", f"{field.path} cannot be only spaces.", "Leave it out, or write a name."
        )
    for character in value:
        if encoding == "PrintableString" and character not in _PRINTABLE:
            wrong = "PrintableString has no such character"
        elif encoding == "IA5String" and not character.isascii():
            wrong = "it takes ASCII only"
        elif not character.isprintable():
            wrong = "a certificate holds only characters that are shown"
        else:
            continue
        raise InputError(
            "field.characters", f"{field.path} cannot hold the character {character!r}: {wrong}."
        )


def encode_value(field: Field, encoding: str, value: Value) -> bytes:
    """The value of a field in DER: the element, or elements, in a variable span of a template."""
    if field.is_repeatable:
        return b"".join(_element(field, encoding, element) for element in field.each(value))
    return _element(field, encoding, value)


def _element(field: Field, encoding: str, value: Value) -> bytes:
    match field.kind, value:
        case (FieldKind.INTEGER, int()):
            return encode.integer(value)
        case (FieldKind.BOOLEAN, bool()):
            return encode.boolean(value=value)
        case (FieldKind.TEXT, str()):
            return encode.text(field.implicit_tag or STRING_TAGS[encoding], value)
        case (FieldKind.ADDRESS, str()):
            return encode.tlv(field.implicit_tag or encode.OCTET_STRING, packed_address(value))
        case (FieldKind.BITS, bytes()):
            return encode.bit_string(value)
        case (FieldKind.OCTETS, bytes()):
            return encode.tlv(field.implicit_tag or encode.OCTET_STRING, value)
        case (FieldKind.NAMED_BITS, tuple()):
            return encode.named_bits(names.KEY_USAGE_BITS.index(name) for name in value)
        case (FieldKind.OID, str()):
            return encode.oid(value)
        case (FieldKind.OIDS, tuple()):
            return encode.sequence(*(encode.oid(names.KEY_PURPOSES.get(o, o)) for o in value))
        case (FieldKind.TIME, datetime()):
            return encode.time(value)
        case (FieldKind.ENCODED, bytes()):
            return value
    raise TypeError(f"{field.path} cannot be written from {type(value).__name__}")
