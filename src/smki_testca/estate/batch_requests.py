"""Stores the batches of CSRs that were submitted to the services, and what became of each.

A batch is there, once, from the transaction that stored it on: its content, its row and its audit
entry. Its id is the BatchId of SEC App. M. The run that signs it is stored in one transaction with
the batch's new state, so that no crash makes two runs of one batch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from smki_testca.clock import from_iso, iso, later
from smki_testca.errors import AlreadySoError, InputError
from smki_testca.estate.runs import State
from smki_testca.numbers import LARGEST
from smki_testca.register.requests import Delivery

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from datetime import datetime

    from smki_testca.estate.audit import AuditLog
    from smki_testca.estate.database import Database

RESULT_DAYS = 30
"""The days for which the result of a batch is kept for its participant (SEC App. M 2.5.1.4)."""
ACTIONS = "batch_request."
"""The start of the actions of audit entries that tell what became of a batch."""


class BatchState(StrEnum):
    """The state of a batch, as SEC App. M D names it.

    ``PAUSED`` is never stored: it is a batch that waits for the daily window.
    """

    PENDING = "PENDING"
    PARSING = "PARSING"
    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"
    TAMPERED = "TAMPERED"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more becomes of a batch."""
        return self in {BatchState.COMPLETED, BatchState.REJECTED, BatchState.TAMPERED}


