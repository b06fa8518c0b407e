"""Secrets of a command: each is in a file or a variable, or somebody types it on a terminal."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smki_testca.cli.configuration import Setting, SettingSource
from smki_testca.cli.input_files import read_input
from smki_testca.errors import InputError
from smki_testca.text import is_text, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.passphrases import Passphrase


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that any command may need.

    Attributes:
        file_key: names the setting of the file that has it; the option is ``--`` and the same.
        variable: the name of the variable that may hold the secret itself.
    """

    file_key: str
    variable: str

    def setting(self, setting_of: Callable[[str], Setting], left: Path | None = None) -> Setting:
        """Return the file of the secret and where that comes from.

        For a variable that holds the secret itself, there is no value.

        Args:
            setting_of: returns the setting of a key.
            left: a file that counts, where there is one, before the one that is configured.
        """
        setting = setting_of(self.file_key)
        if setting.source is SettingSource.OPTION:
            return setting
        if os.environ.get(self.variable):
            return Setting(None, SettingSource.VARIABLE, self.variable)
        if left is not None and left.is_file():
            return Setting(str(left), SettingSource.DEFAULT)
        return setting

    def hide(self) -> bool:
        """Take the variable out of the environment until the command ends.

        What the command starts from then on does not inherit it.

        Returns:
            Whether that was done: not where no command runs, after which it would come back.
        """
        context = click.get_current_context(silent=True)
        value = os.environ.get(self.variable)
        if context is None or value is None:
            return False
        del os.environ[self.variable]
        context.find_root().call_on_close(partial(os.environ.setdefault, self.variable, value))
        return True

    @property
    def remedy(self) -> str:
        """The remedy where nothing gives it."""
        return f"Give it with --{self.file_key} FILE or {self.variable}."


PASSPHRASE = Secret("passphrase-file", "SMKI_TESTCA_PASSPHRASE")
"""The passphrase of an estate."""
NEW_PASSPHRASE = Secret("new-passphrase-file", "SMKI_TESTCA_NEW_PASSPHRASE")
"""The passphrase that an estate is to have."""
PIN = Secret("token-pin-file", "SMKI_TESTCA_TOKEN_PIN")
"""The PIN of a PKCS#11 token."""


def is_ready(setting: Setting) -> bool:
    """Whether nobody has to type a secret, or write it to a pipe."""
    if setting.value is not None:
        return Path(setting.value).is_file()
    # Without a terminal there is none, and nobody is asked.
    return setting.source is SettingSource.VARIABLE or not _is_somebody_there()


def given_or_typed(
    setting: Setting, question: str, *, confirm: bool = False, may_be_mark: bool = False
) -> Passphrase | None:
    """Return a secret; None if it is neither given nor can anybody type it.

    Args:
        setting: where it comes from.
        question: that is asked on a terminal.
        confirm: whether it is typed twice.
        may_be_mark: see ``first_line``.

    Raises:
        InputError: if the file cannot be read, or what is given is empty or no text.
    """
    if setting.value is not None:
        return first_line(setting.value, may_be_mark=may_be_mark)
    if setting.source is SettingSource.VARIABLE:
        return _of_text(os.environ[setting.place], setting.place)
    return typed(question, confirm=confirm)


def typed(question: str, *, confirm: bool) -> Passphrase | None:
    """Return a secret that is typed on a terminal, without an echo; None if there is no terminal.

    Args:
        question: that is asked.
        confirm: whether it is typed twice.

    Raises:
        InputError: if it is no text.
    """
    if not _is_somebody_there():
        return None
    answer: str = click.prompt(
        plain(question), hide_input=True, confirmation_prompt=confirm, err=True
    )
    return _of_text(answer, "What was typed")


def first_line(path: str, *, may_be_mark: bool = False) -> Passphrase:
    """Read the secret on the first line of a file.

    Args:
        path: of the file.
        may_be_mark: whether a line of nothing but a byte order mark will do: earlier versions
            took that for a passphrase.

    Raises:
        InputError: if the file cannot be read, or the line is empty or no text.
    """
    from smki_testca.passphrases import MAX_FILE_OCTETS, Passphrase

    passphrase = Passphrase.of_file(read_input(path, MAX_FILE_OCTETS), path)
    if not passphrase and not (may_be_mark and passphrase.has_mark):
        raise InputError("passphrase.empty", f"The first line of {path} is empty.")
    return passphrase


def _is_somebody_there() -> bool:
    """Whether standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def _of_text(text: str, origin: str) -> Passphrase:
    """The secret in a variable, or one that was typed.

    Raises:
        InputError: if it is no text; the message quotes nothing of it.
    """
    from smki_testca.passphrases import Passphrase

    if not is_text(text):
        raise InputError("passphrase.encoding", f"{origin} is not UTF-8.", "Give it as UTF-8.")
    return Passphrase.of_text(text)
