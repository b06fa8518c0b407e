"""``corpus list`` and ``corpus explain``: what the cases are, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.corpus.selecting import selecting, selection
from smki_testca.cli.output import Column, print_json, print_json_list, print_rows, print_table
from smki_testca.corpus.defect import Level
from smki_testca.corpus.difference import UNDER_TEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smki_testca.cli.session import Session
    from smki_testca.corpus.case_selection import Catalogue
    from smki_testca.corpus.delivery.documents import CaseTable

_LEVELS = {Level.RFC5280: "RFC 5280", Level.GBCS: "GBCS"}
_MOST_OCTETS = 64
"""The most octets of a change that are printed in a table."""


def catalogue() -> Catalogue:
    """Return every case of the corpus itself, each made when it is asked for."""
    from smki_testca.corpus.build import ENVIRONMENT, Builder
    from smki_testca.corpus.case_selection import Catalogue
    from smki_testca.corpus.pki import corpus_pki

    return Catalogue(Builder(corpus_pki(), ENVIRONMENT))


def _of_folder(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option of another corpus than the one that the program has."""
    return click.option(
        "--corpus",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Cases of this folder, such as one of corpus fuzz or corpus make --estate.",
    )(command)


@click.command("list")
@selecting
@_of_folder
@click.pass_obj
def list_(session: Session, /, corpus: Path | None, **options: Any) -> None:
    """List the cases of the corpus, or those that fit every option.

    An option may be given several times: a case must fit any of its values. Cases of low importance
    are left out, to keep the corpus small, unless --importance low, --only or --every-base asks for
    them. With --corpus, all are listed that the folder has.

    \b
    Example:
      smki-testca corpus list --profile device --stage profile --verdict reject --level gbcs
      smki-testca corpus list --corpus corpus-fuzz
    """
    import json

    from smki_testca.corpus.listed import ListedCorpus, as_json, as_table

    criteria = selection(options)
    cases = (
        [as_table(case) for case in catalogue().select(criteria)]
        if corpus is None
        else ListedCorpus.read(corpus).select(criteria)
    )
    if session.as_json:
        print_json_list("cases", (json.dumps(as_json(case)) for case in cases))
        return
    columns = _columns(Level(options["level"]))
    rows = ([column.text(case) for column in columns] for case in cases)
    print_rows(columns, rows, ahead=len(cases))


def _columns(level: Level) -> list[Column[CaseTable]]:
    # The id is last: nothing is lined up behind the longest one.
    return [
        Column("stage", "Stage", lambda case: case.stage.value, 2),
        Column("verdict", _LEVELS[level], lambda case: case.expect[level].verdict.value, 1),
        Column("importance", "Importance", lambda case: case.importance.value, 3),
        Column("id", "Case", lambda case: case.id),
    ]


@click.command()
@click.argument("case_id", metavar="ID")
@_of_folder
@click.pass_obj
def explain(session: Session, case_id: str, corpus: Path | None) -> None:
    """Explain one case: what is changed in it, what a parser must do with it, and why.

    A rule may be specified, and the verdict assumed: what a certificate must be was read then, and
    not that a Device must refuse one that is otherwise.

    \b
    Example:
      smki-testca corpus explain device-san-not-critical
      smki-testca corpus explain device-san-not-critical --corpus corpus
    """
    from smki_testca.corpus.listed import ListedCorpus, as_json, as_table

    if corpus is None:
        declared = catalogue()
        own_case = declared.case(case_id)
        case, der = as_table(own_case, declared.good()), own_case.der
    else:
        folder_corpus = ListedCorpus.read(corpus)
        case = folder_corpus.case(case_id)
        der = folder_corpus.document(case) if session.as_json else b""
    if session.as_json:
        print_json({**as_json(case), "der": der.hex()})
        return
    print_table(("", ""), list(_explanation(case)), prose=True)


def _explanation(case: CaseTable) -> Iterator[tuple[str, str]]:
    yield "Case", f"{case.id}, revision {case.revision}"
    yield "Title", case.title
    yield from _change(case)
    yield "Why", case.why
    if case.remedy:
        yield "Remedy", case.remedy
    for level in Level:
        expected = case.expect[level]
        demand = _VERDICTS[expected.verdict.value]
        yield _LEVELS[level], f"{demand} (the verdict is {expected.basis}: {expected.source})"
    late = "" if case.at_least is case.stage else f"; {case.at_least} is not too late"
    yield "Stage", f"{case.stage}{late}"
    yield "Importance", case.importance.value
    yield "Profile", f"{case.profile}, {case.kind}"
    if case.finding is not None:
        rule = f"the rule is {case.basis}: {case.source}"
        yield "Finding", f"{case.finding} ({case.severity}; {rule})"
    if case.also:
        yield "And", ", ".join(case.also)
    for answer in case.device:
        checks = "with" if answer.time_checks else "without"
        yield "Device", f"{answer.status} {answer.name}, {checks} checks of time ({answer.basis})"
    if case.facts:
        yield "Says", ", ".join(f"{name} {value}" for name, value in case.facts.items())
    if case.needs:
        yield "Needs", ", ".join(case.needs)
    yield "Judged at", case.at or ""
    yield "File", f"{case.files.der}, {case.files.octets} octets"
    yield "SHA-256", case.files.sha256
    for name, files in (("Chain", case.chain), ("CRLs", case.crls)):
        if files:
            yield name, ", ".join(files)
    if case.about:
        yield "About", case.about
    yield "In C", case.files.symbol


_VERDICTS = {
    "reject": "must be refused",
    "accept": "must be taken",
    "either": "may be taken or refused",
}


def _change(case: CaseTable) -> Iterator[tuple[str, str]]:
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


def _hex(text: str) -> str:
    octets = bytes.fromhex(text)
    if not octets:
        return "nothing"
    more = len(octets) - _MOST_OCTETS
    rest = f" … and {more} octets more" if more > 0 else ""
    return octets[:_MOST_OCTETS].hex(" ", -8) + rest
