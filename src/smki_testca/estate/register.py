"""Stores the register; each change is one transaction with its audit entry."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from smki_testca.errors import AlreadySoError, EstateError, InputError
from smki_testca.estate.audit import unreadable_entry
from smki_testca.numbers import LARGEST, check_number
from smki_testca.profiles.library import met_in
from smki_testca.register import documents
from smki_testca.register.agreements import AgreementChange
from smki_testca.register.notifications import notify, statements
from smki_testca.register.register import Register
from smki_testca.register.taken_back import PastCorrection, taken_back
from smki_testca.toml_places import Place

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from datetime import date

    from smki_testca.clock import Clock
    from smki_testca.estate.audit import AuditLog
    from smki_testca.estate.database import Database
    from smki_testca.identifiers import Eui64
    from smki_testca.profiles import Library
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.notifications import Entry, Flow, Notification
    from smki_testca.register.participants import Participant
    from smki_testca.roles import UserRole

_AGREEMENT_ACTIONS = tuple(
    f"agreement.{change}" for change in ("replace", "end", "suspend", "resume")
)


MAX_ALLOCATED = 100_000
"""The most IDs that are allocated at once."""
NAMED = 3
"""The most agreements that an error names; it says that there are more."""


class RegisterStore:
    """The register of one estate.

    Args:
        database: of the estate.
        audit: records each change.
        library: the roles and Registry Entries.
        clock: tells the time.
        issued_to: the participants to which certificates were issued for an ID, even if they have
            run out or are revoked.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        library: Library,
        clock: Clock,
        issued_to: Callable[[Eui64], frozenset[str]],
    ) -> None:
        self._issued_to = issued_to
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

    def import_file(
        self, data: bytes, origin: str, warn: Callable[[str], None] | None = None
    ) -> tuple[list[Participant], list[Agreement]]:
        """Import the participants and agreements of a file.

        Args:
            data: the file's content, TOML.
            origin: the file's name, for errors.
            warn: called with a line for each thing that the file takes back.

        Returns:
            The participants and agreements of the file.

        Raises:
            InputError: if the file, or the register with it, is inconsistent; nothing is changed
                then.
        """
        participants, agreements = documents.read_file(data, origin, self._library)
        with met_in(Place(origin, data=data)):
            self.bring_in(participants, agreements, warn)
        return participants, agreements

    def bring_in(
        self,
        participants: list[Participant],
        agreements: list[Agreement],
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """Add participants and agreements, or update participants.

        Args:
            participants: to add or update.
            agreements: to add.
            warn: called with a line for each thing that they take back, such as a correction.

        Raises:
            InputError: if the register with them is inconsistent; nothing is changed then.
        """
        # A program may have made them by hand: what is stored is what is checked.
        participants = [
            documents.participant_from_record(
                documents.participant_to_record(participant), self._library.roles
            )
            for participant in participants
        ]
        with self._database.transaction():
            before = self.load()
            after = before.with_participants(participants).with_agreements(agreements)
            warnings = [] if warn is None else list(self._taken_back(before, after))
            self._store(before, after)
            self._audit.append(
                self._clock.now(),
                "register.import",
                {
                    "participants": [participant.id for participant in participants],
                    "agreements": [agreement.reference for agreement in agreements],
                },
            )

        for warning in warnings:
            if warn is not None:
                warn(warning)

    def _taken_back(self, before: Register, after: Register) -> Iterator[str]:
        """A line for each thing that an import takes back."""
        changed = [
            (known, after.participants[name])
            for name, known in before.participants.items()
            if after.participants[name] != known
        ]
        corrections: dict[str, list[PastCorrection]] = {}
        for entry in self._audit.entries_of("register.correct") if changed else ():
            try:
                past = PastCorrection(entry.number, entry.body["before"], entry.body["after"])
                corrections.setdefault(entry.body["participant"], []).append(past)
            except (LookupError, TypeError) as error:
                raise unreadable_entry(entry.number) from error
        for known, updated in changed:
            yield from taken_back(known, updated, corrections.get(known.id, ()))
            for allocated in known.ids:
                now = updated.allocated(allocated.eui64)
                lost = [
                    role.name
                    for role in allocated.user_roles
                    if now is None or role not in now.user_roles
                ]
                if lost and self._issued_to(allocated.eui64):
                    yield (
                        f"The ID {allocated.eui64} of {known.id} serves {', '.join(lost)} no"
                        " longer, and certificates were issued for it: revoke those that carry"
                        " what it holds no longer (R13)."
                    )

    def allocate(self, participant: str, user_role: str, count: int) -> list[Eui64]:
        """Allocate the next IDs to a participant and map them to a User Role.

        Args:
            participant: its id.
            user_role: that the IDs will serve.
            count: how many IDs: 1 to 100,000.

        Raises:
            InputError: if there is no such participant or role, the number is wrong, or too few
                IDs are left.
        """
        check_number("The number of IDs", count, 1, MAX_ALLOCATED)
        role = self._library.roles.user_role(user_role)
        with self._database.transaction():
            before = self.load()
            after, ids = before.allocate(
                participant, role, count, lambda eui64: bool(self._issued_to(eui64))
            )
            self._store_allocation(before, after, participant, role, ids)
        return ids

    def allocate_id(self, participant: str, user_role: str, eui64: Eui64) -> None:
        """Allocate one ID to a participant and map it to a User Role.

        Raises:
            InputError: if there is no such participant or role, or the ID is allocated already or
                not in the participant's ranges.
        """
        role = self._library.roles.user_role(user_role)
        with self._database.transaction():
            before = self.load()
            after = before.with_allocation(participant, role, eui64)
            self._store_allocation(before, after, participant, role, [eui64])

    def _store_allocation(
        self, before: Register, after: Register, participant: str, role: UserRole, ids: list[Eui64]
    ) -> None:
        """Store the register with IDs allocated, and the entry of that."""
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

    def correct(self, before: Register, after: Register, name: str) -> None:
        """Store a participant as corrected, within the transaction that loaded the register."""
        self._store(before, after)
        self._audit.append(
            self._clock.now(),
            "register.correct",
            {
                "participant": name,
                "before": before.participants[name].as_json(),
                "after": after.participants[name].as_json(),
            },
        )

    def remove(self, before: Register, name: str) -> None:
        """Remove a participant and its agreements, within the transaction that loaded the register.

        The entry of the audit log has all of them.
        """
        agreements = before.agreements_of(name)
        for agreement in agreements:
            self._database.execute(
                "DELETE FROM agreements WHERE reference = ?", (agreement.reference,)
            )
        self._database.execute("DELETE FROM participants WHERE id = ?", (name,))
        self._audit.append(
            self._clock.now(),
            "register.remove",
            {
                "participant": name,
                "before": before.participant(name).as_json(),
                "agreements": [agreement.as_json() for agreement in agreements],
            },
        )

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

    def replace_agreements(self, data: bytes, origin: str) -> list[Agreement]:
        """Replace agreements by those of the same references in a file.

        Those that are the same in both stay. Participants in the file are not looked at.

        Args:
            data: the file's content, TOML.
            origin: the file's name, for errors.

        Returns:
            The agreements that changed.

        Raises:
            InputError: if the file has no agreement or cannot be used, the register has none of a
                reference, or all are the same already; nothing is changed then.
        """
        _, arriving = documents.read_file(data, origin, self._library)
        if not arriving:
            raise InputError(
                "agreement.no_table",
                f"{origin} has no agreement.",
                "Write each as an [[agreement]] table.",
            )
        changed = []
        with self._database.transaction():
            register = self.load()
            for place, agreement in enumerate(arriving):
                with met_in(Place(origin, data=data).within("agreement", place)):
                    before, register = register, register.with_replacement(agreement)
                if before.agreements != register.agreements:
                    reference = agreement.reference
                    self._change_agreement("agreement.replace", before, register, reference)
                    changed.append(register.agreements[reference])
            if not changed:
                references = ", ".join(agreement.reference for agreement in arriving[:NAMED])
                others = " and others" if len(arriving) > NAMED else ""
                raise AlreadySoError(
                    "agreement.unchanged",
                    f"Nothing would change: what {origin} says of {references}{others} is in"
                    " the register already.",
                    "Change the terms in the file first. See: smki-testca agreement show",
                )
        return changed

    def end_agreement(self, reference: str, last: date) -> Agreement:
        """End an agreement with a day: the last on which it is in force.

        Raises:
            InputError: if there is none of that reference, it begins later, or it ends by then
                already.
        """
        with self._database.transaction():
            before = self.load()
            after = before.with_end(reference, last)
            self._change_agreement("agreement.end", before, after, reference)
        return after.agreements[reference]

    def _change_agreement(
        self, action: str, before: Register, after: Register, reference: str
    ) -> None:
        """Store an agreement that changed, with the entry that says how it was."""
        self._store(before, after)
        body = {
            "reference": reference,
            "before": before.agreements[reference].as_json(),
            "after": after.agreements[reference].as_json(),
        }
        self._audit.append(self._clock.now(), action, body)

    def agreement_changes(self) -> dict[str, list[AgreementChange]]:
        """The changes of each agreement since it was added, by reference, the oldest first.

        What went with its participant leaves its changes to no other of the same reference.
        """
        changes: dict[str, list[AgreementChange]] = {}
        for entry in self._audit.entries_of(*_AGREEMENT_ACTIONS, "register.remove"):
            try:
                if entry.action == "register.remove":
                    for removed in entry.body["agreements"]:
                        changes.pop(removed["reference"], None)
                    continue
                change = AgreementChange.of_entry(entry.number, entry.at, entry.action, entry.body)
                changes.setdefault(entry.body["reference"], []).append(change)
            except (AttributeError, LookupError, TypeError) as error:
                raise unreadable_entry(entry.number) from error
        return changes

    def notify(self, flow: Flow) -> Notification:
        """Make the next notification of a flow, and count it as told."""
        notification = self.next_notification(flow)
        self.count_as_told(notification)
        return notification

    def next_notification(self, flow: Flow) -> Notification:
        """The changes in a flow since its last notification; nothing is counted as told."""
        number, before = self._last_notified(flow)
        return notify(flow, number + 1, self._clock.now(), before, statements(flow, self.load()))

    def count_as_told(self, notification: Notification) -> None:
        """Remember a notification, so that the next one of its flow tells what changes after it.

        Raises:
            EstateError: if another of its number was remembered meanwhile.
        """
        flow = notification.flow
        with self._database.transaction():
            number, before = self._last_notified(flow)
            if notification.number != number + 1:
                raise EstateError(
                    "estate.changing",
                    f"Another process made notification {number} of the flow {flow} at the same"
                    " time, so"
                    " this one is not counted.",
                    "Discard what was printed, and repeat the command.",
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
        """An earlier notification, as it was.

        Raises:
            InputError: if the flow has none of that number.
        """
        after = self._notified(flow, number) if number <= LARGEST else None
        if after is None:
            last, _ = self._last_notified(flow)
            raise InputError(
                "notification.unknown",
                f"The flow {flow} has no notification {number}.",
                f"Name one from 1 to {last}." if last else "It has none yet.",
            )
        before = self._notified(flow, number - 1)
        return notify(
            flow, number, after.at, before.statements if before else frozenset(), after.statements
        )

    def _last_notified(self, flow: Flow) -> tuple[int, frozenset[Entry]]:
        """The number of a flow's last notification, and the facts that it left."""
        last = self._database.record(
            _notified_state,
            "SELECT flow, number, at, said FROM notifications WHERE flow = ?"
            " ORDER BY number DESC LIMIT 1",
            (flow.value,),
        )
        return (0, frozenset()) if last is None else (last.number, last.statements)

    def _notified(self, flow: Flow, number: int) -> _NotifiedState | None:
        return self._database.record(
            _notified_state,
            "SELECT flow, number, at, said FROM notifications WHERE flow = ? AND number = ?",
            (flow.value, number),
        )

    def _store(self, before: Register, after: Register) -> None:
        for name, participant in after.participants.items():
            present = before.participants.get(name)
            if present != participant:
                self._check_unspent(present, participant)
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

    def _check_unspent(self, before: Participant | None, after: Participant) -> None:
        """Check that a participant gains no ID for which another has certificates.

        Raises:
            InputError: naming the ID and the other.
        """
        present = set() if before is None else {each.eui64 for each in before.ids}
        for allocated in after.ids:
            if allocated.eui64 in present:
                continue
            others = self._issued_to(allocated.eui64) - {after.id}
            if others:
                raise InputError(
                    "allocation.spent",
                    f"The ID {allocated.eui64} cannot be allocated to {after.id}: certificates were"
                    f" issued for it to {', '.join(sorted(others))}. An ID never gets another"
                    " holder, even once they are revoked (R12).",
                    "Choose an ID that no certificate was issued for.",
                )


def _agreement(row: sqlite3.Row) -> Agreement:
    agreement = documents.agreement_from_record(row["record"])
    if agreement.reference != row["reference"]:
        raise ValueError(f"its record is of {agreement.reference}")
    return agreement


class _NotifiedState(NamedTuple):
    """The facts of a flow as a notification left them.

    Attributes:
        number: of the notification.
        at: when it was made, UTC.
        statements: those that held then.
    """

    number: int
    at: datetime
    statements: frozenset[Entry]


def _notified_state(row: sqlite3.Row) -> _NotifiedState:
    entries = msgspec.json.decode(row["said"], type=list[tuple[str, ...]])
    return _NotifiedState(row["number"], datetime.fromisoformat(row["at"]), frozenset(entries))
