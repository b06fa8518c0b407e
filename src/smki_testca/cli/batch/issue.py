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
    secrets_of,
    with_engine_options,
)
from smki_testca.cli.batch.source import (
    SourceCommand,
    existing_of,
    manifest_id,
    plan_manifest,
    plan_range,
    range_options_given,
    with_source_options,
)
from smki_testca.cli.issue import DELIVERY, ENVIRONMENT, LABEL
from smki_testca.cli.output import (
    print_json,
    say,
)
from smki_testca.errors import (
    ExitCode,
    InputError,
    Refusal,
    SmkiTestcaError,
    UsageError,
)
from smki_testca.text import (
    counted,
    is_or_are,
)

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.estate.terms import Secrets
    from smki_testca.issuance.batch.planning import Plan


LISTED_SKIPPED = 1_000
"""The most skipped rows of a batch that are listed; all are counted."""

_SEED = click.option(
    "--seed", metavar="HEX", help="Derive serials and keys from it; they are not secret."
)


@click.command(cls=SourceCommand)
@click.argument("manifest", metavar="[MANIFEST]", required=False)
@with_source_options
@_SEED
@click.option("--all-or-nothing", is_flag=True, help="Issue nothing where one row is wrong.")
@click.option("--dry-run", is_flag=True, help="Say what would be issued, and change nothing.")
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
    with session.open() as estate:
        if not dry_run:
            estate.unlock_meanwhile()
        from smki_testca.issuance.batch.planning import begin

        engine = engine_of(options)
        secrets = secrets_of(options["seed"])

        def planned() -> Plan:
            return _planned(estate, manifest, options, secrets)

        def is_issued(plan: Plan) -> bool:
            return plan.ready() and not (plan.problems and options["all_or_nothing"])

        def store(plan: Plan) -> int | None:
            if is_issued(plan):
                return plan.store()
            plan.record(None)
            return None

        if dry_run:
            plan, run = planned(), None
            plan.check_seed()
            plan.close()
        else:
            plan, run = begin(estate, planned, store)
        nothing_is_left = bool(plan.skipped_count and not plan.count)
        if not is_issued(plan) and (plan.problems or not nothing_is_left):
            raise _plan_error(plan)
        _report(session, plan)
        outcome = _outcome_as_json(plan)
        if run is not None:
            announce(run)
            complete_and_report(session, estate, run, engine, outcome)
            return
    if session.as_json:
        document = None if nothing_is_left else _planned_as_json(plan)
        document = None if document is None else document | outcome
        told = {"dry_run": True} if dry_run else {}
        print_json({"run": document, **({} if document else outcome), **told})
    elif nothing_is_left:
        say("Nothing is left to issue.")
    else:
        say(f"{counted(plan.count, 'certificate')} would be issued.")
    if plan.problems:
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
    """Say what of a range or a MANIFEST would be refused, and why; nothing is issued.

    \b
    Example:
      smki-testca --estate estate batch check devices.csv
      smki-testca --estate estate batch check --profile device --participant meters-one
      --purpose device-and-user-system-tests --hw-type 1.2.826.0.1.8641679.1.2.2.1
      --usage both --first-id 00-DB-12-01-00-00-00-00 --count 100000
    """
    with session.open() as estate:
        plan = _planned(estate, manifest, options, secrets_of(options["seed"]))
        plan.check_seed()
        plan.close()
    if not plan.ready() and not plan.problems and not plan.skipped_count:
        raise _plan_error(plan)
    if plan.is_range and plan.problems:
        raise plan.problems[0].error
    accepted = plan.count if plan.is_range else plan.rows
    if session.as_json:
        certificates = {} if accepted == plan.count else {"certificates": plan.count}
        print_json({"accepted": accepted, **certificates, **_outcome_as_json(plan)})
    else:
        _report(session, plan)
        issued = counted(plan.count, "certificate")
        of_rows = f" for {counted(accepted, 'row')}" if accepted != plan.count else ""
        rows = counted(accepted, "row")
        if plan.is_range:
            say(f"{issued} would be issued.")
        else:
            say(
                f"{rows} would go through, {plan.problem_count} would not."
                + (f" {issued} would be issued." if of_rows else "")
            )
    if plan.problems:
        click.get_current_context().exit(ExitCode.FINDINGS)


def _planned(
    estate: Estate, manifest: str | None, options: dict[str, Any], secrets: Secrets
) -> Plan:
    """Plan a range or a manifest."""
    from smki_testca.collector import without_collector
    from smki_testca.issuance.batch.planning import Plan
    from smki_testca.labels import LabelTemplate

    existing = existing_of(options)
    label = LabelTemplate.of(options["label"])
    if manifest is None:
        plan = Plan(estate, "range", label, secrets, existing=existing)
        plan_range(estate, plan, options)
        return plan
    if given := range_options_given(options):
        raise UsageError("usage", f"{', '.join(given)}: of a range, not beside a manifest.")
    known = manifest_id(estate, manifest, options)
    plan = Plan(estate, "manifest", label, secrets, existing=existing, manifest=known)
    with without_collector():
        plan_manifest(estate, plan, manifest, known, options)
    return plan


def _planned_as_json(plan: Plan) -> dict[str, Any]:
    """Return the run that a plan would begin, as it is shown once it is begun."""
    from smki_testca.estate.runs import Run, State

    terms = plan.terms()
    run = Run(0, State.RUNNING, terms.at, None, terms, 0)
    return {**run.as_json(), "id": None, "state": "planned"}


def _report(session: Session, plan: Plan) -> None:
    """Print what there is to say of a plan beside the number of its certificates."""
    report_problems(session, plan)
    report_warnings(session, plan)
    if session.as_json:
        return
    if plan.columns:
        say(f"Columns of your own are kept: {', '.join(plan.columns)}.", err=True)
    if plan.skipped_count:
        are = is_or_are(plan.skipped_count)
        skipped = counted(plan.skipped_count, "certificate")
        say(f"{skipped} {are} skipped: in use already, or asked for twice.", err=True)
    if plan.retired:
        are = is_or_are(plan.retired)
        retired = counted(plan.retired, "certificate")
        say(f"{retired} in use {are} retired as the new ones are issued.", err=True)


def _outcome_as_json(plan: Plan) -> dict[str, Any]:
    """Return what there is to say of a plan beside its certificates."""
    document: dict[str, Any] = {
        "own_columns": list(plan.columns),
        "skipped": plan.skipped_count,
        "skipped_lines": plan.skipped[:LISTED_SKIPPED].tolist(),
        "retired": plan.retired,
    }
    told = {key: value for key, value in document.items() if value}
    return problems_as_json(plan) | warnings_as_json(plan) | told


def _plan_error(plan: Plan) -> SmkiTestcaError:
    """Return the error because of which nothing of a plan is issued."""
    if not plan.problems:
        return InputError("manifest.empty", "The manifest has no rows.")
    first, others = plan.problems[0], plan.problem_count - 1
    error = first.error
    if plan.is_range:
        return error
    more = f" {counted(others, 'more line')} {is_or_are(others)} wrong, too." if others else ""
    message = f"Line {first.line}: {error.message}{more}"
    if isinstance(error, Refusal):
        return Refusal((replace(error.reasons[0], reason=message), *error.reasons[1:]))
    error.args, error.message = (message,), message
    return error
