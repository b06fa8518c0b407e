"""Locates the data that ships with the package: profiles and examples."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped(folder: str) -> Path:
    """The folder ``profiles`` or ``examples``, in the wheel or, beside ``src/``, in a checkout."""
    installed = _PACKAGE / "shipped" / folder
    return installed if installed.is_dir() else _PACKAGE.parent.parent / folder
