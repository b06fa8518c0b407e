"""``trace``: where each rule and paragraph is enforced, what shows it, which codes report it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from smki_testca.cli.output import print_json, print_table, say
from smki_testca.traceability.requirement import find, requirements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.cli.folding import Cell
    from smki_testca.cli.session import Session
    from smki_testca.traceability.requirement import Requirement


@click.command()
@click.argument("terms", metavar="[ID]...", nargs=-1)
@click.pass_obj
def trace(session: Session, terms: tuple[str, ...]) -> None:
    """Show where rules are enforced, which tests show it, and which codes tell of a breach.

    ID is a rule (R12), a paragraph of the January 2015 response (33 or ¶33), a statement of it
    (T6.4), or the code of a refusal, an error or a finding. Without any, all are listed.

    \b
    Example:
      smki-testca trace R12
      smki-testca trace id.not_allocated
    """
    chosen = find(terms) if terms else requirements()
    if session.as_json:
        print_json({"requirements": [requirement.as_json() for requirement in chosen]})
    elif terms:
        for place, requirement in enumerate(chosen):
            say(*([""] if place else []))
            print_table(("", ""), _rows(requirement), prose=True)
    else:
        _print_all(chosen)


def _print_all(chosen: Sequence[Requirement]) -> None:
    print_table(
        ("id", "what it asks", "tests", "codes"),
        [(requirement.id, requirement.summary, *_counts(requirement)) for requirement in chosen],
        prose=True,
    )
    enforced = sum(requirement.is_enforced for requirement in chosen)
    say(
        "",
        f"{enforced} are enforced; for {len(chosen) - enforced} there is nothing to enforce (-).",
        "To see one whole: smki-testca trace ID",
    )


def _counts(requirement: Requirement) -> tuple[str, str]:
    if not requirement.is_enforced:
        return "-", "-"
    return str(len(requirement.tests)), str(len(requirement.codes))


def _rows(requirement: Requirement) -> list[tuple[str, Cell]]:
    rows: list[tuple[str, Cell]] = [
        (requirement.id, requirement.summary),
        ("Source", f"{requirement.source} ({requirement.basis})"),
        ("Rules", ", ".join(requirement.rules)),
        ("Nothing to enforce", requirement.nothing_to_enforce),
        ("Enforced in", requirement.enforced_in),
        ("Shown by", tuple(map(_sentence, requirement.tests))),
        ("Told by", requirement.codes),
        ("Warns", requirement.warnings),
    ]
    return [(name, cell) for name, cell in rows if cell]


def _sentence(test: str) -> str:
    """The file of a test, and its name as the sentence that it is: that one folds."""
    file, _, name = test.partition("::")
    return f"{file}: {name.removeprefix('test_').replace('_', ' ')}"
