"""Exports expiries as an iCalendar file (RFC 5545), for reminders in a calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from icalendar import Event

    from smki_testca.lifecycle.expiry import Expiring

_KINDS = {"certificate": "Certificate", "authority": "CA", "external": "External certificate"}


def calendar(expiring: Iterable[Expiring], at: datetime, alarm: timedelta) -> bytes:
    """Write one event for each certificate, at its last second, with an alarm before it.

    The same certificates at the same time give the same octets. An event keeps its UID, so that
    a calendar that imports a later file only adds the new events.

    Args:
        expiring: the certificates that expire.
        at: the time at which the file is written, UTC.
        alarm: how long before the end the alarm comes.
    """
    from icalendar import Calendar  # noqa: PLC0415 - a third party that is slow to import

    document = Calendar()
    document.add("prodid", "-//smki-testca//expiring//EN")
    document.add("version", "2.0")
    for certificate in expiring:
        document.add_component(_event(certificate, at, alarm))
    octets: bytes = document.to_ical()
    return octets


def _event(expiring: Expiring, at: datetime, alarm: timedelta) -> Event:
    from icalendar import Alarm, Event  # noqa: PLC0415 - a third party that is slow to import

    holder = f" of {expiring.participant}" if expiring.participant else ""
    summary = f"{_KINDS[expiring.kind.value]} {expiring.name}{holder} runs out"
    event = Event()
    event.add("uid", f"{expiring.id.lower()}@smki-testca")
    event.add("dtstamp", at)
    event.add("dtstart", expiring.not_after)
    event.add("summary", summary)
    event.add("description", f"{expiring.profile} {expiring.id}")
    event.add("transp", "TRANSPARENT")
    reminder = Alarm()
    reminder.add("action", "DISPLAY")
    reminder.add("trigger", -alarm)
    reminder.add("description", summary)
    event.add_component(reminder)
    return event
