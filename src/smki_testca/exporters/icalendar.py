"""Exports expiries as an iCalendar file (RFC 5545), for reminders in a calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from icalendar import Event

    from smki_testca.lifecycle.due_lists import DueList
    from smki_testca.lifecycle.expiry import Expiring

_KINDS = {"certificate": "Certificate", "authority": "CA", "external": "External certificate"}


def calendar(
    expiring: Iterable[Expiring],
    at: datetime,
    alarm: timedelta,
    due: Iterable[DueList] = (),
) -> bytes:
    """Write one event for each certificate, at its last second, with an alarm before it.

    The same certificates at the same time give the same octets. An event keeps its UID, so that
    a calendar that imports a later file only adds the new events. A CA's revocation list is one
    event, at the time when it falls due: the calendar moves it once a newer list was issued.

    Args:
        expiring: the certificates that expire.
        at: the time at which the file is written, UTC.
        alarm: how long before the end the alarm comes.
        due: the revocation lists that are due.
    """
    from icalendar import Calendar  # noqa: PLC0415 - a third party that is slow to import

    document = Calendar()
    document.add("prodid", "-//smki-testca//expiring//EN")
    document.add("version", "2.0")
    for certificate in expiring:
        document.add_component(_of_certificate(certificate, at, alarm))
    for owed in due:
        document.add_component(_of_list(owed, at, alarm))
    octets: bytes = document.to_ical()
    return octets


def _of_certificate(expiring: Expiring, at: datetime, alarm: timedelta) -> Event:
    holder = f" of {expiring.participant}" if expiring.participant else ""
    summary = f"{_KINDS[expiring.kind.value]} {expiring.name}{holder} expires"
    description = f"{expiring.profile} {expiring.id}"
    return _event(expiring.id, expiring.not_after, summary, description, at, alarm)


def _of_list(owed: DueList, at: datetime, alarm: timedelta) -> Event:
    # Not by the serial number: a CA that is renewed goes on with its lists.
    key_id = owed.authority.key_id.hex()
    summary = f"Revocation list of CA {owed.name} is due"
    description = f"{owed.profile}: {owed.why(at)}"
    return _event(f"list-{key_id}", owed.since, summary, description, at, alarm)


def _event(
    identity: str,
    start: datetime,
    summary: str,
    description: str,
    at: datetime,
    alarm: timedelta,
) -> Event:
    from icalendar import Alarm, Event  # noqa: PLC0415 - a third party that is slow to import

    event = Event()
    event.add("uid", f"{identity.lower()}@smki-testca")
    event.add("dtstamp", at)
    event.add("dtstart", start)
    event.add("summary", summary)
    event.add("description", description)
    event.add("transp", "TRANSPARENT")
    reminder = Alarm()
    reminder.add("action", "DISPLAY")
    reminder.add("trigger", -alarm)
    reminder.add("description", summary)
    event.add_component(reminder)
    return event
