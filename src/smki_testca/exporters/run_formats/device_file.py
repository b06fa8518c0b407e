"""Exports the Devices of a run as one binary file, which a C program searches without memory.

Numbers are big-endian. The parts follow each other without gaps, so that the file can be written to
a pipe; ``docs/factory-formats.md`` has the whole of it:

    header, index by EUI-64, index by name, chains, records of one size, SHA-256 of all before it

The header, each index, the chains and each record have a CRC-32.
"""

from __future__ import annotations

import hashlib
import struct
from binascii import crc32
from dataclasses import dataclass
from enum import IntFlag
from typing import IO, TYPE_CHECKING, Any, Final

from smki_testca.errors import InputError
from smki_testca.exporters.format import FormatNeed
from smki_testca.exporters.run_formats.run_format import (
    NAME_COLUMN,
    ExportContext,
    FileFormat,
    Keys,
    RunTraits,
    name_of,
)
from smki_testca.text import shown
from smki_testca.x509.exported_keys import NONCE_OCTETS, TAG_OCTETS, KeyForm, in_form

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.estate.run_rows import RunRow
    from smki_testca.exporters.run_formats.run_content import Part, RunDevice

MAGIC: Final = b"SMKIDEVS"
VERSION: Final = 1
MAX_DEVICES: Final = 250_000
"""In one file: so many entries of the indexes are sorted in memory."""
MAX_NAME_OCTETS: Final = 64
DS, KA = 1, 2
"""The number of each certificate of a Device, in the label that its key is encrypted under."""

HEADER: Final = struct.Struct(">8sHHIIIIIHHHHQQQQQIIIIQ16s")
"""Without the zeros after it, and the CRC-32 at its end."""
HEADER_OCTETS: Final = 256
RECORD: Final = struct.Struct(">8sQIHHHH16s16s64s64s")
"""The beginning of a record. Name, keys, certificates and CRC-32 follow."""
_NUMBER = struct.Struct(">I")

_KEY_OCTETS: Final = {KeyForm.PKCS8: 138, KeyForm.SEC1: 121, KeyForm.RAW: 32}
_FORM_NUMBERS: Final = {KeyForm.PKCS8: 1, KeyForm.SEC1: 2, KeyForm.RAW: 3}


class Flag(IntFlag):
    """The flags of a file."""

    KEYS = 1
    ENCRYPTED = 2
    NOT_SECRET = 4
    NAMED = 8


@dataclass(slots=True)
class _Layout:
    """The layout of a file, known before its records are written.

    Attributes:
        ids: the entries of the index by EUI-64.
        names: the entries of the index by name: names as octets, with the number of the record.
        certificate: the octets of the longest certificate.
        chains: the chain of each issuing CA, with its place in the file.
        is_named: whether names are of the operator's own column; serial numbers otherwise.
    """

    ids: list[tuple[bytes, int]]
    names: list[tuple[bytes, int]]
    certificate: int
    chains: dict[bytes, int]
    is_named: bool

    @property
    def name(self) -> int:
        """The octets of the longest name."""
        return max((len(name) for name, _ in self.names), default=0)


class DeviceFile(FileFormat):
    """Header, indexes and records of one size; see ``docs/factory-formats.md``."""

    traits = RunTraits(
        name="device-file",
        summary="one binary file, searched by EUI-64 or serial number without memory",
        keys=FormatNeed.OPTIONAL,
        passphrase=FormatNeed.OPTIONAL,
        suffix=".smki",
        key_forms=(KeyForm.RAW, KeyForm.PKCS8, KeyForm.SEC1),
        encrypted_forms=tuple(KeyForm),
        can_name=True,
        limit=MAX_DEVICES,
    )

    def write(self, file: IO[Any], part: Part[RunDevice], context: ExportContext) -> None:
        """Write the file: its records are looked at once for the indexes, then written."""
        keys = context.keys
        layout = _layout(part, context)
        key_octets = _key_octets(keys)
        width = layout.name
        record_octets = RECORD.size + width + 2 * key_octets + 2 * layout.certificate + 4
        by_id = _index(layout.ids, 8)
        by_name = _index(layout.names, width)
        chains = b"".join(layout.chains)
        names_at = HEADER_OCTETS + len(by_id)
        chains_at = names_at + len(by_name)
        records_at = chains_at + len(chains)
        encryption = keys.encryption if keys.are_written else None
        header = HEADER.pack(
            MAGIC,
            VERSION,
            HEADER_OCTETS,
            _flags(keys, is_named=layout.is_named),
            _FORM_NUMBERS[keys.form] if keys.are_written else 0,
            len(part),
            len(layout.names),
            record_octets,
            width,
            key_octets,
            layout.certificate,
            0,
            HEADER_OCTETS,
            names_at,
            chains_at,
            records_at,
            records_at + record_octets * len(part) + hashlib.sha256().digest_size,
            crc32(by_id),
            crc32(by_name),
            crc32(chains),
            0 if encryption is None else encryption.iterations,
            context.rows.run.id,
            bytes(16) if encryption is None else encryption.salt,
        ).ljust(HEADER_OCTETS - 4, b"\x00")
        digest = hashlib.sha256()
        for octets in (header + _NUMBER.pack(crc32(header)), by_id, by_name, chains):
            digest.update(octets)
            file.write(octets)
        for device in part:
            chain = context.chain(device)
            record = b"".join(
                (
                    _fixed_part(device, keys, chains_at + layout.chains[chain], len(chain)),
                    _name(device, context, is_named=layout.is_named).ljust(width, b"\x00"),
                    *(
                        _key(device, number, row, keys).ljust(key_octets, b"\x00")
                        for number, row in ((DS, device.ds), (KA, device.ka))
                    ),
                    *(
                        (row.der if row else b"").ljust(layout.certificate, b"\x00")
                        for _, row in device.halves
                    ),
                )
            )
            record += _NUMBER.pack(crc32(record))
            digest.update(record)
            file.write(record)
        file.write(digest.digest())


