"""Weighs findings that rest on several terms: they are as grave as the least certain of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.profiles.model import SEVERITY_RANK, Severity
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.profiles.assurance_terms import Term

_BASIS_RANK = {basis: rank for rank, basis in enumerate(Basis)}


def gravest_first(grounds: Sequence[Term]) -> tuple[int, int]:
    """A key that sorts by severity, then by how well the least known of the terms is known."""
    return (
        max((SEVERITY_RANK[term.severity] for term in grounds), default=0),
        max((_BASIS_RANK[term.basis] for term in grounds), default=0),
    )


def least(grounds: Sequence[Term]) -> Severity:
    """The least grave severity of some terms."""
    return list(Severity)[gravest_first(grounds)[0]]


def least_known(grounds: Sequence[Term]) -> Term:
    """The term of those that is least known; of equals, the first one."""
    return max(grounds, key=lambda term: _BASIS_RANK[term.basis])
