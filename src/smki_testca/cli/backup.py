"""``backup`` and ``restore``: encrypted copies of estates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from smki_testca.cli.output import Progress, print_json, say
from smki_testca.cli.output_paths import FOLDER, OUTPUT, place_of
from smki_testca.cli.secret import first_line
from smki_testca.errors import UsageError
from smki_testca.passphrases import readings
from smki_testca.streams import is_standard_output
from smki_testca.text import counted, is_or_are

if TYPE_CHECKING:
    from smki_testca.cli.session import Session

_OF_BACKUP = (
    "The passphrase of the backup is the first line of FILE. By default it is the estate's."
)


@click.command()
@click.argument("file", metavar="FILE", type=OUTPUT)
@click.option(
    "--since",
    metavar="EARLIER",
    type=click.Path(path_type=Path),
    help="An earlier backup of the estate: its tiles, and those that it builds on, are left out.",
)
@click.option("--backup-passphrase-file", metavar="FILE", help=_OF_BACKUP)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.pass_obj
def backup(
    session: Session,
    file: Path,
    since: Path | None,
    backup_passphrase_file: str | None,
    *,
    force: bool,
) -> None:
    """Write an encrypted copy of the estate to FILE while others go on using it.

    The copy has the estate's file, its tiles and its own profiles. It does not have the passphrase:
    keep that elsewhere. What exports wrote is not in it either.

    \b
    Example:
      smki-testca --estate estate backup monday.backup
      smki-testca --estate estate backup tuesday.backup --since monday.backup
    """
    from smki_testca.custody.backup import back_up

    if session.as_json and is_standard_output(file):
        raise UsageError(
            "usage", "With --json, standard output takes the JSON alone.", "Name a file."
        )
    estate, passphrase = session.open_unlocked()
    with estate:
        if backup_passphrase_file is not None:
            passphrase = readings(first_line(backup_passphrase_file))[0]
        new_backup = back_up(
            estate, passphrase, file, since=since, force=force, progress=Progress("backup, MiB")
        )
    if session.as_json:
        print_json({"file": str(file), **new_backup.as_json()})
        return
    entries = counted(new_backup.entries, "entry", "entries")
    tiles = counted(new_backup.tiles, "tile")
    place = place_of(file, "in")
    lines = [f"Backup {new_backup.identity} is {place}: {entries} of the audit log, {tiles}."]
    if new_backup.earlier:
        earlier = counted(len(new_backup.earlier), "earlier backup")
        others = counted(new_backup.all_tiles - new_backup.tiles, "other tile")
        lines.append(f"It builds on {earlier}: keep those, too. They have {others} of the estate.")
    say(*lines, err=is_standard_output(file))


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.argument("directory", metavar="DIR", type=FOLDER)
@click.option(
    "--backup-passphrase-file",
    "passphrase_files",
    metavar="FILE",
    multiple=True,
    help=f"{_OF_BACKUP} Give it once for each passphrase.",
)
@click.pass_obj
def restore(
    session: Session, files: tuple[Path, ...], directory: Path, passphrase_files: tuple[str, ...]
) -> None:
    """Restore an estate in DIR, which is new or empty, from a backup and those that it builds on.

    The files are given in any order. The passphrase is the estate's when the backup was made. The
    command verifies the audit log, the tiles and the private keys. If anything is wrong, no estate
    is left in DIR.

    \b
    Example:
      smki-testca restore tuesday.backup monday.backup restored
    """
    from smki_testca.custody.restoring import restore as restore_files

    others = [first_line(file) for file in passphrase_files]
    restored = restore_files(
        files,
        directory,
        session.passphrase(directory),
        others,
        clock=session.clock(),
        progress=Progress("restore, MiB"),
    )
    if session.as_json:
        print_json(restored.as_json())
        return
    tiles = counted(restored.tiles, "tile")
    keys = counted(restored.keys, "private key")
    entries = counted(restored.entries, "entry", "entries")
    say(
        f"The estate of {restored.at} is in {directory}. Its audit log is whole: {entries}."
        f" {tiles} {is_or_are(restored.tiles)} as it records. {keys}"
        f" {'fits' if restored.keys == 1 else 'fit'}."
    )
    say(*(f"remark: {remark}" for remark in restored.remarks), err=True)
    say("Whether newer entries are missing, audit verify --anchor or --head tells.", err=True)
