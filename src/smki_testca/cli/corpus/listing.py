"""``corpus list`` and ``corpus explain``: what the cases are, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.corpus.selecting import selecting, selection
from smki_testca.cli.output import Column, print_json, print_json_list, print_rows, print_table
from smki_testca.corpus.defect import Level
from smki_testca.corpus.difference import UNDER_TEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.cli.session import Session
    from smki_testca.corpus.case import Case
    from smki_testca.corpus.selection import Catalogue

_LEVELS = {Level.RFC5280: "RFC 5280", Level.GBCS: "GBCS"}
_MOST_OCTETS = 64
"""The most octets of a change that are printed in a table."""


def catalogue() -> Catalogue:
    """Return every case of the corpus itself, each made when it is asked for."""
    from smki_testca.corpus.bases import corpus_pki
    from smki_testca.corpus.build import ENVIRONMENT, Builder
    from smki_testca.corpus.selection import Catalogue

    return Catalogue(Builder(corpus_pki(), ENVIRONMENT))


@click.command("list")
@selecting
@click.pass_obj
def list_(session: Session, /, **given: Any) -> None:
    """List the cases of the corpus, or those that fit every option.

    An option may be given several times: a case must fit any of its values. Cases of low importance
    are left out, to keep the corpus small, unless --importance low, --only or --every-base asks for
    them.

    \b
    Example:
      smki-testca corpus list --profile device --stage profile --verdict reject --level gbcs
    """
    import json

    cases = catalogue().select(selection(given))
    if session.as_json:
        print_json_list("cases", (json.dumps(case.as_json()) for case in cases))
        return
    columns = _columns(Level(given["level"]))
    rows = ([column.text(case) for column in columns] for case in cases)
    print_rows(columns, rows, ahead=len(cases))


def _columns(level: Level) -> list[Column[Case]]:
    # The id is last: nothing is lined up behind the longest one.
    return [
        Column("stage", "Stage", lambda case: case.stage.value, 2),
        Column("verdict", _LEVELS[level], lambda case: case.verdict(level).value, 1),
        Column("importance", "Importance", lambda case: case.importance.value, 3),
        Column("id", "Case", lambda case: case.id),
    ]


@click.command()
@click.argument("case_id", metavar="ID")
@click.pass_obj
def explain(session: Session, case_id: str) -> None:
    """Explain one case: what is changed in it, what a parser must do with it, and why.

    A rule may be specified, and the verdict assumed: what a certificate must be was read then, and
    not that a Device must refuse one that is otherwise.

    \b
    Example:
      smki-testca corpus explain device-san-not-critical
    """
    case = catalogue().case(case_id)
    if session.as_json:
        print_json({**case.as_json(), "der": case.der.hex()})
        return
    print_table(("", ""), list(_explanation(case)), prose=True)


def _explanation(case: Case) -> Iterator[tuple[str, str]]:
    yield "Case", f"{case.id}, revision {case.revision}"
    yield "Title", case.title
    yield from _change(case)
    yield "Why", case.why
    if case.remedy:
        yield "Remedy", case.remedy
    for level in Level:
        expected = case.expect[level]
        told = _VERDICTS[expected.verdict.value]
        yield _LEVELS[level], f"{told} (the verdict is {expected.basis}: {expected.source})"
    late = "" if case.at_least is case.stage else f"; {case.at_least} is not too late"
    yield "Stage", f"{case.stage}{late}"
    yield "Importance", case.importance.value
    yield "Profile", f"{case.profile}, {case.kind}"
    found = [finding for finding in (case.finding, *case.also) if finding is not None]
    for finding in found:
        rule = f"the rule is {finding.basis}: {finding.source}"
        yield "Finding", f"{finding.code} ({finding.severity}; {rule})"
    for answer in case.device:
        checks = "with" if answer.time_checks else "without"
        yield "Device", f"{answer.status} {answer.name}, {checks} checks of time ({answer.basis})"
    if case.facts:
        yield "Says", ", ".join(f"{name} {value}" for name, value in case.facts.items())
    if case.needs:
        yield "Needs", ", ".join(case.needs)
    yield "Judged at", case.at
    yield "SHA-256", case.sha256


_VERDICTS = {
    "reject": "must be refused",
    "accept": "must be taken",
    "either": "may be taken or refused",
}


def _change(case: Case) -> Iterator[tuple[str, str]]:
    change = case.change
    if change is None:
        return
    signed = "signed again" if change.resigned else "not signed again"
    place, whose = change.path or "the document", case.base
    if change.document != UNDER_TEST:
        # The document itself is that of its base: the change is in one around it.
        whose, signed = f"{change.document} of {case.base}", f"{change.document} is {signed}"
    yield "Changed", f"{change.kind}: {place}, octet {change.offset} of {whose}; {signed}"
    yield "Before", _hex(change.before)
    yield "After", _hex(change.after)


def _hex(octets: bytes) -> str:
    if not octets:
        return "nothing"
    more = len(octets) - _MOST_OCTETS
    rest = f" … and {more} octets more" if more > 0 else ""
    return octets[:_MOST_OCTETS].hex(" ", -8) + rest
