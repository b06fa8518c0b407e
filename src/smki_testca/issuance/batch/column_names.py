"""Finds the columns of a manifest by their names, as people and spreadsheets write them.

A column that no certificate type has is the operator's own, unless its name is nearly a known one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_OWN_COLUMNS = 50
"""The most columns of the operator's own."""
MAX_NAME_CHARACTERS = 64
"""The longest name of one."""
RESERVED = {
    "eui64": "device-id",
    **dict.fromkeys(
        (
            *("serial", "hierarchy", "tier", "category", "status", "not_before", "not_after"),
            *("issued_at", "issuer", "sha256", "certificate", "private_key", "keys_secret"),
            *("chain", "experimental", "run", "audit", "key_id", "predecessor", "successor"),
        ),
        "",
    ),
}
"""Names that lists and exports have for what they know of a certificate, and the column meant."""

_OWN = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_SHORT, _MIDDLING = 3, 5
"""Known names of so many letters have no near ones, or only those with one letter wrong."""
_MAX_REMEMBERED = 1_000


def own_name(text: str) -> str | None:
    """The name of an operator's own column: ``Serial Number`` is ``serial_number``.

    None where it is no identifier, or too long.
    """
    name = re.sub(r"[\s-]+", "_", text.strip()).lower()
    return name if len(name) <= MAX_NAME_CHARACTERS and _OWN.fullmatch(name) else None


class ColumnNames:
    """The columns that a manifest may have.

    ``Device ID`` and ``DEVICE_ID`` are the column ``device-id``: letter case, spaces, underscores
    and hyphens do not matter.

    Args:
        path: of the manifest, for messages.
        known: the names of the columns of certificate types.

    Attributes:
        own: the operator's own columns that were found so far, in order.
    """

    def __init__(self, path: Path, known: Sequence[str]) -> None:
        self._path = path
        self.known = frozenset(known)
        self.own: dict[str, None] = {}
        self._listed = use_one_of(known)
        self._by_key: dict[str, list[str]] = {}
        for name in known:
            self._by_key.setdefault(_key(name), []).append(name)
        self._found: dict[tuple[str, ...], list[str]] = {}

    def named(self, header: Sequence[str]) -> list[str]:
        """The column that each part of a header names.

        Raises:
            InputError: if a column is unknown, or two parts name the same.
        """
        # Each line of JSON has a header, and most have the same.
        key = tuple(header)
        names = self._found.get(key)
        if names is None:
            names = self._names(header)
            if len(self._found) < _MAX_REMEMBERED:
                self._found[key] = names
        return names

    def _names(self, header: Sequence[str]) -> list[str]:
        if header and not any(text in self.known or _key(text) in self._by_key for text in header):
            # It is no manifest: what it is may be a secret, and is not quoted.
            raise InputError(
                "manifest.column",
                f"{self._path} has none of the columns of a manifest.",
                self._listed,
            )
        stated: dict[str, str] = {}
        for text in header:
            name = self._named(text)
            if name in stated:
                other = stated[name]
                raise InputError(
                    "manifest.column",
                    f"{self._path} has the column {shown(text)} twice"
                    + ("." if other == text else f", as {shown(other)}, too."),
                    "Remove one of them, or give it another name.",
                )
            stated[name] = text
        return list(stated)

    def _named(self, text: str) -> str:
        if text in self.known:
            return text
        names = self._by_key.get(_key(text), [])
        if len(names) > 1:
            raise self._wrong(text, f"which may be {' or '.join(names)}")
        return names[0] if names else self._own_named(text)

    def _own_named(self, text: str) -> str:
        """The operator's own column of that name."""
        name = own_name(text)
        if name is None:
            raise self._wrong(
                text,
                "which is not known",
                "A column of your own is named in letters, digits and underscores"
                f" ({MAX_NAME_CHARACTERS} at most), and does not begin with a digit, such as"
                " serial_number.",
            )
        reserved = _RESERVED_BY_KEY.get(_key(name))
        near = (reserved and RESERVED[reserved]) or self._near(_key(name))
        if near:
            raise self._wrong(
                text,
                "which is not known",
                f"Did you mean {near}? Otherwise give the column of your own another name.",
            )
        if reserved:
            raise InputError(
                "manifest.column",
                f"{self._path} has the column {shown(text)} whose name lists and exports have for"
                " the certificate's own.",
                f"Give it another name, such as device_{name}.",
            )
        self.own[name] = None
        if len(self.own) > MAX_OWN_COLUMNS:
            raise InputError(
                "manifest.column",
                f"{self._path} has over {MAX_OWN_COLUMNS} columns of your own.",
                "Remove those that you do not need.",
            )
        return name

    def _near(self, key: str) -> str:
        """The known column that a name nearly is, or that it begins; or nothing."""
        for known, names in self._by_key.items():
            if len(known) <= _SHORT:
                continue
            most = 1 if min(len(known), len(key)) <= _MIDDLING else 2
            begins = len(key) >= _SHORT and known.startswith(key)
            if begins or _is_within(key, known, most):
                return names[0]
        return ""

    def _wrong(self, text: str, fault: str, remedy: str = "") -> InputError:
        return InputError(
            "manifest.column",
            f"{self._path} has the column {shown(text)} {fault}.",
            f"{remedy} {self._listed}".strip(),
        )


def _key(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()


_RESERVED_BY_KEY = {_key(name): name for name in RESERVED}
"""``Not Before`` and ``notbefore`` are ``not_before``, as of a known column."""


def _is_within(first: str, second: str, most: int) -> bool:
    """Whether so many letters inserted, left out, changed or swapped make one word the other."""
    if abs(len(first) - len(second)) > most:
        return False
    before: list[int] = []
    row = list(range(len(second) + 1))
    for place, letter in enumerate(first, 1):
        earlier, before, row = before, row, [place]
        for other_place, other in enumerate(second, 1):
            cost = min(
                before[other_place] + 1,
                row[other_place - 1] + 1,
                before[other_place - 1] + (letter != other),
            )
            if (
                place > 1
                and other_place > 1
                and letter == second[other_place - 2]
                and other == first[place - 2]
            ):
                cost = min(cost, earlier[other_place - 2] + 1)
            row.append(cost)
    return row[-1] <= most
