"""Asks the gate again about a run in progress: what it rests on may have ended meanwhile.

The gate is asked at each resume, and then at least once a minute. A suspended or ended agreement
stops the run. Its finished tiles stay, and it can be resumed once the gate consents again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from smki_testca.errors import Refusal
from smki_testca.estate.terms import Row
from smki_testca.identifiers import Eui64
from smki_testca.profiles.subject import Subject
from smki_testca.register.gate import Gate
from smki_testca.register.requests import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.errors import RefusalReason
    from smki_testca.estate.runs import Run
    from smki_testca.estate.stores import Stores
    from smki_testca.estate.terms import Section
    from smki_testca.estate.tiles import TileRecord
    from smki_testca.profiles.inputs import InputValue

SECONDS = 30.0
"""After how many seconds the gate is asked again. Whoever waits for tiles looks at the time every
few seconds, so that it is asked at least once a minute."""


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

    def check_if_due(self) -> None:
        """Ask the gate, unless it was asked less than ``SECONDS`` ago.

        Raises:
            Refusal: with every reason; the audit log records it.
        """
        now = self._monotonic()
        if self._asked_at is None or now - self._asked_at >= SECONDS:
            self._check()
            self._asked_at = self._monotonic()

    def _check(self) -> None:
        """Ask about each section that has unfinished tiles; the first of them stands for all."""
        estate, number = self._estate, self._run.id
        # Quotas were decided when the run was planned, and it counts for them since then.
        gate = Gate(estate.library, estate.register.load(), _NothingIssued())
        first_tiles: dict[int, TileRecord] = {}
        for tile in estate.tiles.of_run(number, done=False):
            first_tiles.setdefault(tile.section, tile)
        refusals: dict[int, tuple[RefusalReason, ...]] = {}
        for place, tile in first_tiles.items():
            try:
                self._ask(gate, self._run.terms.sections[place], tile)
            except Refusal as refusal:
                refusals[place] = refusal.reasons
        if not refusals:
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

    def _ask(self, gate: Gate, section: Section, tile: TileRecord) -> None:
        estate = self._estate
        profile = estate.library.profile(section.profile)
        inputs: dict[str, InputValue] = {}
        if section.role_code is not None:
            inputs["role"] = estate.library.roles.remote_party_role(f"{section.role_code:02X}")
        identifier = self._first_identifier(section, tile)
        if identifier is not None:
            name = next(each.name for each in profile.input_types if each.is_identifier)
            inputs[name] = identifier
        request = estate.request(
            section.participant,
            section.purpose,
            Subject(profile.name, profile.input_types, inputs),
            () if section.usage is None else (section.usage,),
            environment=section.environment,
            delivery=Delivery(section.delivery),
        )
        at = estate.clock.now()
        if section.first_id is None:
            gate.authorise(request, at)
        else:
            gate.authorise_range(request, Eui64(section.first_id + section.count - 1), at)

    def _first_identifier(self, section: Section, tile: TileRecord) -> Eui64 | None:
        """The EUI-64 of a tile's first row; None if it has none, or was finished meanwhile."""
        if section.first_id is not None:
            return Eui64(section.first_id + tile.first)
        rows = self._estate.tiles.rows(tile.run, tile.number)
        if rows is None:
            return None
        eui64 = msgspec.msgpack.decode(rows, type=list[Row])[0].eui64
        return None if eui64 is None else Eui64(eui64)


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
