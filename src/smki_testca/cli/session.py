"""The global options, and the estate and profiles that they name."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from smki_testca.errors import EstateError, InputError, UsageError
from smki_testca.passphrases import MAX_FILE_OCTETS, PASSPHRASE_FILE, Passphrase
from smki_testca.text import is_text, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.api import Estate
    from smki_testca.clock import Clock
    from smki_testca.profiles import Library

MAX_OCTETS = 16 << 20
"""The longest input file read, in octets."""
_PASSPHRASE_VARIABLE = "SMKI_TESTCA_PASSPHRASE"  # noqa: S105 - a variable's name


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command.

    Attributes:
        estate: the directory named by ``--estate`` or ``SMKI_TESTCA_ESTATE``.
        as_json: whether the output is JSON.
        profiles: the operator's profile directory.
        passphrase_file: the value of ``--passphrase-file``.
        time: the value of ``--clock``.
        dry_run: whether to take back all that is done with the estate.
        if_needed: whether the command succeeds where the state is already as it would make it.
    """

    estate: str | None
    as_json: bool
    profiles: str | None
    passphrase_file: str | None
    time: str | None
    dry_run: bool = False
    if_needed: bool = False

    @property
    def profiles_directory(self) -> Path | None:
        """The operator's profile directory as a path."""
        return None if self.profiles is None else Path(self.profiles)

    def clock(self) -> Clock | None:
        """Return the fixed clock of ``--clock``; None if the option is not given."""
        if self.time is None:
            return None
        from smki_testca.clock import FixedClock, parse_instant

        return FixedClock(parse_instant(self.time))

    def clock_or_system(self) -> Clock:
        """Return the fixed clock of ``--clock``, or else the system's."""
        from smki_testca.clock import SystemClock

        return self.clock() or SystemClock()

    def profile_directories(self) -> list[Path]:
        """Return the operator's profile directories: that of ``--profiles``, then the estate's."""
        directories = [self.profiles_directory] if self.profiles_directory else []
        if self.estate is not None and (Path(self.estate) / "profiles").is_dir():
            directories.append(Path(self.estate) / "profiles")
        return directories

    def library(self) -> Library:
        """Load the profiles, without opening the estate's file."""
        from smki_testca.profiles import Library

        return Library(*self.profile_directories())

    def open(self, *, needs_keys: bool = False) -> Estate:
        """Open the estate.

        Args:
            needs_keys: whether its private keys are needed while other processes wait for it.

        Raises:
            UsageError: if none was named.
            EstateError: if it cannot be opened.
        """
        if self.estate is None:
            raise UsageError(
                "usage",
                "No estate is named.",
                "Add --estate DIR before the command, or set SMKI_TESTCA_ESTATE.",
            )
        from smki_testca.api import Estate

        directory = Path(self.estate)
        estate = Estate.open(
            directory,
            lambda: self.passphrase(directory),
            profiles=self.profiles_directory,
            clock=self.clock(),
            dry_run=self.dry_run,
        )
        if needs_keys:
            self.unlock_first(estate)
        return estate

    def unlock_first(self, estate: Estate) -> None:
        """Ask for the passphrase now if somebody has to type it or write it to a pipe.

        Otherwise it is asked for when it is needed, with the estate's write lock held: others
        would wait as long as that takes.
        """
        if not self._has_passphrase_ready(estate.directory):
            try:
                estate.unlock()
            except BaseException:
                estate.close()
                raise

    def _has_passphrase_ready(self, directory: Path) -> bool:
        if self.passphrase_file is not None:
            return Path(self.passphrase_file).is_file()
        if os.environ.get(_PASSPHRASE_VARIABLE) or (directory / PASSPHRASE_FILE).is_file():
            return True
        # Without a terminal there is none, and nobody is asked.
        return sys.stdin is None or not sys.stdin.isatty()

    def passphrase(self, directory: Path, *, confirm: bool = False) -> str:
        """Return the passphrase of an estate, from the first place that gives it.

        The places are ``--passphrase-file``, the environment variable, the file that quickstart
        leaves in the estate, and a prompt on a terminal.

        Raises:
            EstateError: if none of them gives it.
        """
        if self.passphrase_file is not None:
            return first_line(self.passphrase_file, may_be_mark=not confirm)
        if given := os.environ.get(_PASSPHRASE_VARIABLE):
            return _of_text(given, _PASSPHRASE_VARIABLE)
        if (directory / PASSPHRASE_FILE).is_file():
            return first_line(str(directory / PASSPHRASE_FILE), may_be_mark=not confirm)
        if sys.stdin.isatty():
            answer: str = click.prompt(
                plain(f"Passphrase of {directory}"),
                hide_input=True,
                confirmation_prompt=confirm,
                err=True,
            )
            return _of_text(answer, "What was typed")
        raise EstateError(
            "estate.passphrase",
            "The estate's passphrase is needed.",
            f"Give it with --passphrase-file FILE or {_PASSPHRASE_VARIABLE}.",
        )


def read_input(name: str, limit: int = MAX_OCTETS) -> bytes:
    """Read the octets of a file, or of standard input for ``-``.

    Raises:
        InputError: if it cannot be read or is longer than the limit, in octets.
    """
    with _unreadable(name):
        if name == "-" and sys.stdin is None:
            raise InputError("input.unreadable", "Standard input cannot be read: it is closed.")
        if name == "-":
            return _within(limit, sys.stdin.buffer, name)
        with Path(name).open("rb") as file:
            return _within(limit, file, name)


def read_regular(path: Path, limit: int) -> bytes:
    """Read the octets of a file that another file names; it never waits, for it reads no pipe.

    Raises:
        InputError: if it cannot be read, is no regular file or longer than the limit, in octets.
    """
    # Without waiting for whoever would write to a pipe; not known on every platform.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with (
        _unreadable(path),
        open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file,
    ):
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise InputError("input.unreadable", f"{path} cannot be read: it is no regular file.")
        return _within(limit, file, path)


@contextlib.contextmanager
def _unreadable(name: Path | str) -> Iterator[None]:
    """Turns the error of a file that cannot be read into one that names it."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError("input.unreadable", f"{name} cannot be read: {reason}.") from error


def _within(limit: int, file: BinaryIO, name: Path | str) -> bytes:
    """Read a file to its end, within a limit in octets."""
    data = file.read(limit + 1)
    if len(data) > limit:
        raise InputError("input.too_long", f"{name} is longer than {limit} octets.")
    return data


def first_line(path: str, *, may_be_mark: bool = False) -> Passphrase:
    """Read the passphrase on the first line of a file.

    Args:
        path: of the file.
        may_be_mark: whether a line of nothing but a byte order mark will do: earlier versions
            took that for a passphrase.

    Raises:
        InputError: if the file cannot be read, or the line is empty or no text.
    """
    passphrase = Passphrase.of_file(read_input(path, MAX_FILE_OCTETS), path)
    if not passphrase and not (may_be_mark and passphrase.has_mark):
        raise InputError("passphrase.empty", f"The first line of {path} is empty.")
    return passphrase


def _of_text(text: str, origin: str) -> Passphrase:
    """The passphrase in a variable, or one that was typed."""
    if not is_text(text):
        raise InputError("passphrase.encoding", f"{origin} is not UTF-8.", "Give it as UTF-8.")
    return Passphrase.of_text(text)
