"""Converts a table of TOML to a struct, and says which line, key and choices of a misfit."""

from __future__ import annotations

import re
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from smki_testca.errors import InputError
from smki_testca.schema_words import PATTERN, UNKNOWN_KEY, in_words
from smki_testca.text import use_one_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.toml_places import KeyPath, Place

T = TypeVar("T")

_STEP = re.compile(r"\[(\d+)\]|(\[\.\.\.\])|\.([^.\[\]]+)")
_ANY_KEY = "[...]"
_MAX_KEYS_TRIED = 100


def convert(tree: Any, shape: type[T], place: Place, *, dates_are_text: bool = True) -> T:
    """Convert a value of TOML to a type.

    Args:
        tree: the value, such as the whole of a file.
        shape: the type, such as that of a struct.
        place: of the value in its file.
        dates_are_text: whether a date may be in quotation marks as well.

    Raises:
        InputError: naming the line and the path of what does not fit, and the choices where a
            word is in none of them.
    """
    try:
        return msgspec.convert(tree, shape, builtin_types=None if dates_are_text else (date,))
    except msgspec.ValidationError as error:
        raise _misfit(str(error), tree, shape, place) from error


def _misfit(text: str, tree: Any, shape: type[Any], place: Place) -> InputError:
    """The error that a message of msgspec stands for."""
    message, _, at = text.partition(" - at `$")
    path = _resolved(tree, shape, text, _steps(at.removesuffix("`")))
    unknown = UNKNOWN_KEY.fullmatch(message)
    wrong = place.within(*path, *((unknown[1],) if unknown else ()))
    line = wrong.line
    where = place.origin if line is None else f"{place.origin}, line {line}"
    sentence, remedy = in_words(message, wrong.key_path or "the file")
    if unknown:
        remedy = use_one_of(_keys(shape, path), given=unknown[1])
    elif PATTERN.fullmatch(message) and (rule := _rule(shape, path)):
        remedy = rule
    elif choices := _choices(shape, path):
        given = _at(tree, path)
        remedy = use_one_of(choices, given=given if isinstance(given, str) else "")
    return InputError("toml.shape", f"{where}: {sentence}.", remedy)


def _steps(at: str) -> list[str | int]:
    """The parts of a path as msgspec writes it; it does not name the keys of dictionaries."""
    return [int(place) if place else any_key or key for place, any_key, key in _STEP.findall(at)]


def _resolved(tree: Any, shape: type[Any], message: str, steps: list[str | int]) -> KeyPath:
    """A path with the keys of dictionaries; cut off before one that cannot be known."""
    path: KeyPath = ()
    for step in steps:
        if step != _ANY_KEY:
            path = (*path, step)
            continue
        at_fault = [
            key
            for key in islice(_at(tree, path), _MAX_KEYS_TRIED)
            if _message(_with_only(tree, path, key), shape) == message
        ]
        if not at_fault:
            return path
        path = (*path, at_fault[0])
    return path


def _at(tree: Any, path: KeyPath) -> Any:
    for part in path:
        tree = tree[part]
    return tree


def _with_only(tree: Any, path: KeyPath, key: str) -> Any:
    """The same value, with one key only in the dictionary at a path."""
    if not path:
        return {key: tree[key]}
    if isinstance(tree, list):
        return [
            _with_only(item, path[1:], key) if place == path[0] else item
            for place, item in enumerate(tree)
        ]
    return {**tree, path[0]: _with_only(tree[path[0]], path[1:], key)}


def _message(tree: Any, shape: type[Any]) -> str:
    try:
        msgspec.convert(tree, shape)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _choices(shape: Any, path: KeyPath) -> list[object]:
    """The words of which the value at a path is one; none where it is another kind of value."""
    for alternative in _kinds(shape, path):
        if isinstance(alternative, msgspec.inspect.EnumType):
            return [member.value for member in alternative.cls]
        if isinstance(alternative, msgspec.inspect.LiteralType):
            return list(alternative.values)
    return []


def _rule(shape: Any, path: KeyPath) -> str:
    """The rule for the text at a path in words, which the type states beside its pattern."""
    kind: Any = msgspec.inspect.type_info(shape)
    for part in path:
        kind = next(_below(kind, part), None)
    kinds = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    stated = (
        alternative.extra
        for alternative in kinds
        if isinstance(alternative, msgspec.inspect.Metadata)
    )
    return next((extra["rule"] for extra in stated if extra and "rule" in extra), "")


def _keys(shape: Any, path: KeyPath) -> list[str]:
    """The keys that the table at a path may have."""
    structs = (
        alternative
        for alternative in _kinds(shape, path)
        if isinstance(alternative, msgspec.inspect.StructType)
    )
    return [field.encode_name for struct in structs for field in struct.fields]


def _kinds(shape: Any, path: KeyPath) -> list[Any]:
    """The types of which the value at a path may be."""
    kind: Any = msgspec.inspect.type_info(shape)
    for part in path:
        kind = next(_below(kind, part), None)
    return list(_alternatives(kind))


def _alternatives(kind: Any) -> Iterator[Any]:
    if isinstance(kind, msgspec.inspect.UnionType):
        for alternative in kind.types:
            yield from _alternatives(alternative)
    elif isinstance(kind, msgspec.inspect.Metadata):
        yield from _alternatives(kind.type)
    else:
        yield kind


def _below(kind: Any, part: str | int) -> Iterator[Any]:
    """The types of the value at one part of a path below a type."""
    for alternative in _alternatives(kind):
        if isinstance(alternative, msgspec.inspect.StructType):
            yield from (field.type for field in alternative.fields if field.encode_name == part)
        elif isinstance(alternative, msgspec.inspect.DictType):
            yield alternative.value_type
        elif isinstance(alternative, msgspec.inspect.ListType):
            yield alternative.item_type
