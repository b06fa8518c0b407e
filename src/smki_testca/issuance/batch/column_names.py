"""Finds the columns of a manifest by their names, as people and spreadsheets write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class ColumnNames:
    """The columns that a manifest may have.

    ``Device ID`` and ``DEVICE_ID`` are the column ``device-id``: letter case, spaces, underscores
    and hyphens do not matter.

    Args:
        path: of the manifest, for messages.
        known: the names of the columns.
    """

    def __init__(self, path: Path, known: Sequence[str]) -> None:
        self._path = path
        self.known = frozenset(known)
        self._listed = use_one_of(known)
        self._by_key: dict[str, list[str]] = {}
        for name in known:
            self._by_key.setdefault(_key(name), []).append(name)

    def named(self, header: Sequence[str]) -> list[str]:
        """The column that each part of a header names.

        Raises:
            InputError: if a column is unknown, or two parts name the same.
        """
        if header and not any(text in self.known or _key(text) in self._by_key for text in header):
            # It is no manifest: what it is may be a secret, and is not quoted.
            raise InputError(
                "manifest.column",
                f"{self._path} names columns, none of which a manifest has.",
                self._listed,
            )
        stated: dict[str, str] = {}
        for text in header:
            name = self._named(text)
            if name in stated:
                other = stated[name]
                raise self._wrong(
                    text, "twice" if other == text else f"twice, as {shown(other)}, too"
                )
            stated[name] = text
        return list(stated)

    def _named(self, text: str) -> str:
        if text in self.known:
            return text
        names = self._by_key.get(_key(text), [])
        if not names:
            raise self._wrong(text, "which is not known")
        if len(names) > 1:
            raise self._wrong(text, f"which may be {' or '.join(names)}")
        return names[0]

    def _wrong(self, text: str, what: str) -> InputError:
        return InputError(
            "manifest.column", f"{self._path} has the column {shown(text)} {what}.", self._listed
        )


def _key(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()
