"""Requests for Test Certificates: by whom, for what, and for which subject."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypedDict

from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64, Signifier, parse_object_identifier
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smki_testca.roles import KeyUsage, RemotePartyRole, Roles


class Delivery(StrEnum):
    """How a certificate reaches its holder: locally, or over a Gateway Connection (R6)."""

    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class OrganisationSubject:
    """The subject of an Organisation Certificate."""

    eui64: Eui64
    role: RemotePartyRole
    common_name: str | None = None

    profile = "organisation"


@dataclass(frozen=True, slots=True)
class DeviceSubject:
    """The subject of a Device Certificate; ``hw_type`` is an OID in dotted decimal."""

    device_id: Eui64
    hw_type: str

    profile = "device"


@dataclass(frozen=True, slots=True)
class DcckiSubject:
    """The subject of a DCCKI Infrastructure Certificate.

    Attributes:
        signifier: what the requester says its Signifier is, if it says; the certificate
            takes it from the register all the same.
    """

    common_name: str
    dns: str | None = None
    signifier: Signifier | None = None

    profile = "dccki"


@dataclass(frozen=True, slots=True)
class IkiSubject:
    """The subject of an IKI certificate."""

    system_name: str
    role: RemotePartyRole

    profile = "iki"


Subject = OrganisationSubject | DeviceSubject | DcckiSubject | IkiSubject


@dataclass(frozen=True, slots=True)
class Request:
    """What a participant asks for.

    Attributes:
        participant: its id in the register.
        purpose: the code of a Testing Service (R3).
        environment: the name of the test environment.
        usages: one certificate is issued for each; none where the profile fixes the usage.
        policy: the policy OID that the certificate would carry.
    """

    participant: str
    purpose: str
    environment: str
    subject: Subject
    usages: tuple[KeyUsage, ...] = ()
    delivery: Delivery = Delivery.LOCAL
    policy: str | None = None

    def of(self, subject: Subject) -> Request:
        """The same for another subject of the same kind."""
        # Quicker than dataclasses.replace: a batch asks a million times over.
        return Request(
            self.participant,
            self.purpose,
            self.environment,
            subject,
            self.usages,
            self.delivery,
            self.policy,
        )

    @property
    def role(self) -> RemotePartyRole | None:
        """The RemotePartyRole asked for, if the subject has one."""
        return getattr(self.subject, "role", None)

    @property
    def count(self) -> int:
        """How many certificates are asked for."""
        return max(1, len(self.usages))

    def as_json(self) -> dict[str, Any]:
        """The request as the audit log keeps it."""
        said: dict[str, Any] = {
            "profile": self.subject.profile,
            "participant": self.participant,
            "purpose": self.purpose,
            "environment": self.environment,
            "delivery": self.delivery.value,
            "usages": [usage.value for usage in self.usages],
        }
        match self.subject:
            case OrganisationSubject(eui64, role, common_name):
                said |= {"eui64": str(eui64), "role": role.name, "common_name": common_name}
            case DeviceSubject(device_id, hw_type):
                said |= {"device_id": str(device_id), "hw_type": hw_type}
            case DcckiSubject(common_name, dns):
                said |= {"common_name": common_name, "dns": dns}
            case IkiSubject(system_name, role):
                said |= {"system_name": system_name, "role": role.name}
        return said


def subject(profile: str, given: Mapping[str, str | None], roles: Roles) -> Subject:
    """The subject that the options of ``issue`` describe.

    Args:
        profile: ``organisation``, ``device``, ``dccki`` or ``iki``.
        given: option names without their hyphens in front, and their values.
        roles: to find roles by name or code.

    Raises:
        InputError: if an option is missing, or is no identifier.
    """

    def needed(name: str) -> str:
        value = given.get(name)
        if not value:
            raise InputError(
                "request.incomplete", f"A certificate of profile {profile} needs --{name}."
            )
        return value

    match profile:
        case "organisation":
            return OrganisationSubject(
                Eui64.parse(needed("id")),
                roles.remote_party_role(needed("role")),
                given.get("common-name"),
            )
        case "device":
            return DeviceSubject(
                Eui64.parse(needed("device-id")), parse_object_identifier(needed("hw-type"))
            )
        case "dccki":
            stated = given.get("signifier")
            return DcckiSubject(
                needed("common-name"),
                given.get("dns"),
                None if stated is None else Signifier.parse(stated),
            )
        case "iki":
            return IkiSubject(needed("system-name"), roles.remote_party_role(needed("role")))
    raise InputError("request.profile", f"Nothing is issued from the profile {shown(profile)}.")


class Particulars(TypedDict, total=False):
    """What tells a subject: the options of ``smki-testca issue``, hyphens become underscores.

    Attributes:
        id: of an Organisation Certificate: the User, RDP or DCC ID.
        role: of an Organisation or IKI certificate: a RemotePartyRole, such as ``supplier``
            or ``02``.
        common_name: of an Organisation or DCCKI certificate.
        device_id: of a Device Certificate.
        hw_type: of a Device Certificate: the manufacturer's hwType, an OID.
        dns: of a DCCKI certificate: a host name for the subjectAltName.
        signifier: of a DCCKI certificate: who the requester says it is.
        system_name: of an IKI certificate: the authorised system.
    """

    id: str | Eui64
    role: str
    common_name: str
    device_id: str | Eui64
    hw_type: str
    dns: str
    signifier: str
    system_name: str


_TAKEN = {
    "organisation": ("id", "role", "common_name"),
    "device": ("device_id", "hw_type"),
    "dccki": ("common_name", "dns", "signifier"),
    "iki": ("system_name", "role"),
}
"""The particulars that each profile takes."""


def subject_from(profile: str, particulars: Particulars, roles: Roles) -> Subject:
    """The subject that its particulars describe.

    Raises:
        InputError: if one is missing, or is no identifier.
        TypeError: for one that the profile does not take.
    """
    stray = [name for name in particulars if name not in _TAKEN.get(profile, particulars)]
    if stray:
        raise TypeError(f"a certificate of profile {profile} takes no {stray[0]!r}")
    given = {name.replace("_", "-"): str(value) for name, value in particulars.items()}
    return subject(profile, given, roles)
