"""The modules of the source as trees, parsed once for all tests of a process."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Every node of a module, the module itself first, in the order of ``ast.walk``."""
    return tuple(ast.walk(ast.parse(path.read_text("utf-8"))))


@cache
def calls(path: Path) -> tuple[ast.Call, ...]:
    """Every call in a module."""
    return tuple(node for node in nodes(path) if isinstance(node, ast.Call))
