"""The file by which Git leaves out a folder of private keys and passphrases, itself included."""

from __future__ import annotations

GITIGNORE = ".gitignore"
"""Its name."""
LEAVE_OUT_ALL = b"# Private keys and passphrases are here: keep them out of Git.\n*\n"
"""Its content."""
