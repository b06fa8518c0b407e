"""Changes the passphrase of an estate: the estate key stays, and another passphrase wraps it.

The file ``passphrase`` that ``quickstart`` leaves in an estate follows. Two files cannot change at
one moment. So it has both passphrases, on two lines, from before the estate changes until after;
whoever opens the estate meanwhile tries both.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from smki_testca.errors import EstateError, InputError
from smki_testca.estate_files import PASSPHRASE_FILE
from smki_testca.files import replace_private, write_error
from smki_testca.input_files import open_regular
from smki_testca.passphrases import (
    MAX_FILE_OCTETS,
    Passphrase,
    being_changed,
    check_text,
    readings,
)

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.estate.stores import Stores

MAX_OCTETS = 1023
"""The longest new passphrase, in UTF-8."""


def change_passphrase(estate: Stores, passphrase: str, new: str) -> Path | None:
    """Wrap the estate key by a new passphrase, with an entry of the audit log.

    Whoever has opened the estate goes on: the estate key is the same. Killed at any moment, the
    old passphrase or the new one opens the estate, and the file in it has that.

    Args:
        estate: to change.
        passphrase: that opens it now.
        new: the new passphrase.

    Returns:
        The file in the estate that has the new passphrase now; None if none had the old one.

    Raises:
        InputError: if the new passphrase cannot be used, or the file cannot be written.
        EstateError: if the passphrase does not open the estate, as after a change by another
            process.
        OutputError: if the disk is full or fails.
    """
    new = checked(new)
    path = estate.directory / PASSPHRASE_FILE
    with estate.transaction():
        estate.estate_key.rewrap(passphrase, new)
        estate.audit.append(estate.clock.now(), "estate.passphrase", {})
        in_file = _read(path)
        follows = in_file is not None and passphrase in readings(in_file)
        if follows:
            try:
                replace_private(path, being_changed(passphrase, new))
            except OSError as error:
                raise write_error(
                    "export.unwritable", f"{path} cannot be written", error
                ) from error
    if not follows:
        return None
    with contextlib.suppress(OSError, EstateError):  # the next command does it
        settle_file(estate)
    return path


def checked(new: str) -> str:
    """A new passphrase as text, without a byte order mark before it.

    Raises:
        InputError: if it is empty, no text, too long, or of several lines: a file that has it on
            its first line could not hold it.
    """
    text = readings(new)[0]
    check_text(text, "The new passphrase")
    if len(text.encode("utf-8")) > MAX_OCTETS:
        raise InputError(
            "passphrase.too_long", f"The new passphrase has more than {MAX_OCTETS} octets."
        )
    if set(text) & {"\n", "\r"}:
        raise InputError(
            "passphrase.line",
            "The new passphrase has a line break, which no file of a passphrase can hold.",
            "Choose one of a single line.",
        )
    return text


def settle_file(estate: Stores) -> None:
    """Leave in an estate's own file the passphrase that opens it, where a change left two.

    Raises:
        OSError: if the file cannot be written.
        EstateError: if another process holds the estate too long.
    """
    path = estate.directory / PASSPHRASE_FILE
    if estate.dry_run or not _is_being_changed(path):
        return
    # A change holds the same lock from before it writes the file until the estate has changed.
    with estate.transaction():
        in_file = _read(path)
        if in_file is None or in_file.successor is None:
            return
        opening = next(filter(estate.estate_key.is_opened_by, readings(in_file)), None)
        if opening is not None:
            replace_private(path, f"{opening}\n".encode())


def _is_being_changed(path: Path) -> bool:
    in_file = _read(path)
    return in_file is not None and in_file.successor is not None


def _read(path: Path) -> Passphrase | None:
    """The passphrase in a file of an estate; None if there is none, or it is a link."""
    if path.is_symlink():
        return None  # what it leads to was not left by quickstart
    try:
        with open_regular(path) as file:
            return Passphrase.of_file(file.read(MAX_FILE_OCTETS), str(path))
    except (OSError, InputError):
        return None
