"""What came of making a kit: its directory, and what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.passphrases import PASSPHRASE_FILE

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from smki_testca.kits.exporting import Exports
    from smki_testca.kits.kit import Kit

ESTATE = "estate"
EXPORT_PASSPHRASE_FILE = "export-passphrase"  # noqa: S105 - a file's name
README = "README.txt"


@dataclass(frozen=True, slots=True)
class KitResult:
    """What was made.

    Attributes:
        at: when, UTC.
        devices: how many certificates Devices got by the number.
        revocation_lists: how many CRLs and ARLs.
        left_out: labels of the requests that a seed could not serve.
    """

    kit: Kit
    directory: Path
    at: datetime
    devices: int
    exports: Exports
    revocation_lists: int
    left_out: tuple[str, ...]
    seeded: bool

    def as_json(self) -> dict[str, Any]:
        """What was made as a JSON object."""
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
            "left_out": list(self.left_out),
            "keys_secret": not self.seeded,
        }
