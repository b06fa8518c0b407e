"""Says what a Device answers to each Organisation Certificate of the corpus as a replacement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.case import DeviceStatus
from smki_testca.device.judge import Judge
from smki_testca.profiles.device_types import CellUsage
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import Certificate
    from smki_testca.device.answer import DeviceVerdict
    from smki_testca.profiles import Library
    from smki_testca.profiles.device_types import Cell

_PROFILE = "organisation"
_NOT_SEEN = "no rule that was read demands that a Device refuses it"
_SEEN = frozenset({"renewed-with-its-key"})
"""Oddities that the vectors show a Device to take."""


class Replacements:
    """Judges cases as replacement certificates.

    Args:
        library: the profiles, the cells of Devices, and what Devices answer.
        environment: the test environment whose policies are allowed.
    """

    def __init__(self, library: Library, environment: str | None) -> None:
        self._library = library
        self._environment = environment
        self._judges: dict[tuple[datetime, tuple[bytes, ...]], Judge] = {}

    def statuses(
        self,
        base: Base,
        der: bytes,
        chain: Sequence[Certificate],
        at: datetime,
        name: str | None = None,
    ) -> tuple[DeviceStatus, ...]:
        """What a Device answers to a case, put into the cell of its base's role and key usage.

        The Device has the last CA of the chain as its root; the others are the path certificates.

        Args:
            base: the good document that the case is a change of.
            der: the document under test.
            chain: the CAs above it, the issuer first.
            at: the time of the Device.
            name: the name of the defect or oddity; None for the base itself.

        Returns:
            One answer where the checks of time make no difference, two where they do; none for
            another document, or a role without a cell.
        """
        cell = self._cell(base)
        if cell is None or not chain:
            return ()
        verdicts = self._judge(tuple(authority.der for authority in chain), at).verdicts(der, cell)
        is_seen = name is None or name in _SEEN
        applied, disapplied = (
            _status(verdict, time_checks=time_checks, is_seen=is_seen)
            for verdict, time_checks in zip(verdicts, (True, False), strict=True)
        )
        return (applied,) if applied.status == disapplied.status else (applied, disapplied)

    def _judge(self, chain: tuple[bytes, ...], at: datetime) -> Judge:
        judge = self._judges.get((at, chain))
        if judge is None:
            judge = Judge(chain[-1], chain[:-1], at, self._library, self._environment)
            self._judges[at, chain] = judge
        return judge

    def _cell(self, base: Base) -> Cell | None:
        """The cell of a base's role and key usage, of whichever type of Device has it."""
        if base.profile != _PROFILE or base.document.label != "CERTIFICATE":
            return None
        wanted = (base.facts.role, base.facts.usage, CellUsage.MANAGEMENT)
        cells = (cell for kind in self._library.device_types.values() for cell in kind.cells)
        return next(
            (
                cell
                for cell in cells
                if (cell.role.hex, cell.key_usage.value, cell.cell_usage) == wanted
            ),
            None,
        )


def _status(verdict: DeviceVerdict, *, time_checks: bool, is_seen: bool) -> DeviceStatus:
    """A verdict as a case states it; a success that was not seen is assumed."""
    basis, source = verdict.basis, verdict.source
    if verdict.status.is_success and not verdict.remarks and not is_seen:
        basis, source = Basis.ASSUMED, _NOT_SEEN
    status = verdict.status
    return DeviceStatus(time_checks, status.number, status.name, basis.value, source)
