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
    plan_manifest,
    plan_range,
    range_options_given,
    with_range_options,
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
from smki_testca.text import counted, is_or_are

if TYPE_CHECKING:
    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.issuance.batch.planning import Plan


_SEED = click.option(
    "--seed", metavar="HEX", help="Derive serials and keys from it; they are not secret."
)


@click.command(cls=SourceCommand)
@click.argument("manifest", metavar="[MANIFEST]", required=False)
@with_range_options
@_SEED
@click.option("--all-or-nothing", is_flag=True, help="Issue nothing where one row is wrong.")
@LABEL
@ENVIRONMENT
@DELIVERY
@with_engine_options
@click.pass_obj
def issue(session: Session, /, manifest: str | None, **options: Any) -> None:
    """Issue a range of Device Certificates, or every row of a MANIFEST (CSV, JSON lines, Parquet).

    \b
    Example:
      smki-testca --estate estate batch issue devices.csv
      smki-testca --estate estate batch issue --profile device --participant meters-one
      --purpose device-and-user-system-tests --hw-type 1.2.826.0.1.8641679.1.2.2.1
      --usage digital-signature --first-id 00-DB-12-01-00-00-00-00 --count 100000
    """
    with session.open() as estate:
        estate.unlock_meanwhile()
        from smki_testca.issuance.batch.planning import Plan, begin

        engine = engine_of(options)
        secrets = secrets_of(options["seed"])

        def planned() -> Plan:
            plan = Plan(estate, _source(manifest), options["label"], secrets)
            _plan_source(estate, plan, manifest, options)
            return plan

        def store(plan: Plan) -> int | None:
            if plan.ready() and not (plan.problems and options["all_or_nothing"]):
                return plan.store()
            plan.record(None)
            return None

        plan, run = begin(estate, planned, store)
        if run is None:
            raise _plan_error(plan)
        report_problems(session, plan)
        report_warnings(session, plan)
        announce(run)
        outcome = problems_as_json(plan) | warnings_as_json(plan)
        complete_and_report(session, estate, run, engine, outcome)


@click.command(cls=SourceCommand)
@click.argument("manifest", metavar="[MANIFEST]", required=False)
@with_range_options
@_SEED
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
      --usage digital-signature --first-id 00-DB-12-01-00-00-00-00 --count 100000
    """
    from smki_testca.issuance.batch.planning import Plan

    with session.open() as estate:
        plan = Plan(estate, _source(manifest), None, secrets_of(options["seed"]))
        plan.check_seed()
        _plan_source(estate, plan, manifest, options)
        plan.close()
    if not plan.ready() and not plan.problems:
        raise _plan_error(plan)
    if plan.is_range and plan.problems:
        raise plan.problems[0].error
    if session.as_json:
        print_json({"accepted": plan.count, **problems_as_json(plan), **warnings_as_json(plan)})
    else:
        report_problems(session, plan)
        report_warnings(session, plan)
        rows = f"{counted(plan.count, 'row')} would go through, {plan.problem_count} would not."
        say(f"{counted(plan.count, 'certificate')} would be issued." if plan.is_range else rows)
    if plan.problems:
        click.get_current_context().exit(ExitCode.FINDINGS)


def _source(manifest: str | None) -> str:
    return "range" if manifest is None else "manifest"


def _plan_source(estate: Estate, plan: Plan, manifest: str | None, options: dict[str, Any]) -> None:
    if manifest is None:
        plan_range(estate, plan, options)
    elif given := range_options_given(estate.library, options):
        raise UsageError("usage", f"{', '.join(given)}: of a range, not beside a manifest.")
    else:
        plan_manifest(estate, plan, manifest, options)


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
