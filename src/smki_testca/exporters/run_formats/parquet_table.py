"""Exports the certificates of a run as one Parquet file."""

from __future__ import annotations

from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from smki_testca.errors import UsageError
from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.run_formats.run_format import ExportContext, FileFormat, RunTraits
from smki_testca.exporters.run_formats.table import COLUMNS, own_names, values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from smki_testca.exporters.run_formats.run_content import Issued, Part

_ROWS_AT_ONCE = 10_000
_OCTETS = ("certificate", "private_key")


class ParquetTable(FileFormat):
    """The columns of the CSV file, certificate and key as octets."""

    traits = RunTraits(
        name="parquet",
        summary="one Parquet file, the certificate and key of each row as octets",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.OPTIONAL,
        suffix=".parquet",
        of_devices=False,
    )

    def write(self, file: IO[Any], part: Part[Issued], context: ExportContext) -> None:
        """Write a row for each certificate.

        Raises:
            UsageError: if pyarrow is not installed.
        """
        keys, columns = context.keys, context.columns
        schema: dict[str, type] = {
            **{name: str for name in COLUMNS if name != "keys_secret"},
            "keys_secret": bool,
            **dict.fromkeys(_OCTETS, bytes),
            **dict.fromkeys(own_names(columns, (*COLUMNS, *_OCTETS)), str),
        }
        rows = (
            (
                *values(issued, secret=keys.are_secret),
                issued[1].der,
                keys.of(issued[1]),
                *(issued[1].columns.get(name) for name in columns),
            )
            for issued in part
        )
        write_parquet(file, schema, rows, _ROWS_AT_ONCE)


def write_parquet(
    file: IO[bytes], schema: Mapping[str, type], rows: Iterator[Sequence[Any]], size: int
) -> None:
    """Write a Parquet file, a row group at a time.

    Args:
        file: to write to.
        schema: the name of each column and its type: str, bool or bytes.
        rows: their values, in the order of the columns.
        size: the rows of a row group.

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
    types = {str: pa.string(), bool: pa.bool_(), bytes: pa.binary()}
    fields = pa.schema([(name, types[kind]) for name, kind in schema.items()])
    with parquet.ParquetWriter(file, fields, compression="zstd") as writer:
        while chunk := list(islice(rows, size)):
            columns = zip(*chunk, strict=True)
            arrays = [
                pa.array(values, column.type)
                for values, column in zip(columns, fields, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=fields))
