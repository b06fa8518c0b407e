"""Text of others: whether it is text, and how to print it safely."""

from __future__ import annotations

import difflib
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN_CHARACTERS = 40


def is_text(value: object) -> bool:
    """Whether a value is text that UTF-8 can hold: a str without lone surrogates."""
    if not isinstance(value, str):
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


def is_blank(text: str) -> bool:
    """Whether a text has no visible character."""
    return not any(character.isprintable() and not character.isspace() for character in text)


def is_only_spaces(text: str) -> bool:
    """Whether a text is empty, or spaces of any kind and nothing else."""
    return all(unicodedata.category(character) == "Zs" for character in text)


_BIDIRECTIONAL = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""The marks that change the direction of writing (Unicode Standard Annex 9, 2)."""


def is_one_line(text: str) -> bool:
    """Whether a text shows as it is: no control character, line break or mark of direction."""
    return not any(
        character in _BIDIRECTIONAL or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
        for character in text
    )


def plain(text: str) -> str:
    """The text on one line: control characters and lone surrogates escaped as in Python."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )


FORMULA_SIGNS = (*"=+-@", *"\uff1d\uff0b\uff0d\uff20", "\t", "\r", "\n")
"""The characters with which a formula begins in a spreadsheet, full-width ones included."""


def spreadsheet_cell(text: str) -> str:
    """The text for a cell of a CSV file: an apostrophe before what would run as a formula."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def shown(text: str) -> str:
    """The text quoted for a message, control characters escaped and long text cut."""
    cut = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
    return repr(cut)


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun, in the singular or plural: ``1 file``, ``2 files``.

    Args:
        number: how many.
        noun: in the singular.
        plural: where it is not the singular with an s.
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def is_or_are(number: int) -> str:
    """The verb of a number of things."""
    return "is" if number == 1 else "are"


_MOST_CHOICES = 40


def use_one_of(choices: Iterable[object], name: str = "", *, given: str = "") -> str:
    """The remedy of every error about a word that is in none of some lists: it states them all.

    Args:
        choices: the words, in the order in which to name them; of very many the first are named.
        name: what they are, where the message does not say so.
        given: the word that is in none of them; if it is like one, the remedy asks after that one.
    """
    words = [str(choice) for choice in choices]
    if not words:
        return ""
    more = len(words) - _MOST_CHOICES
    listed = ", ".join(words[:_MOST_CHOICES]) + (f" and {more} more" if more > 0 else "")
    states = f"Use one of {listed}." if not name else f"The {name} is one of {listed}."
    meant = closest(given, words)
    return states if meant is None else f"Did you mean {meant}? {states}"


def closest(given: str, choices: Iterable[str]) -> str | None:
    """The choice that a mistyped word is most like, whatever its case; None if it is like none.

    What follows a choice in parentheses, such as a code, is left aside.
    """
    words = {choice.partition(" (")[0].casefold(): choice for choice in choices}
    # Hyphens in front, which all options have, make no two of them alike.
    bare = {word.lstrip("-"): choice for word, choice in words.items()}
    like = difflib.get_close_matches(given.casefold().lstrip("-"), bare, 1, 0.7)
    return bare[like[0]].partition(" (")[0] if like else None
