"""Makes labels of the names of files: text that people can read and type, told apart by numbers."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from smki_testca.labels import MAX_LABEL_CHARACTERS
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable


def label_of(name: str) -> str | None:
    """The label that a name makes; None where nothing of it can be seen.

    Octets that are not UTF-8 are read as Latin-1. Accents are composed, every space is U+0020, and
    what cannot be printed is escaped as in Python.

    Args:
        name: of a file, without folders and suffix.
    """
    composed = unicodedata.normalize("NFC", _decoded(name))
    spaced = "".join(
        " " if unicodedata.category(character) == "Zs" else character for character in composed
    )
    return plain(spaced.strip())[:MAX_LABEL_CHARACTERS].strip() or None


def _decoded(name: str) -> str:
    """A name whose octets may be no UTF-8: Python has those as lone surrogates."""
    try:
        octets = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return name
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def told_apart(labels: Iterable[str | None]) -> list[str | None]:
    """The same labels, with a number after each that repeats an earlier one.

    Args:
        labels: of certificates, in order; None for one that has none.
    """
    stated = list(labels)
    taken = {label for label in stated if label is not None}
    seen: set[str] = set()
    numbers: dict[str, int] = {}
    apart: list[str | None] = []
    for label in stated:
        if label is None or label not in seen:
            apart.append(label)
        else:
            numbered = label
            while numbered in taken:
                numbers[label] = numbers.get(label, 1) + 1
                suffix = f"-{numbers[label]}"
                numbered = label[: MAX_LABEL_CHARACTERS - len(suffix)] + suffix
            taken.add(numbered)
            apart.append(numbered)
        seen |= {label} if label is not None else set()
    return apart
