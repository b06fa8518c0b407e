"""Stores the register; each change is one transaction with its audit entry."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from smki_testca.errors import EstateError, InputError
from smki_testca.register import documents
from smki_testca.register.notifications import notify, statements
from smki_testca.register.register import Register

if TYPE_CHECKING:
    import sqlite3

    from smki_testca.clock import Clock
    from smki_testca.estate.audit import AuditLog
    from smki_testca.estate.database import Database
    from smki_testca.identifiers import Eui64
    from smki_testca.profiles import Library
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.notifications import Entry, Flow, Notification
    from smki_testca.register.participants import Participant


class RegisterStore:
    """The register of one estate."""

    def __init__(self, database: Database, audit: AuditLog, library: Library, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._library = library
        self._clock = clock
        # The register is loaded often, and most participants are unchanged.
        self._parsed: dict[str, tuple[bytes, Participant]] = {}

    def load(self) -> Register:
        """The register as it is now."""
        participants = self._database.records(
            self._participant, "SELECT id, record FROM participants ORDER BY id"
        )
        agreements = self._database.records(
            _agreement, "SELECT reference, record FROM agreements ORDER BY reference"
        )
        return Register(
            tuple(known.entry for known in self._library.sec_registry_entries),
            {participant.id: participant for participant in participants},
            {agreement.reference: agreement for agreement in agreements},
        )

    def _participant(self, row: sqlite3.Row) -> Participant:
        name, record = row["id"], row["record"]
        before, parsed = self._parsed.get(name, (b"", None))
        if parsed is None or before != record:
            parsed = documents.participant_from_record(record, self._library.roles)
            if parsed.id != name:
                raise ValueError(f"its record is of {parsed.id}")
            self._parsed[name] = (record, parsed)
        return parsed

    def import_file(self, data: bytes, origin: str) -> tuple[list[Participant], list[Agreement]]:
        """Import the participants and agreements of a file.

        Args:
            data: the file's content, TOML.
            origin: the file's name, for errors.

        Returns:
            The participants and agreements of the file.

        Raises:
            InputError: if the file, or the register with it, is inconsistent; nothing is changed
                then.
        """
        participants, agreements = documents.read_file(data, origin, self._library)
        self.bring_in(participants, agreements)
        return participants, agreements

    def bring_in(self, participants: list[Participant], agreements: list[Agreement]) -> None:
        """Add participants and agreements, or update participants.

        Raises:
            InputError: if the register with them is inconsistent; nothing is changed then.
        """
        with self._database.transaction():
            before = self.load()
            self._store(before, before.with_participants(participants).with_agreements(agreements))
            self._audit.append(
                self._clock.now(),
                "register.import",
                {
                    "participants": [participant.id for participant in participants],
                    "agreements": [agreement.reference for agreement in agreements],
                },
            )

    def allocate(self, participant: str, user_role: str, count: int) -> list[Eui64]:
        """Allocate the next IDs to a participant and map them to a User Role.

        Raises:
            InputError: if there is no such participant or role, or too few IDs are left.
        """
        role = self._library.roles.user_role(user_role)
        with self._database.transaction():
            before = self.load()
            after, ids = before.allocate(participant, role, count)
            self._store(before, after)
            self._audit.append(
                self._clock.now(),
                "register.allocate",
                {
                    "participant": participant,
                    "user_role": role.name,
                    "ids": [str(eui64) for eui64 in ids],
                },
            )
        return ids

    def set_suspended(self, reference: str, *, suspended: bool) -> Agreement:
        """Suspend an agreement, or resume it.

        Raises:
            InputError: if there is none of that reference, or it is in that state already.
        """
        with self._database.transaction():
            before = self.load()
            after = before.with_suspension(reference, suspended=suspended)
            self._store(before, after)
            action = "agreement.suspend" if suspended else "agreement.resume"
            self._audit.append(self._clock.now(), action, {"reference": reference})
        return after.agreements[reference]

    def notify(self, flow: Flow) -> Notification:
        """Make the next notification of a flow, and count it as told."""
        notification = self.next_notification(flow)
        self.count_as_told(notification)
        return notification

    def next_notification(self, flow: Flow) -> Notification:
        """The changes in a flow since its last notification; nothing is counted as told."""
        number, before = self._last_told(flow)
        return notify(flow, number + 1, self._clock.now(), before, statements(flow, self.load()))

    def count_as_told(self, notification: Notification) -> None:
        """Remember a notification, so that the next one of its flow tells what changes after it.

        Raises:
            EstateError: if another of its number was remembered meanwhile.
        """
        flow = notification.flow
        with self._database.transaction():
            number, before = self._last_told(flow)
            if notification.number != number + 1:
                raise EstateError(
                    "estate.changing",
                    f"Another process made notification {number} of the flow {flow} meanwhile, so"
                    " that this one does not count as told.",
                    "Drop what was printed, and give the command again.",
                )
            self._database.insert(
                "notifications",
                {
                    "flow": flow.value,
                    "number": notification.number,
                    "at": notification.at.isoformat(),
                    "said": json.dumps(sorted(notification.after(before))).encode(),
                },
            )
            self._audit.append(self._clock.now(), "register.notify", notification.as_json())

    def notification(self, flow: Flow, number: int) -> Notification:
        """A notification that was told before, as it was.

        Raises:
            InputError: if the flow has none of that number.
        """
        told = self._told(flow, number)
        if told is None:
            last, _ = self._last_told(flow)
            raise InputError(
                "notification.unknown",
                f"The flow {flow} has no notification {number}.",
                f"Name one from 1 to {last}." if last else "It has none yet.",
            )
        before = self._told(flow, number - 1)
        return notify(
            flow, number, told.at, before.statements if before else frozenset(), told.statements
        )

    def _last_told(self, flow: Flow) -> tuple[int, frozenset[Entry]]:
        """The number of a flow's last notification, and what it had told then."""
        last = self._database.record(
            _told,
            "SELECT flow, number, at, said FROM notifications WHERE flow = ?"
            " ORDER BY number DESC LIMIT 1",
            (flow.value,),
        )
        return (0, frozenset()) if last is None else (last.number, last.statements)

    def _told(self, flow: Flow, number: int) -> _Told | None:
        return self._database.record(
            _told,
            "SELECT flow, number, at, said FROM notifications WHERE flow = ? AND number = ?",
            (flow.value, number),
        )

    def _store(self, before: Register, after: Register) -> None:
        for name, participant in after.participants.items():
            if before.participants.get(name) != participant:
                self._database.execute(
                    "INSERT INTO participants (id, record) VALUES (?, ?)"
                    " ON CONFLICT (id) DO UPDATE SET record = excluded.record",
                    (name, documents.participant_to_record(participant)),
                )
        for reference, agreement in after.agreements.items():
            if before.agreements.get(reference) != agreement:
                self._database.execute(
                    "INSERT INTO agreements (reference, record) VALUES (?, ?)"
                    " ON CONFLICT (reference) DO UPDATE SET record = excluded.record",
                    (reference, documents.agreement_to_record(agreement)),
                )


def _agreement(row: sqlite3.Row) -> Agreement:
    agreement = documents.agreement_from_record(row["record"])
    if agreement.reference != row["reference"]:
        raise ValueError(f"its record is of {agreement.reference}")
    return agreement


class _Told(NamedTuple):
    """What a flow had told with a notification.

    Attributes:
        number: of the notification.
        at: when it was made, UTC.
        statements: those that held then.
    """

    number: int
    at: datetime
    statements: frozenset[Entry]


def _told(row: sqlite3.Row) -> _Told:
    said = msgspec.json.decode(row["said"], type=list[tuple[str, ...]])
    return _Told(row["number"], datetime.fromisoformat(row["at"]), frozenset(said))
