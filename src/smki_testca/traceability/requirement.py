"""Requirements, each with where it is enforced, the tests that show it, and the codes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smki_testca import toml
from smki_testca.errors import InputError
from smki_testca.profiles.misfits import convert
from smki_testca.text import shown
from smki_testca.toml_places import Place
from smki_testca.traceability.documents import RequirementsFile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.roles import Basis

_DATA = Path(__file__).parent / "requirements.toml"


@dataclass(frozen=True, slots=True)
class Requirement:
    """A rule of the regime, or a paragraph or statement of the Government's response.

    Attributes:
        id: ``R12`` for a rule, ``¶33`` for a paragraph, a name for what has no number.
        chapter: the heading under which it is listed.
        summary: what it asks, in our own words.
        basis: how well it is known.
        source: where it is said.
        rules: of a paragraph or statement, the rules of the regime that restate it.
        enforced_in: dotted names of modules, and data files by their paths in the repository.
        tests: that show it, each as ``file::function``.
        codes: of the refusals, errors and findings that tell of a breach.
        warnings: words of the warnings that tell of it, where it is not refused.
        nothing_to_enforce: why a test CA has nothing to enforce; empty for what is enforced.
    """

    id: str
    chapter: str
    summary: str
    basis: Basis
    source: str
    rules: tuple[str, ...]
    enforced_in: tuple[str, ...]
    tests: tuple[str, ...]
    codes: tuple[str, ...]
    warnings: tuple[str, ...]
    nothing_to_enforce: str

    @property
    def is_enforced(self) -> bool:
        """Whether there is something to enforce."""
        return not self.nothing_to_enforce

    def as_json(self) -> dict[str, Any]:
        """The requirement as a JSON object."""
        return {
            "id": self.id,
            "chapter": self.chapter,
            "summary": self.summary,
            "basis": self.basis.value,
            "source": self.source,
            "rules": list(self.rules),
            "enforced": self.is_enforced,
            "nothing_to_enforce": self.nothing_to_enforce or None,
            "enforced_in": list(self.enforced_in),
            "tests": list(self.tests),
            "codes": list(self.codes),
            "warnings": list(self.warnings),
        }


@cache
def requirements() -> tuple[Requirement, ...]:
    """Every requirement, in the order of the chapters; the rules of the regime come last."""
    place = Place(_DATA.name)
    read = convert(toml.parse(_DATA.read_bytes(), _DATA.name), RequirementsFile, place)
    return tuple(
        Requirement(
            requirement.id,
            requirement.chapter,
            requirement.summary,
            requirement.basis,
            requirement.source,
            tuple(requirement.rules),
            tuple(requirement.enforced_in),
            tuple(requirement.tests),
            tuple(requirement.codes),
            tuple(requirement.warnings),
            requirement.nothing_to_enforce,
        )
        for requirement in read.requirement
    )


def find(terms: Iterable[str]) -> tuple[Requirement, ...]:
    """The requirements that are meant, in their own order.

    Args:
        terms: ids in either case, numbers of paragraphs with or without ``¶``, and codes of
            refusals, errors and findings.

    Raises:
        InputError: for a term that is none of these.
    """
    ids: set[str] = set()
    for term in terms:
        meant = {requirement.id for requirement in requirements() if _is_meant(term, requirement)}
        if not meant:
            raise InputError(
                "trace.unknown",
                f"There is no rule, paragraph, statement or code {shown(term)}.",
                "Name a rule (R1 to R24), a paragraph (25 to 42), or a code that tells of one."
                " smki-testca trace lists them all.",
            )
        ids |= meant
    return tuple(requirement for requirement in requirements() if requirement.id in ids)


def _is_meant(term: str, requirement: Requirement) -> bool:
    name = term.strip().casefold()
    return name in {requirement.id.casefold(), requirement.id.removeprefix("¶")} or (
        name in requirement.codes
    )
