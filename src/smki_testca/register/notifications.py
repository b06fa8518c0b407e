"""Notifications to the DCC: who tells it what, and only what changed since the last time.

Three flows, and neither Panel nor Party speaks for the other (R13): the Panel says which IDs
are allocated to whom, the Party says which of its IDs serves which User Role, and the Panel
passes on Market Participant IDs (R14).
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from smki_testca.register.register import Register

Entry = tuple[str, ...]
"""One statement of a flow: the values of its columns."""


class Flow(StrEnum):
    """Who tells the DCC, and of what."""

    PANEL = "panel"
    PARTY = "party"
    MARKET = "market"


COLUMNS = {
    Flow.PANEL: ("participant", "signifier", "eui64"),
    Flow.PARTY: ("participant", "signifier", "eui64", "user_role"),
    Flow.MARKET: ("participant", "signifier", "scheme", "identifier", "role_code", "eui64"),
}


@dataclass(frozen=True, slots=True)
class Notification:
    """What changed in one flow.

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
        """``{"flow", "number", "at", "changes": [{"change", …columns}]}``."""
        columns = COLUMNS[self.flow]
        return {
            "flow": self.flow.value,
            "number": self.number,
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "changes": [
                {"change": change, **dict(zip(columns, entry, strict=True))}
                for change, entry in self._changes()
            ],
        }

    def as_csv(self) -> str:
        """A header line, then one line for each change; lines end in CRLF (RFC 4180)."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(("change", *COLUMNS[self.flow]))
        for change, entry in self._changes():
            writer.writerow((change, *entry))
        return out.getvalue()

    def _changes(self) -> Iterable[tuple[str, Entry]]:
        for entry in self.removed:
            yield "removed", entry
        for entry in self.added:
            yield "added", entry


def statements(flow: Flow, register: Register) -> frozenset[Entry]:
    """Everything that a flow would say of the register as it stands."""
    said: set[Entry] = set()
    for one in register.participants.values():
        signifier = one.signifier.text if one.signifier else ""
        who = (one.id, signifier)
        if flow is Flow.PANEL:
            said |= {(*who, str(allocated.eui64)) for allocated in one.ids}
        elif flow is Flow.PARTY:
            said |= {
                (*who, str(allocated.eui64), role.name)
                for allocated in one.ids
                for role in allocated.user_roles
            }
        else:
            for market in one.market_participant_ids:
                ids = market.ids or tuple(allocated.eui64 for allocated in one.ids)
                said |= {
                    (*who, market.scheme, market.identifier, market.role_code, str(eui64))
                    for eui64 in ids
                }
    return frozenset(said)


def notify(
    flow: Flow, number: int, at: datetime, before: frozenset[Entry], now: frozenset[Entry]
) -> Notification:
    """The notification of what changed between two states of a flow."""
    return Notification(flow, number, at, tuple(sorted(now - before)), tuple(sorted(before - now)))
