"""The steps of a call of a service, and how each went."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from smki_testca.client.service_errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smki_testca.client.handshake import TlsDetails


class Step(StrEnum):
    """A step of a call, in the order in which they are taken."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    REQUEST = "request"
    ANSWER = "answer"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class PassedStep:
    """A step that went well.

    Attributes:
        step: which.
        result: of it, one line.
    """

    step: Step
    result: str

    def as_json(self) -> dict[str, str]:
        """The step as JSON: step, result."""
        return {"step": self.step.value, "result": self.result}


class Trace:
    """Keeps what became of each step of a call, and tells it as it happens.

    Args:
        tell: called with each step that went well.

    Attributes:
        passed: the steps that went well.
        tls: what was agreed on over TLS, and with whom; also where the handshake failed on the
            way. None without TLS.
    """

    def __init__(self, tell: Callable[[PassedStep], None] = lambda _passed: None) -> None:
        self._tell = tell
        self.passed: list[PassedStep] = []
        self.tls: TlsDetails | None = None

    def add(self, step: Step, result: str) -> None:
        """Tell of a step that went well."""
        passed = PassedStep(step, result)
        self.passed.append(passed)
        self._tell(passed)

    def take(self, other: Trace) -> None:
        """Take the steps of another trace, which were told."""
        self.passed += other.passed
        self.tls = other.tls

    @contextlib.contextmanager
    def during(self, step: Step) -> Iterator[None]:
        """Gives an error of a step the step's name, and what went before."""
        try:
            yield
        except ServiceError as error:
            if not error.step:
                error.step, error.connection = step.value, self.as_json()
            raise

    def as_json(self) -> dict[str, Any]:
        """The call as JSON: steps, tls."""
        return {
            "steps": [each.as_json() for each in self.passed],
            "tls": None if self.tls is None else self.tls.as_json(),
        }
