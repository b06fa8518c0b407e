"""Stores runs of many certificates: their terms, states and secrets."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from smki_testca.clock import from_iso, iso
from smki_testca.errors import AlreadySoError, EstateError, InputError
from smki_testca.estate.database import RESTORE
from smki_testca.estate.run_locks import RunLocks
from smki_testca.estate.terms import MAX_ROW, Secrets, Terms
from smki_testca.identifiers import SerialNumber
from smki_testca.numbers import LARGEST

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from datetime import datetime

    from smki_testca.estate.audit import AuditLog
    from smki_testca.estate.database import Database
    from smki_testca.estate.estate_key_store import EstateKeyStore
    from smki_testca.estate.tiles import TileStore


_IDENTITY_OCTETS = 16
"""Of what tells a run from those of the same number in other copies of the estate's file.

Always from the system: with the same seed, two copies must differ."""
_SERIAL_KEY_OCTETS = 16


class State(StrEnum):
    """The state of a run.

    ``INTERRUPTED`` is never stored: it is a run stored as running on which no living process works.
    """

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        id: counts from 1.
        state: running, interrupted, done or cancelled.
        created, finished: UTC, ISO 8601; ``finished`` is None while it runs.
        terms: of the run.
        issued: the number of certificates in finished tiles.
    """

    id: int
    state: State
    created: str
    finished: str | None
    terms: Terms
    issued: int

    @property
    def is_unfinished(self) -> bool:
        """Whether it can be resumed or cancelled."""
        return self.state in {State.RUNNING, State.INTERRUPTED}

    def as_json(self) -> dict[str, Any]:
        """The run as a JSON object."""
        return {
            "id": self.id,
            "state": self.state.value,
            "source": self.terms.source,
            "count": self.terms.count,
            "issued": self.issued,
            "seeded": self.terms.seeded,
            "keys_secret": not self.terms.seeded,
            "label": self.terms.label_template or self.terms.label,
            "created": self.created,
            "finished": self.finished,
            "participants": sorted({section.participant for section in self.terms.sections}),
            "profiles": sorted({section.profile for section in self.terms.sections}),
            **({"manifest": self.terms.manifest} if self.terms.manifest else {}),
        }


