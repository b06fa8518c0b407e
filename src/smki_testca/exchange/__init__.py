"""The formats in which certificates leave an estate, one module each, behind one interface."""

from __future__ import annotations

from smki_testca.exchange.export import FORMATS, Format, Item, OutputFile, write

__all__ = ["FORMATS", "Format", "Item", "OutputFile", "write"]
