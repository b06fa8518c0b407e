"""Looks whether an estate is on a network file system, where locks are not reliable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.lifecycle.doctor import kinds
from smki_testca.lifecycle.doctor.observation import Observation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.lifecycle.doctor.patient import Patient

MOUNTS = Path("/proc/self/mountinfo")
"""Linux's list of file systems."""
NETWORKED = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "ncpfs"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "davfs"),
    )
)
"""The file systems that other machines hold, as Linux names them."""
_MOST_OCTETS = 1 << 20
_DEVICE, _KIND_AFTER = 2, "-"


def check(patient: Patient) -> Iterator[Observation]:
    """Look up the file system of the estate's directory; elsewhere than on Linux, nothing."""
    kind = _file_system(patient.directory)
    if kind in NETWORKED:
        yield Observation(
            kinds.NETWORK,
            f"{patient.directory} is on a network file system ({kind}), where locks of files are"
            " not reliable: two commands at a time can damage the estate.",
            "Move the estate to a disk of this machine.",
        )


def _file_system(directory: Path) -> str | None:
    """The kind of the file system that holds a directory; None if that is not known."""
    try:
        with MOUNTS.open("rb") as file:
            lines = os.fsdecode(file.read(_MOST_OCTETS)).splitlines()
    except OSError:
        return None
    device = directory.stat().st_dev
    sought = f"{os.major(device)}:{os.minor(device)}"
    # As proc(5) has it: an id, that of its parent, the device, …, a hyphen, the kind, ….
    for words in map(str.split, lines):
        if _KIND_AFTER in words[_DEVICE:-1] and words[_DEVICE] == sought:
            return words[words.index(_KIND_AFTER) + 1]
    return None
