"""``keystore.json``: the key store of DCC's TypeScript client, one JSON file."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from smki_testca.exporters.fitting import fitting, need_clear_keys, stands_against
from smki_testca.exporters.item import Format, LeftOut, OutputFile
from smki_testca.profiles.model import Hierarchy
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.exporters.item import Item

_WHAT = "A keystore.json"
_USAGES = {"digital-signature": "digitalSignature", "key-agreement": "keyAgreement"}


def _stands_against(item: Item) -> str | None:
    reason = stands_against(item, (Hierarchy.ORGANISATION, Hierarchy.DEVICE), tuple(_USAGES))
    if reason is None and item.record.eui64 is None:
        return "has no EUI-64"
    return reason


class JsonKeyStore(Format):
    """``keystore.json``: EUI-64, key usage, serial in decimal; certificate, key, role and name."""

    def left_out(self, items: Sequence[Item]) -> list[LeftOut]:
        """Whatever is no Organisation or Device Certificate with its private key."""
        return fitting(items, _stands_against)[1]

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """The one file of an export.

        Raises:
            InputError: without private keys, or with a passphrase: there is no place for one.
        """
        need_clear_keys(items, passphrase, _WHAT)
        fit, _ = fitting(items, _stands_against)
        store: dict[str, dict[str, dict[str, Any]]] = {}
        for item in fit:
            eui64, usage = item.record.eui64, _USAGES[item.record.usage]
            assert eui64 is not None  # noqa: S101 - else it would not fit
            entries = store.setdefault(eui64.plain, {}).setdefault(usage, {})
            entries[str(item.record.serial.value)] = _entry(item)
        if fit:
            text = json.dumps({eui64: store[eui64] for eui64 in sorted(store)}, indent=2)
            yield OutputFile(PurePosixPath("keystore.json"), f"{text}\n".encode())


def _entry(item: Item) -> dict[str, Any]:
    record = item.record
    entry: dict[str, Any] = {
        "certificate": to_pem(record.der).decode("ascii"),
        "privateKey": to_pem(item.private_key or b"", "PRIVATE KEY").decode("ascii"),
        "name": record.label or item.name,
    }
    # The client tells Devices by there being no role.
    if record.role is not None and record.hierarchy == Hierarchy.ORGANISATION:
        entry["role"] = record.role
    return entry
