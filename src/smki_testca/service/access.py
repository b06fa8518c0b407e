"""Opens the estate behind the services: in each thread, and in a child process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smki_testca.api import Estate

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.clock import Clock


@dataclass(frozen=True, slots=True)
class EstateAccess:
    """An estate, and the passphrase that opens its keys.

    Attributes:
        directory: of the estate.
        passphrase: asked for once, before the services start.
        profiles: the operator's profile directory, if there is one.
        clock: a fixed clock; the system's by default.
    """

    directory: Path
    passphrase: str = field(repr=False)
    profiles: Path | None = None
    clock: Clock | None = None

    def open(self) -> Estate:
        """Open the estate, for the thread that calls.

        Raises:
            EstateError: if it cannot be opened.
        """
        return Estate.open(
            self.directory, self.passphrase, profiles=self.profiles, clock=self.clock
        )
