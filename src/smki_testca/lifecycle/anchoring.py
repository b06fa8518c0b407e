"""Anchors an estate after each command that changed it, and checks the newest anchor before it."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.authority.signers import no_tokens
from smki_testca.clock import iso
from smki_testca.entropy import SystemEntropy
from smki_testca.errors import EstateError, InputError, SmkiTestcaError
from smki_testca.estate.anchor_store import AnchorStore
from smki_testca.estate.audit import AuditLog
from smki_testca.estate.database import Database
from smki_testca.estate.estate_key_store import EstateKeyStore
from smki_testca.estate.key_store import KeyStore
from smki_testca.estate_files import FILE_NAME
from smki_testca.lifecycle.anchor_file import AnchorFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from smki_testca.clock import Clock
    from smki_testca.estate.anchor import Anchor
    from smki_testca.estate.stores import Stores

INVESTIGATING = ("audit show", "audit verify", "doctor", "estate info")
"""The commands that look at an estate even if its log does not continue the newest anchor.

They change nothing in it then. Every other command that opens an estate is refused, and so is
``doctor --fix``: what they answer, change or sign may rest on what is missing.
"""
_FIRST_FORMAT = 3
"""The first format whose entries are linked to rows, as an anchor needs."""


class Anchoring:
    """One estate, and the file that gets an anchor after each command that changed it.

    Attributes:
        passphrase: of the estate; asked for if the command did not unlock its keys.

    Args:
        directory: of the estate, which need not exist yet.
        path: of the file.
        clock: tells the time.
        passphrase: see above.
    """

    def __init__(
        self, directory: Path, path: Path, clock: Clock, passphrase: Callable[[], str]
    ) -> None:
        self.directory = directory
        self.path = path
        self._clock = clock
        self.passphrase = passphrase
        self._before = 0
        self._opened: EstateKeyStore | None = None
        self._noted: SmkiTestcaError | None = None

    def check_unused(self) -> None:
        """Check, before an estate is made, that the file has no anchor of another.

        Raises:
            EstateError: if it has.
            InputError: if the file cannot be read, or lies in the estate's directory.
        """
        self._check_outside()
        newest = AnchorFile(self.path).newest()
        if newest is not None:
            raise self._refused(_of_another(newest))

    def check(self) -> None:
        """Check, before a command does anything, that the log continues the newest anchor.

        Raises:
            EstateError: if it does not, or there is no estate.
            InputError: if the file cannot be read, or lies in the estate's directory.
        """
        fault = self._newest_fault()
        if fault is not None:
            raise self._refused(fault)

    @cached_property
    def fault(self) -> SmkiTestcaError | None:
        """The fault of the newest anchor, or of its file, for a command that investigates."""
        try:
            fault = self._newest_fault()
        except SmkiTestcaError as error:
            return error
        return None if fault is None else self._in_file(fault)

    def note(self) -> None:
        """Give the fault, if there is one, as the error at the end of the command."""
        self._noted = self.fault

    def _check_outside(self) -> None:
        """Check that the file is not kept with what it is to prove.

        Raises:
            InputError: if it lies in the estate's directory.
        """
        directory = os.path.realpath(self.directory)
        if directory in map(str, Path(os.path.realpath(self.path)).parents):
            raise InputError(
                "anchor.inside",
                f"The file of anchors {self.path} lies in the estate: an older copy of the"
                " directory that is put back brings its older anchors, too.",
                "Name a file elsewhere as audit.anchor. Move this one there if it has anchors.",
            )

    def _newest_fault(self) -> EstateError | None:
        self._check_outside()
        newest = AnchorFile(self.path).newest()
        path = self.directory / FILE_NAME
        database = Database.open(path)
        try:
            if database.format >= _FIRST_FORMAT:
                audit, store = self._stores(database)
                self._before = audit.last_number()
                return None if newest is None else store.fault_at_start(newest)
            return None if newest is None else _of_another(newest)
        finally:
            database.close()

    def follow(self, estate: Stores) -> None:
        """Take the command's estate: what unlocks its keys unlocks them for the anchor, too."""
        self._opened = estate.estate_key

    def between(self, estate: Stores) -> None:
        """Add an anchor of an estate that stays open, if it was changed since the last one.

        Raises:
            SmkiTestcaError: if it cannot be made or written.
        """
        if estate.audit.last_number() != self._before:
            self._before = AnchorFile(self.path).add(estate.anchors.make).number

    def finish(self) -> SmkiTestcaError | None:
        """Add an anchor if the command changed the estate; gives the error if that fails.

        Where a fault was noted, that is the error, and no anchor is added.
        The command is done by then, so that its estate is closed. Nothing of it is taken back.
        """
        if self._noted is not None:
            return self._noted
        if self._opened is None or not (self.directory / FILE_NAME).exists():
            return None
        try:
            self._finish()
        except SmkiTestcaError as error:
            return EstateError(
                "anchor.unwritten",
                f"The command itself is done, and all that it changed stays; but no anchor was"
                f" added to {self.path}: {error.message}",
                f"{error.remedy} Then add it: smki-testca audit anchor --out FILE".lstrip(),
            )
        return None

    def _finish(self) -> None:
        database = Database.open(self.directory / FILE_NAME)
        try:
            audit, store = self._stores(database)
            if audit.last_number() != self._before:
                store.unlock()  # so that no empty file is left where that fails
                AnchorFile(self.path).add(store.make)
        finally:
            database.close()

    def _stores(self, database: Database) -> tuple[AuditLog, AnchorStore]:
        audit = AuditLog(database, self._clock)
        estate_key = EstateKeyStore(database, self.passphrase)
        if self._opened is not None:
            estate_key.unlock_as(self._opened)
        keys = KeyStore(database, estate_key, SystemEntropy(), no_tokens)
        return audit, AnchorStore(database, audit, keys, self._clock)

    def _refused(self, fault: EstateError) -> EstateError:
        """The error before a command, with the file and the way past it."""
        located = self._in_file(fault)
        looking = ", ".join(INVESTIGATING[:-1])
        return EstateError(
            located.code,
            f"Nothing was done. {located.message}",
            f"{located.remedy} To look into it, use {looking} or {INVESTIGATING[-1]}.",
        )

    def _in_file(self, fault: EstateError) -> EstateError:
        """The fault with the file that the anchor is in."""
        return EstateError(
            fault.code,
            fault.message,
            f"{fault.remedy} The anchor is the last in {self.path}. If you put the copy back"
            " yourself, keep that file under another name and begin a new one.",
        )


def _of_another(anchor: Anchor) -> EstateError:
    return EstateError(
        "anchor.estate",
        f"The anchor of entry {anchor.number}, of {iso(anchor.at)}, is of another estate.",
        "Name the estate that it is of, or another file for this one.",
    )
