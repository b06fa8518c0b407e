"""The formats in which certificates leave an estate, one module each, behind one interface."""

from __future__ import annotations

from smki_testca.exporters.export import FORMATS, Made, items, make, notes, write
from smki_testca.exporters.fitting import summary
from smki_testca.exporters.item import Format, Item, LeftOut, OutputFile

__all__ = [
    "FORMATS",
    "Format",
    "Item",
    "LeftOut",
    "Made",
    "OutputFile",
    "items",
    "make",
    "notes",
    "summary",
    "write",
]
