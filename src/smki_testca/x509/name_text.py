"""Writes the names in certificates as text: for people, and as RFC 4514 has it."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from smki_testca.der.read import read
from smki_testca.text import shown
from smki_testca.x509 import names
from smki_testca.x509.values import oid_of
from smki_testca.x509.view import text_of

if TYPE_CHECKING:
    from smki_testca.x509.view import View


def subject_text(view: View) -> str:
    """The subject as text; for an empty name, the Device ID in the subjectAltName."""
    subject = view.fields.get("subject")
    text = "" if subject is None else name_text(subject.node)
    serial = view.octets("extensions.subjectAltName.hardwareModuleName.hwSerialNum")
    if not text and serial:
        return serial.hex("-").upper()
    return text


def name_text(name: Any) -> str:
    """A Name as ``OU=07, CN=Z1``, in the order of its encoding; EUI-64s with hyphens."""
    parts = []
    for relative in name.children:
        for attribute in relative.children:
            if len(attribute.children) == 2:
                oid, value = attribute.children
                parts.append(f"{_label(oid)}={_text(value)}")
    return ", ".join(parts)


def _label(oid: Any) -> str:
    """The short name of an attribute, or its usual name, or its OID in dotted decimal."""
    dotted = oid_of(oid) or "unreadable"
    name = names.ATTRIBUTE_NAMES.get(dotted, dotted)
    # ID is the EUI-64 of an organisation.
    return "ID" if name == "x500UniqueIdentifier" else names.SHORT_NAMES.get(name, name)


def _text(value: Any) -> str:
    if value.tag == 0x03:
        octets: bytes = value.content[1:]
        return octets.hex("-").upper()
    text = text_of(value)
    return value.content.decode("utf-8", "replace") if text is None else text


@lru_cache(maxsize=1024)
def rfc4514_text(name: bytes) -> str:
    """A Name as LDAP writes it, the last RDN first: ``CN=Z1,OU=07`` (RFC 4514 2).

    Args:
        name: in DER.

    Raises:
        DerError: if the octets cannot be read.
    """
    root, _ = read(name, noun="name")
    return ",".join(
        "+".join(
            _rfc4514_attribute(*attribute.children)
            for attribute in relative.children
            if len(attribute.children) == 2
        )
        for relative in reversed(root.children)
    )


def _rfc4514_attribute(oid: Any, value: Any) -> str:
    dotted = oid_of(oid) or "unreadable"
    label = names.SHORT_NAMES.get(names.ATTRIBUTE_NAMES.get(dotted, ""))
    text = text_of(value)
    if label is None or text is None:
        return f"{label or dotted}=#{value.encoded.hex()}"
    return f"{label}={_escaped(text)}"


def _escaped(text: str) -> str:
    """A text in which what has a meaning in RFC 4514 is escaped (RFC 4514 2.4)."""
    escaped = "".join(
        f"\\{character}" if character in '"+,;<>\\' else "\\00" if character == "\0" else character
        for character in text
    )
    if escaped.startswith(("#", " ")):
        escaped = f"\\{escaped}"
    if escaped.endswith(" ") and len(text) > 1:
        escaped = f"{escaped[:-1]}\\ "
    return escaped


@lru_cache(maxsize=1024)
def holder_name(name: bytes) -> str | None:
    """The name of a person, host or system in a Name, in DER; None if it has none.

    It is the commonName, which is also where an IKI certificate has its system's name, or else the
    userId, or the serialNumber.

    Raises:
        DerError: if the octets cannot be read.
    """
    root, _ = read(name, noun="name")
    texts = {
        oid_of(attribute.children[0]): text_of(attribute.children[1])
        for relative in reversed(root.children)
        for attribute in relative.children
        if len(attribute.children) == 2
    }
    stated = (texts.get(names.ATTRIBUTES[attribute]) for attribute in _NAMING)
    return next((text for text in stated if text), None)


_NAMING = ("commonName", "userId", "serialNumber")


_TEXT_NAMES = {0x81: "email", 0x82: "DNS", 0x86: "URI"}
_ADDRESS_OCTETS = (4, 16)


def general_name_text(name: Any) -> str:
    """A GeneralName as ``DNS 'gw.test'``, long text cut (RFC 5280 4.2.1.6)."""
    if name.tag in _TEXT_NAMES:
        return f"{_TEXT_NAMES[name.tag]} {shown(name.content.decode('utf-8', 'replace'))}"
    if name.tag == 0x87 and len(name.content) in _ADDRESS_OCTETS:
        return f"IP address {ipaddress.ip_address(name.content)}"
    if name.tag == 0xA4 and name.children:
        return f"directory name {shown(name_text(name.children[0]))}"
    if name.tag == 0xA0 and name.children:
        return f"other name of type {oid_of(name.children[0]) or 'unreadable'}"
    return "a name of another kind"
