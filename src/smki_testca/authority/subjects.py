"""Reads from a certificate or CSR whom it is for: what a request for an equal one would ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64
from smki_testca.lint.csr import HARDWARE_MODULE
from smki_testca.profiles.model import Input
from smki_testca.register.requests import (
    DcckiSubject,
    DeviceSubject,
    IkiSubject,
    OrganisationSubject,
)
from smki_testca.text import shown
from smki_testca.x509.key_usages import USAGES

if TYPE_CHECKING:
    from smki_testca.profiles.model import Profile
    from smki_testca.register.requests import Subject
    from smki_testca.roles import KeyUsage, RemotePartyRole, Roles
    from smki_testca.x509.view import View


_ROLE = "subject.organizationalUnitName"
_IDENTIFIER = "subject.x500UniqueIdentifier"
_PATHS = {
    "usage": "extensions.keyUsage",
    "eui64": _IDENTIFIER,
    "role": _ROLE,
    "common-name": "subject.commonName",
    "system-name": "subject.commonName",
    "dns": "extensions.subjectAltName.dNSName",
    "hw-type": f"{HARDWARE_MODULE}.hwType",
    "device-id": f"{HARDWARE_MODULE}.hwSerialNum",
}
"""Where the shipped profiles put what a request brings."""


def subject_of(
    view: View, roles: Roles, profile: Profile | None = None
) -> tuple[Subject, tuple[KeyUsage, ...]]:
    """What a request for an equal certificate would ask for.

    Args:
        view: of a certificate, or of a CSR that is in order.
        roles: to find the RemotePartyRole in the subject.
        profile: that it follows, where that is known: an operator's own may put things elsewhere.

    Returns:
        The subject, and the usages to ask for: none where the profile fixes the usage.

    Raises:
        InputError: if it is a CA's, of no kind that is issued here, or a part of it is missing
            or unreadable.
    """
    if view.value("extensions.basicConstraints.cA") is True:
        raise InputError(
            "subject.authority", "It is a CA's certificate: there is no request for those."
        )
    paths = _PATHS
    if profile is not None:
        rows = profile.filling_rows
        paths = paths | {
            row.fill.name: row.field.path for row in rows if isinstance(row.fill, Input)
        }
    part = _Parts(view, roles, paths)
    match _kind(view) if profile is None else profile.name:
        case "device":
            return DeviceSubject(part.eui64("device-id"), part.text("hw-type")), part.usages()
        case "organisation":
            eui64, role = part.eui64("eui64"), part.role()
            return OrganisationSubject(eui64, role, part.optional("common-name")), part.usages()
        case "dccki":
            return DcckiSubject(part.text("common-name"), part.optional("dns")), ()
        case "iki":
            return IkiSubject(part.text("system-name"), part.role()), ()
        case _:
            raise InputError(
                "subject.unknown",
                "It is none of an Organisation, a Device, a DCCKI or an IKI certificate.",
                "See what it holds: smki-testca show FILE",
            )


def _kind(view: View) -> str:
    """The name of the shipped profile whose subject it has; empty for none of them."""
    if f"{HARDWARE_MODULE}.hwSerialNum" in view.fields:
        return "device"
    if _IDENTIFIER in view.fields:
        return "organisation"
    if not {"subject.organizationName", "subject.commonName", _ROLE} <= view.fields.keys():
        return ""
    # Both have O, OU and CN: only a server's certificate names a host or serves one.
    purposes = view.value("extensions.extKeyUsage")
    serves = isinstance(purposes, tuple) and "serverAuth" in purposes
    return "dccki" if serves or _PATHS["dns"] in view.fields else "iki"


class _Parts:
    """The parts of one subject, by the names that profiles use for them."""

    def __init__(self, view: View, roles: Roles, paths: dict[str, str]) -> None:
        self._view = view
        self._roles = roles
        self._paths = paths

    def optional(self, name: str) -> str | None:
        return self._view.text(self._paths[name])

    def text(self, name: str) -> str:
        found = self.optional(name)
        if not found:
            raise self._missing(name)
        return found

    def eui64(self, name: str) -> Eui64:
        octets = self._view.octets(self._paths[name])
        if octets is None or len(octets) != 8:
            raise self._missing(name)
        return Eui64.from_octets(octets)

    def role(self) -> RemotePartyRole:
        text = self.text("role")
        by_hex = {role.hex: role for role in self._roles.remote_party_roles}
        role = by_hex.get(text.upper())
        if role is None:
            raise InputError(
                "subject.role",
                f"Its {self._paths['role']} {shown(text)} is no RemotePartyRole in two hexadecimal"
                " digits.",
            )
        return role

    def usages(self) -> tuple[KeyUsage, ...]:
        bits = self._view.value(self._paths["usage"])
        named = bits if isinstance(bits, tuple) else ()
        if not named or not set(named) <= USAGES.keys():
            raise self._missing("usage")
        return tuple(USAGES[bit] for bit in named)

    def _missing(self, name: str) -> InputError:
        path = self._paths[name]
        return InputError(
            "subject.unreadable",
            f"Its {path} is missing, or is not what a request can ask for.",
            "See what is wrong with it: smki-testca lint FILE",
        )
