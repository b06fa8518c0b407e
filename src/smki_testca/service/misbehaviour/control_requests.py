"""The documents that the control listener reads, as JSON."""

from __future__ import annotations

import msgspec


class NewRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules to add.

    Attributes:
        rules: as they are written on the command line.
        seed: of their probabilities; that of the services by default.
    """

    rules: list[str]
    seed: int | None = None
