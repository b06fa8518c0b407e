"""The errors that this package raises, and the exit code of each kind."""

from __future__ import annotations

import errno
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Self

from smki_testca.text import plain

MEDIUM_ERRORS = frozenset(
    getattr(errno, name)
    for name in ("EIO", "ENOSPC", "EDQUOT", "EROFS", "EFBIG", "ESTALE")
    if hasattr(errno, name)
)
"""The system's errors for a disk that is full or fails, not for a name that is wrong."""


class ExitCode(IntEnum):
    """The exit codes of the command; other programs rely on them."""

    DONE = 0
    FINDINGS = 1
    USAGE = 2
    REFUSED = 3
    INPUT = 4
    ESTATE = 5
    SERVICE = 6
    FAULT = 70


class SmkiTestcaError(Exception):
    """Base of every error this package raises on purpose.

    Attributes:
        code: a stable dotted code, for programs.
        message: what was wrong and where, one line.
        remedy: what to do about it, one line; may be empty.
    """

    exit_code = ExitCode.FAULT

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        message = plain(message)
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy

    def __reduce__(self) -> tuple[Any, ...]:
        # Constructors differ from kind to kind, and an error must leave a worker process whole.
        return _restored, (type(self), self.args, self.__dict__)

    def as_json(self) -> dict[str, Any]:
        """The error as JSON: ``{"error": {"code", "message", "remedy"}}``."""
        return {"error": {"code": self.code, "message": self.message, "remedy": self.remedy}}

    def lines(self) -> list[str]:
        """The error as lines of text for a person."""
        return [plain(f"error: {self.message} {self.remedy}".rstrip())]


def _restored(
    kind: type[SmkiTestcaError], arguments: tuple[Any, ...], attributes: dict[str, Any]
) -> SmkiTestcaError:
    error = kind.__new__(kind)
    error.args = arguments
    error.__dict__.update(attributes)
    return error


class UsageError(SmkiTestcaError):
    """The command was called wrongly."""

    exit_code = ExitCode.USAGE


class InputError(SmkiTestcaError):
    """An input (a file, an identifier, a profile, a CSR) cannot be used.

    Attributes:
        key_path: of what is wrong below the table that is read, where the input is TOML.
    """

    exit_code = ExitCode.INPUT
    key_path: tuple[str | int, ...] = ()

    def at(self, *path: str | int) -> Self:
        """The same error at a key, or a place in an array, of the table around it."""
        self.key_path = (*path, *self.key_path)
        return self


class AlreadySoError(InputError):
    """The state is already as the operation would make it, so that nothing was changed."""


class EstateError(SmkiTestcaError):
    """The estate is missing, locked, damaged or newer than this program."""

    exit_code = ExitCode.ESTATE


class OutputError(SmkiTestcaError):
    """An output cannot be written because the disk is full or fails; nothing is left of it."""

    exit_code = ExitCode.ESTATE


@dataclass(frozen=True, slots=True)
class RefusalReason:
    """One reason for which the gate refuses a request.

    Attributes:
        code: stable dotted code, listed in ``docs/refusals.md``.
        rule: the rule of the regime it enforces, ``R1`` to ``R24``.
        reason: why the request is refused.
        remedy: what the participant or operator can do.
    """

    code: str
    rule: str
    reason: str
    remedy: str

    def as_json(self) -> dict[str, str]:
        """The reason as a JSON object with the keys code, rule, reason, remedy."""
        return asdict(self)


class Refusal(SmkiTestcaError):  # noqa: N818 - the term of the field
    """The gate refused a request; the error carries every reason.

    Where only one reason can be shown, it is the first.
    """

    exit_code = ExitCode.REFUSED

    def __init__(self, reasons: tuple[RefusalReason, ...]) -> None:
        first = reasons[0]
        super().__init__(first.code, first.reason, first.remedy)
        self.reasons = reasons

    def as_json(self) -> dict[str, Any]:
        """As JSON: ``{"refusal": {"code", "rule", "reason", "remedy", "all": […]}}``."""
        first = self.reasons[0].as_json()
        return {"refusal": {**first, "all": [reason.as_json() for reason in self.reasons]}}

    def lines(self) -> list[str]:
        """One line for each reason."""
        return [
            plain(
                f"refused [{reason.code}, {reason.rule}]: {reason.reason} {reason.remedy}".rstrip()
            )
            for reason in self.reasons
        ]


# What an error is about shows by its code alone: where it crosses from one process to another as
# text, such as from that of a token, its type is lost.


def is_of_token(error: SmkiTestcaError) -> bool:
    """Whether an error says that a token, its module or a key in it cannot be used now."""
    return error.code.startswith("token.")


def is_of_pin(error: SmkiTestcaError) -> bool:
    """Whether an error says that the PIN of a token is missing, wrong or locked."""
    return error.code in {"token.pin", "token.pin_locked"}


def is_of_missing_key(error: SmkiTestcaError) -> bool:
    """Whether an error says that a token has no such key."""
    return error.code == "token.key_missing"


def is_of_passphrase(error: SmkiTestcaError) -> bool:
    """Whether an error says that the passphrase of an estate is missing or wrong."""
    return error.code == "estate.passphrase"


def is_of_missing_estate(error: SmkiTestcaError) -> bool:
    """Whether an error says that there is no estate in a directory."""
    return error.code == "estate.missing"
