"""``batch export``: writes the certificates of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import (
    print_json,
    say,
)
from smki_testca.cli.output_paths import FILE_HELP, OUTPUT, check_alone, place_of
from smki_testca.errors import (
    InputError,
)
from smki_testca.estate.runs import State
from smki_testca.exporters.registry import RUN_FORMATS
from smki_testca.files import check_free, write_file
from smki_testca.streams import is_standard_output
from smki_testca.text import counted, is_or_are

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.estate.runs import Run


RESPONSE = "response"
"""The format of the file that `batch sign` writes."""


@click.command()
@click.argument("run", metavar="ID", type=number_from(0))
@click.option("--format", "form", type=click.Choice([*RUN_FORMATS, RESPONSE]), required=True)
@click.option(
    "--out",
    metavar="PATH",
    type=OUTPUT,
    required=True,
    help=f"{FILE_HELP} For pem-tree, the folder.",
)
@click.option("--with-keys", is_flag=True, help="Write the private keys, too.")
@click.option("--force", is_flag=True, help="Overwrite what is there already.")
@click.pass_obj
def export(
    session: Session, run: int, form: str, out: Path, *, with_keys: bool, force: bool
) -> None:
    """Write the certificates of a run: pem-tree, der-stream, csv or parquet.

    For a ZIP of CSRs, the format response is the file that `batch sign` writes. Use it where that
    command ended before it wrote the file.

    \b
    Example:
      smki-testca --estate estate batch export 1 --format csv --out devices.csv
    """
    check_free(out, force=force)
    check_alone(session, out)
    with session.open() as estate:
        stored_run = estate.runs.get(run)
        if form == RESPONSE:
            count = write_response(estate, stored_run, out, force=force)
        else:
            certificates = (
                estate.run_certificates.with_keys(stored_run)
                if with_keys
                else ((record, None) for record in estate.run_certificates.of_run(stored_run))
            )
            secret = not stored_run.terms.seeded
            count = RUN_FORMATS[form].write(out, certificates, secret=secret, force=force)
    if session.as_json:
        print_json({"run": run, "out": str(out), "certificates": count})
        return
    say(
        f"{counted(count, 'certificate')} {is_or_are(count)} {place_of(out, 'in')}.",
        err=is_standard_output(out),
    )


def write_response(estate: Estate, run: Run, target: Path, *, force: bool) -> int:
    """Write the response to a ZIP of CSRs; return the number of certificates in it.

    Raises:
        InputError: if the run is not done, or of another source.
    """
    from smki_testca.issuance.batch import portal

    encoded_report = estate.runs.report(run.id)
    if encoded_report is None or run.state is not State.DONE:
        raise InputError(
            "batch.no_response",
            f"Run {run.id} has no response: it is {run.state}, of source {run.terms.source}.",
            "Only a ZIP of CSRs that is done has one.",
        )
    issued = dict(estate.run_certificates.numbered(run))
    report = msgspec.msgpack.decode(encoded_report, type=portal.Report)
    write_file(target, portal.response(report, issued), force=force)
    return len(issued)
