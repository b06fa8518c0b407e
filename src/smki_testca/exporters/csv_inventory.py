"""Exports an inventory as CSV, one line for each certificate: spreadsheets and scripts."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.clock import iso
from smki_testca.exporters.format import Format, Need, Traits
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
    """``certificates.csv``: a header line, then one line for each certificate (RFC 4180)."""

    traits = Traits(
        name="csv",
        summary="an inventory of every certificate: spreadsheets",
        keys=Need.NEVER,
        passphrase=Need.NEVER,
    )

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield the only file of the export."""
        del passphrase
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        writer.writerows([spreadsheet_cell(cell) for cell in _row(item)] for item in items)
        yield OutputFile(PurePosixPath("certificates.csv"), text.getvalue().encode("utf-8"))


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
