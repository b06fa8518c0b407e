"""What is wrong with the format of a CSR (SEC App. M F and G, RFC 2986)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.text import shown
from smki_testca.x509 import names
from smki_testca.x509.keys import key_type_of, load_public_key, public_key_octets, signature_fits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.roles import Roles
    from smki_testca.x509.view import View

Breach = tuple[str, int, str]
"""A rule's code, the octet at fault, and what is wrong."""

USAGES = ("digitalSignature", "keyAgreement")
HARDWARE_MODULE = "extensions.subjectAltName.hardwareModuleName"


def kind(view: View) -> str:
    """``organisation``, ``device`` or ``iki``: told from the key and the subject."""
    if names.RSA_ENCRYPTION_OID in (view.octets("subjectPublicKeyInfo") or b"")[:32]:
        return "iki"
    return "organisation" if view.subject_order else "device"


def breaches(view: View, roles: Roles) -> Iterator[Breach]:
    """Every fault of a CSR's format and self-signature, in the order of App. M."""
    of_kind = kind(view)
    if view.value("version") != "v1":
        yield "csr.version", _at(view, "version"), "its version is not 0"
    yield from _key_and_signature(view, of_kind)
    yield from _attributes(view)
    if of_kind == "iki":
        yield from _iki(view, roles)
    elif of_kind == "organisation":
        yield from _organisation(view, roles)
    else:
        yield from _device(view)


def _at(view: View, path: str) -> int:
    found = view.fields.get(path)
    return view.signed.offset if found is None else found.node.offset


def _key_and_signature(view: View, of_kind: str) -> Iterator[Breach]:
    spki = view.octets("subjectPublicKeyInfo") or b""
    key = load_public_key(spki)
    where = _at(view, "subjectPublicKeyInfo")
    if key is None or key_type_of(key) is None:
        yield "csr.key", where, "its key is neither on P-256 nor RSA of 2048 bits"
    elif public_key_octets(key) != spki:
        message = "its key is not written as a named curve and an uncompressed point"
        yield "csr.key", where, message
    algorithm = names.SHA256_WITH_RSA if of_kind == "iki" else names.ECDSA_WITH_SHA256
    if view.signature_algorithm.encoded != algorithm.encoded:
        where = view.signature_algorithm.offset
        yield "csr.algorithm", where, f"it is not signed with {algorithm.name}"
    elif key and not signature_fits(key, view.signature, view.signed.encoded):
        where = view.root.children[2].offset
        yield "csr.signature", where, "its signature is not by its own key"


def _attributes(view: View) -> Iterator[Breach]:
    order = view.attribute_order
    if order != [names.EXTENSION_REQUEST]:
        message = f"it must have one attribute, the extensions asked for; it has {len(order)}"
        yield "csr.attributes", view.signed.offset, message


def _extensions(view: View, *allowed: str, critical: bool) -> Iterator[Breach]:
    for name, node in zip(view.extension_order, view.extension_nodes, strict=True):
        if name not in allowed:
            yield "csr.extension", node.offset, f"it asks for the extension {name}"
    for name in allowed:
        count = view.extension_order.count(name)
        where = _at(view, f"extensions.{name}")
        if count > 1:
            yield "csr.extension", where, f"it asks for the extension {name} twice"
        elif count == 1 and critical and not view.criticality.get(name):
            yield "csr.criticality", where, f"its extension {name} is not critical"


def _subject(view: View, *needed: str, optional: str = "") -> Iterator[Breach]:
    order = view.subject_order
    where = _at(view, "subject")
    for name in dict.fromkeys((*needed, *order)):
        count = order.count(name)
        if name not in {*needed, optional}:
            message = f"its subject holds {name}, which has no place there"
            yield "csr.subject", where, message
        elif count > 1:
            yield "csr.subject", where, f"its subject holds {name} {count} times"
        elif count == 0:
            yield "csr.subject", where, f"its subject lacks {name}"
        elif view.value(f"subject.{name}") is None:
            yield "csr.subject", _at(view, f"subject.{name}"), f"its {name} cannot be read"


def _one_usage(view: View, *allowed: str) -> Iterator[Breach]:
    usage = view.value("extensions.keyUsage")
    if not isinstance(usage, tuple) or len(usage) != 1 or usage[0] not in allowed:
        message = f"it must ask for exactly one key usage: {' or '.join(allowed)}"
        yield "csr.key_usage", _at(view, "extensions.keyUsage"), message


def _role(view: View, roles: Roles) -> Iterator[Breach]:
    text = view.text("subject.organizationalUnitName")
    if text is not None and text not in {role.hex for role in roles.remote_party_roles}:
        where = _at(view, "subject.organizationalUnitName")
        message = f"its OU {shown(text)} is no RemotePartyRole in hexadecimal"
        yield "csr.role", where, message


def _organisation(view: View, roles: Roles) -> Iterator[Breach]:
    yield from _subject(
        view, "organizationalUnitName", "x500UniqueIdentifier", optional="commonName"
    )
    yield from _extensions(view, "keyUsage", critical=True)
    yield from _one_usage(view, *USAGES)
    found = view.fields.get("subject.x500UniqueIdentifier")
    octets = view.octets("subject.x500UniqueIdentifier")
    if (
        found is not None
        and octets is not None
        and (len(octets) != 8 or found.node.content[:1] != b"\x00")
    ):
        message = "its subject's identifier is not 64 bits"
        yield "csr.identifier", found.node.offset, message
    yield from _role(view, roles)


def _device(view: View) -> Iterator[Breach]:
    # App. M 2.3.1.7: the criticality of the extensions is not validated.
    yield from _extensions(view, "keyUsage", "subjectAltName", critical=False)
    yield from _one_usage(view, *USAGES)
    hw_type = view.text(f"{HARDWARE_MODULE}.hwType")
    serial = view.octets(f"{HARDWARE_MODULE}.hwSerialNum")
    where = _at(view, "extensions.subjectAltName")
    if hw_type is None or serial is None or len(serial) != 8:
        message = "it must ask for a hardwareModuleName of hwType and an 8-octet hwSerialNum"
        yield "csr.device_id", where, message
    elif len(view.fields["extensions.subjectAltName"].node.children) != 1:
        yield "csr.device_id", where, "its subjectAltName must hold exactly one name"


def _iki(view: View, roles: Roles) -> Iterator[Breach]:
    yield from _subject(view, "organizationName", "organizationalUnitName", "commonName")
    yield from _extensions(view, "keyUsage", critical=True)
    yield from _one_usage(view, "digitalSignature")
    yield from _role(view, roles)
