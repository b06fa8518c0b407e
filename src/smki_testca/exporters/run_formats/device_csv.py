"""Exports the Devices of a run as one CSV file."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.run_formats.csv_table import write_csv
from smki_testca.exporters.run_formats.device_table import rows, schema
from smki_testca.exporters.run_formats.run_format import ExportContext, FileFormat, RunTraits

if TYPE_CHECKING:
    from smki_testca.exporters.run_formats.run_content import Part, RunDevice


class DeviceCsv(FileFormat):
    """A header line, then one line for each Device (RFC 4180), octets in base64."""

    traits = RunTraits(
        name="device-csv",
        summary="one CSV file with a line for each Device",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.OPTIONAL,
        suffix=".csv",
    )
    is_text = True

    def write(self, file: IO[Any], part: Part[RunDevice], context: ExportContext) -> None:
        """Write a line for each Device."""
        write_csv(file, schema(context), rows(part, context))
