"""Every defect and oddity: importing this module declares them all."""

from __future__ import annotations

# Each of these modules declares its defects when it is imported.
from smki_testca.corpus.defect import DEFECTS
from smki_testca.corpus.defects import cells, crl, csr, path, profile, revocation, time
from smki_testca.corpus.oddities import crls, csrs, extensions, keys, names, serials, times

__all__ = ["DECLARING", "DEFECTS"]

_DEFECTS = (cells, crl, csr, path, profile, revocation, time)
_ODDITIES = (crls, csrs, extensions, keys, names, serials, times)
DECLARING = (*_DEFECTS, *_ODDITIES)
"""The modules that declare defects and oddities."""
