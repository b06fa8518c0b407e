"""Finds out who calls a web service: from the client's IKI certificate, and as of now.

TLS has checked the chain, and the revocation list if there is one. The estate knows more, and is
asked at each request: a certificate revoked a moment ago opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.errors import SmkiTestcaError
from smki_testca.estate.status import LIVING
from smki_testca.identifiers import SerialNumber
from smki_testca.issuance.purposes import Purposes
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.text import shown
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.profiles.model import Interface
    from smki_testca.register.participants import Participant
    from smki_testca.roles import RemotePartyRole


class AccessDeniedError(SmkiTestcaError):
    """A client that may not use a service: its code begins with ``access.``."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A system that calls a web service.

    Attributes:
        participant: whose system it is: the id in the register.
        system: its name, the commonName of the IKI certificate.
        role: the RemotePartyRole in the certificate.
        serial: of the certificate.
        environment: the test environment of the certificate, and of what is asked for with it.
        purpose: the Testing Service of what is asked for.
        address: the address and port that it calls from.
    """

    participant: str
    system: str
    role: RemotePartyRole | None
    serial: SerialNumber
    environment: str
    purpose: str
    address: str

    def as_json(self) -> dict[str, Any]:
        """The caller as the audit log records it, as ``peer``."""
        return {
            "address": self.address,
            "participant": self.participant,
            "system": self.system,
            "serial": str(self.serial),
        }


def holder_of(estate: Estate, der: bytes | None) -> Record:
    """The IKI certificate that a client presented, as the estate has it, good for access now.

    Args:
        estate: that issued it.
        der: the certificate; None if the client presented none.

    Raises:
        AccessDeniedError: if there is none, the estate did not issue it, or it is not to be used
            now.
    """
    if der is None:
        raise AccessDeniedError(
            "access.certificate",
            "The client presented no certificate.",
            "Present an IKI certificate of this estate.",
        )
    number = view_certificate(der).value("serialNumber")
    record = estate.by_serial(SerialNumber(number)) if isinstance(number, int) else None
    if record is None or record.der != der:
        raise AccessDeniedError(
            "access.unknown",
            "The estate did not issue the client's certificate.",
            "Present an IKI certificate of this estate.",
        )
    if record.hierarchy != Hierarchy.IKI or record.tier is not Tier.END_ENTITY:
        raise AccessDeniedError(
            "access.hierarchy",
            f"The client's certificate {record.serial} is of profile {record.profile}, not an IKI"
            " certificate.",
            "Present an IKI certificate: smki-testca issue iki --help",
        )
    status = estate.status(record)
    if status not in LIVING:
        raise AccessDeniedError(
            "access.status",
            f"The client's certificate {record.serial} is {status.word}.",
            "Present an IKI certificate that is in use.",
        )
    if record.participant not in estate.register.load().participants:
        raise AccessDeniedError(
            "access.participant",
            f"The register has no participant {shown(str(record.participant))}, to whom the"
            f" client's certificate {record.serial} was issued.",
            "Present the certificate of a registered participant.",
        )
    return record


def identify(
    estate: Estate,
    der: bytes | None,
    address: str,
    interface: Interface,
    purpose: str | None = None,
) -> Caller:
    """The caller of a web service, who may use it now.

    Args:
        estate: that issued the client's certificate.
        der: the certificate; None if the client presented none.
        address: that the client calls from.
        interface: the web service.
        purpose: the Testing Service of what is asked for; by default that for which the
            certificate was issued.

    Raises:
        AccessDeniedError: with the reason, in one line.
    """
    record = holder_of(estate, der)
    system = record.name or ""
    if not interface.is_for(system):
        raise AccessDeniedError(
            "access.interface",
            f"The client's certificate is of the system {shown(system)}, which is not one of the"
            f" {interface.title}.",
            f"Present one whose system name fits {' or '.join(interface.systems)}.",
        )
    others = [each for each in estate.library.interfaces.values() if each.name != interface.name]
    both = next((each for each in others if each.is_for(system)), None)
    if both is not None:
        raise AccessDeniedError(
            "access.interface",
            f"The client's certificate is of the system {shown(system)}, whose name fits those of"
            f" the {both.title}, too; a certificate is for one service (SEC App. M G).",
            "Present one whose system name fits those of this service alone.",
        )
    participant = estate.register.load().participant(record.participant or "")
    if not _may_call(participant, interface):
        raise AccessDeniedError(
            "access.caller",
            f"{participant.id} may not use the {interface.title}: it is none of"
            f" {', '.join((*interface.kinds, *interface.user_roles))}"
            f" ({interface.basis}: {interface.source}).",
            "Present the certificate of a participant that is.",
        )
    profile = estate.library.profile(record.profile)
    return Caller(
        participant.id,
        system,
        profile.role_in(view_certificate(record.der), estate.library.roles),
        record.serial,
        record.environment,
        purpose or Purposes(estate).of(record),
        address,
    )


def peer_of(estate: Estate, der: bytes | None, address: str) -> dict[str, str]:
    """A client that may not call, as the audit log records it under ``peer``.

    Args:
        estate: that may have issued its certificate.
        der: the certificate; None if the client presented none.
        address: that the client calls from.
    """
    peer = {"address": address}
    number = None if der is None else view_certificate(der).value("serialNumber")
    if not isinstance(number, int):
        return peer
    peer["serial"] = str(SerialNumber(number))
    record = estate.by_serial(SerialNumber(number))
    if record is not None and record.der == der:
        known = {"participant": record.participant, "system": record.name}
        peer |= {key: text for key, text in known.items() if text is not None}
    return peer


def _may_call(participant: Participant, interface: Interface) -> bool:
    """Whether a participant is of a kind, or acts in a User Role, for which an interface is."""
    return participant.kind in interface.kinds or any(
        role.code in interface.user_roles
        for allocated in participant.ids
        for role in allocated.user_roles
    )
