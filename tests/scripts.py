"""Loads the scripts in ``benchmarks/``, of which some tests are the short versions."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent.parent / "benchmarks"


def load(name: str) -> Any:
    """The module of a script."""
    specification = importlib.util.spec_from_file_location(name, _FOLDER / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look themselves up there
    specification.loader.exec_module(module)
    return module
