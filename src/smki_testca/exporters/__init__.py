"""The formats in which certificates leave an estate, one module each, behind one interface."""

from __future__ import annotations

from smki_testca.exporters.export import Made, items, make, notes, takes_passphrase
from smki_testca.exporters.fitting import summary
from smki_testca.exporters.format import Format, LeftOut, Need, RunFormat, Traits
from smki_testca.exporters.item import Item
from smki_testca.exporters.registry import FORMATS, RUN_FORMATS, check_format
from smki_testca.files import OutputFile, write

__all__ = [
    "FORMATS",
    "RUN_FORMATS",
    "Format",
    "Item",
    "LeftOut",
    "Made",
    "Need",
    "OutputFile",
    "RunFormat",
    "Traits",
    "check_format",
    "items",
    "make",
    "notes",
    "summary",
    "takes_passphrase",
    "write",
]
