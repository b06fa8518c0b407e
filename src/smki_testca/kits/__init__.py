"""Kits: sets of certificates made together from a data file, each request through the gate."""

from __future__ import annotations

from smki_testca.kits.issuing import issue
from smki_testca.kits.loading import check, load, names
from smki_testca.kits.maker import KitOptions, fill, make
from smki_testca.kits.result import KitResult

__all__ = ["KitOptions", "KitResult", "check", "fill", "issue", "load", "make", "names"]
