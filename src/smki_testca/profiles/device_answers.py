"""Answers of Devices to Update Security Credentials (GBCS s.13): ``device-answers.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.roles import Basis, RemotePartyRole

OWN_CHECKS = (
    *("device.use_case", "device.cell", "device.mode", "device.der", "device.path.signature"),
    *("device.path.issuer", "device.path.end", "device.path.certificate", "device.usage"),
    *("device.path.unused", "device.root", "device.role.supplier", "device.role"),
)
"""The rules that the model checks itself; the others rest on the linter's findings alone."""
OWN_STATUSES = frozenset({0, 1, 2, 3, 5})
"""The statuses that it gives to a certificate of the Device's own."""


@dataclass(frozen=True, slots=True)
class AnswerStatus:
    """A status that a Device answers with, and how well it is known."""

    number: int
    name: str
    meaning: str
    basis: Basis
    source: str

    @property
    def is_success(self) -> bool:
        """Whether the Device did as asked."""
        return self.number == 0

    def as_json(self) -> dict[str, Any]:
        """The status as a JSON object: ``status`` is the number, ``status_name`` its name."""
        return {
            "status": self.number,
            "status_name": self.name,
            "meaning": self.meaning,
            "basis": self.basis.value,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class DeviceRule:
    """A rule that a Device is taken to check.

    Attributes:
        code: stable dotted code, which begins with ``device.``.
        status: what the Device answers to a breach; success to remark on it alone.
        findings: the linter's codes that are a breach of it; with an asterisk, patterns of errors.
        time: whether it is one of the checks of time, which a command can disapply.
        meaning: what is wrong, one sentence.
    """

    code: str
    status: AnswerStatus
    findings: tuple[str, ...]
    time: bool
    meaning: str
    basis: Basis
    source: str

    def as_json(self) -> dict[str, Any]:
        """The rule as a JSON object: ``status`` is the number, ``status_name`` its name."""
        return {
            "code": self.code,
            "status": self.status.number,
            "status_name": self.status.name,
            "findings": list(self.findings),
            "time": self.time,
            "meaning": self.meaning,
            "basis": self.basis.value,
            "source": self.source,
        }

    def is_broken_by(self, code: str, *, is_error: bool) -> bool:
        """Whether a finding of the linter is a breach of it."""
        return any(
            is_error and fnmatchcase(code, finding) if "*" in finding else code == finding
            for finding in self.findings
        )


@dataclass(frozen=True, slots=True)
class UseCase:
    """A use case of GBCS that replaces certificates.

    Attributes:
        roles: of the cells that it reads; empty for all.
    """

    name: str
    roles: tuple[RemotePartyRole, ...]
    basis: Basis
    source: str

    def as_json(self) -> dict[str, Any]:
        """The use case as a JSON object, its attributes as keys."""
        return {
            "name": self.name,
            "roles": [role.name for role in self.roles],
            "basis": self.basis.value,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class ReplacementMode:
    """The modes of replacement: who replaces whose certificates, as the command states it.

    Attributes:
        roles: of the cells that it may replace; empty for all.
        note: what is not known; empty if nothing is to say.
    """

    number: int
    name: str
    roles: tuple[RemotePartyRole, ...]
    note: str
    basis: Basis
    source: str

    def as_json(self) -> dict[str, Any]:
        """The mode as a JSON object, its attributes as keys."""
        return {
            "number": self.number,
            "name": self.name,
            "roles": [role.name for role in self.roles],
            "note": self.note or None,
            "basis": self.basis.value,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class DeviceAnswers:
    """All that the file states.

    Attributes:
        statuses: of a replacement certificate.
        own_statuses: of a certificate of the Device's own (CS02d).
        csr_statuses: of the command for a CSR (CS02c).
        join_statuses: of joining another Device.
        rules: in the order in which they decide.
    """

    statuses: tuple[AnswerStatus, ...]
    own_statuses: tuple[AnswerStatus, ...]
    csr_statuses: tuple[AnswerStatus, ...]
    join_statuses: tuple[AnswerStatus, ...]
    rules: tuple[DeviceRule, ...]
    use_cases: tuple[UseCase, ...]
    modes: tuple[ReplacementMode, ...]

    def as_json(self) -> dict[str, Any]:
        """All of it as a JSON object."""
        return {
            "statuses": [
                {"command": command, **status.as_json()}
                for command, statuses in self.statuses_by_command.items()
                for status in statuses
            ],
            "rules": [rule.as_json() for rule in self.rules],
            "use_cases": [use_case.as_json() for use_case in self.use_cases],
            "modes": [mode.as_json() for mode in self.modes],
        }

    @property
    def statuses_by_command(self) -> dict[str, tuple[AnswerStatus, ...]]:
        """The statuses by what they answer: ``replacement``, ``own``, ``csr`` or ``join``."""
        return {
            "replacement": self.statuses,
            "own": self.own_statuses,
            "csr": self.csr_statuses,
            "join": self.join_statuses,
        }

    @property
    def success(self) -> AnswerStatus:
        """The status 0."""
        return next(status for status in self.statuses if status.is_success)

    def rule(self, code: str) -> DeviceRule:
        """The rule of a code."""
        return next(rule for rule in self.rules if rule.code == code)

    def status(self, text: str) -> AnswerStatus:
        """The status of a replacement certificate by its name or number.

        Raises:
            InputError: if there is none.
        """
        return _named(self.statuses, text)

    def own_status(self, text: str) -> AnswerStatus:
        """The status of the Device's own certificate by its name or number.

        Raises:
            InputError: if there is none.
        """
        return _named(self.own_statuses, text)

    def use_case(self, name: str) -> UseCase:
        """The use case of a name, in either case.

        Raises:
            InputError: if there is none.
        """
        for use_case in self.use_cases:
            if use_case.name.lower() == name.lower():
                return use_case
        raise InputError(
            "device.use_case_name",
            f"There is no use case {shown(name)} that replaces certificates.",
            use_one_of((use_case.name for use_case in self.use_cases), given=name),
        )

    def mode(self, text: str) -> ReplacementMode:
        """The replacement mode of a number or name.

        Raises:
            InputError: if there is none.
        """
        for mode in self.modes:
            if text.lower() in {str(mode.number), mode.name.lower()}:
                return mode
        raise InputError(
            "device.mode_name",
            f"There is no replacement mode {shown(text)}.",
            use_one_of((f"{mode.number} ({mode.name})" for mode in self.modes), given=text),
        )


def _named(statuses: Sequence[AnswerStatus], text: str) -> AnswerStatus:
    for status in statuses:
        if text.lower() in {str(status.number), status.name.lower()}:
            return status
    raise InputError(
        "device.status_name",
        f"No Device answers with the status {shown(text)}.",
        use_one_of((f"{status.number} ({status.name})" for status in statuses), given=text),
    )
