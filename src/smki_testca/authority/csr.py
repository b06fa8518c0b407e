"""Parses certification requests in every accepted text form, and reports every fault.

The order of checks and the content are those of SEC App. M 2.3.1 and its Appendices F and G.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.der.read import DerError, begins_as_sequence
from smki_testca.errors import InputError
from smki_testca.importers.content import ContentKind
from smki_testca.importers.formats import contents_of
from smki_testca.lint import csr as requests
from smki_testca.lint import strict
from smki_testca.profiles.subject import Subject
from smki_testca.x509 import untrusted
from smki_testca.x509.view import View, kind_of, view_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Profile
    from smki_testca.roles import KeyUsage, Roles

MAX_OCTETS = 1 << 16
"""The longest CSR read, in octets of its text."""

_PEM = re.compile(
    r"-----BEGIN (NEW )?CERTIFICATE REQUEST-----(?P<body>[A-Za-z0-9+/=\s]*)"
    r"-----END (NEW )?CERTIFICATE REQUEST-----",
    re.ASCII,
)
_ROLE = re.compile(r"[0-9A-Fa-f]{2}", re.ASCII)
_BASE64_LINES = re.compile(r"[A-Za-z0-9+/]+={0,2}(\r?\n[A-Za-z0-9+/]+={0,2})*\s*", re.ASCII)


_NAME_IT = "If it asks for another certificate type, name that with --profile."


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a CSR, with its stable code."""

    code: str
    message: str


class CsrFaultsError(InputError):
    """A CSR cannot be used; the error carries every fault."""

    def __init__(self, faults: tuple[Fault, ...], *, is_guessed: bool = False) -> None:
        super().__init__(
            faults[0].code,
            "The CSR cannot be used: " + " ".join(fault.message for fault in faults),
            "Correct it and submit it again; the same key pair will do."
            + (f" {_NAME_IT}" if is_guessed else ""),
        )
        self.faults = faults

    def as_json(self) -> dict[str, Any]:
        """The documented error, with all faults under ``all``."""
        error = super().as_json()["error"]
        all_faults = [{"code": fault.code, "message": fault.message} for fault in self.faults]
        return {"error": {**error, "all": all_faults}}


@dataclass(frozen=True, slots=True)
class Csr:
    """A CSR without faults.

    Attributes:
        view: its fields.
        subject: of the certificate to issue.
        id_path: of the field that holds the EUI-64, if its certificate type embeds one.
        usage: the key usage asked for; None where the profile fixes it.
        public_key: the SubjectPublicKeyInfo to copy, DER.
    """

    view: View
    subject: Subject
    id_path: str | None
    usage: KeyUsage | None
    public_key: bytes


def parse(data: bytes, library: Library, profile: Profile | None = None) -> Csr:
    """Read a CSR and check its format and self-signature (R22).

    Args:
        data: PEM with either header, bare base64 in any of the accepted breaks, or DER.
        library: the certificate types, and the RemotePartyRoles.
        profile: the certificate type that it asks for; without it, the Organisation, Device
            and IKI types are told apart by the content (SEC App. M F and G).

    Raises:
        CsrFaultsError: with every fault found.
    """
    roles = library.roles
    der = to_der(data)
    try:
        view = view_request(der)
    except DerError as error:
        raise CsrFaultsError((Fault(error.code, f"{error.message}."),)) from error
    asked = profile or library.profile(requests.kind(view))
    # The tolerant reader names the faults; the strict one catches any that it misses.
    faults = tuple(_faults(view, roles, asked)) or tuple(_format_faults(der))
    if faults:
        raise CsrFaultsError(faults, is_guessed=profile is None)
    subject, usages = Subject.from_view(asked, view, roles)
    public_key = view.octets("subjectPublicKeyInfo") or b""
    identifiers = (
        subject_input.path
        for subject_input in asked.subject_inputs
        if subject_input.type.is_identifier
    )
    usage = usages[0] if usages else None
    return Csr(view, subject, next(identifiers, None), usage, public_key)


