"""Parses certification requests in every accepted text form, and reports every fault.

The order of checks and the content are those of SEC App. M 2.3.1 and its Appendices F and G. Taken
as a test CA does, a CSR may hold more than that: what no certificate takes from it is dropped.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from smki_testca.authority.csr_surplus import Dropped, without_surplus
from smki_testca.der import encode
from smki_testca.der.read import DerError, begins_as_sequence
from smki_testca.errors import InputError
from smki_testca.identifiers import Signifier
from smki_testca.importers.content import ContentKind
from smki_testca.importers.formats import contents_of
from smki_testca.lint import csr as requests
from smki_testca.lint import strict
from smki_testca.profiles.inputs import SIGNIFIER
from smki_testca.profiles.subject import Subject
from smki_testca.text import shown
from smki_testca.text_files import utf8
from smki_testca.x509 import untrusted
from smki_testca.x509.fields import FIELDS
from smki_testca.x509.view import View, kind_of, view_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.lint.findings import Breach
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Profile
    from smki_testca.roles import KeyUsage
    from smki_testca.x509.fields import Value

MAX_OCTETS = 1 << 16
"""The longest CSR read, in octets of its text."""

_PEM = re.compile(
    rb"-----BEGIN (NEW )?CERTIFICATE REQUEST-----(?P<body>[A-Za-z0-9+/=\s]*)"
    rb"-----END (NEW )?CERTIFICATE REQUEST-----",
    re.ASCII,
)
_ROLE = re.compile(r"[0-9A-Fa-f]{2}", re.ASCII)
_CA_MAY_ADD = frozenset({"extensions.keyUsage", "subject.organizationalUnitName"})
_ZIP = b"PK"
_BASE64_LINES = re.compile(rb"[A-Za-z0-9+/]+={0,2}(\r?\n[A-Za-z0-9+/]+={0,2})*\s*", re.ASCII)


_SAME_KEY = "Correct it and submit it again; the same key pair will do."
_OTHER_KEY = "Make a key pair of the type that the certificate takes, and the CSR with it."
_GIVE_CSR = "Give the CSR, in PEM, base64 or DER."


@dataclass(frozen=True, slots=True)
class Remedies:
    """The remedies for a CSR, which depend on how it was submitted.

    Attributes:
        name_type: how to say which certificate type it asks for.
        drop: how to have dropped what no certificate takes from it.
    """

    name_type: str
    drop: str


OF_SIGN = Remedies(
    "name that with --profile",
    "Or add --as test-ca, which drops what no certificate takes from a CSR.",
)
OF_ZIP = Remedies("sign it alone, with `sign --profile`", OF_SIGN.drop)
OF_PORTAL = Remedies(
    "ask the operator to sign it as one for that",
    "Or choose under How CSRs are taken: as a test CA, which drops what no certificate takes from a"
    " CSR.",
)
OF_PORTAL_ZIP = Remedies(
    OF_PORTAL.name_type,
    "Or submit it alone, and choose under How CSRs are taken: as a test CA, which drops what no"
    " certificate takes from a CSR.",
)
OF_WEB_SERVICE = Remedies(
    OF_PORTAL.name_type,
    "Or submit it on the page Submit of the portal, and choose under How CSRs are taken: as a test"
    " CA, which drops what no certificate takes from a CSR.",
)
OF_MANIFEST = Remedies(
    "name that in the column profile",
    "Or sign it alone, with `sign --as test-ca`, which drops what no certificate takes from a CSR.",
)


class TakenAs(StrEnum):
    """By whose rules a CSR is taken.

    The Portal refuses what App. M does not list; a test CA drops what no certificate takes from a
    CSR, and says what it dropped.
    """

    PORTAL = "portal"
    TEST_CA = "test-ca"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a CSR, or a warning about one, with its stable code."""

    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        """The fault as a JSON object: code, message."""
        return {"code": self.code, "message": self.message}


