"""Exports ``org-crypto.zip``: Organisation Certificates and keys as DCC Boxed offers them."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.exporters.fitting import misfit
from smki_testca.exporters.format import Format, FormatNeed, Traits
from smki_testca.exporters.item import flat_names
from smki_testca.folders import OutputFile
from smki_testca.profiles.model import Hierarchy
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from smki_testca.exporters.item import Item

_UNIX = 3
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest time in a ZIP, so that the same certificates give the same octets."""


class OrganisationZip(Format):
    """``org-crypto/cert/name.pem`` and ``org-crypto/key/name.key`` in one ZIP."""

    traits = Traits(
        name="org-crypto",
        summary="org-crypto.zip, as DCC Boxed offers it",
        keys=FormatNeed.REQUIRED,
        passphrase=FormatNeed.NEVER,
    )

    def misfit(self, item: Item) -> str | None:
        """The reason why it is no Organisation Certificate with private key."""
        return misfit(item, (Hierarchy.ORGANISATION,), ("digital-signature", "key-agreement"))

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield the only file of the export; the same certificates give the same octets."""
        del passphrase
        fitting = self.fitting(items)
        if fitting:
            yield OutputFile(PurePosixPath("org-crypto.zip"), _zipped(_entries(fitting)))


def _entries(items: Sequence[Item]) -> Iterator[tuple[str, bytes]]:
    named = zip(flat_names(items), items, strict=True)
    for name, item in sorted(named, key=lambda pair: pair[0]):
        yield f"org-crypto/cert/{name}.pem", to_pem(item.record.der)
        key = to_pem(item.private_key or b"", "PRIVATE KEY")
        yield f"org-crypto/key/{name}.key", key


def _zipped(entries: Iterable[tuple[str, bytes]]) -> bytes:
    """Write a ZIP of stored files, without any time or host in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries:
            entry = zipfile.ZipInfo(name, _FIRST_DAY)
            entry.create_system = _UNIX
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()
