"""Runs checkers so that an exception in a rule becomes a finding and the run continues."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from smki_testca.lint.findings import Breach
from smki_testca.lint.rule import rule
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
Document = TypeVar("Document")


def run(
    checkers: Iterable[Callable[[Document], Iterable[Breach]]],
    document: Document,
    breaches: list[Breach],
) -> None:
    """Run checkers on a document, and add their breaches to a list."""
    for checker in checkers:
        try:
            breaches.extend(checker(document))
        except Exception as error:  # noqa: BLE001 - whatever a rule does, the run continues
            breaches.append(_failure(checker.__name__, error))


def guarded(name: str, step: Callable[[], T], breaches: list[Breach]) -> T | None:
    """Run one step; a failure becomes a breach.

    Args:
        name: the name of the step or of its rule.
        step: the function to call.
        breaches: the list to which a failure is added.

    Returns:
        What the step returns; None if it failed.
    """
    try:
        return step()
    except Exception as error:  # noqa: BLE001 - whatever a rule does, the run continues
        breaches.append(_failure(name, error))
        return None


@rule(
    "internal.rule_failed", Severity.WARNING, Basis.ASSUMED, "a fault of this program",
    meaning="A rule failed on this document, so it was not checked by that rule.",
    remedy="Report it with the document.",
    good="no such finding", bad="an exception in a rule",
)  # fmt: skip
def _failure(name: str, error: Exception) -> Breach:
    message = f"the rule {name.strip('_')} failed: {type(error).__name__}: {error}"
    return Breach("internal.rule_failed", None, message, "")