class CsrFaultsError(InputError):
    """A CSR cannot be used; the error carries every fault.

    Attributes:
        faults: every fault.
        profile: the name of the certificate type by whose rules it was judged; None if it was
            judged by none.
    """

    def __init__(
        self, faults: tuple[Fault, ...], remedy: str = _SAME_KEY, profile: str | None = None
    ) -> None:
        judged = "" if profile is None else f" as one for the certificate type {profile}"
        super().__init__(
            faults[0].code,
            f"The CSR cannot be used{judged}: " + " ".join(fault.message for fault in faults),
            remedy,
        )
        self.faults = faults
        self.profile = profile

    def as_json(self) -> dict[str, Any]:
        """The documented error, with all faults under ``all``."""
        error = super().as_json()["error"]
        return {"error": {**error, "all": [fault.as_json() for fault in self.faults]}}


@dataclass(frozen=True, slots=True)
class Remarks:
    """The remarks on a CSR that can be used.

    Attributes:
        taken_as: by whose rules.
        warnings: about what it should have been.
        dropped: what it held that its certificate does not take from it.
    """

    taken_as: TakenAs = TakenAs.PORTAL
    warnings: tuple[Fault, ...] = ()
    dropped: tuple[Dropped, ...] = ()

    def texts(self) -> tuple[str, ...]:
        """The warnings, one line each, with their codes."""
        return tuple(
            f"The CSR is taken, but {each.message[:1].lower()}{each.message[1:]} [{each.code}]"
            for each in self.warnings
        )

    def as_json(self) -> dict[str, Any]:
        """The remarks as the audit log records them: as, warnings, dropped."""
        return {
            "as": self.taken_as.value,
            "warnings": [warning.code for warning in self.warnings],
            "dropped": [each.as_json() for each in self.dropped],
        }


@dataclass(frozen=True, slots=True)
class Csr:
    """A CSR without faults.

    Attributes:
        view: its fields, without what was dropped.
        subject: of the certificate to issue.
        id_path: of the field that holds the EUI-64, if its certificate type embeds one.
        usage: the key usage asked for; None where the profile fixes it.
        public_key: the SubjectPublicKeyInfo to copy, DER.
        holder_name: the trading name that it states; None if it states none.
        remarks: on it.
        der: all of it as it came, DER.
    """

    view: View
    subject: Subject
    id_path: str | None
    usage: KeyUsage | None
    public_key: bytes
    holder_name: str | None = None
    remarks: Remarks = Remarks()
    der: bytes = b""

    def as_json(self) -> dict[str, Any]:
        """The CSR as the audit log records it: der (base64), and the remarks."""
        return {"der": base64.b64encode(self.der).decode("ascii"), **self.remarks.as_json()}


def parse(
    data: bytes,
    library: Library,
    profile: Profile | None = None,
    taken_as: TakenAs = TakenAs.PORTAL,
    remedies: Remedies = OF_SIGN,
) -> Csr:
    """Read a CSR and check its format and self-signature (R22).

    Args:
        data: PEM with either header, bare base64 in any of the accepted breaks, or DER.
        library: the certificate types, and the RemotePartyRoles.
        profile: the certificate type that it asks for; without it, the types are told apart by
            the content (SEC App. M F and G).
        taken_as: by whose rules.
        remedies: what can be done about a CSR that cannot be used.

    Raises:
        CsrFaultsError: with every fault found.
    """
    der = to_der(data)
    try:
        view = view_request(der)
    except DerError as error:
        raise CsrFaultsError((Fault(error.code, f"{error.message}."),)) from error
    requested = profile or library.profile(requests.kind(view))
    read = _read(view, library, requested)
    if not isinstance(read, Csr):
        _check_document(der)
        if profile is None:
            likely = requests.likely_profiles(view, library, requested)
            if len(likely) > 1:
                raise _of_several_types(likely, remedies)
            requested, read = likely[0], _read(view, library, likely[0])
    if not isinstance(read, Csr):
        reduced = _read_without_surplus(view, library, requested)
        if taken_as is TakenAs.TEST_CA:
            read = reduced
        if not isinstance(read, Csr):
            remedy = _OTHER_KEY if requests.needs_another_key(view, requested) else _SAME_KEY
            if isinstance(reduced, Csr):
                remedy = f"{remedy} {remedies.drop}"
            elif profile is None:
                remedy += f" If it asks for another certificate type, {remedies.name_type}."
            raise CsrFaultsError(read, remedy, requested.name)
    return replace(read, remarks=replace(read.remarks, taken_as=taken_as), der=der)


