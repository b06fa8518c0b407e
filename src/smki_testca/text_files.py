"""Reads the text of files that others wrote: UTF-8, or UTF-16 with a byte order mark.

A byte order mark says how a text is encoded and is no part of it. Windows' editors and PowerShell
write one. Every module that reads text decodes it here, so that all of them read the same files.
"""

from __future__ import annotations

import codecs
import io
import re
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.input_files import open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO, TextIO

MARK = "\ufeff"
"""A byte order mark, decoded."""

# That of UTF-32 LE begins with that of UTF-16 LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONGEST_MARK = 4
_LONGEST_LINE = 1 << 21
# Two ASCII characters and their zero octets, at least; UTF-8 text holds no zero octets.
_UNMARKED_UTF16 = re.compile(rb"(?:[\x09-\x7e]\0){2}|(?:\0[\x09-\x7e]){2}")
_ZIP = b"PK\x03\x04"


def encoding_of(data: bytes) -> tuple[str, int]:
    """The encoding that a byte order mark states, and the mark's octets; UTF-8 without one."""
    return next(((name, len(mark)) for mark, name in _MARKS if data.startswith(mark)), ("utf-8", 0))


def decode(data: bytes, origin: str) -> str:
    """The text of a file, without its byte order mark.

    Args:
        data: the octets of the file.
        origin: the file, for messages.

    Raises:
        InputError: if it is no text in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.
    """
    encoding, octets = encoding_of(data)
    try:
        _check_head(data[:_LONGEST_MARK])
        return data[octets:].decode(encoding)
    except UnicodeDecodeError as error:
        raise _no_text(data, origin) from error


def utf8(data: bytes) -> bytes:
    """The same text in UTF-8 without a byte order mark; octets without a mark stay as they are.

    For formats that text of any encoding may surround, such as PEM. What cannot be decoded is
    replaced.
    """
    encoding, octets = encoding_of(data)
    if not octets or encoding == "utf-8":
        return data[octets:]
    return data[octets:].decode(encoding, "replace").encode("utf-8")


def looks_like_utf16(data: bytes) -> bool:
    """Whether octets without a byte order mark begin like text in UTF-16."""
    return _UNMARKED_UTF16.match(data) is not None


def open_text(path: Path, *, newline: str = "", errors: str = "strict") -> TextIO:
    """Open a file to read its text as a stream, from behind its byte order mark.

    Args:
        path: of the file.
        newline: where lines end, as for the standard library's ``open``.
        errors: what happens to octets that are no text, as for that.

    Raises:
        InputError: if it is not a regular file: others are read once, and may never come.
        UnicodeDecodeError: now or on reading, if it is no text; ``broken_text`` makes the error.
        OSError: if it cannot be opened.
    """
    file = open_regular(path)
    try:
        head = file.peek(_LONGEST_MARK)[:_LONGEST_MARK]
        _check_head(head)
        encoding, octets = encoding_of(head)
        file.read(octets)
        return io.TextIOWrapper(file, encoding, errors, newline)
    except BaseException:
        file.close()
        raise


def _check_head(head: bytes) -> None:
    """Check that a file does not begin with what UTF-8 could hold, and no text does."""
    if head == _ZIP or looks_like_utf16(head):
        raise UnicodeDecodeError("utf-8", head, 0, len(head), "no text")


def broken_text(path: Path) -> InputError:
    """The error of a file that ``open_text`` cannot read to its end; it names the line."""
    origin = str(path)
    with path.open("rb") as file:
        head = file.read(_LONGEST_MARK)
        if encoding_of(head)[0] != "utf-8" or head == _ZIP or looks_like_utf16(head):
            return _no_text(head, origin)
        file.seek(0)
        before = 0
        for number, line in enumerate(_short_lines(file), 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return _not_utf8(origin, number, before + error.start, line[error.start])
            before += len(line)
    return _error(f"{origin} is not UTF-8.")


def _short_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file that are of a length that anybody writes."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            return
        yield line


def _no_text(data: bytes, origin: str) -> InputError:
    """The error for octets that are no text: its cause, and what to do."""
    encoding, octets = encoding_of(data)
    cause = ""
    if data.startswith(_ZIP):
        cause = "it is a ZIP file, as a workbook of Excel is"
    elif encoding != "utf-8":
        stated = encoding.upper().removesuffix("-LE").removesuffix("-BE")
        cause = f"its byte order mark says {stated}, and what follows is not"
    elif looks_like_utf16(data):
        cause = "it looks like UTF-16 without a byte order mark"
    if cause:
        return _error(f"{origin} is not UTF-8: {cause}.")
    try:
        data[octets:].decode("utf-8")
    except UnicodeDecodeError as error:
        place = octets + error.start
        return _not_utf8(origin, data.count(b"\n", 0, place) + 1, place, data[place])
    return _error(f"{origin} is not UTF-8.")


def _not_utf8(origin: str, line: int, place: int, octet: int) -> InputError:
    return _error(
        f"{origin} is not UTF-8: line {line} has the octet {octet:02X} at position {place}."
    )


def _error(message: str) -> InputError:
    return InputError("input.encoding", message, "Save it as UTF-8.")
