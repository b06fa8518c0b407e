"""Drafts ``expectations.toml`` from a report: all that the target gets wrong, without reasons."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.corpus.run.report import CaseResult, RunReport


def as_expectations_toml(report: RunReport) -> str:
    """Draft an expectations file of all that a target gets wrong, with no reasons yet.

    What was known already keeps its reason.
    """
    groups: dict[tuple[str, str, str], list[CaseResult]] = {}
    for result in report.cases:
        if result.seen is not None and (result.known or result.is_wrong) and not result.stale:
            stage = "" if result.known else result.stage.value
            groups.setdefault((result.known, result.seen.value, stage), []).append(result)
    lines = [
        "# What this target is known to get wrong. Give each a reason: an empty one is refused.",
        f"target = {_quoted(report.name or report.target)}",
        f"level = {_quoted(report.level.value)}",
    ]
    for (reason, seen, stage), results in groups.items():
        lines += ["", "[[known]]", f"seen = {_quoted(seen)}", f"reason = {_quoted(reason)}"]
        lines += [f"# Of the stage {stage}."] if stage else []
        lines += ["cases = [", *_cases(results), "]"]
    return "\n".join(lines) + "\n"


def _cases(results: Sequence[CaseResult]) -> list[str]:
    return [f"  {_quoted(result.id)}, # {result.importance}: {result.title}" for result in results]


def _quoted(text: str) -> str:
    """A text as a basic string of TOML, which has the escapes of JSON."""
    return json.dumps(text, ensure_ascii=True)