def _check_document(der: bytes) -> None:
    """Check that octets in DER that are no right CSR are not another document.

    Raises:
        CsrFaultsError: if they are a certificate or a CRL.
    """
    kind = kind_of(der)
    if kind not in {None, "CSR"}:
        raise _fault("csr.encoding", f"It is not a CSR, but a {kind}.", _GIVE_CSR)


def _of_several_types(profiles: tuple[Profile, ...], remedies: Remedies) -> CsrFaultsError:
    """The error that the content of a CSR does not tell the certificate type."""
    listed = " or ".join(profile.name for profile in profiles)
    message = f"It may be for the certificate type {listed}: its content does not say which."
    return _fault("csr.type", message, f"Choose the type, and {remedies.name_type}.")


def _read_without_surplus(
    view: View, library: Library, profile: Profile
) -> Csr | tuple[Fault, ...]:
    """A CSR without what its certificate does not take from it, or the faults that are left."""
    reduced, dropped = without_surplus(requests.CertificationRequest(view, library.roles, profile))
    read = _read(reduced, library, profile, whole=view)
    if isinstance(read, Csr):
        read = replace(read, remarks=replace(read.remarks, dropped=dropped))
    return read


def _read(
    view: View, library: Library, profile: Profile, whole: View | None = None
) -> Csr | tuple[Fault, ...]:
    """A CSR as a certificate type's rules take it, or its faults.

    Args:
        view: its fields.
        library: the certificate types, and the RemotePartyRoles.
        profile: the certificate type.
        whole: all its fields, where some are left out of the view; all of it must be DER.
    """
    roles = library.roles
    breaches = list(requests.breaches(view, roles, profile))
    faults = (
        *(Fault(anomaly.code, _placed(anomaly)) for anomaly in strict.anomalies(whole or view)),
        *(_fault_of(breach) for breach in breaches if requests.is_error(breach)),
    )
    # The tolerant reader names the faults; the strict one catches any that it misses.
    faults = faults or tuple(_format_faults(view, profile))
    if faults:
        return faults
    subject, usages = Subject.from_view(profile, view, roles)
    try:
        subject = _with_signifier(subject, profile, view)
    except InputError as error:
        message = f"What its subject states as Signifier is none: {error.message}"
        return (Fault("csr.subject", message),)
    identifiers = (
        subject_input.path
        for subject_input in profile.subject_inputs
        if subject_input.type.is_identifier
    )
    return Csr(
        view,
        subject,
        next(identifiers, None),
        usages[0] if usages else None,
        view.octets("subjectPublicKeyInfo") or b"",
        _text_of(profile, "participant-name", view),
        Remarks(warnings=tuple(map(_fault_of, breaches))),
    )


def _with_signifier(subject: Subject, profile: Profile, view: View) -> Subject:
    """The subject with the Signifier that a CSR states, which the gate compares (R8).

    Raises:
        InputError: if it is none.
    """
    text = _text_of(profile, SIGNIFIER, view)
    return subject if text is None else subject.with_input(SIGNIFIER, Signifier.parse(text))


def _text_of(profile: Profile, name: str, view: View) -> str | None:
    field = profile.field_of(name)
    return None if field is None else view.text(field.path)


def to_der(data: bytes) -> bytes:
    """Decode a CSR from one of the text forms that the Portal accepts (SEC App. M F).

    Raises:
        CsrFaultsError: if it has another form, or is longer than ``MAX_OCTETS``.
    """
    if len(data) > MAX_OCTETS:
        message = f"It has over {MAX_OCTETS} octets, which is the most that are read."
        raise _fault("csr.too_long", message, _GIVE_CSR)
    if begins_as_sequence(data):
        return data
    # Text of any encoding may stand around a PEM block.
    text = utf8(data).strip(b" \t\r\n")
    blocks = list(_PEM.finditer(text))
    if len(blocks) > 1:
        message = f"The file holds {len(blocks)} CSRs; give one at a time."
        remedy = "`batch sign` reads a ZIP of CSRs." if data.startswith(_ZIP) else "Split the file."
        raise _fault("csr.several", message, remedy)
    if blocks:
        text = blocks[0]["body"]
    elif not _BASE64_LINES.fullmatch(text):
        raise _no_text_form(data)
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise _fault("csr.encoding", "Its base64 is broken.", _GIVE_CSR) from None


