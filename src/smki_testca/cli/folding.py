"""Folds the cells of a table to the width of a terminal; what is copied stays whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.cli.terminal_cells import cut, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Cell = str | tuple[str, ...]
"""A cell of a table: its text, or the texts of its lines."""
GAP = 2
"""The spaces between two columns."""

_COPIED = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"(?:[0-9A-Fa-f]{2}-){2,7}[0-9A-Fa-f]{1,2}"  # an EUI-64 or a Registry Entry
    r"|(?:[0-9A-Fa-f]{2}:){3,19}[0-9A-Fa-f]{2}"  # a key identifier
    r"|[0-9A-Fa-f]{16,64}"  # a serial number in hexadecimal or decimal, an EUI-64, a SHA-256
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}"  # a date or a time
    r"(?:[T \0][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"
    r"|[0-9]+(?:\.[0-9]+){3,}"  # an OBJECT IDENTIFIER
    r")(?![0-9A-Za-z…])"
)
"""Texts that people copy: they are never folded."""
_HELD = "\0"
"""Stands for a space that must not be folded at; no cell has a control character."""
_PART = re.compile(r"[^-,+/.=]*[-,+/.=]+|[^-,+/.=]+")
"""A part of a long word that may end a line."""
_WIDEST = 2
"""The columns that the widest of characters takes."""
_SHORT = 16
"""The width below which no column of words goes, if its words have it."""


class TableLayout(NamedTuple):
    """A layout in which a table fits.

    Attributes:
        places: of the columns that are shown.
        widths: of these.
    """

    places: list[int]
    widths: list[int]


def layout(
    rows: Sequence[Sequence[Sequence[str]]], least: Sequence[int], width: int
) -> TableLayout:
    """Return the columns that fit, and their widths.

    Args:
        rows: of cells, each of lines; the heading is one of the rows.
        least: the places of the columns that may be left out, the first one first.
        width: the width of the terminal.
    """
    places = list(range(len(rows[0])))
    cells = [[line for row in rows for line in row[place]] for place in places]
    whole = [max(map(width_of, lines), default=0) for lines in cells]
    if total(whole) <= width:
        return TableLayout(places, whole)
    narrow = [max(map(_narrowest, lines), default=0) for lines in cells]
    for place in least:
        if total([narrow[each] for each in places]) <= width:
            break
        places.remove(place)
    widths = [narrow[place] for place in places]
    return TableLayout(places, _widened(widths, [whole[place] for place in places], width))


def total(widths: Sequence[int]) -> int:
    """Return the width of a table whose columns have these widths."""
    return sum(widths) + GAP * (len(widths) - 1)


def _widened(widths: list[int], whole: Sequence[int], width: int) -> list[int]:
    """Share what is left of a width among the columns that can use it."""
    spare = width - total(widths)
    while spare > 0 and (wanting := [n for n, own in enumerate(widths) if own < whole[n]]):
        for place in wanting[:spare]:
            widths[place] += 1
        spare -= len(wanting)
    return widths


def folded(line: str, width: int, *, whole_words: bool = False) -> list[str]:
    """Return the lines of a width into which a line is folded, between words where it can be.

    A line is at least as wide as the widest character.

    Args:
        line: to fold.
        width: of the lines.
        whole_words: whether a word that is longer, such as a path, is on one line nevertheless: it
            can be copied.
    """
    width = max(width, _WIDEST)
    if width_of(line) <= width:
        return [line]
    lines, current = [], ""
    for piece in _words(line) if whole_words else _pieces(line, width):
        if current.strip() and width_of(current) + width_of(piece.rstrip()) > width:
            lines.append(current)
            current = piece.lstrip()
        else:
            current += piece
    return [line.rstrip().replace(_HELD, " ") for line in (*lines, current)]


def _narrowest(line: str) -> int:
    return max(map(width_of, map(str.rstrip, _pieces(line, _SHORT))), default=0)


def _pieces(line: str, width: int) -> Iterator[str]:
    """Yield what may stand on a line of its own: only what is copied is longer than the width."""
    for word in _words(line):
        if width_of(word.strip()) <= width:
            yield word
            continue
        start = 0
        for copied in _COPIED.finditer(word):
            yield from _cut(word[start : copied.start()], width)
            yield copied[0]
            start = copied.end()
        yield from _cut(word[start:], width)


def _words(line: str) -> list[str]:
    """The words of a line, each with the spaces around it."""
    held = _COPIED.sub(lambda match: match[0].replace(" ", _HELD), line)
    return re.findall(r"\s*\S+\s*|\s+", held)


def _cut(text: str, width: int) -> Iterator[str]:
    for part in _PART.findall(text):
        yield from cut(part, width)
