"""Exports a run as one Parquet file."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from smki_testca.errors import UsageError
from smki_testca.exporters.format import Need, RunFormat, Traits
from smki_testca.exporters.run_formats.table import COLUMNS, row
from smki_testca.files import output

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from smki_testca.exporters.format import Keyed

_ROWS_AT_ONCE = 10_000


class ParquetTable(RunFormat):
    """The columns of the CSV file, certificate and key as octets."""

    traits = Traits(
        name="parquet",
        summary="one Parquet file, the certificate and key of each row as octets",
        keys=Need.OPTIONAL,
        passphrase=Need.NEVER,
    )

    def write(self, out: Path, certificates: Iterable[Keyed], *, secret: bool, force: bool) -> int:
        """Write a row for each certificate.

        Raises:
            UsageError: if pyarrow is not installed.
        """
        try:
            import pyarrow as pa  # noqa: PLC0415 - a third party that is slow to import
            from pyarrow import parquet  # noqa: PLC0415 - the same
        except ImportError as error:
            raise UsageError(
                "usage",
                "Writing Parquet needs the extra [bulk].",
                "Install it: pip install 'smki-testca[bulk]'",
            ) from error
        schema = pa.schema(
            [
                *((name, pa.string()) for name in COLUMNS if name != "keys_secret"),
                ("keys_secret", pa.bool_()),
                ("certificate", pa.binary()),
                ("private_key", pa.binary()),
            ]
        )
        count = 0
        rest = iter(certificates)
        with (
            output(out, force=force) as file,
            parquet.ParquetWriter(file, schema, compression="zstd") as writer,
        ):
            while chunk := list(islice(rest, _ROWS_AT_ONCE)):
                rows = [
                    {**row(record, secret=secret), "certificate": record.der, "private_key": key}
                    for record, key in chunk
                ]
                writer.write_table(pa.Table.from_pylist(rows, schema))
                count += len(rows)
        return count
