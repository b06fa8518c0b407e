"""The CAs of an estate as the repository publishes them, each below a path of its own.

The path is ``/ca/FAMILY/HIERARCHY/NAME``, with the name that exported files of the CA have. It
stays when the CA is renewed. A CA that is rolled over has another name, and so another path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from smki_testca.exporters.file_names import authority_names
from smki_testca.lifecycle import crls

if TYPE_CHECKING:
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.revocations import IssuerName, RevocationListRecord
    from smki_testca.estate.stores import Stores


@dataclass(frozen=True, slots=True)
class PublishedAuthority:
    """A CA.

    Attributes:
        place: the family of environments, the hierarchy and the name, as they are in its path.
        record: its newest certificate.
    """

    place: tuple[str, ...]
    record: Record

    @property
    def path(self) -> str:
        """The path below which it is published, without a slash at its end."""
        return "/ca/" + "/".join(quote(part, safe="") for part in self.place)

    @property
    def issuer(self) -> IssuerName:
        """The name to which its revocation lists belong."""
        return crls.name_of(self.record)


@dataclass(frozen=True, slots=True)
class Listing:
    """A CA and its revocation lists, for the page that lists them.

    Attributes:
        authority: the CA.
        newest: its newest list; None if it has issued none.
        numbers: of all of them, the newest first.
        has_lists: whether CAs of its hierarchy and tier issue lists at all.
    """

    authority: PublishedAuthority
    newest: RevocationListRecord | None
    numbers: list[int]
    has_lists: bool


def published(estate: Stores) -> list[PublishedAuthority]:
    """Every CA of an estate, in the order in which they were made."""
    names = authority_names(estate.certificates.authorities())
    newest = {name.current.serial: name.current for name in names.values()}
    listings = []
    for serial, record in newest.items():
        family, hierarchy, *_ = names[serial].folder.parts
        listings.append(PublishedAuthority((family, hierarchy, names[serial].text), record))
    return listings


def find(estate: Stores, place: tuple[str, ...]) -> PublishedAuthority | None:
    """The CA of a place; None if there is none."""
    return next((listing for listing in published(estate) if listing.place == place), None)


def listings(estate: Stores) -> list[Listing]:
    """Every CA with its revocation lists."""
    return [
        Listing(
            authority,
            estate.revocations.list_of(authority.issuer),
            estate.revocations.numbers(authority.issuer),
            estate.library.revocation_list_profile_for(
                authority.record.hierarchy, authority.record.tier
            )
            is not None,
        )
        for authority in published(estate)
    ]
