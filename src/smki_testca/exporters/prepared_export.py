"""An export before its files are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.text import shown

if TYPE_CHECKING:
    from smki_testca.exporters.format import FormerFile, OmittedItem
    from smki_testca.exporters.item import Item
    from smki_testca.folders import OutputFile


@dataclass(frozen=True, slots=True)
class PreparedExport:
    """The files of an export before they are written.

    Attributes:
        files: every file, notes included.
        left_out: the certificates that the format cannot hold.
        renamed: each label, participant and other name that Windows reserves, with the name that
            a file or folder of the export has instead; once for each such name.
        former: files that earlier exports may have written for certificates of the same labels,
            and whose names no current certificate has.
        written: the certificates in the files.
    """

    files: list[OutputFile]
    left_out: list[OmittedItem]
    renamed: list[tuple[str, str]]
    former: list[FormerFile]
    written: list[Item]

    def renamings(self) -> list[str]:
        """A line for each name that Windows reserves."""
        written: dict[str, list[str]] = {}
        for name, instead in self.renamed:
            written.setdefault(name, []).append(instead)
        return [
            f"Windows reserves the file name {shown(name)}: it is written as {names[0]}"
            + (f", and {len(names) - 1} more like it." if len(names) > 1 else ".")
            for name, names in written.items()
        ]
