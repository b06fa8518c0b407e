"""The address at which a token process listens: nobody else knows it, and it leaves nothing."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

_LONGEST_FOLDER = 60
"""The longest path of a folder for sockets: systems allow about 104 octets for the whole."""


def new_address() -> str:
    """A new address: of a socket in a folder of its own, for its owner only; of a pipe on Windows.

    Raises:
        OSError: if the folder cannot be made.
    """
    if sys.platform == "win32":
        return rf"\\.\pipe\smki-token-{secrets.token_hex(16)}"
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > _LONGEST_FOLDER:
        folder = "/tmp"  # noqa: S108 - the folder in it is new, and its owner's only
    return str(Path(tempfile.mkdtemp(prefix="smki-token-", dir=folder)) / "socket")


def remove_address(address: str) -> None:
    """Remove what an address has left, if anything."""
    if sys.platform != "win32":
        shutil.rmtree(Path(address).parent, ignore_errors=True)
