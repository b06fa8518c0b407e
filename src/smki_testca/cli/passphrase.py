"""``passphrase``: changes the passphrase of an estate."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from smki_testca.cli.configuration import Setting, SettingSource
from smki_testca.cli.output import print_json, say
from smki_testca.cli.secret import NEW_PASSPHRASE, PASSPHRASE, given_or_typed
from smki_testca.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.cli.session import Session


@click.group()
def passphrase() -> None:
    """The passphrase of an estate.

    \b
    Example:
      smki-testca --estate estate passphrase change
    """


@passphrase.command()
@click.option(
    "--new-passphrase-file",
    metavar="FILE",
    help="The new passphrase is the first line of FILE; - is standard input. By default it is"
    f" {NEW_PASSPHRASE.variable}, or you type it.",
)
@click.pass_obj
def change(session: Session, new_passphrase_file: str | None) -> None:
    """Change the passphrase of the estate. Servers and batches that run go on.

    The file that quickstart left in the estate gets the new passphrase. Copies and backups of the
    estate from before still open with the old one.

    \b
    Example:
      smki-testca --estate estate passphrase change --new-passphrase-file new-passphrase
    """
    from smki_testca.custody.passphrase_change import change_passphrase

    estate, old = session.open_unlocked()
    with estate:
        setting = session.passphrase_setting(estate.directory)
        new = _new_passphrase(estate.directory, new_passphrase_file)
        file = change_passphrase(estate, old, new)
    stale = None if old == new else _stale(setting, file)
    if session.as_json:
        print_json(
            {
                "estate": str(estate.directory),
                "passphrase_file": None if file is None else str(file),
                "still_old": stale,
            }
        )
        return
    say(f"The estate in {estate.directory} has the new passphrase.")
    if file is not None:
        say(f"{file} has it, too.")
    if stale is not None:
        say(f"note: {stale} still has the old passphrase. Put the new one there.", err=True)


def _stale(setting: Setting, file: Path | None) -> str | None:
    """The place that gave the old passphrase and still does; None if somebody typed it.

    Args:
        setting: where the old passphrase came from.
        file: the one that has the new passphrase now, if any.
    """
    if setting.source is SettingSource.VARIABLE:
        return PASSPHRASE.variable
    if setting.value is None or setting.value == "-":
        return None
    is_rewritten = file is not None and os.path.realpath(setting.value) == os.path.realpath(file)
    return None if is_rewritten else setting.value


def _new_passphrase(directory: Path, file: str | None) -> str:
    """The new passphrase: from a file, the variable, or typed twice.

    Raises:
        InputError: if none of them gives it.
    """
    given = Setting(file, SettingSource.OPTION if file is not None else SettingSource.DEFAULT)
    setting = NEW_PASSPHRASE.setting(lambda _: given)
    new = given_or_typed(setting, f"New passphrase of {directory}", confirm=True)
    if new is None:
        raise InputError(
            "passphrase.needed",
            "The new passphrase is needed, and nobody is there to type it.",
            NEW_PASSPHRASE.remedy,
        )
    return new
