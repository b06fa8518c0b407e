"""Asks the gate again about a run in progress: what it rests on may have ended meanwhile.

The gate is asked at each resume, and then at least once a minute. A suspended or ended agreement
stops the run, and so does a row that the register of today forbids. Its finished tiles stay, and it
can be resumed once the gate consents again.
"""

from __future__ import annotations

import hashlib
import time
from itertools import islice
from typing import TYPE_CHECKING

from smki_testca.errors import Refusal
from smki_testca.identifiers import Eui64
from smki_testca.issuance.batch.unfinished_rows import requests_of
from smki_testca.register.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.errors import RefusalReason
    from smki_testca.estate.changes import Mark
    from smki_testca.estate.runs import Run
    from smki_testca.estate.stores import Stores
    from smki_testca.estate.terms import Section
    from smki_testca.estate.tiles import TileRecord
    from smki_testca.profiles import Library
    from smki_testca.register.gate import Authorisation

SECONDS = 30.0
"""After how many seconds the gate is asked again. Whoever waits for tiles looks at the time every
few seconds, so that it is asked at least once a minute."""


def basis_of(library: Library, mark: Mark) -> str:
    """A digest of what the gate's answer rests on beside the date: the register and the library."""
    return hashlib.sha256(mark.register + library.digest).hexdigest()


class Reauthorisation:
    """Asks the gate about the rest of a run, again and again.

    Args:
        estate: the run's estate.
        run: the run.
        monotonic: tells seconds that never go back.
    """

    def __init__(
        self, estate: Stores, run: Run, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._estate = estate
        self._run = run
        self._monotonic = monotonic
        self._asked_at: float | None = None
        # What the answer for every row rested on when all were asked about.
        self._basis = run.terms.basis

    def check_if_due(self) -> None:
        """Ask the gate, unless it was asked less than ``SECONDS`` ago.

        Raises:
            Refusal: with every reason; the audit log records it.
        """
        now = self._monotonic()
        if self._asked_at is None or now - self._asked_at >= SECONDS:
            self._check()
            # The answer is as old as the question, which may be about many rows.
            self._asked_at = now

    def _check(self) -> None:
        """Ask about each section that has unfinished tiles.

        While nothing has changed on which the answer for its rows rests, only the dates can have:
        the first unfinished row stands for all. Otherwise every unfinished row is asked about.
        """
        estate, number = self._estate, self._run.id
        # Before the register is read: a change in between is found the next time.
        basis = basis_of(estate.library, estate.changes.mark())
        # Quotas were decided when the run was planned, and it counts for them since then.
        gate = Gate(estate.library, estate.register.load(), _NothingIssued())
        unfinished: dict[int, list[TileRecord]] = {}
        for tile in estate.tiles.of_run(number, done=False):
            unfinished.setdefault(tile.section, []).append(tile)
        refusals: dict[int, tuple[RefusalReason, ...]] = {}
        for place, tiles in unfinished.items():
            rows = None if basis != self._basis else 1
            try:
                self._ask(gate, self._run.terms.section(place), tiles, rows)
            except Refusal as refusal:
                refusals[place] = refusal.reasons
        if not refusals:
            self._basis = basis
            return
        body = {
            "run": number,
            "refused": [
                {"section": place, "reasons": [reason.as_json() for reason in reasons]}
                for place, reasons in refusals.items()
            ],
        }
        with estate.transaction():
            estate.audit.append(estate.clock.now(), "batch.refused", body)
        raise Refusal(tuple(dict.fromkeys(sum(refusals.values(), ()))))

    def _ask(self, gate: Gate, section: Section, tiles: list[TileRecord], most: int | None) -> None:
        """Ask about the first rows of some tiles of a section: so many, or all.

        Raises:
            Refusal: with every reason against the first row that is refused.
        """
        at = self._estate.clock.now()
        authorisation: Authorisation | None = None
        if section.first_id is not None:
            most = 1  # the gate is asked about the range as a whole
        for _, request in islice(requests_of(self._estate, section, tiles), most):
            if section.first_id is not None:
                last = Eui64(section.first_id + section.count - 1)
                gate.authorise_range(request, last, at)
            elif authorisation is None:
                authorisation = gate.authorise(request, at)
            else:
                gate.admit(request, authorisation)


class _NothingIssued:
    """A history without certificates: no quota is in the way."""

    def issued_for_device(self, device_id: Eui64) -> int:
        """None at all."""
        del device_id
        return 0

    def most_issued_for_devices(self, first: Eui64, last: Eui64) -> int:
        """None at all."""
        del first, last
        return 0

    def issued_in_category(self, participant: str, category: str) -> int:
        """None at all."""
        del participant, category
        return 0
