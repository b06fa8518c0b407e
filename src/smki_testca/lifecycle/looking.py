"""Opens an estate to look at it: nothing is written, and one of an earlier format stays so."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.entropy import SystemEntropy
from smki_testca.estate.creation import check_finished
from smki_testca.estate.database import FORMAT, Database
from smki_testca.estate.stores import Stores
from smki_testca.estate_files import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from smki_testca.authority.signers.tokens.access import TokenAccess
    from smki_testca.clock import Clock
    from smki_testca.profiles import Library


@dataclass(frozen=True, slots=True)
class Look:
    """An estate that is open to be looked at.

    Attributes:
        estate: its stores, as they are once its format is the newest.
        database: its file.
        format: that the file has.
        added: the number of entries of its audit log that are only there until the end.
    """

    estate: Stores
    database: Database
    format: int
    added: int


@contextlib.contextmanager
def looking(
    directory: Path,
    passphrase: Callable[[], str],
    library: Library,
    clock: Clock,
    token_access: TokenAccess | None = None,
) -> Iterator[Look]:
    """Open an estate, and close it at the end.

    One of an earlier format is upgraded, and that is taken back at the end; other processes wait
    before they write to it.

    Args:
        directory: of the estate.
        passphrase: returns that of the estate; asked only if a private key is needed.
        library: the profiles.
        clock: tells the time.
        token_access: how to reach PKCS#11 tokens; None if none is to be asked.

    Raises:
        EstateError: if there is no estate, or it is not finished, damaged or of a newer format.
    """
    check_finished(directory)
    database = Database.open(directory / FILE_NAME, dry_run=True)
    estate = None
    try:
        stored_format = database.format
        estate = Stores(
            directory, database, library, passphrase, clock, SystemEntropy(), token_access
        )
        added = 0
        if stored_format < FORMAT:
            before = estate.audit.last_number()
            with database.transaction():
                database.upgrade()
            added = estate.audit.last_number() - before
        yield Look(estate, database, stored_format, added)
    finally:
        if estate is not None:
            estate.leave_tokens()
            estate.runs.locks.close()
        database.close()
