"""Reports what a search found: in text of 80 columns at most, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smki_testca.corpus.run.reports.text import wrapped
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smki_testca.corpus.fuzz.search import Disagreement, Search

MOST_CODES = 3
"""So many codes of findings are in a line of the text; the JSON has all."""


def as_text(search: Search, folder: Path | None) -> str:
    """The report of a search.

    Args:
        search: what was found.
        folder: where its cases are; None where there are none.
    """
    return "\n".join([*_lines(search, folder), ""])


def _lines(search: Search, folder: Path | None) -> Iterator[str]:
    name = search.hello.name or "The target"
    asked = counted(search.asked, "change")
    bases = counted(len(search.bases), "good document")
    yield from wrapped(f"{name}: {asked} of {bases}, seed {search.seed}, {search.settings.level}")
    if search.left_out:
        yield from ("", "Left out:")
        for base, reason in search.left_out.items():
            yield from wrapped(f"good-{base}: {reason}", "  ")
    for found in search.found.values():
        yield ""
        yield from _of(found, search)
    yield ""
    if folder is None:
        yield "It judges every one of them as it must."
    else:
        yield from wrapped(f"{counted(len(search.found), 'disagreement')}. Ask again with:")
        yield f"  smki-testca corpus run {folder} --with …"


def _of(found: Disagreement, search: Search) -> Iterator[str]:
    made, judgement = found.changed.mutation, found.judgement
    yield found.changed.question.id
    yield from wrapped(f"{made.material.base.title} {made.title}", "    ")
    must = judgement.verdicts[search.settings.level]
    yield f"    {found.answer.seen}, and must: {must}"
    codes = judgement.codes[:MOST_CODES]
    more = len(judgement.codes) - len(codes)
    listed = ", ".join(codes) + (f" and {more} more" if more else "")
    yield from wrapped(f"findings: {listed or 'none'}", "    ")


def as_json(search: Search, folder: Path | None, *, interrupted: bool) -> dict[str, Any]:
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
        "asked": search.asked,
        "interrupted": interrupted,
        "bases": [f"good-{name}" for name in search.bases],
        "left_out": {f"good-{name}": why for name, why in search.left_out.items()},
        "directory": None if folder is None else str(folder),
        "disagreements": [_as_json(found, search) for found in search.found.values()],
    }


def _as_json(found: Disagreement, search: Search) -> dict[str, Any]:
    made, answer = found.changed.mutation, found.answer
    return {
        "id": found.changed.question.id,
        "base": found.changed.good.id,
        "field": made.element.field,
        "operator": made.operator,
        "argument": made.argument.hex(),
        "seen": answer.seen.value,
        "expected": found.judgement.verdicts[search.settings.level].value,
        "findings": list(found.judgement.codes),
        "code": answer.code,
        "reason": answer.reason,
    }
