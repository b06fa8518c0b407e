"""Tells what a spreadsheet made of the cells of a row, once something is wrong with the row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_TAKE_ANY_TEXT = {"label", "common-name", "system-name"}
_DAMAGE = {
    "as a number and dropped digits": re.compile(r"[+-]?\d+([.,]\d+)?E[+-]\d+", re.IGNORECASE),
    "as a date": re.compile(
        r"\d{1,4}/\d{1,2}/\d{1,4}( .*)?|\d{4}-\d\d-\d\d( .*)?|\d\d\.\d\d\.\d{4}( .*)?"
        r"|\d{1,2}[- ][A-Za-z]{3,4}([- ]\d{2,4})?|[A-Za-z]{3,4}[- ]\d{2,4}"
    ),
    "as a formula": re.compile(r"=.*", re.DOTALL),
    "as an error": re.compile(r"#+|#(NAME\?|REF!|VALUE!|NUM!|DIV/0!|N/A|NULL!)"),
    "as a number and dropped its leading zeros": re.compile(r"\d{9,15}"),
}
"""The damage that a spreadsheet does to identifiers, and how it looks in a file."""


def damage(cells: Mapping[str, str], texts: Collection[str] = ()) -> str:
    """The damage that a spreadsheet did to a row's cells, with its remedy; or nothing.

    Args:
        cells: of a row that is refused, by column.
        texts: the columns of an operator's own certificate types that take any text.
    """
    for name, value in cells.items():
        if name in _TAKE_ANY_TEXT or name in texts:
            continue
        for damage, pattern in _DAMAGE.items():
            if pattern.fullmatch(value):
                return (
                    f"A spreadsheet wrote its {name} {damage} ({shown(value)}): format the column"
                    " as Text, enter the values again, and save."
                )
    return ""
