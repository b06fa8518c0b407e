"""Exports an inventory as CSV, one line for each certificate: spreadsheets and scripts."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.clock import iso
from smki_testca.exporters.format import Format, FormatNeed, Traits
from smki_testca.folders import OutputFile
from smki_testca.text import spreadsheet_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.exporters.item import Item

COLUMNS = (
    "serial",
    "eui64",
    "role",
    "usage",
    "label",
    "participant",
    "profile",
    "hierarchy",
    "tier",
    "environment",
    "category",
    "status",
    "not_before",
    "not_after",
    "issued_at",
    "issuer",
    "sha256",
)


class CsvInventory(Format):
    """``certificates.csv``: a header line, then one line for each certificate (RFC 4180).

    The operator's own columns of manifests come last.
    """

    traits = Traits(
        name="csv",
        summary="an inventory of every certificate: spreadsheets",
        keys=FormatNeed.NEVER,
        passphrase=FormatNeed.NEVER,
    )

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield the only file of the export."""
        del passphrase
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        own = list(dict.fromkeys(name for item in items for name in item.record.columns))
        writer.writerow([*COLUMNS, *(spreadsheet_cell(_header(name)) for name in own)])
        for item in items:
            cells = [*_row(item), *(item.record.columns.get(name, "") for name in own)]
            writer.writerow([spreadsheet_cell(cell) for cell in cells])
        yield OutputFile(PurePosixPath("certificates.csv"), text.getvalue().encode("utf-8"))


def _header(own: str) -> str:
    """The header of an operator's column; one of ours of that name stays as it is."""
    return f"manifest_{own}" if own in COLUMNS else own


def _row(item: Item) -> tuple[str, ...]:
    record = item.record
    return (
        str(record.serial),
        "" if record.eui64 is None else str(record.eui64),
        "" if record.role is None else f"{record.role:02X}",
        record.usage,
        record.label or "",
        record.participant or "",
        record.profile,
        str(record.hierarchy),
        str(record.tier),
        record.environment,
        record.category or "",
        item.status.word,
        iso(record.not_before),
        iso(record.not_after),
        iso(record.issued_at),
        str(record.issuer),
        hashlib.sha256(record.der).hexdigest(),
    )
