"""A Device: its Trust Anchor Cells, and what it answers to commands that replace certificates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smki_testca.clock import SystemClock, in_utc
from smki_testca.device import filled_cells, own_certificates, state
from smki_testca.device.answer import CellContent, DeviceAnswer, DeviceVerdict, cell_as_json
from smki_testca.device.cells import cell_named, cell_of, type_named
from smki_testca.device.judge import Judge, Verdicts
from smki_testca.errors import InputError
from smki_testca.profiles import Library
from smki_testca.roles import Basis
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Self

    from smki_testca.api import Estate
    from smki_testca.device.own_certificates import OwnAnswer
    from smki_testca.identifiers import Eui64
    from smki_testca.profiles.device_answers import AnswerStatus, ReplacementMode, UseCase
    from smki_testca.profiles.device_types import Cell, DeviceType
    from smki_testca.roles import KeyUsage

MAX_REPLACEMENTS = 8
"""The most replacement certificates of one command: as many as the vectors show."""
MAX_PATH_CERTIFICATES = 3
"""The most path certificates of one command (DUIS 5.4)."""
MAX_CERTIFICATE_OCTETS = state.MAX_CERTIFICATE_OCTETS
"""The longest certificate that a command or a cell has; real ones have 405 to 433 octets."""
ALL = "all"
"""In place of a cell's name: an answer that every replacement of a command gets."""
ASKED_FOR = "device.asked_for"
"""The code of an answer that was asked for; it is of no rule, and so not among the data."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """A replacement certificate of a command.

    Attributes:
        der: its octets, whatever they are.
        cell: the name of the cell, such as ``supplier/KA/prepayment``; None for the cell of its
            role and key usage.
        name: what messages call it, such as its file.
    """

    der: bytes
    cell: str | None = None
    name: str = "A replacement certificate"


class Device:
    """A Device's Trust Anchor Cells.

    Attributes:
        kind: the type of Device.
        environment: the test environment whose policies it takes; None for any.
        library: the profiles, and what Devices answer.
        root: the certificate of its root, DER; None if it has none.
        notes: what its loading says: which cells are empty, and what was chosen of several.
    """

    def __init__(
        self,
        kind: DeviceType,
        root: bytes | None = None,
        certificates: Mapping[str, bytes] | None = None,
        *,
        environment: str | None = None,
        library: Library | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """Make a Device.

        Args:
            kind: the type of Device.
            root: the certificate of its root, DER.
            certificates: those in its other cells, by the cell's short name.
            environment: the test environment.
            library: the profiles; the shipped ones by default.
            notes: what there is to say of its loading.

        Raises:
            InputError: if the type of Device has no such cell.
        """
        self.kind = kind
        self.environment = environment
        self.library = library or Library()
        self.root = root
        self.notes = tuple(notes)
        self._held: dict[str, bytes] = {}
        for name, der in (certificates or {}).items():
            cell = cell_named(name, kind, self.library.roles)
            if cell not in kind.cells:
                raise InputError(
                    "device.cell_name", f"The type of Device {kind.name} has no cell {shown(name)}."
                )
            self._put(cell, der)

    @classmethod
    def load(
        cls,
        source: Estate | Path | str,
        device_type: str,
        environment: str | None = None,
        *,
        cells: Mapping[str, str] | None = None,
        library: Library | None = None,
    ) -> Self:
        """Fill the cells of a Device from an estate, or from a folder that a kit wrote.

        No private key is needed. A cell gets the newest certificate of its role and key usage, of
        the holder to whom the first was issued. That of prepayment stays empty if ``cells`` does
        not name its certificate, for nothing in a certificate tells it.

        Args:
            source: an open estate; or a kit's directory, or a folder of its trust-anchor-cells.
            device_type: such as ``ESME``, in either case.
            environment: the test environment; the estate's first by default.
            cells: the label or serial number of the certificate for a cell, by the cell's name.
            library: the profiles; those of the estate, or else the shipped ones, by default.

        Raises:
            InputError: if there is no such type of Device, none of its cells is known, or a
                certificate for a cell is not found.
            EstateError: if the estate has no CAs of that environment.
        """
        if isinstance(source, str | Path):
            library = library or Library()
            kind = type_named(device_type, library.device_types)
            filled = filled_cells.from_kit(Path(source), kind, environment, library, cells or {})
        else:
            library = library or source.library
            kind = type_named(device_type, library.device_types)
            filled = filled_cells.from_estate(source, kind, environment, cells or {})
        return cls(
            kind,
            filled.root,
            filled.certificates,
            environment=filled.environment,
            library=library,
            notes=filled.notes,
        )

    @classmethod
    def read(cls, path: Path | str, library: Library | None = None) -> Self:
        """Read a Device from a file that ``write`` wrote.

        Raises:
            InputError: if the file cannot be read or is not of that form.
        """
        library = library or Library()
        content = state.read(Path(path), library)
        return cls(
            content.kind,
            content.root,
            content.certificates,
            environment=content.environment,
            library=library,
        )

    def write(self, path: Path | str, *, force: bool = False) -> None:
        """Write the Device to a file, for ``read``.

        Args:
            path: the file.
            force: whether it may take the place of another.

        Raises:
            InputError: if the file exists and ``force`` is not set, or cannot be written.
            OutputError: if the disk is full or fails.
        """
        by_cell = {cell.short: self._held.get(cell.name) for cell in self.kind.cells}
        certificates = {name: der for name, der in by_cell.items() if der is not None}
        content = state.SavedDevice(self.kind, self.environment, self.root, certificates)
        state.write(Path(path), content, force=force)

    @property
    def cells(self) -> dict[str, CellContent | None]:
        """The content of each cell, by the cell's name; None where it is empty."""
        by_cell = {cell.short: self._certificate(cell) for cell in self.kind.cells}
        return {name: None if der is None else CellContent.of(der) for name, der in by_cell.items()}

    def certificate(self, cell: str) -> bytes | None:
        """The certificate in a cell, DER; None if the cell is empty, or there is no such cell.

        Raises:
            InputError: if the name is none of a cell.
        """
        return self._certificate(cell_named(cell, self.kind, self.library.roles))

    def update(
        self,
        replacements: Iterable[Replacement | bytes],
        path: Sequence[bytes] = (),
        *,
        time_checks: bool = True,
        mode: int | str | None = None,
        use_case: str | None = None,
        at: datetime | None = None,
        answers: Mapping[str, int | str] | None = None,
    ) -> tuple[DeviceAnswer, ...]:
        """Carry out a command Update Security Credentials, and answer as a Device does.

        Each replacement certificate is judged for itself: one that is refused leaves what its cell
        holds, and the others take effect. All are judged by the root as it was before the command.

        Args:
            replacements: the replacement certificates, DER, whatever their octets are.
            path: the path certificates, DER.
            time_checks: whether the command applies the checks of time (applyTimeBasedCPVChecks).
            mode: the replacement mode, its number or name; None to leave it unchecked.
            use_case: such as ``CS02b``; None to leave it unchecked.
            at: the time of the Device, UTC; now by default.
            answers: statuses that the Device gives whatever the certificate is, by the name of the
                cell, or ``all``: numbers or names, such as ``resourcesBusy``.

        Returns:
            An answer to each, in their order.

        Raises:
            InputError: if there are too many certificates or one is too long, two are for one cell,
                the cell of one cannot be told, or a name is none.
        """
        by_cell = [self._with_cell(replacement) for replacement in replacements]
        _check_limits(by_cell, path)
        terms = self.library.device_answers
        checks = _Command(
            None if mode is None else terms.mode(str(mode)),
            None if use_case is None else terms.use_case(use_case),
            self._injected(answers or {}),
        )
        moment = SystemClock().now() if at is None else in_utc(at)
        judge = Judge(self.root, path, moment, self.library, self.environment)
        device_answers = []
        for cell, replacement in by_cell:
            refusal = self._refusal(judge, cell, checks)
            verdicts = (
                judge.verdicts(replacement.der, cell)
                if refusal is None
                else Verdicts(refusal, refusal)
            )
            old = self._certificate(cell)
            device_answers.append(
                DeviceAnswer(
                    cell,
                    verdicts.with_time_checks if time_checks else verdicts.without_time_checks,
                    time_checks,
                    *verdicts,
                    None if old is None else CellContent.of(old),
                    CellContent.of(replacement.der),
                )
            )
        for answer, (cell, replacement) in zip(device_answers, by_cell, strict=True):
            if answer.is_replaced:
                self._put(cell, replacement.der)
        return tuple(device_answers)

    def check(
        self,
        certificate: bytes,
        *,
        device_id: Eui64 | None = None,
        usage: KeyUsage | None = None,
        csr: bytes | None = None,
        path: Sequence[bytes] = (),
        at: datetime | None = None,
        answer: int | str | None = None,
    ) -> OwnAnswer:
        """Judge a certificate of the Device's own, as the command that brings it does (CS02d).

        Args:
            certificate: DER, whatever its octets are.
            device_id: the ID of the Device; None to leave it unchecked.
            usage: the key usage that was asked for; None to leave it unchecked.
            csr: the CSR that the Device made, DER, whose key the certificate must have.
            path: the CA certificates above it, DER; without any, its signature is unchecked.
            at: the time of the Device, UTC; now by default.
            answer: a status that the Device gives whatever the certificate is: a number or name.

        Raises:
            InputError: if there are too many certificates or one is too long, the CSR cannot be
                read, or the answer is none.
        """
        _check_lengths([certificate, *path])
        _check_path(path)
        expected = own_certificates.AwaitedCertificate(
            device_id, usage, None if csr is None else own_certificates.key_of_request(csr)
        )
        moment = SystemClock().now() if at is None else in_utc(at)
        if answer is not None:
            return own_certificates.injected(
                certificate, self.library.device_answers.own_status(str(answer))
            )
        return own_certificates.judged(
            certificate, expected, path, moment, self.library, self.environment
        )

    def as_json(self) -> dict[str, Any]:
        """The Device as a JSON object: its type, and what each of its cells holds."""
        root = None if self.root is None else CellContent.of(self.root)
        cells = self.cells
        return {
            "device_type": self.kind.name,
            "title": self.kind.title,
            "device_type_number": self.kind.number,
            "environment": self.environment,
            "complete": self.kind.is_complete,
            "note": self.kind.note or None,
            "root": None if root is None else root.as_json(),
            "cells": [
                {
                    "cell": cell_as_json(cell),
                    "holds": None if held is None else held.as_json(),
                    "basis": cell.basis.value,
                    "source": cell.source,
                }
                for cell in self.kind.cells
                for held in [cells[cell.short]]
            ],
        }

    def _certificate(self, cell: Cell) -> bytes | None:
        return self.root if cell.is_root else self._held.get(cell.name)

    def _put(self, cell: Cell, der: bytes) -> None:
        if cell.is_root:
            self.root = der
        else:
            self._held[cell.name] = der

    def _with_cell(self, replacement: Replacement | bytes) -> tuple[Cell, Replacement]:
        """A replacement and its cell."""
        of_cell = Replacement(replacement) if isinstance(replacement, bytes) else replacement
        roles = self.library.roles
        if of_cell.cell is not None:
            return cell_named(of_cell.cell, self.kind, roles), of_cell
        cell = cell_of(of_cell.der, self.kind, roles)
        if cell is None:
            raise InputError(
                "device.cell_name",
                f"{of_cell.name} does not tell its cell: no role and key usage can be read in it.",
                f"Name the cell, such as {self.kind.cells[-1].short}.",
            )
        return cell, of_cell

    def _injected(self, answers: Mapping[str, int | str]) -> dict[str, AnswerStatus]:
        """The statuses to give whatever a certificate is, by the cell's name in full."""
        terms, roles = self.library.device_answers, self.library.roles
        statuses: dict[str, AnswerStatus] = {}
        for name, status in answers.items():
            place = name if name == ALL else cell_named(name, self.kind, roles).name
            if place in statuses:
                raise InputError(
                    "device.cell_twice",
                    f"Two answers are asked for of the cell {shown(name)}.",
                    "Ask for one of them.",
                )
            statuses[place] = terms.status(str(status))
        return statuses

    def _refusal(self, judge: Judge, cell: Cell, command: _Command) -> DeviceVerdict | None:
        """The verdict that the command brings whatever the certificate is; None for no such."""
        injected = command.injected.get(cell.name) or command.injected.get(ALL)
        if injected is not None:
            return _of_injected(injected)
        use_case, mode = command.use_case, command.mode
        if use_case is not None and use_case.roles and cell.role not in use_case.roles:
            message = f"{use_case.name} does not read the role {cell.role.name}."
            refusal = judge.refusal("device.use_case", message)
            return refusal if use_case.basis is refusal.basis else _on(use_case, refusal)
        if cell not in self.kind.cells:
            refusal = judge.refusal("device.cell", f"{self.kind.name} has no cell {cell.short}.")
            return refusal if self.kind.is_complete else _on_incomplete(self.kind, refusal)
        if mode is not None and mode.roles and cell.role not in mode.roles:
            message = f"The mode {mode.number} ({mode.name}) does not replace {cell.short}."
            return judge.refusal("device.mode", message)
        return None


