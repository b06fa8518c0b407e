"""Every defect and oddity: importing this module declares them all."""

from __future__ import annotations

import importlib
import pkgutil

from smki_testca.corpus import defects, oddities
from smki_testca.corpus.defect import DEFECTS

__all__ = ["DECLARING", "DEFECTS"]

# Each module of the packages declares its defects when it is imported, in the order of its name.
DECLARING = tuple(
    importlib.import_module(module.name)
    for package in (defects, oddities)
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
)
"""The modules that declare defects and oddities."""
