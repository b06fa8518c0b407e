"""The terms of records of SMKI assessments (seed ch. 5): ``assurance-terms.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Mapping

SEED_POSTS = ("employee", "director")
"""The posts that the seed names; they always count."""
NO_EMPLOYER = "no-employer"
"""The post of somebody who is known to have no employer."""
SUPERVISED = "supervised"
"""The oversight that a line manager has."""
PAID = "paid"
"""The oversight that counts also where it comes after a decision."""
NAMED_BY_PROGRAM = {
    "post": (*SEED_POSTS, NO_EMPLOYER),
    "oversight": (SUPERVISED, PAID),
    "group": ("subsidiary", "parent", "sister"),
    "window": ("left", "offer", "joins"),
    "recusal": ("recorded-late",),
}
"""The terms of each table that the program itself names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A term of the file.

    Attributes:
        name: as a record writes it.
        basis: how well it is known that it counts.
        source: where it was read.
        severity: the gravest that a finding which rests on it can be.
        counts: whether findings rest on it at all.
    """

    name: str
    basis: Basis
    source: str
    severity: Severity
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PostTerm(Term):
    """A kind of post that a person can have.

    Attributes:
        employer: whether there is an organisation; where there is none, nothing can count.
    """

    employer: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTerm(Term):
    """A way in which a person takes part in a decision.

    Attributes:
        recuses: whether the person takes no part, and the record says so.
    """

    recuses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTerm(Term):
    """A kind of decision of a report.

    Attributes:
        stage: whether it is made before the outcome, sets it, or is made after it.
    """

    stage: Literal["before", "outcome", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTerm(Term):
    """The days around a decision in which a post counts that does not cover its day.

    Attributes:
        days: the most days between them; None for any number.
    """

    days: int | None = None


@dataclass(frozen=True, slots=True)
class AssuranceTerms:
    """All that the file states: the terms of each of its tables, by name."""

    stage: Mapping[str, Term]
    post: Mapping[str, PostTerm]
    part: Mapping[str, PartTerm]
    decision: Mapping[str, DecisionTerm]
    oversight: Mapping[str, Term]
    group: Mapping[str, Term]
    window: Mapping[str, WindowTerm]
    recusal: Mapping[str, Term]


def severity_of(stated: Severity | None, basis: Basis) -> Severity:
    """The severity that a term states; without one, what is not specified is no error."""
    if stated is not None:
        return stated
    return Severity.ERROR if basis is Basis.SPECIFIED else Severity.WARNING
