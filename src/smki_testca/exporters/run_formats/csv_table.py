"""Exports a run as one CSV file."""

from __future__ import annotations

import csv
from base64 import b64encode
from typing import TYPE_CHECKING

from smki_testca.exporters.format import Need, RunFormat, Traits
from smki_testca.exporters.run_formats.table import COLUMNS, row
from smki_testca.files import output
from smki_testca.text import spreadsheet_cell

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from smki_testca.exporters.format import Keyed


class CsvTable(RunFormat):
    """A header line, then one line for each certificate (RFC 4180)."""

    traits = Traits(
        name="csv",
        summary="one CSV file, the certificate and key of each line in base64",
        keys=Need.OPTIONAL,
        passphrase=Need.NEVER,
    )

    def write(self, out: Path, certificates: Iterable[Keyed], *, secret: bool, force: bool) -> int:
        """Write a line for each certificate."""
        count = 0
        with output(out, force=force, text=True) as file:
            writer = csv.writer(file)
            writer.writerow((*COLUMNS, "certificate", "private_key"))
            for record, key in certificates:
                values = row(record, secret=secret).values()
                encoded = "" if key is None else b64encode(key).decode()
                cells = (
                    spreadsheet_cell(cell) if isinstance(cell, str) else cell for cell in values
                )
                writer.writerow((*cells, b64encode(record.der).decode(), encoded))
                count += 1
        return count
