"""Subjects of the shipped certificate types, as typed constructors for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from smki_testca.profiles.inputs import INPUT_TYPES
from smki_testca.profiles.subject import Subject

if TYPE_CHECKING:
    from smki_testca.identifiers import Eui64, Signifier
    from smki_testca.profiles.inputs import InputValue
    from smki_testca.roles import RemotePartyRole


class _TypedSubject(Subject):
    """A subject of a shipped certificate type."""

    __slots__ = ()

    def __init__(self, profile: str, **stated: InputValue | None) -> None:
        types = tuple(_BY_KEY[key] for key in stated)
        inputs = {_BY_KEY[key].name: value for key, value in stated.items() if value is not None}
        super().__init__(profile, types, inputs)


_BY_KEY: Final = {input_type.key: input_type for input_type in INPUT_TYPES.values()}


class OrganisationSubject(_TypedSubject):
    """The subject of an Organisation Certificate."""

    __slots__ = ()

    def __init__(self, eui64: Eui64, role: RemotePartyRole, common_name: str | None = None) -> None:
        super().__init__("organisation", eui64=eui64, role=role, common_name=common_name)


class DeviceSubject(_TypedSubject):
    """The subject of a Device Certificate; ``hw_type`` is an OID in dotted decimal."""

    __slots__ = ()

    def __init__(self, device_id: Eui64, hw_type: str) -> None:
        super().__init__("device", device_id=device_id, hw_type=hw_type)


class DcckiSubject(_TypedSubject):
    """The subject of a DCCKI Infrastructure Certificate.

    Attributes:
        signifier: of the requester, optional; the gate compares it with the register, which
            the certificate takes it from.
    """

    __slots__ = ()

    def __init__(
        self,
        common_name: str,
        dns: str | None = None,
        signifier: Signifier | None = None,
        ip: str | None = None,
    ) -> None:
        super().__init__("dccki", common_name=common_name, dns=dns, signifier=signifier, ip=ip)


class IkiSubject(_TypedSubject):
    """The subject of an IKI certificate."""

    __slots__ = ()

    def __init__(self, system_name: str, role: RemotePartyRole) -> None:
        super().__init__("iki", system_name=system_name, role=role)


class Particulars(TypedDict, total=False):
    """Inputs of a subject as keywords: the options of ``smki-testca issue`` with underscores.

    A certificate type that an operator defines takes its own inputs as further keywords.

    Attributes:
        id: of an Organisation Certificate: the User, RDP or DCC ID.
        role: of an Organisation or IKI certificate: a RemotePartyRole, such as ``supplier``
            or ``02``.
        common_name: of an Organisation or DCCKI certificate.
        device_id: of a Device Certificate.
        hw_type: of a Device Certificate: the manufacturer's hwType, an OID.
        dns: of a DCCKI certificate: a host name for the subjectAltName, or several with commas
            between.
        ip: of a DCCKI certificate: an IP address for the subjectAltName, or several.
        signifier: of a DCCKI certificate: the Signifier of the requester.
        system_name: of an IKI certificate: the authorised system.
    """

    id: str | Eui64
    role: str
    common_name: str
    device_id: str | Eui64
    hw_type: str
    dns: str
    ip: str
    signifier: str
    system_name: str
