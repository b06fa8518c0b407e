"""The formats in which certificates leave an estate, one module each, behind one interface.

``intake``, ``stores`` and ``unlocking`` go the other way: they read what others wrote.
"""

from __future__ import annotations

from smki_testca.exchange.export import FORMATS, Made, items, make, notes, write
from smki_testca.exchange.fitting import summary
from smki_testca.exchange.item import Format, Item, LeftOut, OutputFile

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
