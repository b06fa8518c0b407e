"""The errors of calling a service: it refuses, or it cannot be reached or understood."""

from __future__ import annotations

from typing import Any

from smki_testca.errors import ExitCode, SmkiTestcaError


def remedy_beside(words: str, remedy: str) -> str:
    """A remedy of ours, where the words of a service are one sentence; else they say what to do.

    Args:
        words: of the service; empty where it said nothing.
        remedy: what we should advise.
    """
    return "" if ". " in words.strip() else remedy


class ServiceError(SmkiTestcaError):
    """A call of a service that did not give what it was made for.

    Attributes:
        step: in which it failed; empty until it is known.
        connection: the steps before, and what is known of TLS, as JSON.
        verdict: what the service itself said, as JSON: status, code, text, transaction.
    """

    step: str = ""
    connection: dict[str, Any] | None = None
    verdict: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """The error as JSON, with ``step`` and ``service`` in it and ``connection`` beside it."""
        error = super().as_json()["error"]
        if self.step:
            error["step"] = self.step
        if self.verdict is not None:
            error["service"] = self.verdict
        beside = {} if self.connection is None else {"connection": self.connection}
        return {"error": error, **beside}


class ServiceFaultError(ServiceError):
    """A service cannot be reached, or what it answers cannot be used."""

    exit_code = ExitCode.SERVICE


class ServiceRefusalError(ServiceError):
    """A service answered, and the answer is no."""

    exit_code = ExitCode.REFUSED
