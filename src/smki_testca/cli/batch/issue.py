"""``batch issue`` and ``batch check``: a range of Device IDs, or the rows of a manifest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.batch.reports import (
    problems_as_json,
    report_problems,
    report_warnings,
    warnings_as_json,
)
from smki_testca.cli.batch.running import (
    announce,
    complete_and_report,
    engine_of,
    with_engine_options,
)
from smki_testca.cli.batch.source import (
    SourceCommand,
    existing_of,
    manifest_of,
    range_of,
    range_options_given,
    with_source_options,
)
from smki_testca.cli.issue import DELIVERY, ENVIRONMENT, LABEL
from smki_testca.cli.output import (
    print_json,
    say,
)
from smki_testca.entropy import parse_seed
from smki_testca.errors import ExitCode, UsageError
from smki_testca.text import (
    counted,
    is_or_are,
)

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.issuance.batch.outcome import BatchOutcome


LISTED_SKIPPED = 1_000
"""The most skipped rows of a batch that are listed; all are counted."""

_SEED = click.option(
    "--seed",
    metavar="HEX",
    help="Derive serial numbers and keys from this seed; the keys are not secret.",
)


@click.command(cls=SourceCommand)
@click.argument("manifest", metavar="[MANIFEST]", required=False)
@with_source_options
@_SEED
@click.option("--all-or-nothing", is_flag=True, help="Issue nothing if one row is wrong.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and change nothing.")
@LABEL
@ENVIRONMENT
@DELIVERY
@with_engine_options
@click.pass_obj
def issue(session: Session, /, manifest: str | None, *, dry_run: bool, **options: Any) -> None:
    """Issue a range of Devices, or every row of a MANIFEST (CSV, JSON lines, Parquet).

    \b
    Example:
      smki-testca --estate estate batch issue devices.csv
      smki-testca --estate estate batch issue --profile device --participant meters-one
      --purpose device-and-user-system-tests --hw-type 1.2.826.0.1.8641679.1.2.2.1
      --usage both --first-id 00-DB-12-01-00-00-00-00 --count 100000
    """
    with replace(session, dry_run=dry_run).open() as estate:
        if not dry_run:
            estate.unlock_meanwhile()
        engine = engine_of(options)
        outcome = _begun(estate, manifest, options, dry_run=dry_run)
        if not outcome.count:
            outcome.check()
        _report(session, outcome)
        document = _as_json(outcome)
        if outcome.run is not None:
            announce(outcome.run.id)
            complete_and_report(session, estate, outcome.run.id, engine, document)
            return
    if session.as_json:
        planned = _planned_as_json(outcome) | document if outcome.count else None
        flags = {"dry_run": True} if dry_run else {}
        print_json({"run": planned, **({} if planned else document), **flags})
    elif outcome.count:
        say(f"{counted(outcome.count, 'certificate')} would be issued.")
    else:
        say("Nothing is left to issue.")
    if outcome.problems:
        click.get_current_context().exit(ExitCode.FINDINGS)


@click.command(cls=SourceCommand)
@click.argument("manifest", metavar="[MANIFEST]", required=False)
@with_source_options
@_SEED
@LABEL
@ENVIRONMENT
@DELIVERY
@click.pass_obj
def check(session: Session, /, manifest: str | None, **options: Any) -> None:
    """Check a range or a MANIFEST: say what would be refused, and why; nothing is issued.

    \b
    Example:
      smki-testca --estate estate batch check devices.csv
      smki-testca --estate estate batch check --profile device --participant meters-one
      --purpose device-and-user-system-tests --hw-type 1.2.826.0.1.8641679.1.2.2.1
      --usage both --first-id 00-DB-12-01-00-00-00-00 --count 100000
    """
    with session.open() as estate:
        outcome = _begun(estate, manifest, options, dry_run=True)
    accepted = outcome.count if outcome.is_range else outcome.rows
    if session.as_json:
        certificates = {} if accepted == outcome.count else {"certificates": outcome.count}
        print_json({"accepted": accepted, **certificates, **_as_json(outcome)})
    else:
        _report(session, outcome)
        issued = counted(outcome.count, "certificate")
        of_rows = f" for {counted(accepted, 'row')}" if accepted != outcome.count else ""
        rows = counted(accepted, "row")
        if outcome.is_range:
            say(f"{issued} would be issued.")
        else:
            say(
                f"{rows} would go through, {outcome.problem_count} would not."
                + (f" {issued} would be issued." if of_rows else "")
            )
    if outcome.problems:
        click.get_current_context().exit(ExitCode.FINDINGS)


def _begun(
    estate: Estate, manifest: str | None, options: dict[str, Any], *, dry_run: bool
) -> BatchOutcome:
    """Begin the run of a range or a manifest; or plan it, for a dry run."""
    from smki_testca.issuance.batch.issuing import BatchOptions, begin_batch

    existing = existing_of(options)
    if manifest is None:
        source = range_of(estate, options)
    elif given := range_options_given(options):
        raise UsageError("usage", f"{', '.join(given)}: only for a range, not with a manifest.")
    else:
        source = manifest_of(estate, manifest, options)
    seed = options["seed"]
    batch_options = BatchOptions(
        label=options["label"],
        seed=None if seed is None else parse_seed(seed),
        existing=existing,
        all_or_nothing=options.get("all_or_nothing", False),
        dry_run=dry_run,
    )
    return begin_batch(
        estate, source, batch_options, on_cluster=options.get("engine", "local") != "local"
    )


def _planned_as_json(outcome: BatchOutcome) -> dict[str, Any]:
    """Return the run that a batch would be, as it is shown once it is begun."""
    from smki_testca.estate.runs import Run, State

    terms = outcome.terms
    run = Run(0, State.RUNNING, terms.at, None, terms, 0)
    return {**run.as_json(), "id": None, "state": "planned"}


def _report(session: Session, outcome: BatchOutcome) -> None:
    """Print what there is to say of a batch beside the number of its certificates."""
    report_problems(session, outcome)
    report_warnings(session, outcome)
    if session.as_json:
        return
    if outcome.columns:
        say(f"Columns of your own are kept: {', '.join(outcome.columns)}.", err=True)
    there = outcome.skipped_count - outcome.skipped_in_progress
    if there:
        are = is_or_are(there)
        skipped = counted(there, "certificate")
        say(f"{skipped} {are} skipped: in use already, or asked for twice.", err=True)
    if outcome.retired:
        are = is_or_are(outcome.retired)
        retired = counted(outcome.retired, "certificate")
        say(f"{retired} in use {are} retired as the new ones are issued.", err=True)


def _as_json(outcome: BatchOutcome) -> dict[str, Any]:
    """Return what there is to say of a batch beside its certificates."""
    document: dict[str, Any] = {
        "own_columns": list(outcome.columns),
        "skipped": outcome.skipped_count,
        "skipped_in_progress": outcome.skipped_in_progress,
        "skipped_lines": list(outcome.skipped[:LISTED_SKIPPED]),
        "retired": outcome.retired,
    }
    non_empty = {key: value for key, value in document.items() if value}
    return problems_as_json(outcome) | warnings_as_json(outcome) | non_empty
