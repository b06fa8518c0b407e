"""Measures text in the cells of a terminal: a Chinese character takes two, an accent none."""

from __future__ import annotations


def width_of(text: str) -> int:
    """Return how many cells a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def padded(text: str, width: int) -> str:
    """Return the text with spaces behind it, so that it takes a width at least."""
    return text + " " * (width - width_of(text))


def cut(text: str, width: int) -> list[str]:
    """Return the pieces of a text that take a width each, and the rest."""
    if text.isascii():
        return [text[start : start + width] for start in range(0, len(text), width)]
    from rich.cells import chop_cells

    return chop_cells(text, width)
