"""``config``: shows each value that can be configured, and where it is from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from smki_testca.cli.configuration import KEYS, SettingSource
from smki_testca.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from smki_testca.cli.configuration import Setting
    from smki_testca.cli.session import Session


@click.command()
@click.pass_obj
def config(session: Session) -> None:
    """Show each value that smki-testca.toml can have, and where it is from.

    A value comes from an option, a variable or a line of the file. Without one, each command has
    its default. A passphrase or PIN itself is never shown.

    \b
    Example:
      smki-testca config
    """
    configuration = session.configuration
    settings = {name: _setting(session, name) for name in KEYS}
    if session.as_json:
        print_json(
            {
                "file": None if configuration.path is None else str(configuration.path),
                "settings": [
                    {
                        "name": name,
                        "value": setting.value,
                        "source": setting.source.value,
                        "place": setting.place or None,
                    }
                    for name, setting in settings.items()
                ],
            }
        )
        return
    print_table(
        ("Name", "Value", "From", "What it is"),
        [
            (name, _value(setting), setting.place or setting.source.value, KEYS[name])
            for name, setting in settings.items()
        ],
        whole=True,
    )
    if configuration.path is None:
        say("", "No smki-testca.toml is read.")


def _setting(session: Session, name: str) -> Setting:
    if name == "token-pin-file":
        return session.pin_setting()
    if name != "passphrase-file":
        return session.setting(name)
    return session.passphrase_setting(None if session.estate is None else Path(session.estate))


def _value(setting: Setting) -> str:
    if setting.value is not None:
        return setting.value
    return "(not shown)" if setting.source is SettingSource.VARIABLE else ""
