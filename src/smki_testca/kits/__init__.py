"""Kits: sets of certificates made together from a data file, each request through the gate.

``kits.maker`` makes them. It is not imported here, so that a program that only lists or reads kits
starts without the code that issues and exports.
"""

from __future__ import annotations

from smki_testca.kits.kit_issuance import issue
from smki_testca.kits.loading import check, load, names

__all__ = ["check", "issue", "load", "names"]
