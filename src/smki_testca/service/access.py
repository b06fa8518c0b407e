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
        wrapped: the estate key as that passphrase wraps it: it opens for these services also after
            a change of the passphrase. By default, as the estate has it.
        profiles: the operator's profile directory, if there is one.
        clock: a fixed clock; the system's by default.
    """

    directory: Path
    passphrase: str = field(repr=False)
    profiles: Path | None = None
    clock: Clock | None = None
    wrapped: bytes | None = field(default=None, repr=False)

    def open(self) -> Estate:
        """Open the estate, for the thread that calls.

        Raises:
            EstateError: if it cannot be opened.
        """
        estate = Estate.open(
            self.directory, self.passphrase, profiles=self.profiles, clock=self.clock
        )
        if self.wrapped is not None:
            estate.key_store.open_by(self.wrapped)
        return estate
