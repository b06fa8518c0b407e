"""``batch sign``: signs many CSRs: a ZIP in the Portal's form, a folder, a table, or lines."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.batch.export import RESPONSE
from smki_testca.cli.batch.lines import first_line_of_input, sign_lines
from smki_testca.cli.batch.reports import (
    grouped,
    passed_over_as_json,
    remarks_as_json,
    report_passed_over,
    report_remarks,
    report_warnings,
    signed_text,
    warnings_as_json,
)
from smki_testca.cli.batch.running import (
    announce,
    complete_run,
    engine_of,
    with_engine_options,
)
from smki_testca.cli.input_files import read_input
from smki_testca.cli.issue import ENVIRONMENT, PARTICIPANT, PURPOSE, TAKEN_AS
from smki_testca.cli.output import (
    Progress,
    print_json,
    print_warnings,
    say,
)
from smki_testca.cli.output_paths import FILE_HELP, OUTPUT, check_alone, place_of
from smki_testca.errors import ExitCode, InputError, OutputError, UsageError
from smki_testca.files import check_file, write_file
from smki_testca.streams import check_no_terminal, is_standard_output
from smki_testca.text import counted, is_or_are

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.cli.session import Session
    from smki_testca.issuance.batch.csr_sources import CsrSource, NumberedCsr
    from smki_testca.issuance.batch.outcome import BatchOutcome
    from smki_testca.issuance.batch.signing import SignedBatch

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
    "--skip-existing",
    is_flag=True,
    help="Leave out Devices that have a certificate in use; not with lines of JSON.",
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
    session = replace(session, dry_run=options["dry_run"])
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
    from smki_testca.issuance.batch.signing import SigningOptions, begin_signing
    from smki_testca.workers import how_many

    engine = engine_of(options)
    workers = how_many(options["workers"])
    out = _checked_out(session, options)
    with session.open() as estate:
        estate.unlock_meanwhile()
        source = _source(requests, first)
        estate.unlock()
        count = len(source.members)
        signing_options = SigningOptions(
            participant=options["participant"],
            purpose=options["purpose"],
            environment=options["environment"],
            taken_as=options["taken_as"],
            skip_existing=options["skip_existing"],
            dry_run=options["dry_run"],
        )
        batch = begin_signing(
            estate,
            source,
            signing_options,
            workers=workers,
            watch=lambda rows: Progress("reading CSRs").over(rows, count),
            on_cluster=options["engine"] != "local",
        )
        report_warnings(session, batch.outcome)
        run = batch.outcome.run
        if run is not None:
            announce(run.id)
            finished = complete_run(session, estate, run.id, engine)
            batch = replace(batch, issued=dict(estate.run_certificates.numbered(finished)))
        if not options["dry_run"]:
            _write_signed(out, batch, force=options["force"])
    _tell_outcome(session, out, source, batch, is_dry_run=options["dry_run"])
    if batch.outcome.problem_count:
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
    check_file(out, force=options["force"])
    check_no_terminal(out)
    check_alone(session, out)
    return out


def _tell_outcome(
    session: Session, out: Path, source: CsrSource, batch: SignedBatch, *, is_dry_run: bool
) -> None:
    """Print what came of a batch."""
    outcome, report, signed = batch.outcome, batch.report, batch.signed
    remarks = grouped((remark, file) for _, file, *remark in report.remarks)
    labels = _changed_labels(source.members, signed)
    passed_over = source.passed_over
    if session.as_json:
        document: dict[str, Any] = {"dry_run": True} if is_dry_run else {}
        document |= {
            "run": None if outcome.run is None else outcome.run.id,
            "out": None if is_dry_run else str(out),
            "success": len(signed),
            "refused": outcome.problem_count,
            **_skipped_as_json(outcome),
            **passed_over_as_json(passed_over),
            "problems": [
                {"file": file, "code": code, "message": message}
                for _, file, code, message in report.problems
            ],
        }
        document |= warnings_as_json(outcome) | remarks_as_json(remarks, "files")
        print_json(document | ({"labels": labels} if labels else {}))
        return
    report_passed_over(source)
    report_remarks(remarks)
    report_remarks(
        grouped(((code, "", message), file) for _, file, code, message in report.problems)
    )
    print_warnings(f"{row['file']}: its label is {row['label']!r}." for row in labels)
    there = outcome.skipped_count - outcome.skipped_in_progress
    if there:
        skipped = counted(there, "CSR")
        verb = is_or_are(there)
        say(f"{skipped} {verb} skipped: a certificate is in use already.", err=True)
    count = len(source.members)
    text = signed_text(len(signed), count, is_dry_run=is_dry_run)
    response = "" if is_dry_run else f"; the response is {place_of(out)}"
    say(f"{text}{response}.", err=not is_dry_run and is_standard_output(out))


def _skipped_as_json(outcome: BatchOutcome) -> dict[str, int]:
    """Return how many CSRs are skipped, and for how many of them a run will still issue."""
    counts = {
        "skipped": outcome.skipped_count,
        "skipped_in_progress": outcome.skipped_in_progress,
    }
    return {key: count for key, count in counts.items() if count}


def _changed_labels(
    members: Sequence[NumberedCsr], signed: set[int]
) -> list[dict[str, str | None]]:
    """Return the files of CSRs whose certificates' labels are not simply the files' names."""
    from smki_testca.issuance.batch import csr_reader
    from smki_testca.issuance.batch.csr_names import without_ending

    labels = csr_reader.labels_of(members)
    return [
        {"file": member.name, "label": labels[member.number]}
        for member in members
        if member.number in signed and labels[member.number] != without_ending(member.name)
    ]


def _write_signed(target: Path, batch: SignedBatch, *, force: bool) -> None:
    """Write the response of a run that is done; an error says how to write it again."""
    try:
        write_file(target, batch.response(), force=force)
    except (InputError, OutputError) as error:
        if batch.outcome.run is not None:
            error.remedy = (
                "The certificates are issued. Write it again: smki-testca batch export"
                f" {batch.outcome.run.id} --format {RESPONSE} --out FILE"
            )
        raise
