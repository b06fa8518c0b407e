"""Looks whether the estate's file is damaged, or was changed behind the program's back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import EstateError, InputError
from smki_testca.estate.anchor import parse_anchors
from smki_testca.estate.database import RESTORE
from smki_testca.input_files import read_regular
from smki_testca.lifecycle.doctor import kinds
from smki_testca.lifecycle.doctor.observation import Observation
from smki_testca.text import plain
from smki_testca.text_files import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.lifecycle.doctor.observation import ObservationKind
    from smki_testca.lifecycle.doctor.patient import Patient
    from smki_testca.lifecycle.looking import Look

MAX_ANCHOR_OCTETS = 16 << 20
"""The longest file of anchors that is read, in octets."""
_CAUSE = "The clock of a machine was wrong then; what was issued keeps its dates."
_OF_LOG = {"audit.schema": kinds.DAMAGED_SCHEMA, "estate.damaged": kinds.DAMAGED_FILE}
_OF_TILES = {
    "bulk.missing": kinds.TILE_MISSING,
    "bulk.damaged": kinds.TILE_CHANGED,
    "bulk.stray": kinds.TILE_STRAY,
}


def check_log(patient: Patient, look: Look) -> Iterator[Observation]:
    """Verify the log and every row as ``audit verify`` does, and after a fault the file alone."""
    del patient
    try:
        verification = look.estate.audit.examine()
    except EstateError as error:
        yield _fault(_OF_LOG.get(error.code, kinds.DAMAGED_LOG), error)
        yield from _of_file(look, error.message)
        return
    for remark in verification.remarks:
        yield Observation(kinds.CLOCK_BACKWARD, remark, _CAUSE)


def check_anchors(patient: Patient, look: Look) -> Iterator[Observation]:
    """Compare the log with the anchors in the file that is configured, once there is one."""
    path = patient.anchors
    if path is None or not path.exists():
        return
    try:
        text = decode(read_regular(path, MAX_ANCHOR_OCTETS), str(path))
        anchors = list(parse_anchors(text, str(path)))
    except InputError as error:
        yield Observation(
            kinds.DAMAGED_ANCHOR, error.message, error.remedy or "Put the earlier file back."
        )
        return
    for anchor in anchors:
        fault = look.estate.anchors.fault(anchor)
        if fault is not None:
            yield _fault(kinds.DAMAGED_ANCHOR, fault)


def _of_file(look: Look, reported: str) -> Iterator[Observation]:
    """The faults of the schema, and those that SQLite finds; none that was reported already."""
    try:
        look.database.check_schema()
    except EstateError as error:
        if error.message != reported:
            yield _fault(kinds.DAMAGED_SCHEMA, error)
    path = look.database.path
    try:
        faults = look.database.file_faults()
    except EstateError as error:
        if error.message != reported:
            yield _fault(kinds.DAMAGED_FILE, error)
        return
    for fault in faults:
        # SQLite reports some in several lines.
        text = " ".join(fault.split())
        if plain(fault) not in reported:
            yield Observation(kinds.DAMAGED_FILE, f"SQLite finds in {path}: {text}.", RESTORE)


def check_tiles(patient: Patient, look: Look) -> Iterator[Observation]:
    """Read every tile, and compare it with the log."""
    for error in look.estate.tiles.faults(patient.progress("tiles")):
        yield _fault(_OF_TILES.get(error.code, kinds.TILE_CHANGED), error)


def _fault(kind: ObservationKind, error: EstateError) -> Observation:
    return Observation(kind, error.message, error.remedy or RESTORE)
