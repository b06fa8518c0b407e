"""Declares rules: the metadata stands above the function that detects a breach.

    @rule("validity.order", Severity.ERROR, Basis.SPECIFIED, "RFC 5280 4.1.2.5", meaning=…)
    def order(certificate: Certificate) -> Iterator[Breach]: …

A finding takes its severity, basis and source from its rule, so that the list of rules, the
documentation and the findings never differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from smki_testca.profiles.model import Severity
    from smki_testca.roles import Basis

    Declaring = TypeVar("Declaring", bound=Callable[..., Any])

PUBLISHED = "seen in published GB test certificates"
"""A source: published certificates that were examined."""
LIMIT = "a limit of this program"
"""A source: the program reads nothing beyond its limits."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        code: stable dotted code.
        severity: how grave a breach is.
        basis: how well the rule is known.
        source: the document and clause that state it.
        meaning: what a breach of it means.
        remedy: how to mend the document.
        good: an example that complies.
        bad: an example that breaks it.
        since: the date from which it has effect, where its source gives one.
        profiles: the profiles whose rows it comes from; empty for a declared rule.
    """

    code: str
    severity: Severity
    basis: Basis
    source: str
    meaning: str
    remedy: str
    good: str
    bad: str
    since: date | None = None
    profiles: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The rule as a JSON object, its attributes as keys."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "basis": self.basis.value,
            "source": self.source,
            "meaning": self.meaning,
            "remedy": self.remedy,
            "good": self.good,
            "bad": self.bad,
            "profiles": list(self.profiles),
            "since": None if self.since is None else self.since.isoformat(),
        }


RULES: dict[str, Rule] = {}
"""The rules declared so far, by code: all of them once ``lint.catalogue`` is imported."""


def rule(  # noqa: PLR0913 - a rule is stated in full
    code: str,
    severity: Severity,
    basis: Basis,
    source: str,
    *,
    meaning: str,
    remedy: str,
    good: str,
    bad: str,
    since: date | None = None,
) -> Callable[[Declaring], Declaring]:
    """Declare a rule above the function that detects its breach; see ``Rule``.

    A function that detects breaches of several rules has one declaration for each.

    Raises:
        ValueError: if another rule has this code.
    """
    if code in RULES:
        raise ValueError(f"two rules have the code {code}")
    RULES[code] = Rule(code, severity, basis, source, meaning, remedy, good, bad, since)
    return lambda function: function


def detects(*codes: str) -> Callable[[Declaring], Declaring]:
    """State that a function detects breaches of rules declared above another function."""
    del codes
    return lambda function: function