class RunStore:
    """The runs of one estate."""

    def __init__(
        self, database: Database, audit: AuditLog, estate_key: EstateKeyStore, tiles: TileStore
    ) -> None:
        self._database = database
        self._audit = audit
        self._estate_key = estate_key
        self.locks = RunLocks(tiles.folder)

    def add(self, terms: Terms, secrets: Secrets, at: datetime) -> int:
        """Store a new run, within the caller's transaction; this process works on it from now on.

        Args:
            terms: of the run.
            secrets: of the run; they are sealed.
            at: the time of its creation, UTC.

        Returns:
            The run's id.
        """
        number = int(self._database.value("SELECT coalesce(max(id), 0) + 1 FROM runs"))
        self._database.insert(
            "runs",
            {
                "id": number,
                "identity": os.urandom(_IDENTITY_OCTETS),
                "state": State.RUNNING.value,
                "created": iso(at),
                "terms": msgspec.json.encode(terms),
                "serial_key": secrets.serial_key,
                "secrets": self._estate_key.seal(msgspec.msgpack.encode(secrets), _label(number)),
            },
        )
        self.locks.hold(number)
        return number

    def state(self, run: int) -> State:
        """The stored state of a run now; another process may have ended it."""
        state = self._database.record(
            lambda row: State(row["state"]), "SELECT id, state FROM runs WHERE id = ?", (run,)
        )
        if state is None:
            raise _missing(run)
        return state

    def set_state(self, run: int, state: State, at: datetime) -> None:
        """Set the state of a run, with its audit entry, within the caller's transaction."""
        finished = None if state is State.RUNNING else iso(at)
        self._audit.append(at, f"batch.{state.value}", {"run": run})
        self._database.execute(
            "UPDATE runs SET state = ?, finished = ? WHERE id = ?", (state.value, finished, run)
        )

    def get(self, number: int) -> Run:
        """The run with an id.

        Raises:
            InputError: if there is none.
        """
        runs = self._where("id = ?", number) if number <= LARGEST else []
        if not runs:
            raise InputError(
                "batch.unknown", f"The estate has no run {number}.", "See: smki-testca batch list"
            )
        return runs[0]

    def all(self) -> list[Run]:
        """Every run, the oldest first."""
        return self._where("1")

    def own_columns(self) -> list[str]:
        """The names of the operator's own columns in any run, the oldest first."""
        sections = (section for run in self.all() for section in run.terms.sections)
        return list(dict.fromkeys(name for section in sections for name in section.columns))

    def of_manifest(self, sha256: str, options: Mapping[str, str]) -> list[Run]:
        """The runs that issued a manifest, filled with the same options, or are about to.

        Args:
            sha256: of the manifest, hexadecimal.
            options: as the run's terms have them.
        """
        return [
            run
            for run in self.all()
            if (run.terms.manifest, run.terms.options) == (sha256, options)
            and (run.state is not State.CANCELLED or run.issued)
        ]

    def last(self) -> Run:
        """The newest run.

        Raises:
            InputError: if there is none.
        """
        runs = self._where("id = (SELECT max(id) FROM runs)")
        if not runs:
            raise InputError(
                "batch.unknown", "The estate has no runs.", "See: smki-testca batch issue --help"
            )
        return runs[0]

    def last_unfinished(self) -> Run:
        """The newest run that can be resumed: an interrupted one before one that is worked on.

        Raises:
            AlreadySoError: if every run is done or cancelled.
        """
        unfinished = [run for run in self.all() if run.is_unfinished]
        if not unfinished:
            raise AlreadySoError(
                "batch.state",
                "The estate has no run that can be resumed: each is done or cancelled.",
                "See: smki-testca batch list",
            )
        return max(unfinished, key=lambda run: (run.state is State.INTERRUPTED, run.id))

    def keep_report(self, run: int, report: bytes) -> None:
        """Store the report of a run's batch of CSRs, within the caller's transaction."""
        self._database.execute("UPDATE runs SET report = ? WHERE id = ?", (report, run))

    def report(self, run: int) -> bytes | None:
        """The report of a run's batch of CSRs; None for a run of another source."""
        report: bytes | None = self._database.value("SELECT report FROM runs WHERE id = ?", (run,))
        return report

    def secrets(self, run: int) -> Secrets:
        """The secrets with which a run's tiles are made.

        Raises:
            EstateError: if the passphrase is wrong.
        """
        secrets = self._database.record(
            lambda row: msgspec.msgpack.decode(
                self._estate_key.unseal(row["secrets"], _label(run)), type=Secrets
            ),
            "SELECT id, secrets FROM runs WHERE id = ?",
            (run,),
        )
        if secrets is None:
            raise _missing(run)
        return secrets

    def check_secrets(self, run: int) -> None:
        """Unseal the secrets of a run, and compare its serial key with them.

        Raises:
            EstateError: if the passphrase is wrong, or they were changed.
        """
        if dict(self.serial_keys()).get(run) != self.secrets(run).serial_key:
            raise EstateError("audit.key", f"The serial key of run {run} was changed.", RESTORE)

    def serial_keys(self) -> list[tuple[int, bytes]]:
        """The id of each run, and the key that permutes its row numbers into serials."""
        return self._database.records(_serial_key, "SELECT id, serial_key FROM runs ORDER BY id")

    def has_serials_of(self, secrets: Secrets) -> bool:
        """Whether another run has the same serial key."""
        return any(key == secrets.serial_key for _, key in self.serial_keys())

    def _where(self, condition: str, *values: int) -> list[Run]:
        runs = self._database.records(
            _from_row,
            "SELECT id, state, created, finished, terms, (SELECT coalesce(sum(count), 0)"  # noqa: S608 - our own words
            " FROM tiles WHERE run = id AND digest <> x'') AS issued"
            f" FROM runs WHERE {condition} ORDER BY id",
            values,
        )
        return [
            replace(run, state=State.INTERRUPTED)
            if run.state is State.RUNNING and not self.locks.is_held(run.id)
            else run
            for run in runs
        ]


def _from_row(row: sqlite3.Row) -> Run:
    from_iso(row["created"])
    if row["finished"] is not None:
        from_iso(row["finished"])
    if row["state"] == State.INTERRUPTED.value:
        raise ValueError("its state is none that is stored")
    return Run(
        id=row["id"],
        state=State(row["state"]),
        created=row["created"],
        finished=row["finished"],
        terms=read_terms(row["terms"]),
        issued=row["issued"],
    )


def read_terms(encoded: bytes) -> Terms:
    """Read the terms of a run as they are stored, in JSON.

    Raises:
        ValueError: if they are something else.
    """
    terms = msgspec.json.decode(encoded, type=Terms)
    from_iso(terms.at)
    for section in terms.sections:
        SerialNumber.parse(section.issuer)
        if not 0 <= section.count <= MAX_ROW or not 0 <= (section.first_id or 0) < 1 << 64:
            raise ValueError("a section has an impossible number of rows or first EUI-64")
    return terms


def _serial_key(row: sqlite3.Row) -> tuple[int, bytes]:
    if len(row["serial_key"]) != _SERIAL_KEY_OCTETS:
        raise ValueError(f"its serial_key has {len(row['serial_key'])} octets")
    return row["id"], row["serial_key"]


def _missing(run: int) -> EstateError:
    return EstateError("estate.damaged", f"Run {run} is missing in the estate.", RESTORE)


def _label(run: int) -> bytes:
    return f"run {run}".encode("ascii")
