"""The folder that the DUIS signing tool's own library reads: PEM certificates, keys in DER."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.exporters.fitting import fitting, need_clear_keys, stands_against
from smki_testca.exporters.item import Format, LeftOut, OutputFile
from smki_testca.profiles.model import Hierarchy
from smki_testca.x509.pem import to_pem
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.exporters.item import Item

_WHAT = "The signing tool's folder"


def _stands_against(item: Item) -> str | None:
    reason = stands_against(item, (Hierarchy.ORGANISATION,), ("digital-signature",))
    if reason is not None:
        return reason
    # The tool reads the EUI-64 off the end of the subject, and only if something is before it.
    order = view_certificate(item.record.der).subject_order
    if len(order) < 2 or order[-1] != "x500UniqueIdentifier":
        return "has a subject in which the tool finds no EUI-64"
    return None


class SigningToolFolder(Format):
    """``name.pem`` and ``name.key``, all in one folder."""

    def left_out(self, items: Sequence[Item]) -> list[LeftOut]:
        """Whatever the tool cannot sign with, or would not find."""
        return fitting(items, _stands_against)[1]

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Every file of an export.

        Raises:
            InputError: without private keys, or with a passphrase: the tool asks for none.
        """
        need_clear_keys(items, passphrase, _WHAT)
        for item in fitting(items, _stands_against)[0]:
            yield OutputFile(PurePosixPath(f"{item.name}.pem"), to_pem(item.record.der))
            yield OutputFile(PurePosixPath(f"{item.name}.key"), item.private_key or b"")
