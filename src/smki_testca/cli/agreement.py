"""``agreement``: the agreements under which participants get Test Certificates."""

from __future__ import annotations

import textwrap
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.drafting import new_agreement
from smki_testca.cli.dry_run import with_dry_run
from smki_testca.cli.if_needed import with_if_needed
from smki_testca.cli.input_files import read_input
from smki_testca.cli.output import print_json, print_outcome, print_table, print_warnings, say
from smki_testca.errors import InputError
from smki_testca.text import counted, is_or_are, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.cli.folding import Cell
    from smki_testca.cli.session import Session
    from smki_testca.register.agreements import Agreement, AgreementChange

_VALUE_COLUMNS = 63
"""The columns for a value, beside its name, in a terminal of 80."""


@click.group()
def agreement() -> None:
    """The agreements that bind participants.

    \b
    Example:
      smki-testca --estate estate agreement show
    """


agreement.add_command(new_agreement)


@agreement.command()
@click.argument("file", metavar="FILE")
@click.pass_obj
@with_dry_run
def add(session: Session, file: str) -> None:
    """Add the agreements of a TOML FILE.

    \b
    Example:
      smki-testca --estate estate agreement add examples/agreement.toml
    """
    data = read_input(file)
    with session.open() as estate:
        warnings: list[str] = []
        _, agreements = estate.register.import_file(data, file, warnings.append)
    if session.as_json:
        print_outcome(
            session,
            {
                "agreements": [agreement.as_json() for agreement in agreements],
                **({"warnings": warnings} if warnings else {}),
            },
        )
        return
    print_warnings(warnings)
    count = len(agreements)
    say(f"{counted(count, 'agreement')} {is_or_are(count)} registered.")


@agreement.command()
@click.argument("reference", metavar="[REFERENCE]", required=False)
@click.pass_obj
def show(session: Session, reference: str | None) -> None:
    """Show one agreement, or all of them, with their terms and what changed in them.

    \b
    Example:
      smki-testca --estate estate agreement show BIL-2020-001
    """
    with session.open() as estate:
        current = estate.register.load()
        agreements = (
            list(current.agreements.values())
            if reference is None
            else [current.agreement(reference)]
        )
        changes = estate.register.agreement_changes()
    if session.as_json:
        print_json({"agreements": [_as_json(agreement, changes) for agreement in agreements]})
        return
    for place, each in enumerate(agreements):
        say(*([""] if place else []))
        print_table(("", ""), _rows(each, changes.get(each.reference, ())))


def _as_json(agreement: Agreement, changes: dict[str, list[AgreementChange]]) -> dict[str, Any]:
    """An agreement with its history, if it has one."""
    history = [change.as_json() for change in changes.get(agreement.reference, ())]
    return {**agreement.as_json(), **({"history": history} if history else {})}


def _rows(agreement: Agreement, changes: Sequence[AgreementChange]) -> list[tuple[str, Cell]]:
    """The rows of a table of one agreement."""
    until = ", without end" if agreement.end is None else f" to {agreement.end}"
    rows: list[tuple[str, Cell]] = [
        ("Agreement", agreement.reference),
        ("Participant", agreement.participant),
        ("Kind", agreement.kind.value),
        ("In force", f"from {agreement.start}{until}"),
        ("State", "suspended" if agreement.suspended else "not suspended"),
        ("Purposes", _wrapped(agreement.purposes)),
        ("Categories", _wrapped(agreement.categories)),
        ("Environments", _wrapped(agreement.environments)),
        ("Obligations", _wrapped(agreement.obligations)),
        ("Remote delivery", "agreed" if agreement.remote_delivery else "not agreed"),
    ]
    for change in changes:
        rows += [(f"Entry {change.audit}", tuple(_lines(change)))]
    return rows


_WORDS = {"replace": "replaced", "end": "ended", "suspend": "suspended", "resume": "resumed"}


