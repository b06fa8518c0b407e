"""Generates passphrases, and writes them to files."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from smki_testca.files import create

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.entropy import Entropy

PASSPHRASE_FILE = "passphrase"  # noqa: S105 - a file's name


def make_passphrase(entropy: Entropy) -> str:
    """A passphrase of 144 random bits, in letters, digits, hyphens and underscores."""
    return base64.urlsafe_b64encode(entropy.octets(18)).decode("ascii")


def leave_passphrase(directory: Path, passphrase: str, name: str = PASSPHRASE_FILE) -> Path:
    """Write a passphrase to a new file of a directory, for its owner only.

    Returns:
        The path of the file, which must not exist yet.
    """
    path = directory / name
    create(path, f"{passphrase}\n".encode())
    return path
