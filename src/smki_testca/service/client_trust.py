"""The servers' trust in client certificates: the IKI CAs and revocation lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.estate.revocations import IssuerName
from smki_testca.lifecycle.crls import name_of
from smki_testca.profiles.model import Hierarchy, Tier

if TYPE_CHECKING:
    from smki_testca.api import Estate


@dataclass(frozen=True, slots=True)
class ClientTrust:
    """The IKI CAs of an estate, and their lists.

    Attributes:
        authorities: the certificates of all IKI CAs, DER.
        lists: the newest list of each issuing CA that has one, DER.
        is_covered: whether each issuing CA has a list that is current. Only then can TLS look at
            the lists: it would refuse every client of a CA without one.
    """

    authorities: tuple[bytes, ...]
    lists: tuple[bytes, ...]
    is_covered: bool

    @property
    def current_lists(self) -> tuple[bytes, ...]:
        """The lists that TLS can look at; none unless all are current."""
        return self.lists if self.is_covered else ()


def client_trust(estate: Estate) -> ClientTrust:
    """The IKI CAs of an estate, and their newest lists, as of now."""
    records = [
        record for record in estate.certificates.authorities() if record.hierarchy == Hierarchy.IKI
    ]
    issuing = {name_of(record) for record in records if record.tier is Tier.ISSUING}
    lists = {
        IssuerName(each.family, each.issuer): each
        for each in estate.revocation_lists()
        if IssuerName(each.family, each.issuer) in issuing
    }
    now = estate.clock.now()
    current = {name for name, each in lists.items() if now < each.next_update}
    return ClientTrust(
        tuple(record.der for record in records),
        tuple(each.der for each in lists.values()),
        bool(issuing) and current == issuing,
    )
