"""The file in which a Device is kept: JSON with the certificates of its cells, ``device.json``."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from smki_testca.der.read import DerError
from smki_testca.device.cells import cell_named, type_named
from smki_testca.errors import InputError
from smki_testca.files import replace, write_error, write_file
from smki_testca.input_files import read_regular
from smki_testca.text import shown
from smki_testca.text_files import decode, utf8
from smki_testca.x509.view import is_in_place, view_certificate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from smki_testca.profiles import Library
    from smki_testca.profiles.device_types import DeviceType

FORMAT = "smki-testca device"
VERSION = 1
MAX_FILE_OCTETS = 1 << 20
"""The longest file of a Device that is read, in octets."""
MAX_CERTIFICATE_OCTETS = 1 << 14
"""The longest certificate in a cell, in octets."""
_MAX_CELLS = 64

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
_Encoded = Annotated[str, msgspec.Meta(min_length=1, max_length=2 * MAX_CERTIFICATE_OCTETS)]


class _Cell(msgspec.Struct, forbid_unknown_fields=True):
    """A cell: its name, and its certificate in base64; null if it is empty."""

    cell: _Text
    certificate: _Encoded | None


class _Head(msgspec.Struct):
    """The head that tells the file of a Device from all others."""

    format: Literal["smki-testca device"]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file; the cell of the root is ``root``, and not among the others."""

    format: Literal["smki-testca device"]
    version: Literal[1]
    device_type: _Text
    environment: _Text | None
    root: _Encoded | None
    cells: Annotated[list[_Cell], msgspec.Meta(max_length=_MAX_CELLS)]


@dataclass(frozen=True)
class SavedDevice:
    """A Device as its file has it.

    Attributes:
        root: the root's certificate, DER; None if it has none.
        certificates: of the other cells, by the cell's short name.
    """

    kind: DeviceType
    environment: str | None
    root: bytes | None
    certificates: Mapping[str, bytes]


def write(path: Path, content: SavedDevice, *, force: bool) -> None:
    """Write the file of a Device.

    Args:
        path: the file.
        content: the Device.
        force: whether to take the place of another Device; its owner and mode stay then.

    Raises:
        InputError: if the file exists and ``force`` is not set, is none of a Device, or cannot be
            written.
        OutputError: if the disk is full or fails.
    """
    certificates = content.certificates
    document = {
        "format": FORMAT,
        "version": VERSION,
        "device_type": content.kind.name,
        "environment": content.environment,
        "root": _encoded(content.root),
        "cells": [
            {"cell": cell.short, "certificate": _encoded(certificates.get(cell.short))}
            for cell in content.kind.cells
            if not cell.is_root
        ],
    }
    data = (json.dumps(document, indent=2) + "\n").encode()
    if not force:
        write_file(path, data, force=False)
        return
    _check_is_device(path)
    try:
        replace(path, data)
    except OSError as error:
        raise write_error("export.unwritable", f"{path} cannot be written", error) from error


def _check_is_device(path: Path) -> None:
    """Check that a file is that of a Device, or is not there.

    Raises:
        InputError: if it is another one.
    """
    if not path.exists():
        return
    try:
        msgspec.json.decode(utf8(read_regular(path, MAX_FILE_OCTETS)), type=_Head)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(
            "device.file",
            f"{path} cannot be overwritten: it is not the file of a Device.",
            "Name another file with --device.",
        ) from error


def read(path: Path, library: Library) -> SavedDevice:
    """Read the file of a Device.

    Raises:
        InputError: if it cannot be read, is too long, or not of this form.
    """
    if not path.exists():
        raise InputError(
            "device.file",
            f"There is no Device in {path}: the file does not exist.",
            "Make it with smki-testca device load, or name another with --device.",
        )
    text = decode(read_regular(path, MAX_FILE_OCTETS), str(path))
    try:
        document = msgspec.json.decode(text, type=_File)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _misfit(path, str(error)) from error
    kind = type_named(document.device_type, library.device_types)
    if document.environment is not None:
        library.environment(document.environment)
    certificates: dict[str, bytes] = {}
    names = set()
    for entry in document.cells:
        cell = cell_named(entry.cell, kind, library.roles)
        if cell not in kind.cells or cell.is_root:
            raise _misfit(path, f"{kind.name} has no cell {shown(entry.cell)} beside its root's")
        if cell.name in names:
            raise _misfit(path, f"the cell {cell.short} is there twice")
        names.add(cell.name)
        if entry.certificate is not None:
            certificates[cell.short] = _certificate(entry.certificate, path, cell.short)
    root = None if document.root is None else _certificate(document.root, path, "root")
    return SavedDevice(kind, document.environment, root, certificates)


def _encoded(der: bytes | None) -> str | None:
    return None if der is None else base64.b64encode(der).decode("ascii")


def _certificate(text: str, path: Path, cell: str) -> bytes:
    """The octets of a certificate in the file; they must be one, if a defective one."""
    try:
        der = base64.b64decode(text, validate=True)
        is_certificate = is_in_place(view_certificate(der))
    except (binascii.Error, ValueError, DerError):
        is_certificate = False
    if not is_certificate or len(der) > MAX_CERTIFICATE_OCTETS:
        raise _misfit(path, f"the cell {cell} holds no certificate in base64")
    return der


def _misfit(path: Path, reason: str) -> InputError:
    return InputError(
        "device.file",
        f"{path} is not the file of a Device: {reason}.",
        "Make it with smki-testca device load, or name another with --device.",
    )
