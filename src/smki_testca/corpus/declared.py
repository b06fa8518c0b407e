"""Every defect and oddity: importing this module declares them all."""

from __future__ import annotations

# Each of these modules declares its defects when it is imported.
from smki_testca.corpus.defect import DEFECTS
from smki_testca.corpus.defects import cells, crl, csr, path, profile, revocation, time

__all__ = ["DECLARING", "DEFECTS"]

DECLARING = (cells, crl, csr, path, profile, revocation, time)
"""The modules that declare defects."""
