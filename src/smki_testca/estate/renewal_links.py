"""Stores renewal links, from each certificate to its renewal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.identifiers import SerialNumber

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.estate.database import Database

RenewalLink = tuple[SerialNumber, SerialNumber]
"""The serials of a certificate and of the one that renews it."""


class RenewalLinkStore:
    """The renewals of one estate's certificates, CAs' own included."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, links: Iterable[RenewalLink], audit: int) -> None:
        """Store renewal links, within the transaction of their audit entry.

        Args:
            links: the new certificates must be stored before.
            audit: the number of the entry.
        """
        self._add("successions", links, audit)

    def add_to_run(self, links: Iterable[RenewalLink], audit: int) -> None:
        """Store links to certificates that a run issues; as ``add`` otherwise."""
        self._add("replacements", links, audit)

    def _add(self, table: str, links: Iterable[RenewalLink], audit: int) -> None:
        self._database.insert_many(
            table,
            ("predecessor", "successor", "audit"),
            ((predecessor.octets, successor.octets, audit) for predecessor, successor in links),
        )

    def successors(self, serial: SerialNumber) -> list[SerialNumber]:
        """The renewals of a certificate in the order of issue: usually one or none."""
        return self._database.records(
            lambda row: SerialNumber.from_octets(row["successor"]),
            "SELECT predecessor, successor, audit FROM successions WHERE predecessor = ?1"
            " UNION SELECT predecessor, successor, audit FROM replacements WHERE predecessor = ?1"
            " ORDER BY audit, successor",
            (serial.octets,),
        )

    def predecessor(self, serial: SerialNumber) -> SerialNumber | None:
        """The certificate that a certificate renews, if it renews one."""
        return self._database.record(
            lambda row: SerialNumber.from_octets(row["predecessor"]),
            "SELECT predecessor, successor FROM successions WHERE successor = ?1"
            " UNION SELECT predecessor, successor FROM replacements WHERE successor = ?1",
            (serial.octets,),
        )