def check_holder_name(stated: str | None, registered: str) -> None:
    """Check the trading name that a CSR states against the register.

    Raises:
        CsrFaultsError: if it is another one.
    """
    if stated not in (None, registered):
        raise _fault(
            "csr.mismatch",
            f"Its organisation name is {shown(stated or '')}, and the participant's in the register"
            f" is {shown(registered)}.",
        )


def _no_text_form(data: bytes) -> CsrFaultsError:
    """The fault of octets in no form that the Portal accepts; it says what they are instead."""
    first = next(contents_of(data), None)
    if first is None or first.kind is ContentKind.OTHER:
        description = None if first is None or first.problem is None else first.problem.message
    elif first.kind is ContentKind.DOCUMENT:
        kind = kind_of(first.data)
        description = None if kind is None else f"it holds a {kind}"
        if kind == "CSR":
            description = "it holds a CSR in another form, such as hexadecimal; give it in PEM"
    else:
        description = f"it holds a {first.kind.value}"
    cause = "" if description is None else f": {description}"
    remedy = "`batch sign` reads a ZIP of CSRs." if data.startswith(_ZIP) else _GIVE_CSR
    return _fault("csr.encoding", f"It is not a CSR in DER, PEM or base64{cause}.", remedy)


def differences(csr: View, certificate: View) -> list[str]:
    """The differences that a subscriber looks for between CSR and certificate (SEC L11.6).

    A key usage that the CSR does not ask for is the certificate type's to give, and an
    organisational unit that it does not state is the register's. So is any other part of the
    subject than those that SEC App. M lists.
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
    stated = {
        path: path.rpartition(".")[2]
        for path in csr.fields
        if path not in compared and path.startswith(_STATED)
    }
    return [
        f"the {noun} differs"
        for path, noun in (compared | stated).items()
        if _values(csr, path) != _values(certificate, path)
        and not (path in _CA_MAY_ADD and path not in csr.fields)
    ]


_STATED = ("subject.", "extensions.subjectAltName.dNSName", "extensions.subjectAltName.iPAddress")
"""The other fields that a certificate takes from the CSR, if the CSR states them."""


def _values(view: View, path: str) -> Value | frozenset[Value] | None:
    """The value of a field; of one that may have several, all of them without their order."""
    value, field = view.value(path), FIELDS.get(path)
    return value if value is None or field is None else frozenset(field.each(value))


def _unit_noun(certificate: View) -> str:
    """The noun for an OU: a RemotePartyRole is two hexadecimal digits (SEC App. M F)."""
    unit = certificate.value("subject.organizationalUnitName")
    is_role = isinstance(unit, str) and _ROLE.fullmatch(unit) is not None
    return "role" if is_role else "organisational unit"


def _read_with_extensions(der: bytes) -> None:
    from cryptography import x509  # noqa: PLC0415 - slow to import

    _ = x509.load_der_x509_csr(der).extensions


def _format_faults(view: View, profile: Profile) -> Iterator[Fault]:
    try:
        untrusted.call(_read_with_extensions, _with_right_algorithm(view, profile))
    except InputError:
        yield Fault("csr.format", "It is not PKCS#10 in DER to the last octet (RFC 2986).")


def _with_right_algorithm(view: View, profile: Profile) -> bytes:
    """The octets of a CSR, its AlgorithmIdentifier in the right form.

    ``cryptography`` does not read one with NULL parameters after ecdsa-with-SHA256.
    """
    signed, _, signature = view.root.children
    right = requests.algorithm_of(profile).encoded
    if view.signature_algorithm.encoded == right:
        return view.root.data
    return encode.sequence(signed.encoded, right, signature.encoded)


def _fault(code: str, message: str, remedy: str = _SAME_KEY) -> CsrFaultsError:
    return CsrFaultsError((Fault(code, message),), remedy)


def _fault_of(breach: Breach) -> Fault:
    return Fault(breach.code, f"{_sentence(breach.message)}.")


def _placed(breach: Breach) -> str:
    return f"{_sentence(breach.message)} (at octet {breach.offset})."


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]
