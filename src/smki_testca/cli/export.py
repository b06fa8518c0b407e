"""``export``: writes certificates, and their keys if asked, to files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from smki_testca.cli.command_line import ConfiguredOption
from smki_testca.cli.output import print_json, print_warnings, say
from smki_testca.cli.output_paths import FOLDER
from smki_testca.cli.selection import own_selection, selecting
from smki_testca.cli.session import Session, first_line
from smki_testca.errors import InputError
from smki_testca.exporters.export import items, make, takes_passphrase
from smki_testca.exporters.fitting import summary
from smki_testca.exporters.format import Need
from smki_testca.exporters.registry import FORMATS
from smki_testca.folders import write

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.option(
    "--format",
    "form",
    cls=ConfiguredOption,
    key="export-format",
    type=click.Choice(list(FORMATS)),
    required=True,
    help="See docs/formats.md.",
)
@click.option("--out", metavar="PATH", type=FOLDER, required=True, help="The folder to write to.")
@click.option("--with-keys", is_flag=True, help="Write the private keys, too.")
@click.option(
    "--export-passphrase-file",
    metavar="FILE",
    help="Its first line encrypts the private keys written;"
    f" {' and '.join(takes_passphrase(Need.REQUIRED))} need it.",
)
@click.option("--force", is_flag=True, help="Overwrite files that are there already.")
@selecting
@click.pass_obj
def export(
    session: Session,
    /,
    form: str,
    out: Path,
    export_passphrase_file: str | None,
    *,
    with_keys: bool,
    force: bool,
    **given: tuple[str, ...],
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
        records = list(estate.select(own_selection(estate, given)))
        if not records:
            raise InputError("export.nothing", "No certificate fits the selection.")
        selected = items(estate, records, with_keys=with_keys)
        exported = make(form, selected, passphrase)
        paths = write(exported.files, out, force=force)
    if session.as_json:
        left_out = [
            {"serial": str(each.item.record.serial), "name": each.item.name, "reason": each.reason}
            for each in exported.left_out
        ]
        renamed = [{"name": name, "written_as": instead} for name, instead in exported.renamed]
        files = [str(path) for path in paths]
        print_json({"files": files, "left_out": left_out, "renamed": renamed})
        return
    print_warnings([*summary(exported.left_out, len(selected)), *exported.renamings()])
    say(f"{len(paths)} files are below {out}.")
