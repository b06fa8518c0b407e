"""Parses TOML within limits on the length of the file, its keys, its values and its nesting.

``tomllib`` has no limits: one dotted key of 80 kB takes it 6 GB. The octets are scanned for what
costs memory or time before they are parsed.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from smki_testca.errors import InputError
from smki_testca.text_files import MARK, decode
from smki_testca.toml_places import dotted, path_on_line
from smki_testca.toml_tokens import TOKEN

MAX_OCTETS = 1 << 20
"""The longest TOML file read, in octets."""
MAX_KEY_PARTS = 16
"""The most parts of a dotted key or of a table's name."""
MAX_NESTING = 32
"""The deepest nesting of arrays and inline tables."""
MAX_TABLES = 100_000
"""The most tables that the names and dotted keys of a file may make: each part makes one."""
MAX_WORD_CHARACTERS = 200
"""The longest bare key, number or date."""


def parse(data: bytes, origin: str) -> dict[str, Any]:
    """Parse a TOML file.

    Args:
        data: its octets.
        origin: the file's name, for messages.

    Raises:
        InputError: if it is not TOML, or exceeds a limit; the message names the line.
    """
    if len(data) > MAX_OCTETS:
        raise InputError(
            "toml.too_long", f"{origin} has {len(data)} octets; at most {MAX_OCTETS} are read."
        )
    try:
        text = decode(data, origin)
    except InputError as error:
        raise InputError("toml.encoding", error.message, error.remedy) from error
    try:
        _check_limits(text, origin)
        return tomllib.loads(text)
    except (ValueError, OverflowError, RecursionError) as error:
        # A ValueError that is no TOMLDecodeError: a date that no calendar has.
        raise _syntax_error(text, origin, str(error)) from error


_POSITION = re.compile(r" \(at line (\d+), column (\d+)\)")
_END = " (at end of document)"


def _syntax_error(text: str, origin: str, message: str) -> InputError:
    """The error for text that is not TOML: the line, the key path and the cause."""
    position = _POSITION.search(message)
    if position is None and _END not in message:
        return InputError("toml.syntax", f"{origin} is not TOML: {message}.")
    lines = text.split("\n")
    line = int(position[1]) if position else len(text.rstrip().split("\n"))
    cause = message.replace(_END, " at the end of the file") + "."
    if position:
        cause = _POSITION.sub(f" at column {position[2]}", cause)
        if lines[line - 1][int(position[2]) - 1 :].startswith(MARK):
            cause = "a byte order mark is here. Were files joined?"
    path = path_on_line(text, line)
    key = f", {dotted(path)}" if path else ""
    return InputError("toml.syntax", f"{origin}, line {line}{key}, is not TOML: {cause}")


def _check_limits(text: str, origin: str) -> None:
    """Check what costs the parser memory or time: keys, numbers and nesting.

    A number with a fraction counts as a key of two parts, because the scan need not tell them
    apart.

    Raises:
        InputError: naming the line and the limit.
    """
    parts = tables = depth = 0
    for token in TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "dot":
            parts += 1
            tables += 1
            if parts >= MAX_KEY_PARTS:
                raise _beyond(token, origin, f"a key has more than {MAX_KEY_PARTS} parts")
        elif kind == "word":
            if token.end() - token.start() > MAX_WORD_CHARACTERS:
                reason = f"a key, number or date has more than {MAX_WORD_CHARACTERS} characters"
                raise _beyond(token, origin, reason)
        elif kind == "open":
            parts = 0
            depth += 1
            tables += 1
            if depth > MAX_NESTING:
                reason = f"arrays and tables nest deeper than {MAX_NESTING}"
                raise _beyond(token, origin, reason)
        elif kind == "close":
            parts = 0
            depth = max(0, depth - 1)
        elif kind in {"end", "comment"}:
            parts = 0
        if tables > MAX_TABLES:
            raise _beyond(token, origin, f"the file has more than {MAX_TABLES:,} tables")


def _beyond(token: re.Match[str], origin: str, reason: str) -> InputError:
    line = token.string.count("\n", 0, token.start()) + 1
    return InputError("toml.syntax", f"{origin}, line {line}, cannot be read: {reason}.")
