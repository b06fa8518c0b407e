"""The options of commands that issue and write the files of what they issued."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from smki_testca.cli.output import print_warnings, say
from smki_testca.cli.output_paths import FOLDER
from smki_testca.cli.secret import first_line
from smki_testca.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.exporters.issued_files import Target
    from smki_testca.exporters.stale_files import SavedExport

T = TypeVar("T")

_OPTIONS = [
    click.option(
        "--out",
        metavar="DIR",
        type=FOLDER,
        help="Write the certificate and its chain as PEM files to this folder.",
    ),
    click.option("--with-key", is_flag=True, help="Write the private key, too."),
    click.option(
        "--export-passphrase-file",
        metavar="FILE",
        help="Encrypt the private key with the passphrase on the first line of FILE.",
    ),
    click.option(
        "--force",
        is_flag=True,
        help="Overwrite files that are there already, and remove stale ones of the label.",
    ),
]


def writing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say where the files of what it issues go."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def target_of(given: dict[str, Any]) -> Target | None:
    """Take the options out of those given; None if no files are to be written.

    Raises:
        UsageError: if others are given without ``--out``.
        InputError: if the passphrase cannot be read.
    """
    out: Path | None = given.pop("out")
    with_key, force = given.pop("with_key"), given.pop("force")
    passphrase_file = given.pop("export_passphrase_file")
    if out is not None:
        from smki_testca.exporters.issued_files import Target

        passphrase = None if passphrase_file is None else first_line(passphrase_file)
        if passphrase is not None and not with_key:
            print_warnings(["--export-passphrase-file changes nothing without --with-key."])
        return Target(out, with_key=with_key, passphrase=passphrase, force=force)
    named = {
        "--with-key": with_key,
        "--export-passphrase-file": passphrase_file is not None,
        "--force": force,
    }
    for name, is_given in named.items():
        if is_given:
            raise UsageError("usage", f"{name} needs --out.", "Name a folder with --out DIR.")
    return None


def issued_to(
    target: Target | None,
    estate: Estate,
    issue: Callable[[], T],
    records_of: Callable[[T], list[Record]],
) -> tuple[T, SavedExport | None]:
    """Issue, and write the files if there is a folder for them; see ``exporters.issued_files``."""
    if target is None:
        return issue(), None
    from smki_testca.exporters.issued_files import issue_to

    return issue_to(target, estate, issue, records_of)


def print_saved(saved: SavedExport | None) -> None:
    """Print the paths of the files that were written and removed."""
    if saved is None:
        return
    print_warnings(saved.warnings("--with-key"))
    say(*saved.removals(), *(f"wrote {path}" for path in saved.paths))


def saved_as_json(saved: SavedExport | None) -> dict[str, Any]:
    """Return the keys of a JSON document that name the files; none where none were asked for."""
    return {} if saved is None else saved.as_json()
