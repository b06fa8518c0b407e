"""Defines the input of a format: a certificate, its file name, chain, key and CRLs."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import compress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.estate.status import LIVING, Status
from smki_testca.profiles.model import Tier

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from smki_testca.estate.certificates import Record

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_RESERVED = re.compile(r"\A(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|$)", re.ASCII | re.IGNORECASE)
"""The names that Windows keeps for devices, whatever suffix follows."""


@dataclass(frozen=True, slots=True)
class Item:
    """One certificate to write.

    Attributes:
        name: its file name without suffix, unique in the export.
        folder: its folder in a tree.
        record: the certificate, with its data in the estate.
        chain: the CAs above it, the issuing one first.
        chain_names: the file names of these CAs.
        private_key: PKCS#8 DER; None without keys, and where the estate has none.
        revocation_lists: the current CRLs of the CAs above it and, of a CA, its own; DER.
        status: its status in the repository.
        current: the current certificate of its label, subject and usage; None for itself.
        former: names that earlier exports may have given to certificates of its label, and that no
            current certificate has.
        c_name: its name in C, in capitals, without what all names of an export begin with; empty
            where it was not asked for.
    """

    name: str
    folder: PurePosixPath
    record: Record
    chain: tuple[Record, ...]
    chain_names: tuple[str, ...]
    private_key: bytes | None = None
    revocation_lists: tuple[bytes, ...] = ()
    status: Status = Status.IN_USE
    current: Record | None = None
    former: tuple[str, ...] = ()
    c_name: str = ""

    @property
    def is_ca(self) -> bool:
        """Whether it is a CA's certificate."""
        return self.record.tier is not Tier.END_ENTITY

    @property
    def is_outdated(self) -> bool:
        """Whether another certificate took its place: renewed it, or was issued instead of it."""
        if self.current is None or self.current.serial == self.record.serial:
            return False
        return self.is_ca or self.status not in LIVING

    @property
    def place(self) -> tuple[str, str, str]:
        """The holder, the hierarchy and the family, as in file names."""
        family, hierarchy, holder = self.folder.parts
        return holder, hierarchy, family


def authorities(items: Iterable[Item]) -> list[tuple[str, Record]]:
    """The CAs among the items and above them with their file names, each once, as they appear."""
    by_serial: dict[int, tuple[str, Record]] = {}
    for item in items:
        if item.is_ca:
            by_serial.setdefault(item.record.serial.value, (item.name, item.record))
        for name, record in zip(item.chain_names, item.chain, strict=True):
            by_serial.setdefault(record.serial.value, (name, record))
    return list(by_serial.values())


def flat_names(items: Sequence[Item]) -> list[str]:
    """A name for each item where all are in one folder or store.

    Where items of several folders have one name, what differs of the holder, the hierarchy and the
    family follows it; if that does not part them, the serial number.
    """
    by_name: dict[str, list[Item]] = {}
    for item in items:
        by_name.setdefault(item.name.lower(), []).append(item)
    differ = {
        name: [len(set(parts)) > 1 for parts in zip(*(item.place for item in same), strict=True)]
        for name, same in by_name.items()
    }
    names = [
        "-".join(
            (item.name, *compress(item.place, differ[item.name.lower()])),
        )
        for item in items
    ]
    count = Counter(name.lower() for name in names)
    return [
        name if count[name.lower()] == 1 else f"{name}-{str(item.record.serial).lower()}"
        for name, item in zip(names, items, strict=True)
    ]


def safe_name(text: str) -> str:
    """Turn text into a portable file name: letters, digits, dots, hyphens and underscores.

    A name that Windows reserves for a device gets an underscore: ``nul.txt`` is ``nul_.txt``.
    """
    return _RESERVED.sub(r"\1_", _cleaned(text))


def is_reserved(text: str) -> bool:
    """Whether Windows keeps the file name of that text for a device, whatever the folder."""
    return _RESERVED.match(_cleaned(text)) is not None


def folder_of(family: str, *more: str) -> PurePosixPath:
    """The folder of a family of environments, and folders below it."""
    return PurePosixPath(*(safe_name(part) for part in (family, *more)))


def _cleaned(text: str) -> str:
    return _UNSAFE.sub("-", text).strip(".-")[:100].rstrip(".-")
