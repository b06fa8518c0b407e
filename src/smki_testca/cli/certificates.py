"""``list`` and ``export``: certificates, found and handed out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.output import print_json, print_records
from smki_testca.cli.session import Session, first_line
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.exchange import FORMATS, items, notes, write
from smki_testca.identifiers import Eui64, SerialNumber

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.profiles import Library

_SELECTION = [
    click.option("--participant", metavar="P", help="Of this participant."),
    click.option("--eui64", metavar="EUI64", help="With this User, RDP, DCC or Device ID."),
    click.option("--role", metavar="NAME|HEX", help="Of this RemotePartyRole."),
    click.option("--usage", metavar="U", help="Of this key usage, such as digital-signature."),
    click.option("--profile", metavar="NAME", help="Of this profile, such as organisation."),
    click.option("--label", metavar="L", help="With this label."),
    click.option("--serial", metavar="N", help="With this serial number."),
]


def _selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_SELECTION):
        command = option(command)
    return command


def _selection(library: Library, given: dict[str, str | None]) -> Selection:
    eui64, role, serial = given["eui64"], given["role"], given["serial"]
    return Selection(
        given["participant"],
        None if eui64 is None else Eui64.parse(eui64),
        None if role is None else library.roles.remote_party_role(role).code,
        given["usage"],
        given["profile"],
        given["label"],
        None if serial is None else SerialNumber.parse(serial),
    )


@click.command("list")
@_selecting
@click.pass_obj
def list_(session: Session, /, **given: str | None) -> None:
    """List the certificates of an estate, or those that fit every option.

    \b
    Example:
      smki-testca --estate estate list --participant supplier-one --usage key-agreement
    """
    with session.open() as estate:
        records = list(estate.select(_selection(estate.library, given)))
        if session.as_json:
            print_json({"certificates": [one.as_json() for one in records]})
            return
        print_records(records, estate.library.roles)


@click.command()
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), required=True, help="See docs/formats.md."
)
@click.option("--out", metavar="PATH", required=True, help="The folder to write to.")
@click.option("--with-keys", is_flag=True, help="Write the private keys, too.")
@click.option(
    "--export-passphrase-file",
    metavar="FILE",
    help="Its first line encrypts the private keys written; PKCS#12 needs it.",
)
@click.option("--force", is_flag=True, help="Overwrite files that are there already.")
@_selecting
@click.pass_obj
def export(
    session: Session,
    /,
    form: str,
    out: str,
    export_passphrase_file: str | None,
    *,
    with_keys: bool,
    force: bool,
    **given: str | None,
) -> None:
    """Write the certificates of an estate, or those that fit every option, to a folder.

    Private keys are written only with --with-keys; a CA's private key never is.

    \b
    Example:
      smki-testca --estate estate export --format pem --out kit --with-keys
      --participant supplier-one
    """
    passphrase = None
    if export_passphrase_file is not None:
        passphrase = first_line(export_passphrase_file)
    with session.open() as estate:
        records = list(estate.select(_selection(estate.library, given)))
        if not records:
            raise InputError("export.nothing", "No certificate fits the selection.")
        selected = items(estate, records, with_keys=with_keys)
        files = [*FORMATS[form].files(selected, passphrase), *notes(selected)]
        paths = write(files, Path(out), force=force)
    if session.as_json:
        print_json({"files": [str(path) for path in paths]})
        return
    click.echo(f"{len(paths)} files are below {out}.")
