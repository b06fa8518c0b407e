"""Writes what a tree has beside certificates: the chain of each CA, the operator's own columns.

It names what earlier exports left there, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.exporters.item import folder_of
from smki_testca.exporters.own_columns import COLUMNS, columns_file
from smki_testca.folders import OutputFile
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import PurePosixPath

    from smki_testca.estate.certificates import Record
    from smki_testca.exporters.format import FormerFile
    from smki_testca.exporters.item import Item

CHAIN = "-chain.pem"
"""Ends the name of a file with a CA and the CAs above it, the root included."""
FULL_CHAIN = "-fullchain.pem"
"""Ends the name of a file with a certificate and the CAs above it below the root."""


def chain_files(items: Sequence[Item]) -> Iterator[OutputFile]:
    """One chain file for each CA among the items or above them: itself, then up to the root.

    Of a CA that was renewed it begins with the newest certificate.
    """
    chains: dict[PurePosixPath, tuple[Record, ...]] = {}
    for item in items:
        names, records = item.chain_names, item.chain
        if item.is_ca and not item.is_outdated:
            names, records = (item.name, *names), (item.record, *records)
        for number, (name, record) in enumerate(zip(names, records, strict=True)):
            folder = folder_of(record.family, record.hierarchy, "ca")
            chains.setdefault(folder / f"{name}{CHAIN}", records[number:])
    for path, chain in chains.items():
        yield OutputFile(path, b"".join(to_pem(record.der) for record in chain))


def columns_files(items: Iterable[Item]) -> Iterator[OutputFile]:
    """A file for each certificate that has columns of the operator's own."""
    for item in items:
        if item.record.columns:
            path = item.folder / f"{item.name}{COLUMNS}"
            yield OutputFile(path, columns_file(item.record.columns))


def former_files(items: Iterable[Item], *endings: str) -> Iterator[FormerFile]:
    """The files in a tree that earlier exports may have written for the same labels."""
    for item in items:
        for name in item.former:
            yield from ((item.folder, f"{name}{ending}") for ending in (*endings, COLUMNS))
