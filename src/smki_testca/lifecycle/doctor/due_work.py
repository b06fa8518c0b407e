"""Looks for work that waits: CAs to renew, revocation lists to issue, runs to resume."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from smki_testca.clock import iso, later
from smki_testca.estate.database import FORMAT
from smki_testca.estate.runs import State
from smki_testca.estate.status import Status
from smki_testca.estate.stores import renewal_remedy, roll_over_command
from smki_testca.lifecycle.doctor import kinds
from smki_testca.lifecycle.doctor.observation import Observation
from smki_testca.lifecycle.due_lists import DueReason, due_lists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.lifecycle.doctor.patient import Patient
    from smki_testca.lifecycle.looking import Look

SOON = timedelta(days=90)
"""A CA that expires within this time is reported."""


def check_authorities(patient: Patient, look: Look) -> Iterator[Observation]:
    """Look for CAs that issue now, although they are expired, revoked or soon to expire."""
    now = patient.clock.now()
    for state in look.estate.authorities.states():
        record = state.record
        if not state.issues_now:
            continue
        status = look.estate.status(record)
        if status is Status.REVOKED:
            yield Observation(
                kinds.CA_REVOKED,
                f"The CA {record.label} is revoked: nobody trusts what it signs.",
                f"Make the next generation: {roll_over_command(record)}",
            )
        elif status is Status.EXPIRED:
            yield Observation(
                kinds.CA_EXPIRED,
                f"The CA {record.label} expired at {iso(record.not_after)}: nobody trusts what it"
                " signs.",
                renewal_remedy(record),
            )
        elif record.not_after < later(now, SOON):
            yield Observation(
                kinds.CA_EXPIRING,
                f"The CA {record.label} expires at {iso(record.not_after)}.",
                renewal_remedy(record),
            )


def check_lists(patient: Patient, look: Look) -> Iterator[Observation]:
    """Look for CAs that owe a revocation list."""
    now = patient.clock.now()
    for due in due_lists(look.estate):
        yield Observation(
            kinds.LIST_EXPIRED if due.reason is DueReason.RUN_OUT else kinds.LIST_DUE,
            f"The CA {due.name} owes a revocation list: {due.why(now)}.",
            "Issue every list that is due: smki-testca crl issue --all",
        )


def check_runs(patient: Patient, look: Look) -> Iterator[Observation]:
    """Look for runs that were interrupted, and for batches that no server processes."""
    del patient
    for run in look.estate.runs.all():
        if run.state is State.INTERRUPTED:
            yield Observation(
                kinds.RUN_INTERRUPTED,
                f"Run {run.id} was interrupted: {run.issued} of its {run.terms.count} certificates"
                " are issued.",
                f"Go on with it: smki-testca batch resume {run.id}. Or end it: smki-testca batch"
                f" cancel {run.id}",
            )
    for batch in look.estate.batch_requests.unfinished():
        yield Observation(
            kinds.BATCH_WAITING,
            f"Batch {batch.id} of {batch.participant}, received at {iso(batch.received)}, waits:"
            f" {batch.state.value}.",
            "A running server processes it: smki-testca serve",
        )


def check_format(patient: Patient, look: Look) -> Iterator[Observation]:
    """Look whether the estate's file has an earlier format."""
    del patient
    if look.format < FORMAT:
        yield Observation(
            kinds.FORMAT_OLD,
            f"The estate has format {look.format}; this version uses {FORMAT}.",
            "Nothing needs to be done: the next command that opens it upgrades it. Earlier"
            " versions cannot open it then.",
        )
