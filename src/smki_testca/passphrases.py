"""Passphrases that are made up, and the files they are left in."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.entropy import Entropy

PASSPHRASE_FILE = "passphrase"  # noqa: S105 - a file's name


def make_passphrase(entropy: Entropy) -> str:
    """A passphrase of 144 random bits, in letters, digits, hyphens and underscores."""
    return base64.urlsafe_b64encode(entropy.octets(18)).decode("ascii")


def leave_passphrase(directory: Path, passphrase: str, name: str = PASSPHRASE_FILE) -> Path:
    """Keep a passphrase in a file of a directory, for its owner only.

    Returns:
        The file, which must not be there before.
    """
    path = directory / name
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(passphrase + "\n")
    return path
