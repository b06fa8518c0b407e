"""``client search`` and ``client retrieve``: what the repository has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.client.calling import account_given, calling, endpoint, of_account, tracing
from smki_testca.cli.output import print_document, print_json, print_table, say
from smki_testca.cli.output_paths import FILE_HELP, OUTPUT, check_alone
from smki_testca.files import check_file, write_file
from smki_testca.streams import is_standard_output
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.cli.session import Session
    from smki_testca.client.repository_query import RepositoryClient


@click.command()
@click.argument("name", metavar="DEVICE-ID|ORGANISATION")
@calling
@of_account
@click.option("--organisation", is_flag=True, help="An EUI-64 is that of an organisation or a CA.")
@click.pass_obj
def search(session: Session, /, name: str, *, organisation: bool, **given: Any) -> None:
    """Search a repository for the certificates of a Device, or of an organisation.

    \b
    Example:
      smki-testca client search 00-DB-12-00-00-00-00-01 --url http://localhost:8083
      smki-testca client search Z1 --url http://localhost:8083
    """
    client = _client(given)
    with tracing(session) as trace:
        certificates = client.search(name, trace, is_organisation=organisation)
    if session.as_json:
        results = [each.as_json() for each in certificates]
        print_json({"results": results, "connection": trace.as_json()})
        return
    print_table(
        ("Serial", "Name", "Status", "Role", "Usage", "Manufacturing"),
        [
            (each.serial, each.name, each.status, each.role, each.usage, each.manufacturing)
            for each in certificates
        ],
        least=("Manufacturing", "Role"),
    )


@click.command()
@click.argument("serial")
@calling
@of_account
@click.option("--out", metavar="FILE", type=OUTPUT, help=FILE_HELP)
@click.option("--force", is_flag=True, help="Overwrite the file if it is there already.")
@click.pass_obj
def retrieve(session: Session, /, serial: str, out: Path | None, **given: Any) -> None:
    """Retrieve the certificate with a serial number from a repository, as PEM.

    \b
    Example:
      smki-testca client retrieve 3F0A --url http://localhost:8083 --out meter.pem
    """
    client = _client(given)
    if out is not None:
        check_alone(session, out)
        check_file(out, force=given["force"])
    with tracing(session) as trace:
        summary, certificate = client.retrieve(serial, trace)
    pem = to_pem(certificate.der)
    if out is not None:
        write_file(out, pem, force=given["force"])
    if session.as_json:
        more = {"pem": pem.decode("ascii")} if out is None else {"out": str(out)}
        document = {"result": summary.as_json(), "certificate": certificate.as_json()}
        print_json({**document, **more, "connection": trace.as_json()})
    elif out is None:
        print_document(pem.decode("ascii"))
    elif not is_standard_output(out):
        say(f"{out} has the certificate {certificate.serial}, status {summary.status}.")


def _client(given: dict[str, Any]) -> RepositoryClient:
    caller, address = endpoint(given)
    from smki_testca.client.repository_query import RepositoryClient

    return RepositoryClient(caller, address, account_given(given))
