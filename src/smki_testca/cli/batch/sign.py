"""``batch sign``: signs many CSRs: a ZIP in the Portal's form, a folder, a table, or lines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from smki_testca.cli.batch.export import RESPONSE
from smki_testca.cli.batch.lines import first_line_of_input, sign_lines
from smki_testca.cli.batch.reports import (
    grouped,
    remarks_as_json,
    report_remarks,
    report_warnings,
    signed_text,
    warnings_as_json,
)
from smki_testca.cli.batch.running import (
    announce,
    complete_run,
    engine_of,
    secrets_of,
    with_engine_options,
)
from smki_testca.cli.issue import ENVIRONMENT, PARTICIPANT, PURPOSE, TAKEN_AS
from smki_testca.cli.output import (
    Progress,
    print_json,
    print_warnings,
    say,
)
from smki_testca.cli.output_paths import FILE_HELP, OUTPUT, check_alone, place_of
from smki_testca.cli.session import Session, read_input
from smki_testca.errors import ExitCode, InputError, OutputError, UsageError
from smki_testca.files import check_free, write_file
from smki_testca.streams import check_no_terminal, is_standard_output
from smki_testca.text import counted, is_or_are

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.issuance.batch.csr_sources import CsrSource, Numbered
    from smki_testca.issuance.batch.planning import Plan
    from smki_testca.issuance.batch.portal import Report

_ZIP_MAGIC = b"PK"
"""No JSON begins so."""


@click.command()
@click.argument("requests", metavar="REQUESTS")
@PARTICIPANT
@PURPOSE
@ENVIRONMENT
@TAKEN_AS
@click.option("--out", metavar="RESPONSE.zip", type=OUTPUT, help=FILE_HELP)
@click.option("--force", is_flag=True, help="Overwrite the file if it is there already.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and change nothing.")
@click.option(
    "--skip-existing", is_flag=True, help="Leave out Devices that have a certificate in use."
)
@with_engine_options
@click.pass_obj
def sign(session: Session, /, requests: str, **options: Any) -> None:
    """Sign the CSRs in REQUESTS: a ZIP, a folder, a CSV file, or lines of JSON.

    REQUESTS is a ZIP in the Portal's form (SEC App. M F), a folder of .csr files, or a CSV file
    with the column csr (base64) and, if you like, name. The response is written to --out: a ZIP
    with a report and the certificates.

    - reads standard input: a ZIP, or JSON lines. Each line {"csr": "…", "id": "…"} is answered by
    one line on standard output, once its certificate is in the estate.

    The command ends with 1 where a CSR was refused.

    \b
    Example:
      smki-testca --estate estate batch sign meters.zip --participant meters-one
      --purpose device-and-user-system-tests --out meters-response.zip
    """
    first = first_line_of_input(requests)
    if first is not None and not first.startswith(_ZIP_MAGIC):
        if options["skip_existing"]:
            raise UsageError("usage", "--skip-existing cannot be used with lines of JSON.")
        sign_lines(session, first, options)
        return
    _sign_batch(session, requests, first, options)


def _sign_batch(
    session: Session, requests: str, first: bytes | None, options: dict[str, Any]
) -> None:
    from smki_testca.authority.csr import TakenAs
    from smki_testca.collector import without_collector
    from smki_testca.issuance.batch import csr_reader, portal
    from smki_testca.issuance.batch.existing import Existing
    from smki_testca.issuance.batch.planning import Plan, begin
    from smki_testca.workers import how_many

    engine = engine_of(options)
    workers = how_many(options["workers"])
    out = _checked_out(session, options)
    name = portal.request_name(requests)
    existing = Existing.SKIP if options["skip_existing"] else Existing.AGAIN
    cells = {
        key: value
        for key in ("participant", "purpose", "environment")
        if (value := options[key]) is not None
    }
    with without_collector(), session.open() as estate:
        estate.unlock_meanwhile()
        source = _source(requests, first)
        members = source.members
        estate.unlock()

        def planned() -> Plan:
            plan = Plan(estate, "requests", None, secrets_of(None), existing=existing)
            reader = csr_reader.Reader(source, estate.library, TakenAs(options["taken_as"]))
            rows = csr_reader.row_requests(estate, reader, members, cells, workers)
            plan.add_all(Progress("reading CSRs").over(rows, len(members)))
            return plan

        def report_of(plan: Plan) -> portal.Report:
            # What is skipped has a certificate already, and none in the response.
            skipped = set(plan.skipped)
            asked = [member for member in members if member.number not in skipped]
            return portal.Report.of(name, asked, plan.problems, plan.remarks)

        def store(plan: Plan) -> int | None:
            if not plan.ready():
                plan.record(None)
                return None
            run = plan.store()
            estate.runs.keep_report(run, msgspec.msgpack.encode(report_of(plan)))
            return run

        run: int | None = None
        if options["dry_run"]:
            plan = planned()
            plan.close()
        else:
            plan, run = begin(estate, planned, store)
        report_warnings(session, plan)
        report = report_of(plan)
        issued: dict[int, bytes] = {}
        if run is not None:
            announce(run)
            finished = complete_run(session, estate, run, engine)
            issued = dict(estate.run_certificates.numbered(finished))
        if not options["dry_run"]:
            _write_signed(out, portal.response(report, issued), run, force=options["force"])
    refused = {number for number, *_ in report.problems}
    signed = {member.number for member in members} - refused - set(plan.skipped)
    _tell_outcome(session, _Outcome(run, out, source, plan, report, signed, options["dry_run"]))
    if plan.problem_count:
        click.get_current_context().exit(ExitCode.FINDINGS)


def _source(requests: str, first: bytes | None) -> CsrSource:
    """Read what the CSRs are taken from; ``first`` is what was read of standard input."""
    from smki_testca.issuance.batch import csr_sources, portal_zip

    zipped = None
    if first is not None:
        zipped = first + read_input(requests, portal_zip.MAX_ZIP_OCTETS - len(first))
    elif csr_sources.is_zip(requests):
        zipped = read_input(requests, portal_zip.MAX_ZIP_OCTETS)
    return csr_sources.source_of(requests, zipped)


def _checked_out(session: Session, options: dict[str, Any]) -> Path:
    """Return the path of the response, after a check that it can be written.

    Raises:
        UsageError: if none is given and one is needed.
        InputError: if there is something already, or it cannot be written.
    """
    out: Path | None = options["out"]
    if out is None:
        if options["dry_run"]:
            return Path(os.devnull)
        raise UsageError("usage", "Missing option '--out'.", "Name the response: --out FILE.zip")
    check_free(out, force=options["force"])
    check_no_terminal(out)
    if out.is_dir() or not out.parent.is_dir():
        raise InputError(
            "export.unwritable",
            f"{out} cannot be written: it is a directory, or its folder is missing.",
        )
    check_alone(session, out)
    return out


class _Outcome(NamedTuple):
    """What came of a batch.

    Attributes:
        run: None where nothing was signed.
        signed: the numbers of the CSRs that are signed, or would be.
    """

    run: int | None
    out: Path
    source: CsrSource
    plan: Plan
    report: Report
    signed: set[int]
    is_dry_run: bool


def _tell_outcome(session: Session, outcome: _Outcome) -> None:
    plan, report, out = outcome.plan, outcome.report, outcome.out
    remarks = grouped((remark, file) for _, file, *remark in report.remarks)
    labels = _changed_labels(outcome.source.members, outcome.signed)
    passed_over = outcome.source.passed_over
    if session.as_json:
        document: dict[str, Any] = {"dry_run": True} if outcome.is_dry_run else {}
        document |= {
            "run": outcome.run,
            "out": None if outcome.is_dry_run else str(out),
            "success": len(outcome.signed),
            "refused": plan.problem_count,
            **({"skipped": plan.skipped_count} if plan.skipped_count else {}),
            "passed_over": len(passed_over),
            "problems": [
                {"file": file, "code": code, "message": message}
                for _, file, code, message in report.problems
            ],
        }
        document |= warnings_as_json(plan) | remarks_as_json(remarks, "files")
        print_json(document | ({"labels": labels} if labels else {}))
        return
    if passed_over:
        more = f" and {len(passed_over) - 1} more" if len(passed_over) > 1 else ""
        reason = outcome.source.passed_over_as
        print_warnings([f"{outcome.source.path}: {passed_over[0]}{more} skipped: {reason}."])
    report_remarks(remarks)
    report_remarks(
        grouped(((code, "", message), file) for _, file, code, message in report.problems)
    )
    print_warnings(f"{row['file']}: its label is {row['label']!r}." for row in labels)
    if plan.skipped_count:
        skipped = counted(plan.skipped_count, "CSR")
        verb = is_or_are(plan.skipped_count)
        say(f"{skipped} {verb} skipped: a certificate is in use already.", err=True)
    count = len(outcome.source.members)
    text = signed_text(len(outcome.signed), count, is_dry_run=outcome.is_dry_run)
    response = "" if outcome.is_dry_run else f"; the response is {place_of(out)}"
    say(f"{text}{response}.", err=not outcome.is_dry_run and is_standard_output(out))


def _changed_labels(members: Sequence[Numbered], signed: set[int]) -> list[dict[str, str | None]]:
    """Return the files of CSRs whose certificates' labels are not simply the files' names."""
    from smki_testca.issuance.batch import csr_reader

    labels = csr_reader.labels_of(members)
    return [
        {"file": member.name, "label": labels[member.number]}
        for member in members
        if member.number in signed and labels[member.number] != member.name.removesuffix(".csr")
    ]


def _write_signed(target: Path, response: bytes, run: int | None, *, force: bool) -> None:
    """Write the response of a run that is done; an error says how to write it again."""
    try:
        write_file(target, response, force=force)
    except (InputError, OutputError) as error:
        if run is not None:
            error.remedy = (
                f"The certificates are issued. Write it again: smki-testca batch export {run}"
                f" --format {RESPONSE} --out FILE"
            )
        raise
