"""Reads in a document the facts that a parser which takes it must have read in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smki_testca.corpus.parts import CertificateParts, CsrParts, RevocationListParts
from smki_testca.der.read import DerError
from smki_testca.x509 import names, structures
from smki_testca.x509.entries import entries
from smki_testca.x509.values import extension_parts, oid_of
from smki_testca.x509.view import (
    View,
    is_in_place,
    labelled_attributes,
    text_of,
    view_certificate,
    view_request,
    view_revocation_list,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smki_testca.corpus.bases import Base
    from smki_testca.der.read import Node

_VIEWS = {
    CertificateParts: view_certificate,
    CsrParts: view_request,
    RevocationListParts: view_revocation_list,
}
_USAGES = {"digitalSignature": "digital-signature", "keyAgreement": "key-agreement"}
_REMOVED = 8
"""The reason removeFromCRL."""
_EUI64 = 8
_BIT_STRING, _OCTET_STRINGS = 0x03, (0x04, 0x24)
_OTHER_NAME = _EXPLICIT = 0xA0
_ROLE = re.compile(r"[0-9A-Fa-f]{2}")
_SIGNIFIER = re.compile(r"[0-9A-Za-z]+")


def view_of(base: Base, der: bytes) -> View | None:
    """The fields of a changed document; None if it is no document of its base's kind any more."""
    try:
        view = _VIEWS[type(base.document)](der)
    except DerError:
        return None
    return view if is_in_place(view) else None


def facts_in(base: Base, view: View | None) -> dict[str, str | None]:
    """The facts that a good document states, as a change of it has them.

    A fact is there if exactly one value of it is, in the form that it must have.

    Args:
        base: the good document.
        view: the changed one's fields; None if it is no document any more.

    Returns:
        The facts of the base, by name; None for one that is not there any more.
    """
    base_facts = base.facts.as_json()
    if view is None:
        return dict.fromkeys(base_facts)
    if base.about is not None:
        return {"status": _status(view, base.about.serial)}
    units = [text_of(node) for node in _attributes(view, "organizationalUnitName")]
    role, signifier = _only(units, _ROLE), _only(units, _SIGNIFIER)
    facts = {
        "eui64": _holder(view, base.profile),
        "usage": _usage(view),
        "role": None if role is None else role.upper(),
        "signifier": signifier,
    }
    return {name: facts[name] for name in base_facts}


def _only(texts: Iterable[str | None], form: re.Pattern[str]) -> str | None:
    """The one text that there is; None if there are several, or it has another form."""
    every = set(texts)
    text = every.pop() if len(every) == 1 else None
    return text if text is not None and form.fullmatch(text) else None


def _attributes(view: View, label: str) -> list[Node]:
    """The values of an attribute of the subject."""
    subject = view.fields.get("subject")
    if subject is None:
        return []
    return [
        value
        for relative in subject.node.children
        for name, value in labelled_attributes(relative)
        if name == label
    ]


def _holder(view: View, profile: str) -> str | None:
    """The one identifier, in the place where certificates of a profile have it."""
    octets: set[bytes | None]
    if profile == "device":
        octets = {_joined(node) for node in _serials(view)}
    else:
        octets = {_whole_octets(node) for node in _attributes(view, "x500UniqueIdentifier")}
    only = octets.pop() if len(octets) == 1 else None
    return only.hex().upper() if only is not None and len(only) == _EUI64 else None


def _whole_octets(node: Node) -> bytes | None:
    """The octets of a BIT STRING that has no unused bits."""
    is_whole = node.tag == _BIT_STRING and node.content[:1] == b"\x00"
    return node.content[1:] if is_whole else None


def _joined(node: Node) -> bytes:
    """The octets of an OCTET STRING, though it may be in parts, which only BER allows."""
    return node.content if not node.constructed else b"".join(map(_joined, node.children))


def _serials(view: View) -> Iterator[Node]:
    """Each hwSerialNum of each hardwareModuleName, wherever in it that is."""
    for value in _values(view, "subjectAltName"):
        for name in () if value is None else value.children:
            parts = name.children if name.tag == _OTHER_NAME else []
            if len(parts) > 1 and oid_of(parts[0]) == names.HARDWARE_MODULE_NAME:
                modules = parts[1].children if parts[1].tag == _EXPLICIT else []
                for module in modules:
                    behind, first = module.children[1:], module.children[:1]
                    serials = [node for node in behind if node.tag in _OCTET_STRINGS]
                    yield from serials or (node for node in first if node.tag in _OCTET_STRINGS)


def _values(view: View, label: str) -> Iterator[Node | None]:
    """The element inside each extension of a name; None of one that cannot be read."""
    for name, extension in zip(view.extension_order, view.extension_nodes, strict=True):
        if name == label:
            _, _, value = extension_parts(extension)
            yield None if value is None else structures.read_value(value, label)[0]


def _usage(view: View) -> str | None:
    values = list(_values(view, "keyUsage"))
    if len({None if value is None else value.encoded for value in values}) != 1:
        return None
    bits = view.value("extensions.keyUsage")
    names = [_USAGES[bit] for bit in bits if bit in _USAGES] if isinstance(bits, tuple) else []
    return names[0] if len(names) == 1 else None


def _status(view: View, serial: bytes) -> str | None:
    """The status of a certificate by a list that is accepted (RFC 5280 6.3.3)."""
    revoked_certificates = view.fields.get("revokedCertificates")
    if revoked_certificates is None:
        return "good"
    number = int.from_bytes(serial[2:])
    crl_entries = list(entries(revoked_certificates.node))
    if any(each.problem is not None for each in crl_entries):
        return None
    own = (each for each in crl_entries if each.serial == number)
    return "revoked" if any(each.reason != _REMOVED for each in own) else "good"
