"""Finds values that come twice among many millions, on the disk and in little memory.

A fingerprint is a record of 25 octets: what kind of value it is, the value or a digest of it in 16
octets, and where it comes from in 8. Records go to 256 temporary files by the last octet of their
value. Equal values are in the same file, and one file is looked through at a time.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from enum import IntEnum
from struct import Struct
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_RECORD = Struct(">B16sQ")
_ROW_BITS = 40
"""A run has fewer rows than 2 to the power of this."""


class FingerprintKind(IntEnum):
    """The kind of a value."""

    SERIAL = 1
    KEY = 2
    PLACE = 3
    """The Device ID or User ID, the role and the usage, in a family of environments."""
    ISSUED_ID = 4
    LISTED_ID = 5


class FingerprintOrigin(NamedTuple):
    """The origin of a value.

    Attributes:
        run: of the certificate; 0 for one that was issued alone.
        row: in the run; the number of the certificate, or of the line in a list.
    """

    run: int
    row: int

    @property
    def packed(self) -> int:
        """The origin in 8 octets, as a number."""
        return self.run << _ROW_BITS | self.row

    @classmethod
    def unpack(cls, packed: int) -> Self:
        """The origin that ``packed`` gave."""
        return cls(packed >> _ROW_BITS, packed & ((1 << _ROW_BITS) - 1))


class Records:
    """Records to be kept, by the file that they go to."""

    def __init__(self) -> None:
        self._pieces: defaultdict[int, list[bytes]] = defaultdict(list)

    def add(self, kind: FingerprintKind, value: bytes, packed: int) -> None:
        """Add a record.

        Args:
            kind: of the value.
            value: 16 octets.
            packed: its origin.
        """
        self._pieces[value[15]].append(_RECORD.pack(kind, value, packed))

    def joined(self) -> dict[int, bytes]:
        """The records of each file."""
        return {bucket: b"".join(pieces) for bucket, pieces in self._pieces.items()}


class FingerprintFiles:
    """The temporary files of one search; they are gone when it is closed."""

    def __init__(self) -> None:
        self._files: dict[int, BinaryIO] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def keep(self, records: Mapping[int, bytes]) -> None:
        """Write records, as ``Records.joined`` gives them.

        Raises:
            OSError: if the disk is full.
        """
        for bucket, octets in records.items():
            if bucket not in self._files:
                self._files[bucket] = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
            self._files[bucket].write(octets)

    def _buckets(self) -> Iterator[bytes]:
        for _, file in sorted(self._files.items()):
            file.seek(0)
            yield file.read()

    def repeated(self) -> Iterator[tuple[FingerprintKind, list[FingerprintOrigin]]]:
        """Yield the origins of each serial, key or place that comes more than once."""
        for data in self._buckets():
            first: dict[tuple[int, bytes], int] = {}
            again: dict[tuple[int, bytes], list[int]] = {}
            for kind, value, origin in _RECORD.iter_unpack(data):
                if kind >= FingerprintKind.ISSUED_ID:
                    continue
                key = kind, value
                if first.setdefault(key, origin) != origin:
                    again.setdefault(key, [first[key]]).append(origin)
            for (kind, _), origins in again.items():
                yield (
                    FingerprintKind(kind),
                    [FingerprintOrigin.unpack(each) for each in sorted(origins)],
                )

    def unmatched(self) -> Iterator[tuple[FingerprintKind, bytes, FingerprintOrigin]]:
        """Yield each ID that was listed and not issued, or issued and not listed."""
        for data in self._buckets():
            of_kind: dict[int, dict[bytes, int]] = {
                FingerprintKind.ISSUED_ID: {},
                FingerprintKind.LISTED_ID: {},
            }
            for kind, value, origin in _RECORD.iter_unpack(data):
                if kind >= FingerprintKind.ISSUED_ID:
                    of_kind[kind].setdefault(value, origin)
            issued, listed = of_kind[FingerprintKind.ISSUED_ID], of_kind[FingerprintKind.LISTED_ID]
            for value in sorted(listed.keys() - issued.keys()):
                yield FingerprintKind.LISTED_ID, value, FingerprintOrigin.unpack(listed[value])
            for value in sorted(issued.keys() - listed.keys()):
                yield FingerprintKind.ISSUED_ID, value, FingerprintOrigin.unpack(issued[value])
