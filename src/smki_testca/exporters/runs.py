"""What a run leaves as: files by the hundred, one stream, or one table."""

from __future__ import annotations

import csv
import os
from base64 import b64encode
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from smki_testca.clock import iso
from smki_testca.errors import InputError, UsageError
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from smki_testca.estate.certificates import Record

COLUMNS = (
    "serial",
    "profile",
    "participant",
    "environment",
    "eui64",
    "role",
    "usage",
    "label",
    "not_before",
    "not_after",
    "keys_secret",
)

Kept = tuple["Record", bytes | None]
"""A certificate and, where it was asked for, its private key, PKCS#8 DER."""


def pem_tree(out: Path, kept: Iterable[Kept], *, secret: bool) -> int:
    """``EUI-64 or profile/usage-serial.pem`` and ``.key``; a note where keys are not secret."""
    count = 0
    _make_folder(out)
    if not secret:
        note = "The private keys of this run were made from a seed: they are not secret.\n"
        write_file(out / "KEYS-ARE-NOT-SECRET.txt", note.encode())
    for record, key in kept:
        folder = out / (record.eui64.plain if record.eui64 else record.profile)
        _make_folder(folder)
        name = PurePosixPath(f"{record.usage}-{str(record.serial).lower()}")
        write_file(folder / f"{name}.pem", to_pem(record.der))
        if key is not None:
            write_file(folder / f"{name}.key", to_pem(key, "PRIVATE KEY"))
        count += 1
    return count


def der_stream(out: Path, kept: Iterable[Kept], *, secret: bool) -> int:
    """One file of certificates in DER, one after the other; private keys have no place in it."""
    del secret
    count = 0
    with _open(out) as file:
        for record, _ in kept:
            file.write(record.der)
            count += 1
    return count


def csv_table(out: Path, kept: Iterable[Kept], *, secret: bool) -> int:
    """One CSV file: a line for each certificate, the certificate and key in base64."""
    count = 0
    with _open(out, text=True) as file:
        writer = csv.writer(file)
        writer.writerow((*COLUMNS, "certificate", "private_key"))
        for record, key in kept:
            row = _row(record, secret=secret)
            encoded = "" if key is None else b64encode(key).decode()
            writer.writerow((*row.values(), b64encode(record.der).decode(), encoded))
            count += 1
    return count


def parquet_table(out: Path, kept: Iterable[Kept], *, secret: bool) -> int:
    """One Parquet file: the same columns, the certificate and key as octets."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            "usage",
            "Writing Parquet needs the extra [bulk].",
            "Install it: pip install 'smki-testca[bulk]'",
        ) from error
    texts = [(name, pa.string()) for name in COLUMNS if name != "keys_secret"]
    schema = pa.schema(
        [
            *texts,
            ("keys_secret", pa.bool_()),
            ("certificate", pa.binary()),
            ("private_key", pa.binary()),
        ]
    )
    count = 0
    with _open(out) as file, parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for chunk in _chunks(kept, 10_000):
            rows = [
                {**_row(record, secret=secret), "certificate": record.der, "private_key": key}
                for record, key in chunk
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema))
            count += len(rows)
    return count


EXPORTS: Final[dict[str, Callable[..., int]]] = {
    "pem-tree": pem_tree,
    "der-stream": der_stream,
    "csv": csv_table,
    "parquet": parquet_table,
}
"""Every form, by the name it has on the command line."""


def _row(record: Record, *, secret: bool) -> dict[str, Any]:
    return {
        "serial": str(record.serial),
        "profile": record.profile,
        "participant": record.participant,
        "environment": record.environment,
        "eui64": None if record.eui64 is None else str(record.eui64),
        "role": None if record.role is None else f"{record.role:02X}",
        "usage": record.usage,
        "label": record.label,
        "not_before": iso(record.not_before),
        "not_after": iso(record.not_after),
        "keys_secret": secret,
    }


def _chunks(kept: Iterable[Kept], size: int) -> Iterator[list[Kept]]:
    waiting = iter(kept)
    while chunk := list(islice(waiting, size)):
        yield chunk


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            "export.unwritable", f"{path} cannot be written: {error.strerror}."
        ) from error


def _open(path: Path, *, text: bool = False) -> Any:
    try:
        # What is there may be readable by others, or a link to somewhere else.
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise InputError(
            "export.unwritable", f"{path} cannot be written: {error.strerror}."
        ) from error
    if text:
        return os.fdopen(descriptor, "w", encoding="utf-8", newline="")
    return os.fdopen(descriptor, "wb")


def write_file(path: Path, data: bytes) -> None:
    """Write one file, for its owner only."""
    with _open(path) as file:
        file.write(data)
