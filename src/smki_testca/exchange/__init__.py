"""The formats in which certificates leave an estate, one module each, behind one interface."""

from __future__ import annotations

from smki_testca.exchange.export import FORMATS, items, notes, write
from smki_testca.exchange.item import Format, Item, OutputFile

__all__ = ["FORMATS", "Format", "Item", "OutputFile", "items", "notes", "write"]
