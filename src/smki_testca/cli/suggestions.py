"""Suggests the word that was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return a question that names the choices most like a word; empty if none is like it."""
    from difflib import get_close_matches

    by_key = {choice.lower(): choice for choice in choices}
    close = get_close_matches(word.lower(), by_key)
    return f"Did you mean {' or '.join(by_key[key] for key in close)}?" if close else ""
