"""Exports the certificates of a run as one CSV file."""

from __future__ import annotations

import re
from binascii import b2a_base64
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.run_formats.run_format import ExportContext, FileFormat, RunTraits
from smki_testca.exporters.run_formats.table import COLUMNS, own_names, values
from smki_testca.text import spreadsheet_cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from smki_testca.exporters.run_formats.run_content import Issued, Part

_OCTETS = ("certificate", "private_key")
_ROWS_AT_ONCE = 500
_QUOTED = re.compile(r'[,"\r\n]')


class CsvTable(FileFormat):
    """A header line, then one line for each certificate (RFC 4180)."""

    traits = RunTraits(
        name="csv",
        summary="one CSV file, the certificate and key of each line in base64",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.OPTIONAL,
        suffix=".csv",
        of_devices=False,
    )
    is_text = True

    def write(self, file: IO[Any], part: Part[Issued], context: ExportContext) -> None:
        """Write a line for each certificate."""
        keys, columns = context.keys, context.columns
        header = (*COLUMNS, *_OCTETS, *own_names(columns, (*COLUMNS, *_OCTETS)))
        rows = (
            (
                *values(issued, secret=keys.are_secret),
                issued[1].der,
                keys.of(issued[1]),
                *(issued[1].columns.get(name) for name in columns),
            )
            for issued in part
        )
        write_csv(file, header, rows)


def write_csv(file: IO[str], header: Iterable[str], rows: Iterator[Sequence[Any]]) -> None:
    """Write a CSV file (RFC 4180), some hundred lines at a time.

    Octets are in base64. Text that a spreadsheet would take for a formula gets an apostrophe. The
    module ``csv`` writes the same, but looks at every character of the octets, too.

    Args:
        file: to write to.
        header: the names of the columns.
        rows: their values: text, octets, truth or None.
    """
    file.write(_line(header))
    while chunk := list(islice(rows, _ROWS_AT_ONCE)):
        file.write("".join(map(_line, chunk)))


def _line(values: Iterable[Any]) -> str:
    return ",".join(map(_cell, values)) + "\r\n"


def _cell(value: Any) -> str:
    if isinstance(value, bytes):
        return b2a_base64(value, newline=False).decode("ascii")
    if not isinstance(value, str):
        return "" if value is None else str(value)
    if value.isalnum():
        return value
    cell = spreadsheet_cell(value)
    return '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell
