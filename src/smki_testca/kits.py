"""Kits: sets of certificates made together from a data file, each request through the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64, Signifier, parse_object_identifier, shown
from smki_testca.register.gate import DcckiSubject, DeviceSubject, IkiSubject, OrganisationSubject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smki_testca.estate import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.profiles.model import Kit
    from smki_testca.register.gate import Subject
    from smki_testca.roles import Roles


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


def issue(
    estate: Estate, kit: Kit, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> list[Record]:
    """Issue everything in a kit, one transaction for each request.

    Args:
        estate: where the participants are registered.
        kit: what to issue.
        progress: told after each request how many of how many are done.

    Returns:
        What was issued, in the kit's order.

    Raises:
        Refusal: if the gate refuses a request; those before it stay issued.
    """
    issued: list[Record] = []
    for done, one in enumerate(kit.requests, 1):
        request = estate.request(
            one.participant,
            one.purpose,
            subject(one.profile, one.inputs, estate.library.roles),
            one.usages,
        )
        records, _ = estate.issue(request, label=one.label)
        issued += records
        progress(done, len(kit.requests))
    return issued
