"""The folder of gbcs-parser: one certificate and key for each EUI-64 and use, named after them."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.estate.status import Status
from smki_testca.exporters.fitting import fitting, need_clear_keys, stands_against
from smki_testca.exporters.item import Format, LeftOut, OutputFile
from smki_testca.profiles.model import Hierarchy
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.exporters.item import Item

_WHAT = "gbcs-parser's folder"
_USES = {"digital-signature": "ds", "key-agreement": "ka"}
_PREPAYMENT = "PP-"
_FIRST_FILE_ROLE = 0x80
"""RemotePartyRoles from here on sign XML and files, not GBCS messages."""


def _stands_against(item: Item) -> str | None:
    record = item.record
    reason = stands_against(item, (Hierarchy.ORGANISATION, Hierarchy.DEVICE), tuple(_USES))
    if reason is not None:
        return reason
    if record.eui64 is None:
        return "has no EUI-64"
    if record.role is not None and record.role >= _FIRST_FILE_ROLE:
        return "is for signing XML or files, not GBCS messages"
    return None


def base_name(item: Item) -> str:
    """``EUI64-ds``, ``EUI64-ka`` or, of a prepayment key, ``EUI64-pp-ka``.

    The prepayment certificate has the subject and usage of the ordinary one: its label tells.
    """
    record = item.record
    use = _USES[record.usage]
    if use == "ka" and _PREPAYMENT in (record.label or ""):
        use = "pp-ka"
    return f"{record.eui64.plain if record.eui64 else ''}-{use}"


def _rank(item: Item) -> tuple[bool, int, int]:
    """Which of several certificates of one name is taken: in use first, then the newest."""
    record = item.record
    return item.status is Status.IN_USE, record.audit, record.serial.value


class GbcsParserFolder(Format):
    """``eui-ds.pem``, ``eui-ka.pem``, ``eui-pp-ka.pem`` with ``.key``, all in one folder."""

    def left_out(self, items: Sequence[Item]) -> list[LeftOut]:
        """What does not take part in GBCS, and what would have the file name of another."""
        return self._chosen(items)[1]

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Every file of an export.

        Raises:
            InputError: without private keys, or with a passphrase: the parser asks for none.
        """
        need_clear_keys(items, passphrase, _WHAT)
        for item in self._chosen(items)[0]:
            name = base_name(item)
            yield OutputFile(PurePosixPath(f"{name}.pem"), to_pem(item.record.der))
            key = to_pem(item.private_key or b"", "PRIVATE KEY")
            yield OutputFile(PurePosixPath(f"{name}.key"), key)

    def _chosen(self, items: Sequence[Item]) -> tuple[list[Item], list[LeftOut]]:
        fit, left_out = fitting(items, _stands_against)
        taken: dict[str, Item] = {}
        for item in fit:
            name = base_name(item)
            other = taken.get(name)
            if other is None or _rank(item) > _rank(other):
                taken[name] = item
        chosen, further = fitting(
            fit,
            lambda item: (
                None
                if taken[base_name(item)] is item
                else "would have the file name of another, which is in use or newer"
            ),
        )
        return chosen, left_out + further
