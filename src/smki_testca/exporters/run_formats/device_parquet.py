"""Exports the Devices of a run as one Parquet file."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.run_formats.device_table import rows, schema
from smki_testca.exporters.run_formats.parquet_table import write_parquet
from smki_testca.exporters.run_formats.run_format import ExportContext, FileFormat, RunTraits

if TYPE_CHECKING:
    from smki_testca.exporters.run_formats.run_content import Part, RunDevice

_ROWS_AT_ONCE = 2_000
"""Each has some 2.5 kB, which are in memory several times."""


class DeviceParquet(FileFormat):
    """A row for each Device, octets as they are."""

    traits = RunTraits(
        name="device-parquet",
        summary="one Parquet file with a row for each Device",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.OPTIONAL,
        suffix=".parquet",
    )

    def write(self, file: IO[Any], part: Part[RunDevice], context: ExportContext) -> None:
        """Write a row for each Device.

        Raises:
            UsageError: if pyarrow is not installed.
        """
        write_parquet(file, schema(context), rows(part, context), _ROWS_AT_ONCE)
