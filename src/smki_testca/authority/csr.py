"""Takes in certification requests: every text form, every fault, nothing copied that a CA does not.

The order of checks and the content are those of SEC App. M 2.3.1 and its Appendices F and G.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import rsa

from smki_testca.der.read import DerError
from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64, shown
from smki_testca.register.requests import DeviceSubject, IkiSubject, OrganisationSubject
from smki_testca.roles import KeyUsage
from smki_testca.x509 import names
from smki_testca.x509.keys import (
    key_type_of,
    load_public_key,
    public_key_octets,
    signature_fits,
)
from smki_testca.x509.view import View, view_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.roles import RemotePartyRole, Roles

MAX_OCTETS = 1 << 16
"""The longest CSR read, in octets of its text."""

_PEM = re.compile(
    r"-----BEGIN (NEW )?CERTIFICATE REQUEST-----(?P<body>[A-Za-z0-9+/=\s]*)"
    r"-----END (NEW )?CERTIFICATE REQUEST-----",
    re.ASCII,
)
_BASE64_LINES = re.compile(r"[A-Za-z0-9+/]+={0,2}(\r?\n[A-Za-z0-9+/]+={0,2})*\s*", re.ASCII)

_USAGES = {"digitalSignature": KeyUsage.DIGITAL_SIGNATURE, "keyAgreement": KeyUsage.KEY_AGREEMENT}
_HARDWARE = "extensions.subjectAltName.hardwareModuleName"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a CSR."""

    code: str
    message: str


