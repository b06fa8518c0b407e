"""Corrects participants, and removes those that have nothing, where nothing issued contradicts it.

A certificate contradicts a correction that would make it untrue: it has the name, the Signifier or
an ID that its holder would no longer have, falls into a category that is not open to the new kind,
or carries a RemotePartyRole that its holder could no longer have. Once it is revoked or has run
out, it does not. Nor does a Device Certificate that is not in use, because no list can revoke it.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from smki_testca.errors import AlreadySoError, InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.register.correction import Correction
    from smki_testca.register.participants import Participant
    from smki_testca.register.register import Register
    from smki_testca.roles import RemotePartyRole

NAMED = 3
"""The most certificates, agreements or IDs that an error names; it says that there are more."""


def correct(estate: Stores, name: str, correction: Correction) -> tuple[Participant, Participant]:
    """Correct a participant; see ``Estate.correct_participant``."""
    with estate.transaction():
        register = estate.register.load()
        before = register.participant(name)
        after = correction.of(before, estate.library.roles)
        if after == before:
            raise AlreadySoError(
                "participant.unchanged",
                f"Participant {name} is already registered in that way.",
                f"See: smki-testca register show {name}",
            )
        corrected = _corrected(register, before, after)
        _check_no_run(estate, name, "corrected")
        contradictions = list(_contradictions(estate, before, after))
        if contradictions:
            raise InputError(
                "participant.contradicted",
                f"Participant {name} cannot be corrected: {'; '.join(contradictions)}.",
                "Revoke what is wrong first: smki-testca revoke (for Devices set-status"
                " not-in-use). A name that has changed since comes with register import.",
            )
        estate.register.correct(register, corrected, name)
    return before, after


def _corrected(register: Register, before: Participant, after: Participant) -> Register:
    """The register with a participant corrected; the error says what else to correct."""
    try:
        return register.with_correction(after)
    except InputError as error:
        if error.code != "user_role.kind" or after.kind is before.kind:
            raise
        raise InputError(
            error.code,
            error.message,
            "Withdraw the IDs that serve it in the same command, with --withdraw-id EUI64 or"
            " --withdraw-id all, and allocate others afterwards.",
        ) from error


def remove(estate: Stores, name: str) -> Participant:
    """Remove a participant that has nothing; see ``Estate.remove_participant``."""
    with estate.transaction():
        register = estate.register.load()
        participant = register.participant(name)
        _check_no_run(estate, name, "removed")
        obstacles = list(_obstacles(estate, register, participant))
        steps = [step for _, step in obstacles]
        if obstacles:
            raise InputError(
                "participant.in_use",
                f"Participant {name} cannot be removed: {'; '.join(has for has, _ in obstacles)}.",
                f"First: {', '.join(steps)}" if all(steps) else "It stays in the register.",
            )
        estate.register.remove(register, name)
    return participant


def _check_no_run(estate: Stores, name: str, action: str) -> None:
    """Check that no batch is about to issue certificates on what the register says now."""
    for run in estate.runs.all():
        if run.is_unfinished and any(section.participant == name for section in run.terms.sections):
            raise InputError(
                "participant.batch",
                f"Participant {name} cannot be {action} now: run {run.id} is in progress and"
                " issues certificates to it.",
                f"Let it end (smki-testca batch resume {run.id}), or cancel it: smki-testca batch"
                f" cancel {run.id}",
            )


def _contradictions(estate: Stores, before: Participant, after: Participant) -> Iterator[str]:
    """The certificates that a correction would make untrue, each in words."""
    library = estate.library
    if after.name != before.name:
        records = _with_field(estate, before, "participant-name")
        yield from _in_words(records, f"have the name {before.name}")
    if after.signifier != before.signifier and before.signifier is not None:
        records = _with_field(estate, before, "signifier")
        yield from _in_words(records, f"have the Signifier {before.signifier}")
    lost = [each.eui64 for each in before.ids if after.allocated(each.eui64) is None]
    records = (
        record
        for eui64 in lost
        for record in _lasting(estate, Selection(participant=before.id, eui64=eui64))
    )
    yield from _in_words(records, "have IDs that it would lose")
    if lost and after.kind is before.kind:
        records = (
            record
            for record, role in _with_roles(estate, before)
            if record.eui64 is None and before.serves(role) and not after.serves(role)
        )
        yield from _in_words(records, "carry a role that none of its IDs would serve")
    if after.kind is not before.kind:
        closed = [
            category for category in library.categories if after.kind not in category.participants
        ]
        names = {category.name for category in closed}
        profiles = dict.fromkeys(profile for category in closed for profile in category.profiles)
        records = (
            record
            for profile in profiles
            for record in _lasting(estate, Selection(participant=before.id, profile=profile))
            if record.category in names
        )
        yield from _in_words(records, f"are of a category not open to the kind {after.kind}")
        # A category may be open to several kinds, and a role in it to one of them.
        records = (
            record
            for record, role in _with_roles(estate, before)
            if record.category not in names and not library.roles.holds(after.kind, role)
        )
        yield from _in_words(records, f"carry a role that the kind {after.kind} cannot hold")


def _with_roles(estate: Stores, holder: Participant) -> Iterator[tuple[Record, RemotePartyRole]]:
    """The lasting certificates of a participant that carry a RemotePartyRole, and the role."""
    for profile in estate.library.profiles:
        if profile.role_field is None:
            continue
        for record in _lasting(estate, Selection(participant=holder.id, profile=profile.name)):
            role = profile.role_in(view_certificate(record.der), estate.library.roles)
            if role is not None:
                yield record, role


def _with_field(estate: Stores, holder: Participant, name: str) -> Iterator[Record]:
    """The lasting certificates of a participant whose type has a field from the register."""
    for profile in estate.library.profiles:
        if profile.field_of(name) is not None:
            yield from _lasting(estate, Selection(participant=holder.id, profile=profile.name))


def _lasting(estate: Stores, selection: Selection) -> Iterator[Record]:
    """The certificates of a selection that can contradict a correction."""
    for record in estate.select(selection):
        ended = {Status.REVOKED, Status.EXPIRED}
        if not estate.library.hierarchy(record.hierarchy).revocation_lists:
            ended.add(Status.NOT_IN_USE)
        if estate.status(record) not in ended:
            yield record


def _in_words(records: Iterator[Record], predicate: str) -> Iterator[str]:
    named = _named(
        f"{record.serial} ({record.profile if record.eui64 is None else record.eui64})"
        for record in records
    )
    if named:
        yield f"the certificates {named} {predicate}"


def _named(names: Iterable[str]) -> str:
    """The first few names, and whether there are more; empty where there are none."""
    first = list(islice(names, NAMED + 1))
    return ", ".join(first[:NAMED]) + (" and others" if len(first) > NAMED else "")


def _obstacles(
    estate: Stores, register: Register, participant: Participant
) -> Iterator[tuple[str, str]]:
    """The obstacles to a removal: what a participant has, and what to do about it."""
    name = participant.id
    records = _named(str(record.serial) for record in estate.select(Selection(participant=name)))
    if records:
        yield f"it has the certificates {records}", ""
    elif estate.key_holders.has_keys(name):
        yield "it has keys that were brought to a run", ""
    today = estate.clock.now().date()
    agreements = [
        agreement for agreement in register.agreements_of(name) if not agreement.has_ended(today)
    ]
    if agreements:
        yield (
            f"it is bound by {_named(agreement.reference for agreement in agreements)}",
            f"smki-testca agreement end {agreements[0].reference} --on DATE (a day before today)",
        )
    if participant.ids:
        ids = _named(str(allocated.eui64) for allocated in participant.ids)
        yield (
            f"the IDs {ids} are allocated to it",
            f"smki-testca register correct {name} --withdraw-id all",
        )
    accounts = estate.accounts.of_participant(name)
    if accounts:
        yield (
            f"it has the accounts {_named(accounts)}",
            f"smki-testca account remove {accounts[0]}",
        )
