"""Finds the line of a key path in a TOML file, for messages.

A key path has keys and places in arrays: ``("participant", 0, "kind")``. The text is scanned only
once something is wrong with it. Where the scan meets what it does not expect, it stops: it states
no line rather than a wrong one.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from smki_testca.errors import InputError
from smki_testca.text_files import decode
from smki_testca.toml_tokens import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

KeyPath = tuple[str | int, ...]
"""Keys, and places in arrays from 0."""
_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_MAX_OCTETS = 1 << 20
_MAX_DEPTH = 40


def dotted(path: KeyPath) -> str:
    """A key path as text: ``participant[0].kind``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_quoted(part)}" for part in path)
    return text.removeprefix(".")


def _quoted(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a TOML file; as text, its file, line and key path for a message.

    Attributes:
        origin: the file.
        path: of the place; nothing for the whole file.
        noun: what to call a table of the path, such as ``row 3``, in place of its key path.
        named: how many parts of the path the noun names.
        is_whole: whether what is below it counts as this place, because it was not read as it is
            in the file.
        data: the octets of the file; None if ``origin`` is a path to read them from.
    """

    origin: str
    path: KeyPath = ()
    noun: str = ""
    named: int = 0
    data: bytes | None = field(default=None, repr=False)
    is_whole: bool = False

    def within(self, *path: str | int, noun: str = "") -> Self:
        """A place below this one; the noun names its table in messages."""
        if self.is_whole:
            return self
        whole = (*self.path, *path)
        if noun:
            return self._at(whole, noun, len(whole))
        return self._at(whole, self.noun, self.named)

    def called(self, noun: str) -> Self:
        """The same place, called by a noun in messages."""
        return self._at(self.path, noun, len(self.path))

    def _at(self, path: KeyPath, noun: str, named: int) -> Self:
        # Reading the profiles makes thousands, and dataclasses.replace takes thrice as long.
        return type(self)(self.origin, path, noun, named, self.data, self.is_whole)

    def __str__(self) -> str:
        line = self.line
        stated = "" if line is None else f", line {line}"
        noun = f", {self.noun}" if self.noun else ""
        key = dotted(self.path[self.named :])
        return f"{self.origin}{stated}{noun}{f', {key}' if key else ''}"

    @property
    def key_path(self) -> str:
        """The whole path as text."""
        return dotted(self.path)

    @property
    def line(self) -> int | None:
        """The line of the place; None where it is the whole file or cannot be found."""
        if not self.path:
            return None
        try:
            data = Path(self.origin).read_bytes() if self.data is None else self.data
            return line_of(decode(data[:_MAX_OCTETS], self.origin), self.path)
        except (OSError, InputError):
            return None


@contextmanager
def below(*path: str | int) -> Iterator[None]:
    """Add a key, or a place in an array, to the path of an InputError raised inside."""
    try:
        yield
    except InputError as error:
        error.at(*path)
        raise


def line_of(text: str, path: KeyPath) -> int | None:
    """The line on which a key, a table or an element of an array begins; None if it is not found.

    Args:
        text: of the file, which is TOML.
        path: of the place.
    """
    return lines_of(text).get(path)


def lines_of(text: str) -> dict[KeyPath, int]:
    """The line on which each key, table and element of a text of TOML begins, by its path."""
    return _Scan(text).places


def path_on_line(text: str, line: int) -> KeyPath:
    """The path of the key whose value a line has, or of the table that it begins.

    Args:
        text: of the file, which need not be TOML beyond that line.
        line: from 1.

    Returns:
        The path; nothing where the line has no key with the beginning of a value, or it cannot be
        told: a word alone may be a secret, of a file that was given by mistake.
    """
    innermost: KeyPath = ()
    for first, last, path in _Scan(text).statements:
        if first <= line and (last is None or line <= last):
            innermost = path
    return innermost


class _Lost(Exception):  # noqa: N818 - it ends a scan, and is no error
    """The scan met what it does not expect."""


class _Scan:
    """One scan of a text.

    Attributes:
        places: the line of each key, table and element, by its path.
        statements: the first and the last line of each header and each key with its value; the
            last line is None where the scan stopped in it.
    """

    def __init__(self, text: str) -> None:
        self.places: dict[KeyPath, int] = {}
        self.statements: list[tuple[int, int | None, KeyPath]] = []
        self._tokens = _tokens(text)
        self._kind, self._text, self._line = next(self._tokens)
        self._counts: dict[KeyPath, int] = {}
        self._table: KeyPath = ()
        try:
            while self._kind != "stop":
                self._statement()
        except _Lost:
            pass

    def _next(self) -> str:
        text = self._text
        self._kind, self._text, self._line = next(self._tokens, ("stop", "", self._line))
        return text

    def _expect(self, text: str) -> None:
        if self._text != text or self._kind == "string":
            raise _Lost
        self._next()

    def _is(self, text: str) -> bool:
        return self._text == text and self._kind != "string"

    def _statement(self) -> None:
        if self._is("\n"):
            self._next()
            return
        first = self._line
        if self._is("["):
            self._header(first)
        else:
            path = (*self._table, *self._key())
            self._note(path, first)
            self._expect("=")
            # Base64, also that of a secret, may end like a key without a value.
            if self._kind not in {"string", "word", "open"}:
                raise _Lost
            self.statements.append((first, None, path))
            self._value(path, 0)
        last = self._line
        if self._kind != "stop":
            self._expect("\n")
        self.statements[-1] = (first, last, self.statements[-1][2])

    def _header(self, line: int) -> None:
        self._next()
        is_array = self._is("[")
        if is_array:
            self._next()
        parts = self._key()
        path: KeyPath = ()
        for part in parts[:-1]:
            path = self._newest((*path, part))
        path = (*path, parts[-1])
        if is_array:
            self._counts[path] = self._counts.get(path, 0) + 1
            self.places.setdefault(path, line)
            path = self._newest(path)
        self._expect("]")
        self._table = path
        self._note(path, line)
        self.statements.append((line, None, path))
        if is_array:
            self._expect("]")

    def _newest(self, path: KeyPath) -> KeyPath:
        """A table, or the newest of an array of tables."""
        count = self._counts.get(path, 0)
        return (*path, count - 1) if count else path

    def _note(self, path: KeyPath, line: int) -> None:
        self.places[path] = line
        # Dotted keys make tables on the way.
        for length in range(len(path) - 1, 0, -1):
            self.places.setdefault(path[:length], line)

    def _key(self) -> list[str]:
        parts = []
        while True:
            if self._kind == "string":
                parts.append(_string(self._next()))
            elif self._kind == "word" and _BARE.fullmatch(self._text):
                parts.append(self._next())
            else:
                raise _Lost
            if not self._is("."):
                return parts
            self._next()

    def _value(self, path: KeyPath, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise _Lost
        if self._is("["):
            self._array(path, depth)
        elif self._is("{"):
            self._inline_table(path, depth)
        elif self._kind == "string":
            self._next()
        else:
            if self._kind != "word":
                raise _Lost
            # Numbers with a fraction, and dates with a time, are several.
            while self._kind in {"word", "dot"}:
                self._next()

    def _array(self, path: KeyPath, depth: int) -> None:
        self._next()
        place = 0
        while True:
            self._skip_lines()
            if self._is("]"):
                break
            self._note((*path, place), self._line)
            self._value((*path, place), depth + 1)
            place += 1
            self._skip_lines()
            if not self._is(","):
                break
            self._next()
        self._expect("]")

    def _inline_table(self, path: KeyPath, depth: int) -> None:
        self._next()
        while True:
            self._skip_lines()
            if self._is("}"):
                break
            line = self._line
            below = (*path, *self._key())
            self._note(below, line)
            self._expect("=")
            self._value(below, depth + 1)
            self._skip_lines()
            if not self._is(","):
                break
            self._next()
        self._expect("}")

    def _skip_lines(self) -> None:
        while self._is("\n"):
            self._next()


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield the kind, the text and the line of each token that is no space or comment."""
    line = 1
    for match in TOKEN.finditer(text):
        kind, written = match.lastgroup or "", match[0]
        if kind not in {"space", "comment"} and written != "\r":
            # Of a million line ends, one says as much.
            yield kind, written[0] if kind == "end" else written, line
        line += written.count("\n")
    yield "stop", "", line


def _string(token: str) -> str:
    """A key in quotation marks; one with escapes is not read."""
    if "\\" in token and token.startswith('"'):
        raise _Lost
    return token[1:-1]
