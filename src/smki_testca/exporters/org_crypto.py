"""``org-crypto.zip``: the Organisation Certificates and keys as DCC Boxed offers them."""

from __future__ import annotations

import io
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.exporters.fitting import fitting, need_clear_keys, stands_against
from smki_testca.exporters.item import Format, LeftOut, OutputFile
from smki_testca.profiles.model import Hierarchy
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from smki_testca.exporters.item import Item

_WHAT = "An org-crypto.zip"
_UNIX = 3
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest time a ZIP can state: the archive does not tell when it was written."""


def _stands_against(item: Item) -> str | None:
    return stands_against(item, (Hierarchy.ORGANISATION,), ("digital-signature", "key-agreement"))


class OrganisationZip(Format):
    """``org-crypto/cert/name.pem`` and ``org-crypto/key/name.key`` in one ZIP."""

    def left_out(self, items: Sequence[Item]) -> list[LeftOut]:
        """Whatever is no Organisation Certificate with its private key."""
        return fitting(items, _stands_against)[1]

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """The one file of an export; the same certificates make the same octets.

        Raises:
            InputError: without private keys, or with a passphrase: there is no place for one.
        """
        need_clear_keys(items, passphrase, _WHAT)
        fit, _ = fitting(items, _stands_against)
        if fit:
            yield OutputFile(PurePosixPath("org-crypto.zip"), _zipped(_entries(fit)))


def _entries(items: Iterable[Item]) -> Iterator[tuple[str, bytes]]:
    for item in sorted(items, key=lambda one: one.name):
        yield f"org-crypto/cert/{item.name}.pem", to_pem(item.record.der)
        key = to_pem(item.private_key or b"", "PRIVATE KEY")
        yield f"org-crypto/key/{item.name}.key", key


def _zipped(entries: Iterable[tuple[str, bytes]]) -> bytes:
    """A ZIP of stored files, with nothing in it that differs from time to time or host to host."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries:
            entry = zipfile.ZipInfo(name, _FIRST_DAY)
            entry.create_system = _UNIX
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()
