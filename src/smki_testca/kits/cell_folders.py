"""Writes what the Trust Anchor Cells of Devices need: a folder for each type, with a manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from smki_testca.clock import iso
from smki_testca.device.filled_cells import CELLS_FOLDER
from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.exporters.item import safe_name
from smki_testca.folders import OutputFile, write
from smki_testca.profiles.device_types import NO_IDENTIFIER, CellUsage
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from smki_testca.api import Estate
    from smki_testca.estate.certificates import Record
    from smki_testca.kits.kit import Kit
    from smki_testca.kits.kit_requests import KitRequest
    from smki_testca.profiles import Library
    from smki_testca.profiles.device_types import Cell, DeviceType

FOLDER = CELLS_FOLDER
_ORGANISATION = Hierarchy("organisation")
_ISSUING = "path-issuing-ca.der"
_ROOT = "path-root-ca.der"


@dataclass(frozen=True, slots=True)
class CellFolder:
    """The folder of one type of Device in one environment.

    Attributes:
        cells: the number of cells in it; 0 if none is known, and then there is no folder.
        note: what is not known of the type's cells.
    """

    environment: str
    device_type: str
    cells: int
    is_complete: bool
    note: str

    @property
    def path(self) -> str:
        """The folder, below the kit's directory."""
        return f"{FOLDER}/{self.environment}/{self.device_type}"

    def as_json(self) -> dict[str, Any]:
        """The folder as a JSON object."""
        return {
            "environment": self.environment,
            "device_type": self.device_type,
            "folder": self.path if self.cells else None,
            "cells": self.cells,
            "complete": self.is_complete,
            "note": self.note or None,
        }


def request_of(
    cell: Cell, requests: Iterable[KitRequest], library: Library, environment: str
) -> KitRequest:
    """The request of a kit whose certificate fills a cell in an environment.

    Raises:
        InputError: if there is none, or several are.
    """
    fitting = [
        request
        for request in requests
        if request.environment == environment
        and request.cell_usage is cell.cell_usage
        and cell.key_usage.value in {usage.value for usage in request.usages}
        and library.profile(request.profile).hierarchy == _ORGANISATION
        and library.roles.remote_party_role(request.inputs.get("role", "")) == cell.role
    ]
    if len(fitting) == 1:
        return fitting[0]
    name = f"{cell.name} in {environment}"
    if not fitting:
        raise InputError(
            "kit.cell",
            f"No request of the kit fills the cell {name}.",
            "Add a request of that role, usage and cell-usage, or leave the type out of"
            " trust-anchor-cells.",
        )
    raise InputError(
        "kit.cell",
        f"{len(fitting)} requests of the kit fill the cell {name}: {fitting[0].label} and"
        f" {fitting[1].label}.",
        'Give what belongs in no cell cell-usage = "none".',
    )


def write_cells(estate: Estate, kit: Kit, out: Path) -> list[CellFolder]:
    """Write the certificates of each type of Device that a kit names, and their manifests.

    Args:
        estate: with the kit's certificates.
        kit: the kit.
        out: the kit's directory.

    Returns:
        Each type in each environment, those without a folder included.
    """
    folders: list[CellFolder] = []
    files: list[OutputFile] = []
    for environment in kit.environments:
        for name in kit.cells_of:
            kind = estate.library.device_types[name]
            folders.append(
                CellFolder(environment, name, len(kind.cells), kind.is_complete, kind.note)
            )
            if kind.cells:
                folder = PurePosixPath(environment, name)
                files += _files(estate, kit, kind, environment, folder)
    if files:
        write(files, out / FOLDER, force=False)
    return folders


def _files(
    estate: Estate, kit: Kit, kind: DeviceType, environment: str, folder: PurePosixPath
) -> Iterator[OutputFile]:
    """Yield the certificates of a type of Device, each once, and the manifest."""
    entries = []
    issuing, _ = estate.authorities.issuing(estate.library.environment(environment), _ORGANISATION)
    root = estate.certificates.chain(issuing)[-1]
    path = {issuing.serial: issuing}
    for cell in kind.cells:
        if cell.is_root:
            record = root
        else:
            request = request_of(cell, kit.requests, estate.library, environment)
            record = _record(estate, request, cell)
            above = estate.certificates.chain(record)[0]
            path[above.serial] = above
        entry = _entry(cell, record)
        entries.append(entry)
        yield OutputFile(folder / entry["file"], record.der)
    issuers = []
    for number, record in enumerate(path.values()):
        file = _ISSUING if number == 0 else _ISSUING.replace(".", f"-{number + 1}.")
        issuers.append({"file": file, "tier": record.tier.value, **_named(record)})
        yield OutputFile(folder / file, record.der)
    if not any(cell.is_root for cell in kind.cells):
        # Its own cell was not seen, but without the root no Device can judge a certificate.
        issuers.append({"file": _ROOT, "tier": root.tier.value, **_named(root)})
        yield OutputFile(folder / _ROOT, root.der)
    manifest = {
        "device_type": kind.name,
        "title": kind.title,
        "device_type_number": kind.number,
        "environment": environment,
        "complete": kind.is_complete,
        "note": kind.note or None,
        "basis": kind.basis.value,
        "source": kind.source,
        "cells": entries,
        "path": issuers,
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    yield OutputFile(folder / "manifest.json", text.encode())


def _record(estate: Estate, request: KitRequest, cell: Cell) -> Record:
    """The newest certificate of a request for a cell."""
    selection = Selection(
        participant=request.participant,
        profile=request.profile,
        role=cell.role.code,
        usage=cell.key_usage.value,
    )
    place = (request.environment, request.label)  # a Selection reads a label as a pattern
    fitting = [each for each in estate.select(selection) if (each.environment, each.label) == place]
    return fitting[-1]


def _entry(cell: Cell, record: Record) -> dict[str, Any]:
    """A cell as the manifest has it."""
    key_usage, cell_usage = cell.key_usage.bit, cell.cell_usage.in_messages
    suffix = "" if cell.cell_usage is CellUsage.MANAGEMENT else f"-{cell_usage}"
    return {
        "role": cell.role.name,
        "role_code": cell.role.hex,
        "key_usage": key_usage,
        "key_usage_bits": cell.key_usage.octets,
        "cell_usage": cell_usage,
        "cell_usage_number": cell.cell_usage.number,
        "file": f"{safe_name(cell.role.name)}-{key_usage}{suffix}.der",
        **_named(record),
        "basis": cell.basis.value,
        "source": cell.source,
    }


def _named(record: Record) -> dict[str, Any]:
    """The values that tell a certificate from others."""
    key_identifier = view_certificate(record.der).octets("extensions.subjectKeyIdentifier")
    return {
        "label": record.label,
        "participant": record.participant,
        "eui64": NO_IDENTIFIER if record.tier is Tier.ROOT else record.eui64 and str(record.eui64),
        "serial": str(record.serial),
        "key_identifier": None if key_identifier is None else key_identifier.hex(),
        "sha256": hashlib.sha256(record.der).hexdigest(),
        "not_after": iso(record.not_after),
    }