class Origin(StrEnum):
    """The place where a batch was submitted."""

    WEB_SERVICE = "batched"
    PORTAL = "portal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A batch as it is submitted.

    Attributes:
        origin: where.
        reference: the client's name for it: the ID of the message, or the name of the ZIP.
        participant: who asks: its id in the register.
        environment, purpose: of the certificates asked for.
        delivery: how they reach their holders (R6).
        peer: who submitted it, as the audit log records that.
        csrs: how many there are.
        content: what was submitted, octet for octet.
    """

    origin: Origin
    reference: str
    participant: str
    environment: str
    purpose: str
    delivery: Delivery
    peer: Mapping[str, Any]
    csrs: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """A batch that was submitted.

    Attributes:
        id: the BatchId; counts from 1.
        origin: where it was submitted.
        reference: the client's name for it: the ID of the message, or the name of the ZIP.
        participant: who asked: its id in the register.
        environment, purpose: of the certificates asked for.
        delivery: how they reach their holders (R6).
        peer: who submitted it, as the audit log records that.
        csrs: how many there are.
        digest: SHA-256 of what was submitted.
        state: what became of it, the run taken into account.
        received: when it was submitted, UTC.
        finished: when nothing more was to become of it, UTC; None until then.
        run: the run that signs it; None before there is one, and where no CSR can be signed.
        signable: how many CSRs the run signs.
        issued: how many certificates it has issued.
    """

    id: int
    origin: Origin
    reference: str
    participant: str
    environment: str
    purpose: str
    delivery: Delivery
    peer: Mapping[str, Any]
    csrs: int
    digest: bytes
    state: BatchState
    received: datetime
    finished: datetime | None
    run: int | None
    signable: int
    issued: int

    def is_result_kept(self, at: datetime) -> bool:
        """Whether the participant can still ask for the result at a time."""
        return self.finished is None or at < later(self.finished, timedelta(days=RESULT_DAYS))


class BatchRequestStore:
    """The batches that were submitted to one estate."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    def add(self, submission: Submission, at: datetime) -> int:
        """Store a batch and its audit entry, within the caller's transaction.

        Returns:
            Its id.
        """
        number = int(self._database.value("SELECT coalesce(max(id), 0) + 1 FROM batch_requests"))
        digest = hashlib.sha256(submission.content).digest()
        self._database.insert(
            "batch_requests",
            {
                "id": number,
                "origin": submission.origin.value,
                "reference": submission.reference,
                "participant": submission.participant,
                "environment": submission.environment,
                "purpose": submission.purpose,
                "delivery": Delivery(submission.delivery).value,
                "peer": json.dumps(dict(submission.peer), sort_keys=True),
                "csrs": submission.csrs,
                "digest": digest,
                "state": BatchState.PENDING.value,
                "received": iso(at),
            },
        )
        self._database.insert("batch_contents", {"batch": number, "content": submission.content})
        self._audit.append(
            at,
            f"service.{submission.origin}",
            {
                "request": "SubmitCSRBatch",
                "status": BatchState.PENDING.value,
                "batch": number,
                "reference": submission.reference,
                "participant": submission.participant,
                "environment": submission.environment,
                "purpose": submission.purpose,
                "delivery": Delivery(submission.delivery).value,
                "csrs": submission.csrs,
                "sha256": digest.hex(),
                "peer": dict(submission.peer),
            },
        )
        return number

    def get(self, number: int) -> BatchRequest | None:
        """The batch of that number; None if there is none."""
        requests = self._where("batch_requests.id = ?", number) if 0 < number <= LARGEST else []
        return requests[0] if requests else None

    def of(self, participant: str | None) -> list[BatchRequest]:
        """The batches of a participant, the newest first; of None, those of all."""
        if participant is None:
            return self._where("1")
        return self._where("batch_requests.participant = ?", participant)

    def unfinished(self) -> list[BatchRequest]:
        """The batches of which something is still to become, the oldest first."""
        ended = ", ".join(f"'{state}'" for state in BatchState if state.has_ended)
        return self._where(f"batch_requests.state NOT IN ({ended})")[::-1]

    def content(self, number: int) -> bytes | None:
        """The submission, octet for octet; None once it was parsed."""
        content: bytes | None = self._database.value(
            "SELECT content FROM batch_contents WHERE batch = ?", (number,)
        )
        return content

    def report(self, number: int) -> bytes | None:
        """The Report on the CSRs of a batch, encoded; None before it was parsed."""
        row = self._database.row(
            "SELECT batch_requests.id, batch_requests.report, runs.report AS of_run"
            " FROM batch_requests LEFT JOIN runs ON runs.id = batch_requests.run"
            " WHERE batch_requests.id = ?",
            (number,),
        )
        digest: bytes | None = None if row is None else row["of_run"] or row["report"]
        return digest

    # What becomes of a batch. Each is done within the caller's transaction.

    def begin_parsing(self, number: int, at: datetime) -> bool:
        """Note that a batch is being parsed; whether it is still to be."""
        state = self._stored_state(number)
        if state is BatchState.PENDING:
            self._set(number, BatchState.PARSING, at, {})
        return state in {BatchState.PENDING, BatchState.PARSING}

    def keep_run(self, number: int, run: int, at: datetime) -> None:
        """Note the run that signs a batch; its report is the run's.

        Raises:
            AlreadySoError: if the batch has a run, or has ended. The run must not be stored.
        """
        self._check_unparsed(number)
        self._database.execute("UPDATE batch_requests SET run = ? WHERE id = ?", (run, number))
        self._set(number, BatchState.QUEUED, at, {"run": run})
        self._forget_content(number)

    def complete_without_run(self, number: int, report: bytes, at: datetime) -> None:
        """Note that no CSR of a batch can be signed.

        Args:
            number: of the batch.
            report: says why of each CSR, encoded.
            at: when that was found, UTC.

        Raises:
            AlreadySoError: if the batch has a run, or has ended.
        """
        self._check_unparsed(number)
        self._database.execute(
            "UPDATE batch_requests SET report = ? WHERE id = ?", (report, number)
        )
        self._set(number, BatchState.COMPLETED, at, {"run": None})
        self._forget_content(number)

    def begin_processing(self, number: int, at: datetime) -> bool:
        """Note that the run of a batch is being made; whether it is still to be."""
        state = self._stored_state(number)
        if state is BatchState.QUEUED:
            self._set(number, BatchState.PROCESSING, at, {})
        return state in {BatchState.QUEUED, BatchState.PROCESSING}

    def settle(self, number: int, at: datetime) -> None:
        """Note how the run of a batch ended; nothing if it has not, or that is noted."""
        batch = self.get(number)
        if batch is not None and batch.state.has_ended and not self._has_ended(number):
            self._set(number, batch.state, batch.finished or at, {"run": batch.run})

    def reject(self, number: int, at: datetime, details: Mapping[str, Any]) -> None:
        """Note that a batch is rejected: it is not processed further.

        Args:
            number: of the batch.
            at: when, UTC.
            details: why or by whom, for the audit log.

        Raises:
            AlreadySoError: if the batch has ended.
        """
        self._check_going_on(number)
        self._set(number, BatchState.REJECTED, at, details)
        self._forget_content(number)

    def find_tampered(self, number: int, at: datetime, digest: str | None) -> None:
        """Note that the content of a batch is not what was submitted; it is kept as it is.

        Args:
            number: of the batch.
            at: when that was found, UTC.
            digest: SHA-256 of what there is, hexadecimal; None if there is nothing.
        """
        if not self._has_ended(number):
            self._set(number, BatchState.TAMPERED, at, {"sha256": digest})

    def _check_unparsed(self, number: int) -> None:
        if self._stored_state(number) not in {BatchState.PENDING, BatchState.PARSING}:
            raise _already(number, "has been parsed or has ended")

    def _check_going_on(self, number: int) -> None:
        batch = self.get(number)
        if batch is None:
            raise unknown(number)
        if batch.state.has_ended:
            raise _already(number, f"is {batch.state} already")

    def _has_ended(self, number: int) -> bool:
        return self._stored_state(number).has_ended

    def _stored_state(self, number: int) -> BatchState:
        state = self._database.record(
            lambda row: BatchState(row["state"]),
            "SELECT id, state FROM batch_requests WHERE id = ?",
            (number,),
        )
        if state is None:
            raise unknown(number)
        return state

    def _set(
        self, number: int, state: BatchState, at: datetime, details: Mapping[str, Any]
    ) -> None:
        finished = iso(at) if state.has_ended else None
        self._audit.append(at, f"{ACTIONS}{state.value.lower()}", {"batch": number, **details})
        self._database.execute(
            "UPDATE batch_requests SET state = ?, finished = ? WHERE id = ?",
            (state.value, finished, number),
        )

    def _forget_content(self, number: int) -> None:
        self._database.execute("DELETE FROM batch_contents WHERE batch = ?", (number,))

    def _where(self, condition: str, *values: int | str) -> list[BatchRequest]:
        return self._database.records(
            _from_row,
            "SELECT batch_requests.id, origin, reference, batch_requests.participant, environment,"  # noqa: S608 - our own words
            " purpose, delivery, peer, csrs, batch_requests.digest, batch_requests.state, received,"
            " batch_requests.finished, run, runs.state AS of_run, runs.finished AS run_finished,"
            " (SELECT coalesce(sum(count), 0) FROM tiles WHERE tiles.run = batch_requests.run)"
            " AS signable, (SELECT coalesce(sum(count), 0) FROM tiles"
            " WHERE tiles.run = batch_requests.run AND tiles.digest <> x'') AS issued"
            " FROM batch_requests LEFT JOIN runs ON runs.id = batch_requests.run"
            f" WHERE {condition} ORDER BY batch_requests.id DESC",
            values,
        )


