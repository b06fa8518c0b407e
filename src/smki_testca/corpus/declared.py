"""Every defect and oddity: importing this module declares them all."""

from __future__ import annotations

# Each of these modules declares its defects when it is imported.
from smki_testca.corpus.defect import DEFECTS
from smki_testca.corpus.defects import (
    algorithms,
    alternative_names,
    constraints,
    contingency_keys,
    extensions,
    identifiers,
    key_identifiers,
    key_usage,
    names,
    policies,
    purposes,
    roles,
    serials,
    validity,
    versions,
)

__all__ = ["DECLARING", "DEFECTS"]

DECLARING = (
    algorithms,
    alternative_names,
    constraints,
    contingency_keys,
    extensions,
    identifiers,
    key_identifiers,
    key_usage,
    names,
    policies,
    purposes,
    roles,
    serials,
    validity,
    versions,
)
"""The modules that declare defects."""
