"""``batch export``: writes the certificates of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.input_files import read_input
from smki_testca.cli.numbers import number_from
from smki_testca.cli.output import Progress, print_json, print_warnings, say
from smki_testca.cli.output_paths import FILE_HELP, OUTPUT, check_alone, place_of
from smki_testca.cli.secret import first_line
from smki_testca.errors import UsageError
from smki_testca.estate.out_of_use import out_of_use
from smki_testca.exporters.idle_options import idle_options
from smki_testca.exporters.registry import RUN_FORMATS
from smki_testca.exporters.run_export import export_run
from smki_testca.exporters.run_formats.sealed_file import line_key
from smki_testca.exporters.run_formats.writing import RunExportOptions, check
from smki_testca.files import check_free, write_file
from smki_testca.streams import is_standard_output
from smki_testca.text import (
    counted,
    is_or_are,
)
from smki_testca.x509.exported_keys import KeyForm

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.cli.session import Session
    from smki_testca.estate.out_of_use import OutOfUse
    from smki_testca.exporters.run_formats.writing import RunExport


RESPONSE = "response"
"""The format of the file that `batch sign` writes."""


@click.command()
@click.argument("run", metavar="ID", type=number_from(0))
@click.option(
    "--format",
    "form",
    type=click.Choice([*RUN_FORMATS, RESPONSE]),
    required=True,
    help="See docs/factory-formats.md and docs/formats.md.",
)
@click.option(
    "--out",
    metavar="PATH",
    type=OUTPUT,
    required=True,
    help=f"{FILE_HELP} For pem-tree and device-folders, and with --split, the folder.",
)
@click.option("--with-keys", is_flag=True, help="Write the private keys, too.")
@click.option(
    "--key-form",
    type=click.Choice([each.value for each in KeyForm]),
    help="The form of private keys: pkcs8 (by default), sec1, or raw, the 32 octets (the default of"
    " device-file).",
)
@click.option(
    "--export-passphrase-file",
    metavar="FILE",
    help="Encrypt the private keys with the passphrase on the first line of FILE.",
)
@click.option(
    "--seal-to",
    metavar="FILE",
    help="The public key (P-256) of the only one who can read the file.",
)
@click.option(
    "--split",
    metavar="N",
    type=number_from(1),
    help="Write numbered files or folders, each of at most N Devices (or certificates).",
)
@click.option(
    "--name-by",
    metavar="COLUMN",
    help="The column of your manifest that names Devices, in place of the EUI-64.",
)
@click.option("--environment", metavar="E", help="Only Devices of this environment.")
@click.option("--profile", metavar="NAME", help="Only Devices of this certificate type.")
@click.option("--force", is_flag=True, help="Overwrite files that are there already.")
@click.pass_obj
def export(
    session: Session,
    /,
    run: int,
    form: str,
    out: Path,
    export_passphrase_file: str | None,
    seal_to: str | None,
    key_form: str | None,
    **given: Any,
) -> None:
    """Write the certificates of a run in a form that a program loads.

    The formats pem-tree, der-stream, csv and parquet have every certificate on its own. Those that
    begin with device- have every Device once, its two certificates side by side.

    For a ZIP of CSRs, the format response is the file that `batch sign` writes. Use it where that
    command ended before it wrote the file.

    \b
    Example:
      smki-testca --estate estate batch export 1 --format device-file --out devices.smki --with-keys
    """
    if given["name_by"] is not None:
        from smki_testca.issuance.batch.column_names import own_name

        given["name_by"] = own_name(given["name_by"]) or given["name_by"]
    check_alone(session, out)
    force = given["force"]
    if form == RESPONSE:
        _check_response(export_passphrase_file, seal_to, key_form, **given)
        check_free(out, force=force)
        from smki_testca.issuance.batch.signing import stored_response

        with session.open() as estate:
            stored_run = estate.runs.get(run)
            response, count = stored_response(estate, stored_run)
            unused = out_of_use(estate, stored_run)
        write_file(out, response, force=force)
        if given["with_keys"]:
            print_warnings(["--with-keys changes nothing: a response has no private keys."])
        _tell(session, out, {"run": run, "out": str(out), "certificates": count}, unused)
        return
    options = RunExportOptions(
        passphrase=None if export_passphrase_file is None else first_line(export_passphrase_file),
        key_form=None if key_form is None else KeyForm(key_form),
        line=None if seal_to is None else line_key(read_input(seal_to), seal_to),
        **given,
    )
    check(RUN_FORMATS[form], options, out)
    check_free(out, force=force)
    with session.open() as estate:
        written = export_run(estate, run, form, out, options, Progress("Exporting"))
    idle = idle_options(
        RUN_FORMATS[form].traits,
        with_keys=options.with_keys,
        has_passphrase=options.passphrase is not None,
        has_key_form=options.key_form is not None,
    )
    print_warnings(idle)
    _tell_written(session, run, out, written, options)


def _check_response(*options: str | None, **given: Any) -> None:
    """Check that nothing is asked of the response to a ZIP of CSRs, which has one form.

    Raises:
        UsageError: if something is.
    """
    del given["force"], given["with_keys"]
    if any(value is not None for value in (*options, *given.values())):
        raise UsageError(
            "usage",
            "The format response writes what batch sign wrote, and takes no other option.",
            "Leave out every option but --out and --force.",
        )


def _tell_written(
    session: Session, run: int, out: Path, written: RunExport, options: RunExportOptions
) -> None:
    """Print what was written."""
    document: dict[str, Any] = {"run": run, "out": str(out), "certificates": written.certificates}
    if written.devices is not None:
        document |= {"devices": written.devices, "left_out": written.left_out}
    if options.split is not None:
        document["parts"] = written.parts
    if written.left_out and not session.as_json:
        left_out = counted(written.left_out, "certificate")
        warning = (
            f"{left_out} {is_or_are(written.left_out)} left out: the format holds one certificate"
            " of each Device for digital signature and one for key agreement."
        )
        print_warnings([warning])
    _tell(session, out, document, written.out_of_use)


def _tell(session: Session, out: Path, document: dict[str, Any], unused: OutOfUse) -> None:
    if session.as_json:
        print_json(document | unused.as_json())
        return
    print_warnings(unused.remarks(document["run"]))
    count: int = document["certificates"]
    devices, parts = document.get("devices"), document.get("parts")
    certificates = counted(count, "certificate")
    if devices is not None:
        certificates += f" of {counted(devices, 'Device')}"
    if parts is not None:
        certificates += f" in {counted(parts, 'part')}"
    say(f"{certificates} {is_or_are(count)} {place_of(out, 'in')}.", err=is_standard_output(out))
