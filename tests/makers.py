"""A process that makes something and is killed before it is done."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 300
"""Seconds after which a killed process counts as hung."""


@contextlib.contextmanager
def maker(script: str, directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that runs a script on a directory; it has printed ``made``, and ends here."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, directory], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "made\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
