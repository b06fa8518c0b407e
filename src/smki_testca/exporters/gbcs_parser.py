"""Exports the folder of gbcs-parser: a certificate and key for each EUI-64 and use."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.estate.status import Status
from smki_testca.exporters.fitting import check_one_environment, misfit
from smki_testca.exporters.format import Format, FormatNeed, OmittedItem, Traits
from smki_testca.folders import OutputFile
from smki_testca.profiles.model import Hierarchy
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.exporters.item import Item

_USES = {"digital-signature": "ds", "key-agreement": "ka"}
_PREPAYMENT = "PP-"
_FIRST_FILE_ROLE = 0x80
"""RemotePartyRoles from here on sign XML and files, not GBCS messages."""


def base_name(item: Item) -> str:
    """``EUI64-ds``, ``EUI64-ka`` or, of a prepayment key, ``EUI64-pp-ka``.

    The prepayment certificate has the subject and usage of the ordinary one, but another label.
    """
    record = item.record
    use = _USES[record.usage]
    if use == "ka" and _PREPAYMENT in (record.label or ""):
        use = "pp-ka"
    return f"{record.eui64.plain if record.eui64 else ''}-{use}"


def _rank(item: Item) -> tuple[bool, int, int]:
    """The rank of a certificate among those of the same file name: in use first, then newest."""
    record = item.record
    return item.status is Status.IN_USE, record.audit, record.serial.value


class GbcsParserFolder(Format):
    """``eui-ds.pem``, ``eui-ka.pem``, ``eui-pp-ka.pem`` with ``.key``, all in one folder."""

    traits = Traits(
        name="gbcs-parser",
        summary="files named after EUI-64 and use: gbcs-parser",
        keys=FormatNeed.REQUIRED,
        passphrase=FormatNeed.NEVER,
    )

    def misfit(self, item: Item) -> str | None:
        """The reason why a certificate takes no part in GBCS, or has no private key here."""
        record = item.record
        reason = misfit(item, (Hierarchy.ORGANISATION, Hierarchy.DEVICE), _USES)
        if reason is not None:
            return reason
        if record.eui64 is None:
            return "has no EUI-64"
        if record.role is not None and record.role >= _FIRST_FILE_ROLE:
            return "is for signing XML or files, not GBCS messages"
        return None

    def check(self, items: Sequence[Item]) -> None:
        """Check that no file would be for certificates of two environments.

        Raises:
            InputError: if one would.
        """
        check_one_environment(items, base_name, self.traits.name)

    def left_out(self, items: Sequence[Item]) -> list[OmittedItem]:
        """The certificates that do not fit, then those that have the file name of another."""
        left_out = super().left_out(items)
        out = {id(entry.item) for entry in left_out}
        candidates = [item for item in items if id(item) not in out]
        best: dict[str, Item] = {}
        for item in candidates:
            name = base_name(item)
            if name not in best or _rank(item) > _rank(best[name]):
                best[name] = item
        reason = "would have the file name of another, which is in use or newer"
        others = (item for item in candidates if best[base_name(item)] is not item)
        return left_out + [OmittedItem(item, reason) for item in others]

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield every file of the export."""
        del passphrase
        for item in self.fitting(items):
            name = base_name(item)
            yield OutputFile(PurePosixPath(f"{name}.pem"), to_pem(item.record.der))
            key = to_pem(item.private_key or b"", "PRIVATE KEY")
            yield OutputFile(PurePosixPath(f"{name}.key"), key)
