"""Defines the input of a format: a certificate, its file name, chain, key and CRLs."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from smki_testca.estate.status import Status
from smki_testca.profiles.model import Tier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.estate.certificates import Record
    from smki_testca.roles import Roles

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
        private_key: PKCS#8 DER; None without keys, and where the estate has none.
        revocation_lists: the current CRLs of the CAs above it and, of a CA, its own; DER.
        status: its status in the repository.
    """

    name: str
    folder: PurePosixPath
    record: Record
    chain: tuple[Record, ...]
    private_key: bytes | None = None
    revocation_lists: tuple[bytes, ...] = ()
    status: Status = Status.IN_USE

    @property
    def is_ca(self) -> bool:
        """Whether it is a CA's certificate."""
        return self.record.tier is not Tier.END_ENTITY


def authorities(items: Iterable[Item]) -> list[Record]:
    """The CAs among the items and above them, each once, in order of appearance."""
    by_serial: dict[int, Record] = {}
    for item in items:
        for record in (item.record, *item.chain) if item.is_ca else item.chain:
            by_serial.setdefault(record.serial.value, record)
    return list(by_serial.values())


def file_names(records: Iterable[Record], roles: Roles) -> list[str]:
    """A file name for each certificate: its label, or its EUI-64, role and usage.

    Equal names get the serial number as suffix.
    """
    records = list(records)
    names = [_file_name(record, roles) for record in records]
    count = Counter(name.lower() for name in names)
    # A second pass is needed only where a label equals another's name and serial number.
    different = len({record.serial for record in records})
    while len(count) < different:
        names = [
            f"{name}-{str(record.serial).lower()}" if count[name.lower()] > 1 else name
            for name, record in zip(names, records, strict=True)
        ]
        count = Counter(name.lower() for name in names)
    return names


def _file_name(record: Record, roles: Roles) -> str:
    if record.label:
        name = record.label
    else:
        role = None if record.role is None else roles.by_code(record.role)
        parts = (
            record.eui64.plain if record.eui64 else record.profile,
            role.name if role else None,
            record.usage,
        )
        name = "-".join(part for part in parts if part)
    return safe_name(name) or str(record.serial).lower()


def safe_name(text: str) -> str:
    """Turn text into a portable file name: letters, digits, dots, hyphens and underscores.

    A name that Windows reserves for a device gets an underscore: ``nul.txt`` is ``nul_.txt``.
    """
    return _RESERVED.sub(r"\1_", _cleaned(text))


def is_reserved(text: str) -> bool:
    """Whether Windows keeps the file name of that text for a device, whatever the folder."""
    return _RESERVED.match(_cleaned(text)) is not None


def folder_of(record: Record, *more: str) -> PurePosixPath:
    """The folder of a certificate's family of environments, and folders below it."""
    return PurePosixPath(*(safe_name(part) for part in (record.family, *more)))


def _cleaned(text: str) -> str:
    return _UNSAFE.sub("-", text).strip(".-")[:100].rstrip(".-")
