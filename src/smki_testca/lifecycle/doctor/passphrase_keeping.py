"""Looks at how the passphrase of an estate is kept."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from smki_testca.estate_files import PASSPHRASE_FILE
from smki_testca.input_files import read_regular
from smki_testca.lifecycle.doctor import kinds
from smki_testca.lifecycle.doctor.observation import Observation
from smki_testca.passphrases import MAX_FILE_OCTETS, Passphrase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smki_testca.lifecycle.doctor.patient import Patient

LEAST_LENGTH = 12
"""The fewest characters of a passphrase that is not weak."""
LEAST_DISTINCT = 6
"""The fewest different characters of one."""


def check(patient: Patient) -> Iterator[Observation]:
    """Look at the file that lies in the estate, and at those that were named."""
    beside = patient.directory / PASSPHRASE_FILE
    for name, path in patient.passphrase_files.items():
        if path.resolve() != beside.resolve():
            yield from _elsewhere(name, path)
    if os.path.lexists(beside):
        yield from _beside(beside)


def _elsewhere(name: str, path: Path) -> Iterator[Observation]:
    """Look at a file that was named; a pipe, such as of a shell, is nobody else's."""
    try:
        status = path.stat()
    except FileNotFoundError:
        yield Observation(
            kinds.PASSPHRASE_MISSING,
            f"The passphrase file {path}, named by {name}, is missing.",
            "Put it there, or name another.",
        )
        return
    is_open = os.name != "nt" and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if stat.S_ISREG(status.st_mode) and is_open:
        yield Observation(
            kinds.PASSPHRASE_READABLE,
            f"The passphrase file {path} can be used by others than its owner: its mode is"
            f" {stat.S_IMODE(status.st_mode):03o}.",
            f"Change the passphrase if somebody may have read it, and run: chmod go-rwx {path}",
        )


def _beside(path: Path) -> Iterator[Observation]:
    yield Observation(
        kinds.PASSPHRASE_BESIDE,
        f"The passphrase lies in the estate, in {path}, as quickstart leaves it: whoever can copy"
        " the directory can sign.",
        "Move the file elsewhere, and name it with --passphrase-file.",
    )
    passphrase = Passphrase.of_file(read_regular(path, MAX_FILE_OCTETS), str(path))
    if len(passphrase) < LEAST_LENGTH or len(set(passphrase)) < LEAST_DISTINCT:
        yield Observation(
            kinds.PASSPHRASE_WEAK,
            f"The passphrase in {path} is weak: it has fewer than {LEAST_LENGTH} characters, or"
            f" fewer than {LEAST_DISTINCT} different ones.",
            "Choose a longer one: smki-testca passphrase change",
        )