def _lines(change: AgreementChange) -> list[str]:
    """A change in lines: what was done, then each term as it was before."""
    lines = [f"{_WORDS[change.change]} at {change.at}"]
    if change.change in {"replace", "end"}:
        for name, value in change.before.items():
            lines += _wrapped([f"{name.replace('_', ' ')} was {_in_words(value)}"])
    return lines


def _in_words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return {None: "none", True: "true", False: "false"}.get(value, str(value))


def _wrapped(values: Sequence[str]) -> tuple[str, ...]:
    """Values in lines that fit a terminal; none is broken."""
    text = ", ".join(values) or "none"
    lines = textwrap.wrap(text, _VALUE_COLUMNS, break_long_words=False, break_on_hyphens=False)
    return tuple(lines)


@agreement.command("replace")
@click.argument("file", metavar="FILE")
@click.pass_obj
@with_dry_run
@with_if_needed
def replace_(session: Session, file: str) -> None:
    """Replace agreements by those of a TOML FILE that have the same references.

    The gate decides by the new terms from then on, also for a batch in progress. The terms before
    stay in the history that agreement show prints, and in the audit log.

    \b
    Example:
      smki-testca --estate estate agreement replace examples/agreement-replacement.toml
    """
    data = read_input(file)
    with session.open() as estate:
        agreements = estate.register.replace_agreements(data, file)
        changes = estate.register.agreement_changes()
    if session.as_json:
        print_outcome(session, {"agreements": [agreement.as_json() for agreement in agreements]})
        return
    for replaced in agreements:
        before = changes[replaced.reference][-1].before
        terms = ", ".join(name.replace("_", " ") for name in before)
        still = " It is still suspended." if replaced.suspended else ""
        say(f"Agreement {replaced.reference} is replaced; other terms: {terms}.{still}")


@agreement.command()
@click.argument("reference", metavar="REFERENCE")
@click.option(
    "--on", "last", metavar="DATE", required=True, help="The last day on which it is in force."
)
@click.pass_obj
@with_dry_run
@with_if_needed
def end(session: Session, reference: str, last: str) -> None:
    """End an agreement: nothing is issued under it after the day that you name.

    What a batch in progress has not issued by then is refused. To end the agreement at once, name
    yesterday. To stop it for a time, suspend it.

    \b
    Example:
      smki-testca --estate estate agreement end BIL-2020-001 --on 2027-03-31
    """
    with session.open() as estate:
        ended = estate.register.end_agreement(reference, _day(last))
        is_over = ended.has_ended(estate.clock.now().date())
    if session.as_json:
        print_outcome(session, {"agreements": [ended.as_json()]})
        return
    say(f"Agreement {reference} {'ended on' if is_over else 'is in force up to'} {ended.end}.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            "time.form", f"{shown(text)} is not a day.", "Write it as YYYY-MM-DD."
        ) from error


@agreement.command()
@click.argument("reference", metavar="REFERENCE")
@click.pass_obj
@with_dry_run
@with_if_needed
def suspend(session: Session, reference: str) -> None:
    """Suspend an agreement: nothing is issued under it until it is resumed.

    \b
    Example:
      smki-testca --estate estate agreement suspend BIL-2020-001
    """
    _set_suspended(session, reference, suspended=True)


@agreement.command()
@click.argument("reference", metavar="REFERENCE")
@click.pass_obj
@with_dry_run
@with_if_needed
def resume(session: Session, reference: str) -> None:
    """Resume a suspended agreement.

    \b
    Example:
      smki-testca --estate estate agreement resume BIL-2020-001
    """
    _set_suspended(session, reference, suspended=False)


def _set_suspended(session: Session, reference: str, *, suspended: bool) -> None:
    with session.open() as estate:
        changed = estate.register.set_suspended(reference, suspended=suspended)
    if session.as_json:
        print_outcome(session, {"agreements": [changed.as_json()]})
        return
    say(f"Agreement {reference} is {'suspended' if suspended else 'in force again'}.")
