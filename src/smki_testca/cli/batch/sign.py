"""``batch sign``: signs a ZIP of CSRs in the Portal's form (SEC App. M F)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from smki_testca.cli.batch.export import RESPONSE
from smki_testca.cli.batch.reports import (
    grouped,
    remarks_as_json,
    report_remarks,
    report_warnings,
    warnings_as_json,
)
from smki_testca.cli.batch.running import complete_run, engine_of, secrets_of, with_engine_options
from smki_testca.cli.issue import ENVIRONMENT, PARTICIPANT, PURPOSE, TAKEN_AS
from smki_testca.cli.output import (
    print_json,
    print_warnings,
    say,
)
from smki_testca.cli.output_paths import FILE_HELP, OUTPUT, check_alone, place_of
from smki_testca.cli.session import Session, read_input
from smki_testca.errors import (
    InputError,
    OutputError,
)
from smki_testca.files import check_free, write_file
from smki_testca.streams import check_no_terminal, is_standard_output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from smki_testca.issuance.batch.planning import Plan
    from smki_testca.issuance.batch.portal_zip import Member


@click.command()
@click.argument("requests", metavar="REQUESTS.zip")
@PARTICIPANT
@PURPOSE
@ENVIRONMENT
@TAKEN_AS
@click.option("--out", metavar="RESPONSE.zip", type=OUTPUT, required=True, help=FILE_HELP)
@click.option("--force", is_flag=True, help="Overwrite the file if it is there already.")
@with_engine_options
@click.pass_obj
def sign(session: Session, /, requests: str, out: Path, *, force: bool, **options: Any) -> None:
    """Sign a ZIP of CSRs in the Portal's form (SEC App. M F) and write its response.

    \b
    Example:
      smki-testca --estate estate batch sign meters.zip --participant meters-one
      --purpose device-and-user-system-tests --out meters-response.zip
    """
    from smki_testca.authority.csr import TakenAs
    from smki_testca.collector import without_collector
    from smki_testca.issuance.batch import csr_reader, portal, portal_zip
    from smki_testca.issuance.batch.planning import Plan, begin
    from smki_testca.workers import how_many

    engine = engine_of(options)
    workers = how_many(options["workers"])
    check_free(out, force=force)
    check_no_terminal(out)
    if out.is_dir() or not out.parent.is_dir():
        raise InputError(
            "export.unwritable",
            f"{out} cannot be written: it is a directory, or its folder is missing.",
        )
    check_alone(session, out)
    name = portal.request_name(requests)
    cells = {
        key: value
        for key in ("participant", "purpose", "environment")
        if (value := options[key]) is not None
    }
    with without_collector(), session.open() as estate:
        estate.unlock_meanwhile()
        zipped = read_input(requests, portal_zip.MAX_ZIP_OCTETS)
        members, passed_over = portal_zip.directory(requests, zipped)
        estate.unlock()

        def planned() -> Plan:
            plan = Plan(estate, "requests", None, secrets_of(None))
            reader = csr_reader.Reader(
                requests, zipped, estate.library, TakenAs(options["taken_as"])
            )
            plan.add_all(csr_reader.row_requests(estate, reader, members, cells, workers))
            return plan

        def store(plan: Plan) -> int | None:
            if not plan.ready():
                plan.record(None)
                return None
            run = plan.store()
            report = portal.Report.of(name, members, plan.problems, plan.remarks)
            estate.runs.keep_report(run, msgspec.msgpack.encode(report))
            return run

        plan, run = begin(estate, planned, store)
        report_warnings(session, plan)
        report = portal.Report.of(name, members, plan.problems, plan.remarks)
        issued: dict[int, bytes] = {}
        if run is not None:
            finished = complete_run(session, estate, run, engine)
            issued = dict(estate.run_certificates.numbered(finished))
        _write_signed(out, portal.response(report, issued), run, force=force)
    succeeded = len(issued)
    remarks = grouped((remark, file) for _, file, *remark in report.remarks)
    labels = _changed_labels(members, issued)
    if session.as_json:
        counts = {
            "success": succeeded,
            "refused": plan.problem_count,
            "passed_over": len(passed_over),
        }
        told = warnings_as_json(plan) | remarks_as_json(remarks, "files")
        told |= {"labels": labels} if labels else {}
        print_json({"run": run, "out": str(out), **counts, **told})
        return
    _report_passed_over(requests, passed_over)
    report_remarks(remarks)
    print_warnings(f"{row['file']}: its label is {row['label']!r}." for row in labels)
    say(
        f"{succeeded} of {len(members)} CSRs are signed; the response is {place_of(out)}.",
        err=is_standard_output(out),
    )


def _report_passed_over(requests: str, names: Sequence[str]) -> None:
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        text = f"{requests}: {names[0]}{more} passed over: of macOS or Windows, no CSR."
        print_warnings([text])


def _changed_labels(
    members: Sequence[Member], issued: Mapping[int, bytes]
) -> list[dict[str, str | None]]:
    """Return the files of CSRs whose certificates' labels are not simply the files' names."""
    from smki_testca.issuance.batch import csr_reader

    labels = csr_reader.labels_of(members)
    return [
        {"file": member.name, "label": labels[member.number]}
        for member in members
        if member.number in issued and labels[member.number] != member.name.removesuffix(".csr")
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
