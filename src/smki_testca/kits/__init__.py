"""Kits: sets of certificates made together from a data file, each request through the gate.

``kits.maker`` makes them. It stands apart, for those who only list or read kits start without the
code that issues and exports.
"""

from __future__ import annotations

from smki_testca.kits.issuing import issue
from smki_testca.kits.loading import check, load, names

__all__ = ["check", "issue", "load", "names"]
