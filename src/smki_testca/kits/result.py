"""The result of making a kit: its directory, and the contents of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.estate_files import PASSPHRASE_FILE

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from smki_testca.kits.cell_folders import CellFolder
    from smki_testca.kits.exporting import Exports
    from smki_testca.kits.kit import Kit

ESTATE = "estate"
EXPORT_PASSPHRASE_FILE = "export-passphrase"  # noqa: S105 - a file's name
README = "README.txt"


@dataclass(frozen=True, slots=True)
class KitResult:
    """A kit that was made.

    Attributes:
        at: the time at which it was made, UTC.
        devices: the number of Device Certificates issued in a run.
        revocation_lists: the number of CRLs and ARLs.
        seeded: whether it was made from a seed.
        warnings: what the participants should read, each line once.
        cells: the types of Device with their Trust Anchor Cells, in each environment.
    """

    kit: Kit
    directory: Path
    at: datetime
    devices: int
    exports: Exports
    revocation_lists: int
    seeded: bool
    warnings: tuple[str, ...] = ()
    cells: tuple[CellFolder, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        passphrase = self.directory / EXPORT_PASSPHRASE_FILE
        return {
            "kit": self.kit.name,
            "directory": str(self.directory),
            "estate": str(self.directory / ESTATE),
            "passphrase_file": str(self.directory / ESTATE / PASSPHRASE_FILE),
            "export_passphrase_file": str(passphrase) if self.exports.needed_passphrase else None,
            "environments": list(self.kit.environments),
            "certificates": self.exports.certificates,
            "devices": self.devices,
            "folders": self.exports.folders,
            "notes": [
                {"folder": folder, "note": note}
                for folder, lines in self.exports.notes.items()
                for note in lines
            ],
            "revocation_lists": self.revocation_lists,
            "left_out": [],  # what a seed could not give, up to version 0.1
            "keys_secret": not self.seeded,
            **(
                {"trust_anchor_cells": [each.as_json() for each in self.cells]}
                if self.cells
                else {}
            ),
            **({"warnings": list(self.warnings)} if self.warnings else {}),
        }
