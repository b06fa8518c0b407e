"""Counts certificates for quotas: those issued before, and those about to be issued (R6, R21)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from smki_testca.identifiers import Eui64

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.estate.changes import Changes
    from smki_testca.estate.stores import Stores
    from smki_testca.register.gate import Authorisation
    from smki_testca.register.requests import Request

_BLOCK = 1 << 12
"""For how many consecutive Device IDs the estate is asked at a time."""
_KNOWN_IDS = 1 << 16
"""For how many Device IDs the number issued before is kept in memory."""


class IssueHistory:
    """The history that the gate counts quotas against.

    What was issued before is looked up once: within one transaction, or until ``refresh``.

    Args:
        estate: where certificates were issued before.
    """

    def __init__(self, estate: Stores) -> None:
        self._estate = estate
        self._devices: Counter[int] = Counter()
        self._categories: Counter[tuple[str, str]] = Counter()
        self._blocks: dict[int, Counter[int]] = {}
        self._looked_up: dict[int, int] = {}
        self._known = 0
        self._categories_before: dict[tuple[str, str], int] = {}

    def refresh(self) -> None:
        """Look up again what was issued before, and keep what is about to be issued."""
        self._blocks.clear()
        self._looked_up = {}
        self._categories_before.clear()
        self._known = 0

    def restart(self) -> None:
        """Start counting again: certificates that were about to be issued are stored now."""
        self._devices.clear()
        self._categories.clear()
        self.refresh()

    def add(self, request: Request, authorisation: Authorisation, count: int = 1) -> None:
        """Count certificates that are about to be issued.

        Args:
            request: that the gate authorised.
            authorisation: of the request.
            count: how many; those of a range count only for the category.
        """
        eui64 = request.subject.embedded_id
        if eui64 is not None and count <= request.count:
            self._devices[eui64.value] += count
        self._categories[authorisation.participant.id, authorisation.category.name] += count

    def know(self, issued: dict[int, int]) -> None:
        """Take how many certificates there are for some Device IDs that were looked up at once."""
        self._looked_up = issued

    def issued_for_device(self, device_id: Eui64) -> int:
        """The number of Device Certificates for a Device ID, issued alone or by runs."""
        looked_up = self._looked_up.get(device_id.value)
        if looked_up is not None:
            return looked_up + self._devices[device_id.value]
        # Requests often have consecutive Device IDs: a block of them is looked up at once.
        block = device_id.value // _BLOCK
        if block not in self._blocks:
            first = Eui64(block * _BLOCK)
            issued = self._estate.issued.for_devices(first, Eui64(first.value + _BLOCK - 1))
            self._known += 1 + len(issued)
            if self._known > _KNOWN_IDS:
                self._blocks, self._known = {}, 0
            self._blocks[block] = issued
        return self._blocks[block][device_id.value] + self._devices[device_id.value]

    def touched_by(self, changes: Changes) -> Iterator[Eui64]:
        """The IDs in certificates about to be issued that others were issued for meanwhile."""
        for value in changes.ids:
            if value in self._devices:
                yield Eui64(value)
        for span in changes.spans:
            yield from (Eui64(value) for value in self._devices if value in span)

    def most_issued_for_devices(self, first: Eui64, last: Eui64) -> int:
        """The most Device Certificates that there are for any one Device ID of a range."""
        return self._estate.issued.most_for_devices(first, last)

    def issued_in_category(self, participant: str, category: str) -> int:
        """The number of certificates of a category that a participant has, or is about to have."""
        key = (participant, category)
        if key not in self._categories_before:
            self._categories_before[key] = self._estate.issued.in_category(*key)
        return self._categories_before[key] + self._categories[key]
