"""Says what a Device answers to cases: as replacement certificates, or as its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.corpus.case import DeviceStatus
from smki_testca.device.judge import Judge
from smki_testca.device.own_certificates import AwaitedCertificate, OwnJudge
from smki_testca.identifiers import Eui64
from smki_testca.profiles.device_types import CellUsage
from smki_testca.roles import Basis, KeyUsage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from smki_testca.corpus.bases import Base
    from smki_testca.corpus.parts import CertificateParts
    from smki_testca.device.answer import DeviceVerdict
    from smki_testca.profiles import Library
    from smki_testca.profiles.device_types import Cell

_PROFILE, _DEVICE = "organisation", "device"
_CERTIFICATE = "CERTIFICATE"
_NOT_SEEN = "no rule that was read demands that a Device refuses it"
_SEEN = frozenset({"renewed-with-its-key"})
"""Oddities that the vectors show a Device to take."""


class DeviceStatuses:
    """Judges Organisation Certificates as replacements, and Device Certificates as a Device's own.

    Args:
        library: the profiles, the cells of Devices, and what Devices answer.
        environment: the test environment whose policies are allowed.
    """

    def __init__(self, library: Library, environment: str | None) -> None:
        self._library = library
        self._environment = environment
        self._judges: dict[tuple[datetime, tuple[bytes, ...]], Judge] = {}
        self._own_judges: dict[tuple[datetime, tuple[bytes, ...]], OwnJudge] = {}

    def statuses(
        self,
        base: Base,
        der: bytes,
        chain: Sequence[CertificateParts],
        at: datetime,
        expected: Mapping[str, str],
        name: str | None = None,
    ) -> tuple[DeviceStatus, ...]:
        """The statuses that a Device may answer to a case.

        An Organisation Certificate is put into the cell of its base's role and key usage: the
        Device has the last CA of the chain as its root; the others are the path certificates. A
        Device Certificate is taken for the Device's own, of the ID and key usage that are wanted.

        Args:
            base: the good document that the case is a change of.
            der: the document under test.
            chain: the CAs above it, the issuer first.
            at: the time of the Device.
            expected: the holder, usage and role that it is asked for, by name.
            name: the name of the defect or oddity; None for the base itself.

        Returns:
            One answer where the checks of time make no difference, two where they do; none for
            another document, a role without a cell, or a Device Certificate below other CAs than
            its base's, of which the model looks at the certificate alone.
        """
        if base.profile == _DEVICE and base.document.label == _CERTIFICATE:
            return self._own(base, der, chain, at, expected, name)
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

    def _own(
        self,
        base: Base,
        der: bytes,
        chain: Sequence[CertificateParts],
        at: datetime,
        expected: Mapping[str, str],
        name: str | None,
    ) -> tuple[DeviceStatus, ...]:
        path = tuple(authority.der for authority in chain)
        if path != tuple(authority.der for authority in base.chain):
            return ()
        judge = self._own_judges.get((at, path))
        if judge is None:
            judge = OwnJudge(path, at, self._library, self._environment)
            self._own_judges[at, path] = judge
        holder, usage = expected.get("eui64"), expected.get("usage")
        # The key is not compared: an oddity of the key has another than its base.
        awaited = AwaitedCertificate(
            None if holder is None else Eui64.parse(holder),
            None if usage is None else KeyUsage(usage),
        )
        answer = judge.judged(der, awaited)
        basis, source, status = answer.basis, answer.source, answer.status
        if status.is_success and name is not None:
            basis, source = Basis.ASSUMED, _NOT_SEEN
        applied = True
        return (DeviceStatus(applied, status.number, status.name, basis.value, source),)

    def _judge(self, chain: tuple[bytes, ...], at: datetime) -> Judge:
        judge = self._judges.get((at, chain))
        if judge is None:
            judge = Judge(chain[-1], chain[:-1], at, self._library, self._environment)
            self._judges[at, chain] = judge
        return judge

    def _cell(self, base: Base) -> Cell | None:
        """The cell of a base's role and key usage, of whichever type of Device has it."""
        if base.profile != _PROFILE or base.document.label != _CERTIFICATE:
            return None
        key = (base.facts.role, base.facts.usage, CellUsage.MANAGEMENT)
        cells = (cell for kind in self._library.device_types.values() for cell in kind.cells)
        return next(
            (
                cell
                for cell in cells
                if (cell.role.hex, cell.key_usage.value, cell.cell_usage) == key
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
