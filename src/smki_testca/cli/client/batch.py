"""``client batch``: submits a batch of CSRs, waits for it, and writes what came of it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.client.calling import MOST_SECONDS, Seconds, calling, endpoint, tracing
from smki_testca.cli.input_files import read_input
from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import Progress, print_json, print_warnings, say
from smki_testca.cli.output_paths import FOLDER
from smki_testca.errors import ExitCode, InputError, OutputError, UsageError
from smki_testca.files import check_free
from smki_testca.folders import check_folder, write
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from smki_testca.cli.session import Session
    from smki_testca.client.address import Address
    from smki_testca.client.caller import ServiceCaller
    from smki_testca.client.csr_batch import BatchAddresses, BatchCsr, CsrOutcome
    from smki_testca.client.trace import Trace
    from smki_testca.issuance.batch.csr_sources import CsrSource

_SHOWN = 20
"""The most CSRs without a certificate that are printed one by one."""


@click.command()
@click.argument("requests", metavar="[REQUESTS]", required=False)
@calling
@click.option("--result-url", metavar="URL", help="The whole URL that gives results.")
@click.option(
    "--reference",
    metavar="TEXT",
    help="The ID of the batch, at most 256 characters; by default it follows from the CSRs.",
)
@click.option("--submit-only", is_flag=True, help="Submit, print the BatchId, and end.")
@click.option(
    "--batch-id", metavar="N", type=number_from(1), help="Submit nothing: fetch this batch."
)
@click.option(
    "--poll",
    metavar="SECONDS",
    type=Seconds(0.1, MOST_SECONDS),
    default=5.0,
    show_default=True,
    help="How long to wait between two questions.",
)
@click.option(
    "--wait",
    metavar="SECONDS",
    type=Seconds(0.0),
    help="Give up after so long; by default never.",
)
@click.option(
    "--out", metavar="DIR", type=FOLDER, help="The folder for the certificates and the report."
)
@click.option("--force", is_flag=True, help="Overwrite files that are there already.")
@click.pass_obj
def batch(session: Session, /, requests: str | None, **given: Any) -> None:
    """Submit the CSRs in REQUESTS to a Batched Device CSR Web Service, and wait for the result.

    REQUESTS is a ZIP in the Portal's form, a folder of .csr files, or a CSV file with the column
    csr. Each certificate is compared with its CSR and written to --out, beside report.csv. With
    --batch-id, the batch was submitted before; name REQUESTS again to have it compared.

    The command ends with 1 where a CSR was refused.

    \b
    Example:
      smki-testca client batch meters.zip --url https://localhost:8082
      --ca server-ca.pem --cert batched.pem --key batched.key --out certificates
    """
    _check_options(requests, given)
    caller, address = endpoint(given)
    from smki_testca.client import csr_batch

    addresses = _addresses(address, given["result_url"])
    csrs: list[BatchCsr] = []
    passed_over: dict[str, Any] = {}
    if requests is not None:
        from smki_testca.cli.batch.reports import passed_over_as_json, report_passed_over

        source = _source(requests)
        csrs = csr_batch.csrs_of(source, Progress("reading CSRs"))
        passed_over = passed_over_as_json(source.passed_over)
        if not session.as_json:
            report_passed_over(source)
    out: Path | None = given["out"]
    if out is not None:
        _check_out(out, csrs, force=given["force"])
    with tracing(session) as trace:
        number = given["batch_id"] or _submitted(caller, addresses, csrs, given["reference"], trace)
    if given["submit_only"] or out is None:
        _tell_submitted(session, number, passed_over, trace)
        return
    if given["batch_id"] is None and not session.as_json:
        say(f"The batch {number} is submitted. If this ends early: --batch-id {number}", err=True)
    outcomes = _waited_for(session, caller, addresses, csrs, number, trace, given)
    _write(out, outcomes, number, force=given["force"])
    _tell_outcomes(session, out, outcomes, {"batch_id": number, **passed_over}, trace)


def _check_options(requests: str | None, given: dict[str, Any]) -> None:
    """Check that options go together.

    Raises:
        UsageError: if they do not.
    """
    if given["batch_id"] is None and requests is None:
        raise UsageError("usage", "There is nothing to submit.", "Name REQUESTS, or --batch-id N.")
    if given["batch_id"] is not None and given["submit_only"]:
        raise UsageError("usage", "--batch-id and --submit-only exclude each other.")
    if given["batch_id"] is not None and given["reference"] is not None:
        raise UsageError("usage", "--batch-id and --reference exclude each other.")
    if given["submit_only"] == (given["out"] is not None):
        raise UsageError(
            "usage",
            "Exactly one of --out and --submit-only is needed.",
            "Name a folder for the certificates with --out DIR, or submit only.",
        )


def _addresses(address: Address, result_url: str | None) -> BatchAddresses:
    from smki_testca.client.address import Address
    from smki_testca.client.csr_batch import BatchAddresses

    result = None if result_url is None else Address.parse(result_url)
    return BatchAddresses.of(address, result)


def _source(requests: str) -> CsrSource:
    """Read what the CSRs are taken from."""
    from smki_testca.issuance.batch import csr_sources, portal_zip

    is_zip = csr_sources.is_zip(requests)
    zipped = read_input(requests, portal_zip.MAX_ZIP_OCTETS) if is_zip else None
    return csr_sources.source_of(requests, zipped)


def _check_out(out: Path, csrs: Sequence[BatchCsr], *, force: bool) -> None:
    """Check before anything is submitted that the result can be written.

    Raises:
        InputError: if it cannot, or would overwrite a file.
        OutputError: if the disk is full or fails.
    """
    from smki_testca.client.batch_report import REPORT, file_names

    check_folder(out)
    names = file_names((each.id, each.name) for each in csrs)
    for name in (REPORT, *names.values()):
        check_free(out / name, force=force)


def _submitted(
    caller: ServiceCaller,
    addresses: BatchAddresses,
    csrs: Sequence[BatchCsr],
    reference: str | None,
    trace: Trace,
) -> int:
    """Submit a batch; gives its BatchId."""
    from smki_testca.client import csr_batch
    from smki_testca.client.references import check_reference, reference_of

    if reference is None:
        reference = reference_of("batch", (each.der for each in csrs))
    check_reference(reference, csr_batch.MAX_REFERENCE)
    return csr_batch.submit(caller, addresses, csrs, reference, trace)


def _tell_submitted(
    session: Session, number: int, passed_over: dict[str, Any], trace: Trace
) -> None:
    if session.as_json:
        print_json({"batch_id": number, **passed_over, "connection": trace.as_json()})
        return
    say(str(number))


def _waited_for(
    session: Session,
    caller: ServiceCaller,
    addresses: BatchAddresses,
    csrs: Sequence[BatchCsr],
    number: int,
    trace: Trace,
    given: dict[str, Any],
) -> list[CsrOutcome]:
    """Wait for a batch, and check what came of it."""
    from smki_testca.client import csr_batch
    from smki_testca.client.trace import Trace

    is_submitted = given["batch_id"] is None
    waiting = csr_batch.WaitingTerms(
        given["poll"], given["wait"], _teller(session), is_reached=is_submitted
    )
    if is_submitted:
        # The steps of the submission were told; those of another connection tell nothing new.
        answer = csr_batch.wait_for(caller, addresses, number, Trace(), waiting)
    else:
        with tracing(session) as first:
            answer = csr_batch.wait_for(caller, addresses, number, first, waiting)
        trace.take(first)
    return csr_batch.outcomes_of(answer, csrs)


def _teller(session: Session) -> Callable[[Any], None]:
    """Tells each new state of a batch, and each failure that is waited out, on standard error."""
    from smki_testca.client.service_errors import ServiceFaultError

    last = ""

    def tell(state: Any) -> None:
        nonlocal last
        if session.as_json:
            return
        if isinstance(state, ServiceFaultError):
            print_warnings([f"{state.message} It is asked again."])
            last = ""
        elif state != last:
            last = str(state)
            say(f"batch: {last}", err=True)

    return tell


def _write(out: Path, outcomes: Sequence[CsrOutcome], number: int, *, force: bool) -> None:
    """Write the certificates and the report; an error says how to fetch them again."""
    from smki_testca.client.batch_report import files_of

    try:
        write(files_of(outcomes), out, force=force)
    except (InputError, OutputError) as error:
        error.remedy = f"{error.remedy} The batch is done; fetch it again: --batch-id {number}"
        raise


def _tell_outcomes(
    session: Session,
    out: Path,
    outcomes: Sequence[CsrOutcome],
    about: dict[str, Any],
    trace: Trace,
) -> None:
    """Print what came of a batch; end with 1 where a CSR has no certificate.

    Args:
        session: of the command.
        out: where the files are.
        outcomes: of the CSRs.
        about: the batch, for JSON.
        trace: of the submission.

    Raises:
        ServiceFaultError: if a certificate is not for its CSR.
    """
    from smki_testca.client.batch_report import REPORT, issued_as_json, verdict_cells
    from smki_testca.client.csr_batch import check_no_mismatch

    failed = [each for each in outcomes if each.certificate is None]
    if session.as_json:
        check_no_mismatch(outcomes)
        print_json(
            {
                **about,
                "out": str(out),
                "success": len(outcomes) - len(failed),
                "refused": len(failed),
                "certificates": issued_as_json(outcomes),
                "problems": [each.as_json() for each in failed],
                "connection": trace.as_json(),
            }
        )
    else:
        print_warnings(
            f"{each.name}: {' '.join(filter(None, verdict_cells(each)))}"
            for each in islice(failed, _SHOWN)
        )
        if len(failed) > _SHOWN:
            print_warnings([f"and {len(failed) - _SHOWN} more; {out / REPORT} has all of them."])
        count = counted(len(outcomes) - len(failed), "certificate")
        say(f"{count} of {counted(len(outcomes), 'CSR')} in {out}, beside {REPORT}.")
        check_no_mismatch(outcomes)
    if failed:
        click.get_current_context().exit(ExitCode.FINDINGS)
