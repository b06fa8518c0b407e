"""A breach of a rule for records: what a rule finds, before it is a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from smki_testca.assurance.assessment_record import Decision
    from smki_testca.profiles.assurance_terms import Term
    from smki_testca.toml_places import KeyPath


class RecordBreach(NamedTuple):
    """A breach of a rule.

    Attributes:
        message: what is wrong, one sentence.
        path: where the record shows it.
        person: the id of the person or organisation, if it concerns one.
        decision: the decision, if it concerns one.
        grounds: the terms that it rests on: it is as grave and as well known as the least of them.
    """

    message: str
    path: KeyPath
    person: str | None = None
    decision: Decision | None = None
    grounds: tuple[Term, ...] = ()
