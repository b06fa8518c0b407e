"""The common part of all ways to ask a parser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from smki_testca.errors import InputError
from smki_testca.text import plain

if TYPE_CHECKING:
    from smki_testca.corpus.defect import Need
    from smki_testca.corpus.run.questions import Question
    from smki_testca.corpus.run.target_answers import Hello, TargetAnswer


class ParserTarget(Protocol):
    """A parser under test.

    Attributes:
        is_parallel: whether several threads may ask at a time.
    """

    is_parallel: bool

    def open(self, seconds: float, capabilities: frozenset[Need] | None = None) -> Hello:
        """Start the target, and ask what it can do.

        Args:
            seconds: how long it may take.
            capabilities: what it can do; None for what it says itself.

        Raises:
            InputError: if it cannot be started, or breaks the protocol.
        """

    def ask(self, question: Question, seconds: float) -> TargetAnswer:
        """Ask a case.

        Args:
            question: the case.
            seconds: how long the answer may take; without one until then the target hung.

        Raises:
            InputError: if it cannot be started any more, or breaks the protocol.
        """

    def restart(self, seconds: float) -> None:
        """Start the target anew after a crash or a hang.

        Raises:
            InputError: if it cannot be started.
        """

    def close(self) -> None:
        """End the target, whatever it is doing."""


def not_started(name: str, reason: str) -> InputError:
    """The error for a target that cannot be started."""
    return InputError(
        "corpus.target",
        f"The target {name} cannot be started: {reason}.",
        "Check what --with names.",
    )


def broken_protocol(
    name: str,
    mistake: str,
    remedy: str = "See docs/corpus-protocol.md, then continue with --resume.",
) -> InputError:
    """The error for a target that breaks the protocol."""
    message = f"The target {name} breaks the protocol: {plain(mistake)}."
    return InputError("corpus.protocol", message, remedy)