def to_der(data: bytes) -> bytes:
    """Decode a CSR from one of the text forms that the Portal accepts (SEC App. M F).

    Raises:
        CsrFaultsError: if it has another form, or is longer than ``MAX_OCTETS``.
    """
    if len(data) > MAX_OCTETS:
        raise _fault("csr.too_long", f"It has {len(data)} octets; at most {MAX_OCTETS} are read.")
    if begins_as_sequence(data):
        return data
    try:
        text = data.decode("ascii").strip("\ufeff \t\r\n")
    except UnicodeDecodeError:
        raise _no_text_form(data) from None
    blocks = list(_PEM.finditer(text))
    if len(blocks) > 1:
        raise _fault("csr.several", f"The file holds {len(blocks)} CSRs; give one at a time.")
    if blocks:
        text = blocks[0]["body"]
    elif not _BASE64_LINES.fullmatch(text):
        raise _no_text_form(data)
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        raise _fault("csr.encoding", "Its base64 is broken.") from None


def _no_text_form(data: bytes) -> CsrFaultsError:
    """The fault of octets in no form that the Portal accepts; it says what they are instead."""
    first = next(contents_of(data), None)
    if first is None or first.kind is ContentKind.OTHER:
        what = None if first is None or first.problem is None else first.problem.message
    elif first.kind is ContentKind.DOCUMENT:
        kind = kind_of(first.data)
        what = None if kind is None else f"it holds a {kind}"
        if kind == "CSR":
            what = "it holds a CSR in another form, such as hexadecimal; give it in PEM"
    else:
        what = f"it holds a {first.kind.value}"
    cause = "" if what is None else f": {what}"
    return _fault("csr.encoding", f"It is no CSR in DER, PEM or base64{cause}.")


def differences(csr: View, certificate: View) -> list[str]:
    """The differences that a subscriber looks for between CSR and certificate (SEC L11.6).

    A key usage that the CSR does not ask for is the certificate type's to give.
    """
    compared = {
        "subjectPublicKeyInfo": "public key",
        "extensions.keyUsage": "key usage",
        f"{requests.HARDWARE_MODULE}.hwType": "hwType",
        f"{requests.HARDWARE_MODULE}.hwSerialNum": "Device ID",
        "subject.commonName": "common name",
        "subject.organizationName": "organisation name",
        "subject.organizationalUnitName": _unit_noun(certificate),
        "subject.x500UniqueIdentifier": "EUI-64",
    }
    return [
        f"the {what} differs"
        for path, what in compared.items()
        if csr.value(path) != certificate.value(path)
        and not (path == "extensions.keyUsage" and path not in csr.fields)
    ]


def _unit_noun(certificate: View) -> str:
    """The noun for an OU: a RemotePartyRole is two hexadecimal digits (SEC App. M F)."""
    unit = certificate.value("subject.organizationalUnitName")
    is_role = isinstance(unit, str) and _ROLE.fullmatch(unit) is not None
    return "role" if is_role else "organisational unit"


def _read_with_extensions(der: bytes) -> None:
    from cryptography import x509  # noqa: PLC0415 - slow to import

    _ = x509.load_der_x509_csr(der).extensions


def _format_faults(der: bytes) -> Iterator[Fault]:
    try:
        untrusted.call(_read_with_extensions, der)
    except InputError:
        yield Fault("csr.format", "It is not PKCS#10 in DER to the last octet (RFC 2986).")


def _fault(code: str, message: str) -> CsrFaultsError:
    return CsrFaultsError((Fault(code, message),))


def _faults(view: View, roles: Roles, profile: Profile) -> Iterator[Fault]:
    for anomaly in strict.anomalies(view):
        yield Fault(anomaly.code, f"{_sentence(anomaly.message)} (at octet {anomaly.offset}).")
    for breach in requests.breaches(view, roles, profile):
        yield Fault(breach.code, f"{_sentence(breach.message)}.")


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]
