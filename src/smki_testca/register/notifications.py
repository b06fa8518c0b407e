"""Notifications to the DCC of what changed since the last one.

There are three flows (R13, R14): the Panel notifies which IDs are allocated to whom, the Party
notifies which of its IDs serves which User Role, and the Panel passes on Market Participant IDs.
Neither Panel nor Party notifies in place of the other.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from smki_testca.clock import iso
from smki_testca.text import spreadsheet_cell

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from smki_testca.register.register import Register

Entry = tuple[str, ...]
"""One statement of a flow: the values of its columns."""


class Flow(StrEnum):
    """The sender and the subject of notifications."""

    PANEL = "panel"
    PARTY = "party"
    MARKET = "market"


COLUMNS = {
    Flow.PANEL: ("participant", "signifier", "eui64"),
    Flow.PARTY: ("participant", "signifier", "eui64", "user_role"),
    Flow.MARKET: ("participant", "signifier", "scheme", "identifier", "role_code", "eui64"),
}
"""The columns of each flow. ``eui64`` is empty for a Party that has no User ID yet."""


@dataclass(frozen=True, slots=True)
class Notification:
    """The changes in one flow since the last notification.

    Attributes:
        number: counts the notifications of the flow, from 1.
        at: when it was made, UTC.
        added: statements that hold now and did not at the last notification.
        removed: statements that held then and do not now.
    """

    flow: Flow
    number: int
    at: datetime
    added: tuple[Entry, ...]
    removed: tuple[Entry, ...]

    def as_json(self) -> dict[str, Any]:
        """As JSON: ``{"flow", "number", "at", "changes": [{"change", …columns}]}``."""
        columns = COLUMNS[self.flow]
        return {
            "flow": self.flow.value,
            "number": self.number,
            "at": iso(self.at),
            "changes": [
                {"change": change, **dict(zip(columns, entry, strict=True))}
                for change, entry in self._changes()
            ],
        }

    def as_csv(self) -> str:
        """As CSV (RFC 4180): a header, then one line for each change; lines end in CRLF."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(("change", *COLUMNS[self.flow]))
        for change, entry in self._changes():
            writer.writerow((change, *map(spreadsheet_cell, entry)))
        return out.getvalue()

    def after(self, before: frozenset[Entry]) -> frozenset[Entry]:
        """The statements of the flow after this notification, from those before it."""
        return (before - frozenset(self.removed)) | frozenset(self.added)

    def _changes(self) -> Iterable[tuple[str, Entry]]:
        for entry in self.removed:
            yield "removed", entry
        for entry in self.added:
            yield "added", entry


def statements(flow: Flow, register: Register) -> frozenset[Entry]:
    """Every statement of a flow that holds of the register."""
    entries: set[Entry] = set()
    for participant in register.participants.values():
        signifier = participant.signifier.text if participant.signifier else ""
        holder = (participant.id, signifier)
        if flow is Flow.PANEL:
            entries |= {(*holder, str(allocated.eui64)) for allocated in participant.ids}
        elif flow is Flow.PARTY:
            entries |= {
                (*holder, str(allocated.eui64), role.name)
                for allocated in participant.ids
                for role in allocated.user_roles
            }
        else:
            for market in participant.market_participant_ids:
                ids = market.ids or tuple(allocated.eui64 for allocated in participant.ids)
                mapped = (*holder, market.scheme, market.identifier, market.role_code)
                # It maps to the Party and its Signifier before there are any User IDs (R14).
                entries |= {(*mapped, str(eui64)) for eui64 in ids} or {(*mapped, "")}
    return frozenset(entries)


def notify(
    flow: Flow, number: int, at: datetime, before: frozenset[Entry], now: frozenset[Entry]
) -> Notification:
    """The notification of what changed between two states of a flow."""
    return Notification(flow, number, at, tuple(sorted(now - before)), tuple(sorted(before - now)))
