"""``client crl``: downloads a revocation list and checks it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.client.calling import account_given, calling, endpoint, of_account, tracing
from smki_testca.cli.output import print_document, print_json, print_warnings, say
from smki_testca.cli.output_paths import FILE_HELP, OUTPUT, check_alone
from smki_testca.errors import UsageError
from smki_testca.files import check_file, write_file
from smki_testca.streams import check_no_terminal, is_standard_output
from smki_testca.text import counted
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from smki_testca.cli.session import Session


@click.command()
@calling
@of_account
@click.option(
    "--issuer",
    "issuers",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The CA's certificate, to check the signature with. May be given several times.",
)
@click.option("--out", metavar="FILE", type=OUTPUT, help=FILE_HELP)
@click.option("--der", is_flag=True, help="Write DER, not PEM.")
@click.option("--force", is_flag=True, help="Overwrite the file if it is there already.")
@click.pass_obj
def crl(session: Session, /, out: Path | None, **given: Any) -> None:
    """Download the revocation list at a URL, and check its times and signature.

    \b
    Example:
      smki-testca client crl --url http://localhost:8083/ca/ZAZ1/organisation/Z1/crl/latest.crl
      --issuer Z1.pem --out organisation.crl.pem
    """
    caller, address = endpoint(given)
    if out is not None:
        check_alone(session, out)
        check_file(out, force=given["force"])
    if given["der"]:
        if out is None:
            raise UsageError("usage", "--der needs --out.", "Name a file with --out FILE.")
        check_no_terminal(out)
    from smki_testca.client import list_download
    from smki_testca.client.credentials import certificates_in

    issuers = [der for path in given["issuers"] for der in certificates_in(path)]
    account, now = account_given(given), session.clock_or_system().now()
    with tracing(session) as trace:
        download = list_download.download(caller, address, account, issuers, now, trace)
    pem = to_pem(download.der, "X509 CRL")
    if out is not None:
        write_file(out, download.der if given["der"] else pem, force=given["force"])
    if session.as_json:
        more = {"pem": pem.decode("ascii")} if out is None else {"out": str(out)}
        print_json({"list": download.as_json(), **more, "connection": trace.as_json()})
        return
    if not issuers:
        print_warnings(
            ["The signature was not checked: name the CA's certificate with --issuer FILE."]
        )
    number = "" if download.number is None else f" {download.number}"
    say(
        f"The list{number} of {download.issuer} holds until {download.next_update}, with"
        f" {counted(download.entries, 'entry', 'entries')}.",
        err=out is None or is_standard_output(out),
    )
    if out is None:
        print_document(pem.decode("ascii"))
