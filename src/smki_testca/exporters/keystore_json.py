"""Exports ``keystore.json``, the key store of DCC's TypeScript client."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from smki_testca.exporters.fitting import check_one_environment, misfit
from smki_testca.exporters.format import Format, FormatNeed, Traits
from smki_testca.folders import OutputFile
from smki_testca.profiles.model import Hierarchy
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smki_testca.exporters.item import Item

_USAGES = {"digital-signature": "digitalSignature", "key-agreement": "keyAgreement"}


class JsonKeyStore(Format):
    """``keystore.json``: EUI-64, key usage, serial in decimal; certificate, key, role and name."""

    traits = Traits(
        name="keystore-json",
        summary="keystore.json: the key store of DCC Boxed's TypeScript tools",
        keys=FormatNeed.REQUIRED,
        passphrase=FormatNeed.NEVER,
    )

    def misfit(self, item: Item) -> str | None:
        """The reason why it is no SMKI certificate with an EUI-64 and a private key."""
        reason = misfit(item, (Hierarchy.ORGANISATION, Hierarchy.DEVICE), _USAGES)
        if reason is None and item.record.eui64 is None:
            return "has no EUI-64"
        return reason

    def check(self, items: Sequence[Item]) -> None:
        """Check that the client finds no certificates of two environments for one ID and usage.

        Raises:
            InputError: if it would.
        """
        check_one_environment(items, _place, self.traits.name)

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Yield the only file of the export."""
        del passphrase
        fitting = self.fitting(items)
        store: dict[str, dict[str, dict[str, Any]]] = {}
        for item in fitting:
            eui64, usage = item.record.eui64, _USAGES[item.record.usage]
            assert eui64 is not None  # noqa: S101 - a misfit otherwise
            entries = store.setdefault(eui64.plain, {}).setdefault(usage, {})
            entries[str(item.record.serial.value)] = _entry(item)
        if fitting:
            text = json.dumps({eui64: store[eui64] for eui64 in sorted(store)}, indent=2)
            yield OutputFile(PurePosixPath("keystore.json"), f"{text}\n".encode())


def _place(item: Item) -> tuple[object, ...]:
    return item.record.eui64, item.record.usage


def _entry(item: Item) -> dict[str, Any]:
    record = item.record
    entry: dict[str, Any] = {
        "certificate": to_pem(record.der).decode("ascii"),
        "privateKey": to_pem(item.private_key or b"", "PRIVATE KEY").decode("ascii"),
        "name": record.label or item.name,
    }
    # The client treats an entry without a role as a Device.
    if record.role is not None and record.hierarchy == Hierarchy.ORGANISATION:
        entry["role"] = record.role
    return entry