class CsrFaultsError(InputError):
    """A CSR that cannot be used, with every fault found in it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(
            faults[0].code,
            "The CSR cannot be used: " + " ".join(fault.message for fault in faults),
            "Correct it and submit it again; the same key pair will do.",
        )
        self.faults = faults

    def as_json(self) -> dict[str, Any]:
        """The documented error, with all faults under ``all``."""
        error = super().as_json()["error"]
        all_faults = [{"code": one.code, "message": one.message} for one in self.faults]
        return {"error": {**error, "all": all_faults}}


@dataclass(frozen=True, slots=True)
class Csr:
    """A CSR that is in order.

    Attributes:
        view: its fields.
        subject: whom the certificate would be for.
        usage: the key usage asked for; None where the profile fixes it.
        public_key: the SubjectPublicKeyInfo to copy, DER.
    """

    view: View
    subject: OrganisationSubject | DeviceSubject | IkiSubject
    usage: KeyUsage | None
    public_key: bytes


def parse(data: bytes, roles: Roles) -> Csr:
    """Read a CSR of any kind and check its format and self-signature (R22).

    Args:
        data: PEM with either header, bare base64 in any of the accepted breaks, or DER.
        roles: to find the RemotePartyRole in the subject.

    Raises:
        CsrFaultsError: with every fault found.
    """
    der = to_der(data)
    try:
        view = view_request(der)
    except DerError as error:
        raise CsrFaultsError((Fault(error.code, f"{error.message}."),)) from error
    reader = _Reader(view, roles)
    # The tolerant reader names faults; the strict one sees that none slipped past it.
    faults = tuple(reader.faults()) or tuple(_format_faults(der))
    if faults or reader.subject is None:
        raise CsrFaultsError(faults)
    return Csr(view, reader.subject, reader.usage, reader.public_key)


def to_der(data: bytes) -> bytes:
    """The DER of a CSR in one of the text forms that the Portal accepts (SEC App. M F).

    Raises:
        CsrFaultsError: if it is in none of them, or longer than ``MAX_OCTETS``.
    """
    if len(data) > MAX_OCTETS:
        raise _fault("csr.too_long", f"It has {len(data)} octets; at most {MAX_OCTETS} are read.")
    if data[:1] == b"\x30" and data[1:2] not in b"0123456789":
        return data
    try:
        text = data.decode("ascii").strip("\ufeff \t\r\n")
    except UnicodeDecodeError:
        raise _fault("csr.encoding", "It is neither DER, PEM nor base64.") from None
    blocks = list(_PEM.finditer(text))
    if len(blocks) > 1:
        raise _fault("csr.several", f"The file holds {len(blocks)} CSRs; give one at a time.")
    if blocks:
        text = blocks[0]["body"]
    elif not _BASE64_LINES.fullmatch(text):
        raise _fault("csr.encoding", "It is neither DER, PEM nor base64.")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise _fault("csr.encoding", "Its base64 is broken.") from None


def differences(csr: View, certificate: View) -> list[str]:
    """What the subscriber compares after issue, and where the two differ (SEC L11.6)."""
    compared = {
        "subjectPublicKeyInfo": "public key",
        "extensions.keyUsage": "key usage",
        f"{_HARDWARE}.hwType": "hwType",
        f"{_HARDWARE}.hwSerialNum": "Device ID",
        "subject.commonName": "common name",
        "subject.organizationName": "organisation name",
        "subject.organizationalUnitName": "role",
        "subject.x500UniqueIdentifier": "EUI-64",
    }
    return [
        f"the {what} differs"
        for path, what in compared.items()
        if csr.value(path) != certificate.value(path)
    ]


def _format_faults(der: bytes) -> Iterator[Fault]:
    # Only here is all of cryptography's X.509 needed, and it takes a while to import.
    from cryptography import x509  # noqa: PLC0415

    try:
        _ = x509.load_der_x509_csr(der).extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        yield Fault("csr.format", "It is not PKCS#10 in DER to the last octet (RFC 2986).")


def _fault(code: str, message: str) -> CsrFaultsError:
    return CsrFaultsError((Fault(code, message),))


class _Reader:
    """Reads one CSR, noting faults; what it could make out is in its attributes."""

    def __init__(self, view: View, roles: Roles) -> None:
        self.view = view
        self.roles = roles
        self.subject: OrganisationSubject | DeviceSubject | IkiSubject | None = None
        self.usage: KeyUsage | None = None
        self.role: RemotePartyRole | None = None
        self.public_key = view.octets("subjectPublicKeyInfo") or b""

    def faults(self) -> Iterator[Fault]:
        view = self.view
        for anomaly in view.anomalies:
            yield Fault(anomaly.code, f"{anomaly.message} (at octet {anomaly.offset}).")
        if view.value("version") != "v1":
            yield Fault("csr.version", "Its version is not 0.")
        key = load_public_key(self.public_key)
        is_iki = isinstance(key, rsa.RSAPublicKey)
        algorithm = names.SHA256_WITH_RSA if is_iki else names.ECDSA_WITH_SHA256
        if key is None or key_type_of(key) is None:
            yield Fault("csr.key", "Its key is neither on P-256 nor RSA of 2048 bits.")
        elif public_key_octets(key) != self.public_key:
            yield Fault(
                "csr.key", "Its key is not written as a named curve and an uncompressed point."
            )
        if view.signature_algorithm.encoded != algorithm.encoded:
            yield Fault("csr.algorithm", f"It is not signed with {algorithm.name}.")
        elif key and not signature_fits(key, view.signature, view.signed.encoded):
            yield Fault("csr.signature", "Its signature is not by its own key.")
        yield from self._attributes()
        if is_iki:
            yield from self._iki()
        elif view.subject_order:
            yield from self._organisation()
        else:
            yield from self._device()

    def _attributes(self) -> Iterator[Fault]:
        order = self.view.attribute_order
        if order != [names.EXTENSION_REQUEST]:
            wanted = "exactly one attribute, the extensions asked for"
            yield Fault("csr.attributes", f"It must have {wanted}; it has {len(order)}.")

    def _extensions(self, *allowed: str, critical: bool) -> Iterator[Fault]:
        for name in self.view.extension_order:
            if name not in allowed:
                yield Fault("csr.extension", f"It asks for the extension {name}.")
        for name in allowed:
            count = self.view.extension_order.count(name)
            if count > 1:
                yield Fault("csr.extension", f"It asks for the extension {name} twice.")
            elif count == 1 and critical and not self.view.criticality.get(name):
                yield Fault("csr.criticality", f"Its extension {name} is not critical.")

    def _subject_attributes(self, needed: tuple[str, ...], optional: str = "") -> Iterator[Fault]:
        order = self.view.subject_order
        for name in order:
            if name not in {*needed, optional}:
                yield Fault("csr.subject", f"Its subject holds {name}, which has no place there.")
        for name in dict.fromkeys((*needed, *order)):
            count = order.count(name)
            if count > 1:
                yield Fault("csr.subject", f"Its subject holds {name} {count} times.")
            elif count == 1 and self.view.value(f"subject.{name}") is None:
                yield Fault("csr.subject", f"Its subject's {name} cannot be read.")
            elif count == 0:
                yield Fault("csr.subject", f"Its subject lacks {name}.")

    def _one_usage(self) -> Iterator[Fault]:
        usage = self.view.value("extensions.keyUsage")
        if not isinstance(usage, tuple) or len(usage) != 1 or usage[0] not in _USAGES:
            yield Fault(
                "csr.key_usage",
                "It must ask for exactly one key usage, digitalSignature or keyAgreement.",
            )
        else:
            self.usage = _USAGES[usage[0]]

    def _role(self) -> Iterator[Fault]:
        text = self.view.text("subject.organizationalUnitName")
        by_hex = {role.hex: role for role in self.roles.remote_party_roles}
        if text in by_hex:
            self.role = by_hex[text]
        elif text is not None:
            yield Fault("csr.role", f"Its OU {shown(text)} is no RemotePartyRole in hexadecimal.")

    def _organisation(self) -> Iterator[Fault]:
        view = self.view
        yield from self._subject_attributes(
            ("organizationalUnitName", "x500UniqueIdentifier"), optional="commonName"
        )
        yield from self._extensions("keyUsage", critical=True)
        yield from self._one_usage()
        octets = view.octets("subject.x500UniqueIdentifier")
        identifier = view.fields.get("subject.x500UniqueIdentifier")
        if identifier is not None and (
            octets is None or len(octets) != 8 or identifier.node.content[:1] != b"\x00"
        ):
            yield Fault("csr.identifier", "Its subject's identifier is not 64 bits.")
            octets = None
        yield from self._role()
        role = self.role
        if octets is not None and role is not None:
            common_name = view.text("subject.commonName")
            self.subject = OrganisationSubject(Eui64.from_octets(octets), role, common_name)

    def _device(self) -> Iterator[Fault]:
        view = self.view
        # App. M 2.3.1.7: the criticality of the extensions is not validated.
        yield from self._extensions("keyUsage", "subjectAltName", critical=False)
        yield from self._one_usage()
        hw_type, serial = view.text(f"{_HARDWARE}.hwType"), view.octets(f"{_HARDWARE}.hwSerialNum")
        names_given = view.fields.get("extensions.subjectAltName")
        if hw_type is None or serial is None or len(serial) != 8:
            yield Fault(
                "csr.device_id",
                "It must ask for a subjectAltName with a hardwareModuleName of hwType and an"
                " 8-octet hwSerialNum.",
            )
        elif names_given is not None and len(names_given.node.children) != 1:
            yield Fault("csr.device_id", "Its subjectAltName must hold exactly one name.")
        else:
            self.subject = DeviceSubject(Eui64.from_octets(serial), hw_type)

    def _iki(self) -> Iterator[Fault]:
        view = self.view
        yield from self._subject_attributes(
            ("organizationName", "organizationalUnitName", "commonName")
        )
        yield from self._extensions("keyUsage", critical=True)
        if view.value("extensions.keyUsage") != ("digitalSignature",):
            yield Fault("csr.key_usage", "It must ask for the key usage digitalSignature.")
        yield from self._role()
        name = view.text("subject.commonName")
        if self.role is not None and name is not None:
            self.subject = IkiSubject(name, self.role)
