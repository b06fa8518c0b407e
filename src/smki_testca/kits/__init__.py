"""Kits: sets of certificates made together from a data file, each request through the gate."""

from __future__ import annotations

from smki_testca.kits.issuing import issue
from smki_testca.kits.made import Made
from smki_testca.kits.making import Wish, fill, make
from smki_testca.kits.reading import check, load, names

__all__ = ["Made", "Wish", "check", "fill", "issue", "load", "make", "names"]
