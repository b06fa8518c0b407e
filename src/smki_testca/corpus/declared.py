"""Every defect and oddity: importing this module declares them all."""

from __future__ import annotations

# Each of these modules declares its defects when it is imported.
from smki_testca.corpus.defect import DEFECTS
from smki_testca.corpus.defects import (
    constraints,
    extensions,
    key_identifiers,
    key_usage,
    policies,
    profile,
    purposes,
)

__all__ = ["DECLARING", "DEFECTS"]

DECLARING = (
    constraints,
    extensions,
    key_identifiers,
    key_usage,
    policies,
    profile,
    purposes,
)
"""The modules that declare defects."""
