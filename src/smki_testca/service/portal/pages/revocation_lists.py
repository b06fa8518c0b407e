"""Serves the newest revocation list of each CA, which the overview lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from smki_testca.errors import InputError
from smki_testca.identifiers import SerialNumber
from smki_testca.lifecycle.crls import name_of
from smki_testca.profiles.model import Tier
from smki_testca.service.portal.page_declaration import Page, Route
from smki_testca.service.portal.unanswered import Unanswered
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from aiohttp import web

    from smki_testca.api import Estate
    from smki_testca.estate.revocations import RevocationListRecord
    from smki_testca.service.portal.visit import Visit

_PEM_LABEL = "X509 CRL"
_TYPES = {"crl": "application/pkix-crl", "pem": "application/x-pem-file"}
"""The types of the files that a list is served in, by what their names end in."""


class ShownList(NamedTuple):
    """The newest revocation list of a CA.

    Attributes:
        authority: the name of the CA.
        record: the list.
    """

    authority: str
    record: RevocationListRecord

    @property
    def kind(self) -> str:
        """The name for a list of such a CA."""
        return "ARL" if self.record.tier is Tier.ROOT else "CRL"

    @property
    def path(self) -> str:
        """The path at which it is served, without the ending of a file."""
        return f"/revocation-lists/{self.record.authority}/latest"


def newest_lists(estate: Estate) -> list[ShownList]:
    """The newest list of each CA that issued one; they are public, as the CAs are."""
    rows = []
    for record in estate.revocations.lists(current_only=True):
        authority = estate.by_serial(record.authority)
        name = None if authority is None else authority.label
        rows.append(ShownList(name or str(record.authority), record))
    return sorted(rows, key=lambda each: (each.record.family, each.authority))


async def _file(visit: Visit) -> web.StreamResponse:
    ending = visit.part("ending")

    def find(estate: Estate) -> RevocationListRecord:
        try:
            authority = estate.by_serial(SerialNumber.parse(visit.part("serial")))
        except InputError:
            authority = None
        is_ca = authority is not None and authority.tier is not Tier.END_ENTITY
        revocation_list = (
            estate.revocations.list_of(name_of(authority)) if authority and is_ca else None
        )
        if revocation_list is None or ending not in _TYPES:
            raise Unanswered.missing(
                "There is no such revocation list.", "The overview lists those that there are."
            )
        return revocation_list

    record = await visit.read(find)
    data = to_pem(record.der, _PEM_LABEL) if ending == "pem" else record.der
    return visit.download(data, f"{record.profile}-{record.number}.{ending}", _TYPES[ending])


PAGE = Page(Route.get("/revocation-lists/{serial}/latest.{ending}", _file))
