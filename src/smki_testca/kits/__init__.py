"""Kits: sets of certificates made together from a data file, each request through the gate."""

from __future__ import annotations

from smki_testca.kits.issuing import issue
from smki_testca.kits.making import Made, Wish, fill, make

__all__ = ["Made", "Wish", "fill", "issue", "make"]
