"""Compares an operator's data files with the shipped ones that they stand in for."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from smki_testca import toml
from smki_testca.shipped import shipped
from smki_testca.text_files import decode
from smki_testca.toml_places import KeyPath, dotted, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from smki_testca.profiles import Library

_IDENTITIES = ("field", "name", "code", "value", "label", "id", "type", "reference")
"""The keys that tell the tables of an array apart: the first that each of them has."""


class Change(StrEnum):
    """A difference of a file from the shipped one, in one place."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class ProfileDifference:
    """One difference of a file from the shipped one.

    Attributes:
        change: added, removed, changed, or tables in another order.
        key: the key path, in which a table of an array is called by its field or name.
        shipped: the value in the shipped file; None where it has none.
        override: the value in the operator's file; None where it has none.
        line: of the operator's file; None for what it lacks.
    """

    change: Change
    key: str
    shipped: Any
    override: Any
    line: int | None

    def __str__(self) -> str:
        match self.change:
            case Change.ADDED:
                return f"{self.key}: {as_text(self.override)} is added"
            case Change.REMOVED:
                return f"{self.key}: {as_text(self.shipped)} is left out"
            case Change.ORDER:
                return f"{self.key}: the order is {as_text(self.override)}"
        return f"{self.key}: {as_text(self.shipped)} is now {as_text(self.override)}"

    def as_json(self) -> dict[str, Any]:
        """The difference as a JSON object."""
        return {
            "change": self.change.value,
            "key": self.key,
            "shipped": _plain(self.shipped),
            "override": _plain(self.override),
            "line": self.line,
        }


@dataclass(frozen=True, slots=True)
class FileDifferences:
    """The differences of an operator's file.

    Attributes:
        name: of the file below its directory, such as ``certificates/device.toml``.
        path: of the operator's file.
        shipped: the path of the shipped file; None if none has that name.
        differences: from the shipped file, in its order; empty if there is no shipped file.
    """

    name: str
    path: Path
    shipped: Path | None
    differences: tuple[ProfileDifference, ...]

    def as_json(self) -> dict[str, Any]:
        """The file and its differences as a JSON object."""
        return {
            "file": self.name,
            "override": str(self.path),
            "shipped": None if self.shipped is None else str(self.shipped),
            "changes": [difference.as_json() for difference in self.differences],
        }


def differences(library: Library) -> list[FileDifferences]:
    """Compare every file of the operator's directories that is read with the shipped one.

    Raises:
        InputError: if a file is not TOML.
    """
    compared = []
    for name in library.file_names():
        path = library.path_of(name)
        shipped_path = shipped("profiles") / name
        if path == shipped_path:
            continue
        if not shipped_path.is_file():
            compared.append(FileDifferences(name, path, None, ()))
            continue
        data = path.read_bytes()
        tree = toml.parse(data, str(path))
        shipped_tree = toml.parse(shipped_path.read_bytes(), str(shipped_path))
        lines = lines_of(decode(data, str(path)))
        differences = tuple(_of_tables(shipped_tree, tree, "", (), lines))
        compared.append(FileDifferences(name, path, shipped_path, differences))
    return compared


_Lines = dict[KeyPath, int]


def _of_values(
    shipped_value: Any, value: Any, key: str, path: KeyPath, lines: _Lines
) -> Iterator[ProfileDifference]:
    if isinstance(shipped_value, dict) and isinstance(value, dict):
        yield from _of_tables(shipped_value, value, key, path, lines)
    elif _are_tables(shipped_value) and _are_tables(value):
        yield from _of_arrays(shipped_value, value, key, path, lines)
    elif shipped_value != value or type(shipped_value) is not type(value):
        yield ProfileDifference(Change.CHANGED, key, shipped_value, value, lines.get(path))


def _of_tables(
    shipped_table: Mapping[str, Any],
    table: Mapping[str, Any],
    key: str,
    path: KeyPath,
    lines: _Lines,
) -> Iterator[ProfileDifference]:
    for name in dict.fromkeys((*shipped_table, *table)):
        inner = f"{key}.{dotted((name,))}" if key else dotted((name,))
        if name not in table:
            yield ProfileDifference(Change.REMOVED, inner, shipped_table[name], None, None)
        elif name not in shipped_table:
            line = lines.get((*path, name))
            yield ProfileDifference(Change.ADDED, inner, None, table[name], line)
        else:
            yield from _of_values(shipped_table[name], table[name], inner, (*path, name), lines)


def _of_arrays(
    shipped_tables: Sequence[dict[str, Any]],
    tables: Sequence[dict[str, Any]],
    key: str,
    path: KeyPath,
    lines: _Lines,
) -> Iterator[ProfileDifference]:
    before, after = _called(shipped_tables, tables), _called(tables, shipped_tables)
    for name in dict.fromkeys((*before, *after)):
        inner = f"{key}[{name}]"
        if name not in after:
            yield ProfileDifference(Change.REMOVED, inner, shipped_tables[before[name]], None, None)
            continue
        at = (*path, after[name])
        if name not in before:
            yield ProfileDifference(Change.ADDED, inner, None, tables[after[name]], lines.get(at))
        else:
            shipped_table, table = shipped_tables[before[name]], tables[after[name]]
            yield from _of_tables(shipped_table, table, inner, at, lines)
    in_both = [name for name in before if name in after]
    in_order = sorted(in_both, key=lambda name: after[name])
    if in_both != in_order:
        yield ProfileDifference(Change.ORDER, key, in_both, in_order, lines.get(path))


def _called(tables: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> dict[str, int]:
    """The place of each table of an array, by what it is called in a key path.

    Two tables of one name, such as two rows on one field, are told apart by their order.
    """
    everything = (*tables, *others)
    identity = next(
        (
            name
            for name in _IDENTITIES
            if all(isinstance(table.get(name), str) for table in everything)
        ),
        None,
    )
    called: dict[str, int] = {}
    seen: Counter[str] = Counter()
    for place, table in enumerate(tables):
        name = str(place) if identity is None else table[identity]
        seen[name] += 1
        called[name if seen[name] == 1 else f"{name} {seen[name]}"] = place
    return called


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def as_text(value: Any) -> str:
    """A value of TOML on one line."""
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A value of TOML as JSON holds it: dates as text."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)
