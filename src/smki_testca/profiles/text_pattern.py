r"""A regular expression that is matched in time proportional to the length of the text.

Python's ``re`` takes exponential time for some patterns, such as ``(a+)+$``. RE2 does not, whatever
the pattern. It has neither back-references nor look-around; look-aheads at the start of a pattern
are supported all the same, because each is matched by itself.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import re2

from smki_testca.text import is_text

MAX_PATTERN_CHARACTERS = 1_000
"""The longest pattern."""

# Escaped, in a character class, or alone.
_PIECE = re.compile(r"\\.|\[\^?\]?(?:[^\\\]]|\\.)*+\]|.", re.DOTALL)
_LOOK_AHEAD = ("(?=", "(?!")
_MAX_MEMORY = 8 << 20


class PatternError(ValueError):
    """A pattern that cannot be used; the message is one clause."""


@dataclass(frozen=True, slots=True)
class TextPattern:
    """A regular expression; a value, which is compiled when it is first used in a process.

    Attributes:
        pattern: as the profile states it.
    """

    pattern: str

    @classmethod
    def parse(cls, pattern: str) -> TextPattern:
        """Check a pattern.

        Raises:
            PatternError: if it is no regular expression, is too long, or needs what a matcher
                in linear time does not have.
        """
        if len(pattern) > MAX_PATTERN_CHARACTERS:
            raise PatternError(f"it has more than {MAX_PATTERN_CHARACTERS:,} characters")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                re.compile(pattern, re.ASCII)
        except (re.error, ValueError, OverflowError, RecursionError) as error:
            raise PatternError(f"{error}") from error
        _compiled(pattern)
        return cls(pattern)

    def fullmatch(self, text: str) -> bool:
        """Whether the pattern matches the whole text."""
        if not is_text(text):
            return False
        look_aheads, body = _compiled(self.pattern)
        return all(
            (ahead.match(text) is not None) is must_match for ahead, must_match in look_aheads
        ) and bool(body.fullmatch(text))


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> tuple[tuple[tuple[Any, bool], ...], Any]:
    """The look-aheads at the start, each with whether it must match, and the rest."""
    pieces = [piece[0] for piece in _PIECE.finditer(pattern)]
    # RE2 reads both otherwise than Python does.
    if any(pair == ("{", ",") for pair in pairwise(pieces)):
        raise PatternError("a repeat states no least number; write {0,")
    if any(piece[0] == "[" and "[:" in piece[1:] for piece in pieces):
        raise PatternError("[: is not supported in a character class")
    look_aheads = []
    while "".join(pieces[:3]) in _LOOK_AHEAD:
        end = _group_end(pieces)
        look_aheads.append((_in_re2("".join(pieces[3:end])), pieces[2] == "="))
        del pieces[: end + 1]
    if look_aheads and _has_alternatives(pieces):
        raise PatternError("alternatives after a look-ahead need parentheses around them")
    return tuple(look_aheads), _in_re2("".join(pieces))


def _group_end(pieces: list[str]) -> int:
    """The place of the parenthesis that closes the first one."""
    depth = 0
    for place, piece in enumerate(pieces):
        depth += (piece == "(") - (piece == ")")
        if depth == 0:
            return place
    raise PatternError("a parenthesis is not closed")


def _has_alternatives(pieces: list[str]) -> bool:
    """Whether alternatives stand outside all parentheses."""
    depth = 0
    for piece in pieces:
        depth += (piece == "(") - (piece == ")")
        if depth == 0 and piece == "|":
            return True
    return False


def _in_re2(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(
            f"{text}; back-references, look-around, possessive repeats and over"
            " 1,000 repeats are not supported"
        ) from error
