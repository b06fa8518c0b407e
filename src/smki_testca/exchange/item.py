"""What every format is given, and what it gives back."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import PurePosixPath

    from smki_testca.estate.certificates import Record
    from smki_testca.roles import Roles

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Item:
    """One certificate to write.

    Attributes:
        name: a file name for it without suffix, unique in its folder.
        folder: where it belongs in a tree.
        chain: the CAs above it, the issuing one first.
        private_key: PKCS#8 DER, where it was asked for and the estate has it.
    """

    name: str
    folder: PurePosixPath
    record: Record
    chain: tuple[Record, ...]
    private_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file to write, below the folder that the user named."""

    path: PurePosixPath
    data: bytes


class Format(Protocol):
    """A format certificates leave in."""

    def files(self, items: Sequence[Item], passphrase: str | None) -> Iterator[OutputFile]:
        """Every file of an export.

        Args:
            items: what was selected.
            passphrase: protects private keys, where the format can and the user gave one.
        """
        ...


def file_names(records: Iterable[Record], roles: Roles) -> list[str]:
    """A file name for each certificate: its label, or its EUI-64, role and usage.

    Where two would be the same, the serial number tells them apart.
    """
    records = list(records)
    plain = [_file_name(record, roles) for record in records]
    count = Counter(name.lower() for name in plain)
    return [
        f"{name}-{str(record.serial).lower()}" if count[name.lower()] > 1 else name
        for name, record in zip(plain, records, strict=True)
    ]


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
    """The text as a file name anywhere: letters, digits, dots, hyphens and underscores."""
    return _UNSAFE.sub("-", text).strip(".-")[:100]
