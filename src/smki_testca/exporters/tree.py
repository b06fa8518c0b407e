"""Writes the chain files of a tree, one for each CA, in PEM."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from smki_testca.exporters.item import folder_of, safe_name
from smki_testca.folders import OutputFile
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import PurePosixPath

    from smki_testca.estate.certificates import Record
    from smki_testca.exporters.item import Item


def chain_files(items: Sequence[Item]) -> Iterator[OutputFile]:
    """One chain file for each CA among the items or above them: itself, then up to the root.

    Of a CA that was renewed it begins with the newest certificate there. CAs of equal file
    names get their serial numbers as suffix.
    """
    by_authority: dict[tuple[PurePosixPath, str | None, bytes], tuple[Record, ...]] = {}
    for item in items:
        above = (item.record, *item.chain) if item.is_ca else item.chain
        for number, record in enumerate(above):
            folder = folder_of(record, record.hierarchy, "ca")
            authority = (folder, record.label, record.key_id)
            newest = by_authority.get(authority)
            if newest is None or newest[0].audit < record.audit:
                by_authority[authority] = above[number:]
    named = [
        (folder, safe_name(label or "") or str(chain[0].serial), chain)
        for (folder, label, _), chain in by_authority.items()
    ]
    count = Counter((folder, name.lower()) for folder, name, _ in named)
    for folder, name, chain in named:
        suffix = f"-{chain[0].serial}".lower() if count[folder, name.lower()] > 1 else ""
        path = folder / f"{name}{suffix}-chain.pem"
        yield OutputFile(path, b"".join(to_pem(record.der) for record in chain))
