"""Writes the operator's own columns of a manifest to files beside certificates: JSON, UTF-8."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS: Final = "-columns.json"
"""Ends the name of a file with the columns of one certificate."""
DEVICE_COLUMNS: Final = "columns.json"
"""The name of a file with the columns of a Device, in its folder."""


def columns_file(columns: Mapping[str, str]) -> bytes:
    """The content of such a file: an object of texts, on one line."""
    return json.dumps(dict(columns), ensure_ascii=False).encode() + b"\n"
