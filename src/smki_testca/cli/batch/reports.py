"""Prints what a batch came to: problems, warnings and remarks on CSRs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smki_testca.cli.output import (
    print_warnings,
    say,
)
from smki_testca.text import (
    counted,
    is_or_are,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from smki_testca.cli.session import Session
    from smki_testca.issuance.batch.csr_sources import CsrSource, IgnoredEntries
    from smki_testca.issuance.batch.outcome import BatchOutcome


NAMED_FILES = 20
"""The most files beside CSRs that a warning names; the others are counted."""
LISTED_FILES = 1_000
"""The most of them that JSON lists."""
Remarks = dict[tuple[str, str, str], list[Any]]
"""The files or lines that each remark is on: its code, the part that was dropped, its text."""


def grouped(remarks: Iterable[tuple[Sequence[str], Any]]) -> Remarks:
    """Return the places of each remark, in the order in which the remarks come."""
    grouped: Remarks = {}
    for (code, part, text), place in remarks:
        grouped.setdefault((code, part, text), []).append(place)
    return grouped


def _of_outcome(outcome: BatchOutcome) -> Remarks:
    from smki_testca.issuance.batch import portal

    return grouped(
        (remark, line) for line, each in outcome.remarks.items() for remark in portal.texts(each)
    )


def remarks_as_json(remarks: Remarks, places: str) -> dict[str, Any]:
    """Return the warnings and what was dropped, as far as there is any.

    Args:
        remarks: on the CSRs of a batch.
        places: the key of the places that each is on.
    """
    warnings = [
        {"code": code, "message": text, places: rows}
        for (code, part, text), rows in remarks.items()
        if not part
    ]
    dropped = [
        {"path": part, "message": text, places: rows}
        for (_, part, text), rows in remarks.items()
        if part
    ]
    document = {"csr_warnings": warnings, "dropped": dropped}
    return {key: value for key, value in document.items() if value}


def report_remarks(remarks: Remarks, noun: str = "") -> None:
    """Print the remarks on CSRs: each once, with the first of its places."""
    for (code, _, text), places in remarks.items():
        others = f" and {counted(len(places) - 1, 'other')}" if len(places) > 1 else ""
        say(f"{noun}{places[0]}{others}: {code}: {text}", err=True)


def signed_text(signed: int, number: int, *, is_dry_run: bool) -> str:
    """Return how many CSRs of a number are signed, or would be."""
    verb = "would be" if is_dry_run else is_or_are(signed if number > 1 else number)
    return f"{signed} of {counted(number, 'CSR')} {verb} signed"


def report_problems(session: Session, outcome: BatchOutcome) -> None:
    """Print the rows that cannot be issued, and the remarks on the others."""
    if session.as_json:
        return
    for problem in outcome.problems:
        for line in problem.error.lines():
            say(f"line {problem.line}: {line}", err=True)
    report_remarks(_of_outcome(outcome), "line ")
    unlisted = outcome.problem_count - len(outcome.problems)
    if unlisted:
        say(f"{counted(unlisted, 'more line')} {is_or_are(unlisted)} wrong, too.", err=True)


def warnings_as_json(outcome: BatchOutcome) -> dict[str, Any]:
    """Return the warnings of a batch and how many are not listed, as far as there are any."""
    document: dict[str, Any] = {"warnings": list(outcome.warnings)} if outcome.warnings else {}
    if outcome.warnings_not_listed:
        document["warnings_not_listed"] = outcome.warnings_not_listed
    return document


def report_warnings(session: Session, outcome: BatchOutcome) -> None:
    """Print the warnings of a batch."""
    if session.as_json:
        return
    print_warnings(outcome.warnings)
    if outcome.warnings_not_listed:
        count = outcome.warnings_not_listed
        say(f"{counted(count, 'more warning')} {is_or_are(count)} not listed.", err=True)


def problems_as_json(outcome: BatchOutcome) -> dict[str, Any]:
    """Return the problems of a batch, and how many are not listed if there are any."""
    document: dict[str, Any] = {"problems": [problem.as_json() for problem in outcome.problems]}
    unlisted = outcome.problem_count - len(outcome.problems)
    if unlisted:
        document["problems_not_listed"] = unlisted
    return document | remarks_as_json(_of_outcome(outcome), "lines")


def report_passed_over(source: CsrSource) -> None:
    """Warn of what lies beside the CSRs of a batch and is none."""
    print_warnings(
        f"{source.path}: {_named(files)} skipped: {reason}."
        for reason, files in _by_reason(source.passed_over).items()
    )


def _by_reason(passed_over: Sequence[IgnoredEntries]) -> dict[str, list[str]]:
    """Return the names of the files that are no CSRs, by the reason."""
    by_reason: dict[str, list[str]] = {}
    for each in passed_over:
        by_reason.setdefault(each.reason, []).append(each.name)
    return by_reason


def _named(files: Sequence[str]) -> str:
    """Return the first of some names, and the number of the others."""
    more = len(files) - NAMED_FILES
    return ", ".join(files[:NAMED_FILES]) + (f" and {more} more" if more > 0 else "")


def passed_over_as_json(passed_over: Sequence[IgnoredEntries]) -> dict[str, Any]:
    """Return how many files are no CSRs, and the first of them, each with the reason."""
    listed = [{"file": each.name, "reason": each.reason} for each in passed_over[:LISTED_FILES]]
    return {"passed_over": len(passed_over)} | ({"passed_over_files": listed} if listed else {})