@dataclass(frozen=True, slots=True)
class _Command:
    """The content of a command beside its certificates."""

    mode: ReplacementMode | None
    use_case: UseCase | None
    injected: Mapping[str, AnswerStatus]


def _of_injected(status: AnswerStatus) -> DeviceVerdict:
    """The verdict of a status that was asked for."""
    if status.is_success:
        raise InputError(
            "device.status_name",
            "The status 0 (success) cannot be asked for: a Device says it of what it takes.",
        )
    message = "This answer was asked for, whatever the certificate is."
    return DeviceVerdict(status, ASKED_FOR, message, status.basis, status.source)


def _on(use_case: UseCase, refusal: DeviceVerdict) -> DeviceVerdict:
    """A refusal by a use case whose roles are less well known than the rule."""
    return replace(refusal, basis=use_case.basis, source=use_case.source)


def _on_incomplete(kind: DeviceType, refusal: DeviceVerdict) -> DeviceVerdict:
    """A refusal for a cell that a type of Device is not known to have, but may have."""
    return replace(refusal, basis=Basis.ASSUMED, source=f"{kind.name}: {kind.note}")


def _check_limits(by_cell: Sequence[tuple[Cell, Replacement]], path: Sequence[bytes]) -> None:
    if not 1 <= len(by_cell) <= MAX_REPLACEMENTS:
        raise InputError(
            "device.too_many",
            f"A command has 1 to {MAX_REPLACEMENTS} replacement certificates, not {len(by_cell)}.",
            "Send the rest in a second command.",
        )
    _check_path(path)
    _check_lengths([*(replacement.der for _, replacement in by_cell), *path])
    names = [cell.short for cell, _ in by_cell]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                "device.cell_twice",
                f"Two replacement certificates are for the cell {name}.",
                "Name the cell of each, such as that of prepayment, or send one of them.",
            )


def _check_path(path: Sequence[bytes]) -> None:
    if len(path) > MAX_PATH_CERTIFICATES:
        raise InputError(
            "device.too_many",
            f"A command has at most {MAX_PATH_CERTIFICATES} path certificates, not {len(path)}.",
            "Give the CAs between the certificates and the root, and no others.",
        )


def _check_lengths(ders: Iterable[bytes]) -> None:
    longest = max(map(len, ders), default=0)
    if longest > MAX_CERTIFICATE_OCTETS:
        raise InputError(
            "device.too_long",
            f"A certificate has {longest} octets; a Device is given {MAX_CERTIFICATE_OCTETS} at"
            " most.",
            "Give certificates of a Device's size: those of the SMKI have about 420 octets.",
        )
