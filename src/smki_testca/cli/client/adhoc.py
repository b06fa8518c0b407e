"""``client adhoc``: one CSR, one certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.client.calling import calling, endpoint, tracing
from smki_testca.cli.input_files import read_input
from smki_testca.cli.output import print_document, print_json, say
from smki_testca.cli.output_paths import FILE_HELP, OUTPUT, check_alone
from smki_testca.errors import InputError, OutputError
from smki_testca.files import check_file, write_file
from smki_testca.streams import is_standard_output
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.cli.session import Session


@click.command()
@click.argument("file", metavar="CSR")
@calling
@click.option(
    "--reference",
    metavar="TEXT",
    help="The ID of the request, at most 32 characters; by default it follows from the CSR.",
)
@click.option("--out", metavar="FILE", type=OUTPUT, help=FILE_HELP)
@click.option("--force", is_flag=True, help="Overwrite the file if it is there already.")
@click.pass_obj
def adhoc(
    session: Session, /, file: str, reference: str | None, out: Path | None, **given: Any
) -> None:
    """Submit the Device CSR in a file to an Ad Hoc Device CSR Web Service (- for standard input).

    The certificate is compared with the CSR, and printed as PEM, or written to --out.

    \b
    Example:
      smki-testca client adhoc meter.csr --url https://localhost:8081
      --ca server-ca.pem --cert adhoc.pem --key adhoc.key --out meter.pem
    """
    caller, address = endpoint(given)
    if out is not None:
        check_alone(session, out)
        check_file(out, force=given["force"])
    from smki_testca.authority.csr import MAX_OCTETS, to_der
    from smki_testca.client import adhoc_request
    from smki_testca.client.csr_batch import check_csr
    from smki_testca.client.references import check_reference, reference_of

    csr = to_der(read_input(file, MAX_OCTETS))
    check_csr(csr, file)
    reference = reference_of("csr", [csr]) if reference is None else reference
    check_reference(reference, adhoc_request.MAX_REFERENCE)
    with tracing(session) as trace:
        answer = adhoc_request.submit(caller, address, csr, reference, trace)
    pem = to_pem(answer.certificate.der)
    if out is not None:
        _write_issued(out, pem, force=given["force"])
    if session.as_json:
        more = {"pem": pem.decode("ascii")} if out is None else {"out": str(out)}
        print_json({**answer.as_json(), **more, "connection": trace.as_json()})
    elif out is None:
        print_document(pem.decode("ascii"))
    elif not is_standard_output(out):
        say(f"{out} has the certificate {answer.certificate.serial}.")


def _write_issued(out: Path, pem: bytes, *, force: bool) -> None:
    """Write the certificate; if that fails, print it, for it is issued.

    Raises:
        InputError, OutputError: if it cannot be written.
    """
    try:
        write_file(out, pem, force=force)
    except (InputError, OutputError) as error:
        say(*pem.decode("ascii").splitlines(), err=True)
        error.remedy = f"The certificate is issued, and printed above. {error.remedy}"
        raise
