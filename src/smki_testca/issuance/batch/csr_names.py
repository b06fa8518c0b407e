"""The names of CSRs' files, which end in ``.csr`` in any letter case."""

from __future__ import annotations

ENDING = ".csr"


def has_ending(name: str) -> bool:
    """Whether a file's name is that of a CSR."""
    return name.lower().endswith(ENDING)


def without_ending(name: str) -> str:
    """The name without the ending, if it has it."""
    return name[: -len(ENDING)] if has_ending(name) else name
