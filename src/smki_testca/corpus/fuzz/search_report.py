"""Reports what a search found: in text of 80 columns at most, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smki_testca.corpus.run.reports.plain_text import wrapped
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smki_testca.corpus.fuzz.disagreements import Disagreement, DisagreementSearch

MOST_CODES = 3
"""So many codes of findings are in a line of the text; the JSON has all."""


def as_text(search: DisagreementSearch, folder: Path | None) -> str:
    """The report of a search.

    Args:
        search: what was found.
        folder: where its cases are; None where there are none.
    """
    return "\n".join([*_lines(search, folder), ""])


def _lines(search: DisagreementSearch, folder: Path | None) -> Iterator[str]:
    name = search.hello.name or "The target"
    changes = counted(search.asked_changes, "change")
    bases = counted(len(search.bases), "good document")
    yield from wrapped(f"{name}: {changes} of {bases}, seed {search.seed}, {search.settings.level}")
    if search.left_out:
        yield from ("", "Left out:")
        for base, reason in search.left_out.items():
            yield from wrapped(f"good-{base}: {reason}", "  ")
    for disagreement in search.disagreements.values():
        yield ""
        yield from _of(disagreement, search)
    yield ""
    if folder is None:
        yield "It judges every one of them as it must."
    else:
        yield from wrapped(f"{counted(len(search.disagreements), 'disagreement')}. Ask again with:")
        yield f"  smki-testca corpus run {folder} --with …"


def _of(disagreement: Disagreement, search: DisagreementSearch) -> Iterator[str]:
    mutation, judgement = disagreement.changed.mutation, disagreement.judgement
    yield disagreement.changed.question.id
    yield from wrapped(f"{mutation.material.base.title} {mutation.title}", "    ")
    must = judgement.verdicts[search.settings.level]
    yield f"    {disagreement.answer.seen}, and must: {must}"
    codes = judgement.codes[:MOST_CODES]
    more = len(judgement.codes) - len(codes)
    listed = ", ".join(codes) + (f" and {more} more" if more else "")
    yield from wrapped(f"findings: {listed or 'none'}", "    ")


def as_json(
    search: DisagreementSearch, folder: Path | None, *, interrupted: bool
) -> dict[str, Any]:
    """The report of a search as a JSON object.

    Args:
        search: what was found.
        folder: where its cases are; None where there are none.
        interrupted: whether the user ended it.
    """
    return {
        "target": search.hello.name,
        "capabilities": sorted(search.hello.capabilities),
        "level": search.settings.level.value,
        "seed": search.seed,
        "asked": search.asked_changes,
        "interrupted": interrupted,
        "bases": [f"good-{name}" for name in search.bases],
        "left_out": {f"good-{name}": why for name, why in search.left_out.items()},
        "directory": None if folder is None else str(folder),
        "disagreements": [
            _as_json(disagreement, search) for disagreement in search.disagreements.values()
        ],
    }


def _as_json(disagreement: Disagreement, search: DisagreementSearch) -> dict[str, Any]:
    mutation, answer = disagreement.changed.mutation, disagreement.answer
    return {
        "id": disagreement.changed.question.id,
        "base": disagreement.changed.good.id,
        "field": mutation.element.field,
        "operator": mutation.operator,
        "argument": mutation.argument.hex(),
        "seen": answer.seen.value,
        "expected": disagreement.judgement.verdicts[search.settings.level].value,
        "findings": list(disagreement.judgement.codes),
        "code": answer.code,
        "reason": answer.reason,
    }
