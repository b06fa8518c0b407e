"""Finds the certificates for the cells of a Device: in an estate, or in a folder of a kit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec

from smki_testca.device.cells import ROOT, cell_named
from smki_testca.device.state import MAX_CERTIFICATE_OCTETS
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import LIVING
from smki_testca.identifiers import SerialPrefix
from smki_testca.input_files import read_regular
from smki_testca.profiles.device_types import CellUsage
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.text import counted, shown, use_one_of
from smki_testca.text_files import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.profiles import Library
    from smki_testca.profiles.device_types import Cell, DeviceType

CELLS_FOLDER = "trust-anchor-cells"
"""The folder of a kit with what the cells of Devices need."""
MANIFEST = "manifest.json"
MAX_MANIFEST_OCTETS = 1 << 20
"""The longest manifest that is read, in octets."""
_ORGANISATION = Hierarchy("organisation")

_Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\\Z")]
"""The name of a file beside the manifest, and never a path."""


@dataclass(frozen=True)
class FilledCells:
    """The certificates that fill the cells of a Device.

    Attributes:
        root: the certificate of its root, DER.
        certificates: of the other cells, by the cell's short name, DER.
        environment: the test environment.
        notes: which cells are empty and why, and what was chosen of several.
    """

    root: bytes | None
    certificates: Mapping[str, bytes]
    environment: str
    notes: tuple[str, ...] = ()


class _ManifestCell(msgspec.Struct):
    role: str
    key_usage: str
    cell_usage: str
    file: _Name
    sha256: str


class _PathCertificate(msgspec.Struct):
    file: _Name
    sha256: str
    tier: str = ""


class _Manifest(msgspec.Struct):
    """The keys of a manifest that are needed; it has more."""

    device_type: str
    environment: str
    cells: Annotated[list[_ManifestCell], msgspec.Meta(max_length=64)]
    path: Annotated[list[_PathCertificate], msgspec.Meta(max_length=64)] = []


def check_known(kind: DeviceType) -> None:
    """Check that a type of Device has cells that are known.

    Raises:
        InputError: if none is.
    """
    if not kind.cells:
        raise InputError(
            "device.no_cells",
            f"No cell of the type of Device {kind.name} is known: {kind.note}",
            "Use another type, or describe its cells in device-types.toml of a profile directory.",
        )


# From an estate


def from_estate(
    estate: Estate, kind: DeviceType, environment: str | None, chosen: Mapping[str, str]
) -> FilledCells:
    """Find what fills the cells of a Device in an estate; see ``Device.load``.

    Args:
        estate: open; no private key is needed.
        kind: the type of Device.
        environment: the test environment; the estate's first by default.
        chosen: the label or serial number of the certificate for a cell, by the cell's name.
    """
    check_known(kind)
    place = estate.library.environment(estate.environment(environment))
    root = estate.authorities.newest(place, _ORGANISATION, Tier.ROOT)
    by_name: dict[str, Record] = {}
    notes = []
    for name, text in chosen.items():
        cell = _cell(name, kind, estate)
        if cell.name in by_name:
            raise InputError(
                "device.cell_twice",
                f"Two certificates are named for the cell {cell.short}.",
                "Name one of them.",
            )
        by_name[cell.name] = _chosen(estate, place.name, text)
        notes += _of_misfit(cell, by_name[cell.name])
    taken = {record.serial for record in by_name.values()}
    certificates: dict[str, bytes] = {}
    for cell in kind.cells:
        if cell.is_root:
            continue
        record = by_name.get(cell.name)
        if record is None:
            of_cell = _fitting(estate, place.name, cell)
            fitting = [each for each in of_cell if each.serial not in taken]
            if cell.cell_usage is CellUsage.MANAGEMENT:
                record, others = _first(fitting)
                notes += [] if not others else [_of_several(cell, record, others)]
            if record is None:
                notes.append(_empty(cell, fitting, of_cell))
                continue
            taken.add(record.serial)
        certificates[cell.short] = record.der
    return FilledCells(root.der, certificates, place.name, tuple(notes))


def _cell(name: str, kind: DeviceType, estate: Estate) -> Cell:
    cell = cell_named(name, kind, estate.library.roles)
    if cell not in kind.cells or cell.is_root:
        raise InputError(
            "device.cell_name",
            f"{kind.name} has no cell {shown(name)} that can be chosen for.",
            use_one_of((each.short for each in kind.cells if not each.is_root), given=name),
        )
    return cell


def _chosen(estate: Estate, environment: str, text: str) -> Record:
    """The newest certificate of a label or serial number."""
    selection = Selection(environment=environment, label=text)
    records = [record for record in estate.select(selection) if record.label == text]
    if not records:
        try:
            serial = SerialPrefix.parse(text)
        except InputError:
            serial = None
        if serial is not None:
            records = list(estate.select(Selection(environment=environment, serial=serial)))
            if len(records) > 1:
                raise InputError(
                    "device.certificate",
                    f"{counted(len(records), 'certificate')} of {environment} have a serial number"
                    f" that begins with {shown(text)}.",
                    "Give more of its digits.",
                )
    if not records:
        raise InputError(
            "device.certificate",
            f"No certificate of {environment} has the label or serial number {shown(text)}.",
            "smki-testca list shows those that the estate has.",
        )
    return records[-1]


def _fitting(estate: Estate, environment: str, cell: Cell) -> list[Record]:
    """The certificates in use of a cell's role and usage: the newest of each line of renewals.

    The line whose first certificate was issued first comes first.
    """
    selection = Selection(
        environment=environment, role=cell.role.code, usage=cell.key_usage.value, status=LIVING
    )
    records = [
        record
        for record in estate.select(selection)
        if record.hierarchy == _ORGANISATION and record.tier is Tier.END_ENTITY
    ]
    lines: dict[str, Record] = {}
    for record in sorted(records, key=lambda each: each.audit):
        first = record.serial
        while (before := estate.renewal_links.predecessor(first)) is not None:
            first = before
        lines[str(first)] = record
    return list(lines.values())


def _first(fitting: list[Record]) -> tuple[Record | None, list[Record]]:
    """The certificate of the line that began first, and the newest of each other line."""
    return (fitting[0] if fitting else None), fitting[1:]


def _of_several(cell: Cell, record: Record | None, others: list[Record]) -> str:
    return (
        f"{cell.short} has {_called(record)}; {_listed(others)}"
        f" {'fits' if len(others) == 1 else 'fit'}, too: choose with --cell {cell.short}=LABEL"
    )


def _of_misfit(cell: Cell, record: Record) -> list[str]:
    """The remarks on a certificate that was chosen for a cell which is not its own."""
    if record.hierarchy != _ORGANISATION or record.tier is not Tier.END_ENTITY:
        misfit = "not a certificate of an organisation"
    elif record.role != cell.role.code or cell.key_usage.value not in record.usage.split("+"):
        misfit = "of another role or key usage than the cell"
    else:
        return []
    return [f"{cell.short} has {_called(record)}, as you chose, which is {misfit}"]


def _empty(cell: Cell, fitting: list[Record], of_cell: list[Record]) -> str:
    """The reason for which a cell is empty.

    Args:
        cell: the cell.
        fitting: the certificates of its role and usage that no cell has.
        of_cell: all of them.
    """
    if of_cell and not fitting:
        return f"{cell.short} is empty: you chose {_listed(of_cell)} for another cell"
    if not fitting:
        return f"{cell.short} is empty: the estate has no certificate for it"
    return (
        f"{cell.short} is empty, for nothing in a certificate says that it is for prepayment:"
        f" choose with --cell {cell.short}={_called(fitting[-1])}"
    )


def _called(record: Record | None) -> str:
    return "nothing" if record is None else record.label or str(record.serial)


def _listed(records: Iterable[Record]) -> str:
    names = [_called(record) for record in records]
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


_MOST_NAMED = 3

# From a kit


def from_kit(
    folder: Path,
    kind: DeviceType,
    environment: str | None,
    library: Library,
    chosen: Mapping[str, str],
) -> FilledCells:
    """Read what fills the cells of a Device from a folder that a kit wrote.

    Args:
        folder: a kit's directory; or the folder of a type of Device in its trust-anchor-cells.
        kind: the type of Device.
        environment: the test environment; needed where the kit has several.
        library: the profiles.
        chosen: must be empty: the folder itself says which certificate fills which cell.

    Raises:
        InputError: if there is no such folder, its manifest is not one, or a file is not as the
            manifest says.
    """
    check_known(kind)
    if chosen:
        raise InputError(
            "device.certificate",
            "A kit's folder says itself which certificate fills which cell.",
            "Leave out --cell, or load from the kit's estate.",
        )
    place = _folder(folder, kind, environment)
    path = place / MANIFEST
    text = decode(read_regular(path, MAX_MANIFEST_OCTETS), str(path))
    try:
        manifest = msgspec.json.decode(text, type=_Manifest)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _no_manifest(path, str(error)) from error
    if manifest.device_type.lower() != kind.name.lower():
        raise _no_manifest(path, f"it is for {shown(manifest.device_type)}, not {kind.name}")
    if environment not in {None, manifest.environment}:
        raise _no_manifest(path, f"it is of {shown(manifest.environment)}, not {environment}")
    root: bytes | None = None
    certificates: dict[str, bytes] = {}
    for manifest_cell in manifest.cells:
        name = f"{manifest_cell.role}/{manifest_cell.key_usage}/{manifest_cell.cell_usage}"
        cell = cell_named(name, kind, library.roles)
        if cell not in kind.cells:
            raise _no_manifest(path, f"{kind.name} has no cell {shown(name)}")
        der = _read(place, manifest_cell)
        if cell.is_root:
            root = der
        else:
            certificates[cell.short] = der
    if root is None:
        of_root = [each for each in manifest.path if each.tier == ROOT]
        root = _read(place, of_root[0]) if of_root else None
    notes = [
        f"{cell.short} is empty: the folder has no certificate for it"
        for cell in kind.cells
        if not cell.is_root and cell.short not in certificates
    ]
    return FilledCells(root, certificates, manifest.environment, tuple(notes))


def is_kit(folder: Path) -> bool:
    """Whether a folder is one of a kit with what cells need, and no estate."""
    return (folder / CELLS_FOLDER).is_dir() or (folder / MANIFEST).is_file()


def _folder(folder: Path, kind: DeviceType, environment: str | None) -> Path:
    """The folder with the manifest of a type of Device."""
    if (folder / MANIFEST).is_file():
        return folder
    top = folder / CELLS_FOLDER
    environments = sorted(
        path.name for path in (top.iterdir() if top.is_dir() else ()) if path.is_dir()
    )
    if environment is None and len(environments) == 1:
        environment = environments[0]
    if environment is None and environments:
        raise InputError(
            "device.environment",
            f"{folder} has cells of {', '.join(environments)}.",
            "Choose one with --environment.",
        )
    place = top / (environment or "") / kind.name
    if environment not in environments or not (place / MANIFEST).is_file():
        raise InputError(
            "device.no_cells",
            f"{folder} has nothing for the cells of {kind.name}"
            f"{'' if environment is None else f' in {environment}'}.",
            "Name the type in trust-anchor-cells of the kit, and make it again; or load an estate.",
        )
    return place


def _read(place: Path, entry: _ManifestCell | _PathCertificate) -> bytes:
    """Read a certificate beside a manifest, as the manifest says that it is."""
    path = place / entry.file
    der = read_regular(path, MAX_CERTIFICATE_OCTETS)
    if hashlib.sha256(der).hexdigest() != entry.sha256.lower():
        raise InputError(
            "device.manifest",
            f"{path} is not as {MANIFEST} says: its SHA-256 differs.",
            "Make the kit again.",
        )
    return der


def _no_manifest(path: Path, reason: str) -> InputError:
    return InputError(
        "device.manifest",
        f"{path} is not the manifest that is needed: {reason}.",
        "Load the folder of that type of Device in a kit's trust-anchor-cells.",
    )