def _layout(part: Part[RunDevice], context: ExportContext) -> _Layout:
    """Look at every Device of a file."""
    is_named = context.name_by is not None or NAME_COLUMN in context.columns
    layout = _Layout([], [], 0, {}, is_named)
    end_of_chains = 0
    for number, device in enumerate(part.ahead()):
        layout.ids.append((device.eui64, number))
        if is_named:
            layout.names.append((_name(device, context, is_named=True), number))
        for _, row in device.halves:
            if row is not None:
                layout.certificate = max(layout.certificate, len(row.der))
                if not is_named:
                    layout.names.append((_hexadecimal(row.serial), number))
        chain = context.chain(device)
        if chain not in layout.chains:
            layout.chains[chain] = end_of_chains
            end_of_chains += len(chain)
    layout.ids.sort()
    # One that a Device lacks is in its record as zeros, and nobody looks for it.
    layout.names = sorted(entry for entry in layout.names if entry[0])
    for (name, _), (other, _) in zip(layout.names, layout.names[1:], strict=False):
        if name == other:
            raise InputError(
                "export.device_name",
                f"Two Devices have the name {shown(name.decode())}.",
                "Name Devices by a column with other values: --name-by COLUMN.",
            )
    return layout


def _name(device: RunDevice, context: ExportContext, *, is_named: bool) -> bytes:
    """The name of a Device by the operator's own column; that of its first certificate otherwise.

    Raises:
        InputError: if it is missing where the column was asked for, or too long.
    """
    if not is_named:
        row = device.ds or device.ka
        return b"" if row is None else _hexadecimal(row.serial)
    if context.name_by is not None:
        name = name_of(device, context.name_by)
    else:
        name = device.columns.get(NAME_COLUMN, "")
    octets = name.encode()
    if len(octets) > MAX_NAME_OCTETS or b"\x00" in octets:
        raise InputError(
            "export.device_name",
            f"{shown(name)} is longer than {MAX_NAME_OCTETS} octets, or has a zero in it.",
            "Name Devices by a column of short texts: --name-by COLUMN.",
        )
    return octets


def _hexadecimal(octets: bytes) -> bytes:
    return octets.hex().upper().encode()


def _index(entries: Iterable[tuple[bytes, int]], width: int) -> bytes:
    return b"".join([key.ljust(width, b"\x00") + _NUMBER.pack(number) for key, number in entries])


def _flags(keys: Keys, *, is_named: bool) -> Flag:
    flags = Flag.NAMED if is_named else Flag(0)
    if keys.are_written:
        flags |= Flag.KEYS
        if keys.encryption is not None:
            flags |= Flag.ENCRYPTED
        if not keys.are_secret:
            flags |= Flag.NOT_SECRET
    return flags


def _key_octets(keys: Keys) -> int:
    """The octets of each private key; none in a file without keys."""
    if not keys.are_written:
        return 0
    around = 0 if keys.encryption is None else NONCE_OCTETS + TAG_OCTETS
    return _KEY_OCTETS[keys.form] + around


def _key(device: RunDevice, number: int, row: RunRow | None, keys: Keys) -> bytes:
    """The private key of a certificate, encrypted where asked for; empty without one."""
    if row is None or row.key is None:
        return b""
    key = in_form(keys.form, row.key, row.point)
    if keys.encryption is None:
        return key
    return keys.encryption.seal(key, device.eui64 + bytes((number,)))


def _fixed_part(device: RunDevice, keys: Keys, chain_at: int, chain_octets: int) -> bytes:
    """The beginning of a record."""
    ds, ka = device.ds, device.ka
    key_octets = _key_octets(keys)
    return RECORD.pack(
        device.eui64,
        chain_at,
        chain_octets,
        len(ds.der) if ds else 0,
        key_octets if ds and ds.key else 0,
        len(ka.der) if ka else 0,
        key_octets if ka and ka.key else 0,
        ds.serial if ds else b"",
        ka.serial if ka else b"",
        (ds and ds.point) or b"",
        (ka and ka.point) or b"",
    )
