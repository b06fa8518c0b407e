"""Writes the names in certificates as text for people."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from smki_testca.text import shown
from smki_testca.x509.values import oid_of

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
                label = _SHORT.get(oid.content.hex(), "?")
                raw = value.content
                text = (
                    raw[1:].hex("-").upper()
                    if value.tag == 0x03
                    else raw.decode("utf-8", "replace")
                )
                parts.append(f"{label}={text}")
    return ", ".join(parts)


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


_SHORT = {
    "550403": "CN",
    "55040a": "O",
    "55040b": "OU",
    "550406": "C",
    "55042d": "ID",
    "550405": "serialNumber",
}
