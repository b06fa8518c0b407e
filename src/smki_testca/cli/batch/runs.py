"""``batch list``, ``show``, ``resume`` and ``cancel``: the runs of an estate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.batch.running import (
    announce,
    complete_and_report,
    engine_of,
    print_run,
    with_engine_options,
)
from smki_testca.cli.dry_run import with_dry_run
from smki_testca.cli.if_needed import with_if_needed
from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import (
    print_json,
    print_table,
    say,
)
from smki_testca.errors import UsageError
from smki_testca.text import counted

if TYPE_CHECKING:
    from smki_testca.cli.session import Session
    from smki_testca.estate.runs import Run


@click.command("list")
@click.pass_obj
def list_(session: Session) -> None:
    """List the runs of an estate.

    \b
    Example:
      smki-testca --estate estate batch list
    """
    with session.open() as estate:
        runs = estate.runs.all()
    if session.as_json:
        print_json({"runs": [run.as_json() for run in runs]})
        return
    print_table(
        ("Run", "State", "Source", "Issued", "Of", "Keys", "Label", "Created"),
        [
            (
                str(run.id),
                run.state.value,
                run.terms.source,
                str(run.issued),
                str(run.terms.count),
                "not secret" if run.terms.seeded else "secret",
                run.terms.label_template or run.terms.label or "",
                run.created,
            )
            for run in runs
        ],
        least=("Source", "Keys", "Label"),
    )


@click.command()
@click.argument("run", metavar="ID", type=number_from(0))
@click.pass_obj
def show(session: Session, run: int) -> None:
    """Show one run: its state, its counts and its terms.

    \b
    Example:
      smki-testca --estate estate batch show 1
    """
    with session.open() as estate:
        stored_run = estate.runs.get(run)
    print_run(session, stored_run)


@click.command()
@click.argument("run", metavar="[ID]", type=number_from(0), required=False)
@click.option("--last", is_flag=True, help="Resume the newest run that was interrupted.")
@with_engine_options
@click.pass_obj
@with_if_needed
@with_dry_run
def resume(session: Session, /, run: int | None, *, last: bool, **options: Any) -> None:
    """Resume a run that ended before it was complete.

    \b
    Example:
      smki-testca --estate estate batch resume 1
      smki-testca --estate estate batch resume --last
    """
    if (run is None) is not last:
        raise UsageError(
            "usage", "Give the number of a run, or --last.", "See: smki-testca batch list"
        )
    from smki_testca.issuance.batch import running

    with session.open() as estate:
        if not session.dry_run:
            estate.unlock_meanwhile()
        if run is None:
            run = estate.runs.last_unfinished().id
            announce(run)
        engine = engine_of(options)
        if session.dry_run:
            _print_resumable(session, running.check_resumable(estate, run))
            return
        complete_and_report(session, estate, run, engine, {"problems": []})


def _print_resumable(session: Session, run: Run) -> None:
    print_run(session, run, {"problems": []})
    if not session.as_json:
        say(f"{counted(run.terms.count - run.issued, 'certificate')} would be issued.")


@click.command()
@click.argument("run", metavar="ID", type=number_from(0))
@click.pass_obj
@with_dry_run
def cancel(session: Session, /, run: int) -> None:
    """Cancel a run: it cannot be resumed, and the certificates it issued stay.

    \b
    Example:
      smki-testca --estate estate batch cancel 1
    """
    from smki_testca.issuance.batch import running

    with session.open() as estate:
        cancelled = running.cancel(estate, run)
    print_run(session, cancelled)