def unknown(number: int) -> InputError:
    """The error for a number that no batch has."""
    return InputError("batch_request.unknown", f"There is no batch {number}.")


def _already(number: int, predicate: str) -> AlreadySoError:
    return AlreadySoError("batch_request.state", f"Batch {number} {predicate}.")


_ENDS_OF_RUNS = {State.DONE: BatchState.COMPLETED, State.CANCELLED: BatchState.REJECTED}


def _from_row(row: sqlite3.Row) -> BatchRequest:
    state, finished = BatchState(row["state"]), row["finished"]
    if not state.has_ended and row["of_run"] is not None:
        # Whoever ended the run, such as an operator who cancelled it, ended the batch.
        state = _ENDS_OF_RUNS.get(State(row["of_run"]), state)
        finished = row["run_finished"]
    peer = json.loads(row["peer"])
    if not isinstance(peer, dict):
        raise TypeError("its peer is not an object")
    return BatchRequest(
        id=row["id"],
        origin=Origin(row["origin"]),
        reference=row["reference"],
        participant=row["participant"],
        environment=row["environment"],
        purpose=row["purpose"],
        delivery=Delivery(row["delivery"]),
        peer=peer,
        csrs=row["csrs"],
        digest=row["digest"],
        state=state,
        received=from_iso(row["received"]),
        finished=None if finished is None else from_iso(finished),
        run=row["run"],
        signable=row["signable"],
        issued=row["issued"],
    )
