"""``agreement``: the agreements under which participants get Test Certificates."""

from __future__ import annotations

import click

from smki_testca.cli.output import print_json, print_table, say
from smki_testca.cli.session import Session, read_input


@click.group()
def agreement() -> None:
    """The agreements that bind participants.

    \b
    Example:
      smki-testca --estate estate agreement show
    """


@agreement.command()
@click.argument("file", metavar="FILE")
@click.pass_obj
def add(session: Session, file: str) -> None:
    """Add the agreements of a TOML FILE.

    \b
    Example:
      smki-testca --estate estate agreement add examples/agreement.toml
    """
    data = read_input(file)
    with session.open() as estate:
        _, agreements = estate.register.import_file(data, file)
    if session.as_json:
        print_json({"agreements": [agreement.as_json() for agreement in agreements]})
        return
    say(f"{len(agreements)} agreements are registered.")


@agreement.command()
@click.argument("reference", metavar="[REFERENCE]", required=False)
@click.pass_obj
def show(session: Session, reference: str | None) -> None:
    """Show one agreement, or all of them.

    \b
    Example:
      smki-testca --estate estate --json agreement show BIL-2020-001
    """
    with session.open() as estate:
        current = estate.register.load()
        agreements = (
            list(current.agreements.values())
            if reference is None
            else [current.agreement(reference)]
        )
    if session.as_json:
        print_json({"agreements": [agreement.as_json() for agreement in agreements]})
        return
    print_table(
        ("Reference", "Participant", "Kind", "From", "Until", "State", "Purposes", "Categories"),
        [
            (
                agreement.reference,
                agreement.participant,
                agreement.kind.value,
                agreement.start.isoformat(),
                "" if agreement.end is None else agreement.end.isoformat(),
                "suspended" if agreement.suspended else "",
                ", ".join(agreement.purposes),
                ", ".join(agreement.categories),
            )
            for agreement in agreements
        ],
    )


@agreement.command()
@click.argument("reference", metavar="REFERENCE")
@click.pass_obj
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
        print_json({"agreements": [changed.as_json()]})
        return
    say(f"Agreement {reference} is {'suspended' if suspended else 'in force again'}.")
