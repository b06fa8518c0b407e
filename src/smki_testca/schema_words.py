"""Says in plain words how a value of TOML or JSON does not fit its type, and what to write."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN_KEY: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
MISSING_KEY: Final = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_TYPE = re.compile(r"Expected `([^`]*)`, got `([^`]*)`")
_LENGTH = re.compile(r"Expected `[^`]*` of length (>=|<=) (\d+)")
_BOUND = re.compile(r"Expected `[^`]*` (>=|<=|>|<) (-?[\d.]+)")
PATTERN = re.compile(r"Expected `str` matching regex (.*)", re.DOTALL)
_CHOICE = re.compile(r"Invalid enum value (.*)", re.DOTALL)
_NOT_UTF_8 = "Invalid UTF-8"
_WHERE = " - at `$"


_OTHERS = {"Input data was truncated": "it ends too early"}


@dataclass(frozen=True, slots=True)
class Words:
    """The words for the types of a format.

    Attributes:
        names: what a value of each type is called.
        remedies: how a value of each type is written.
    """

    names: Mapping[str, str]
    remedies: Mapping[str, str]


_NAMES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "null": "null",
    "date": "a date",
    "datetime": "a time",
    "time": "a time of day",
}
TOML: Final = Words(
    {**_NAMES, "object": "a table"},
    {
        "str": "Write it in quotation marks.",
        "int": "Write digits without quotation marks.",
        "float": "Write digits without quotation marks.",
        "bool": "Write true or false without quotation marks.",
        "array": "Write it in brackets.",
        "object": "Write it as a table.",
        "date": "Write a date such as 2026-01-31 without quotation marks.",
    },
)
JSON: Final = Words({**_NAMES, "object": "an object"}, {"str": "Write it in quotation marks."})


def in_words(message: str, subject: str, words: Words = TOML) -> tuple[str, str]:
    """The mistake that msgspec found, as a sentence without its full stop, and the remedy.

    Args:
        message: of msgspec, with its path or without.
        subject: what is wrong, such as an unknown key: the beginning of the sentence.
        words: of the format.

    Returns:
        The sentence and the remedy, which may be empty.
    """
    message = message.partition(_WHERE)[0]
    if UNKNOWN_KEY.fullmatch(message):
        return f"{subject} is an unknown key", ""
    if match := MISSING_KEY.fullmatch(message):
        return f"{subject} has no key {shown(match[1])}", "Add it."
    if match := _TYPE.fullmatch(message):
        return _wrong_type(subject, match[1].split(" | "), match[2], words)
    if match := _LENGTH.fullmatch(message):
        return _wrong_length(subject, match[1], int(match[2]))
    if match := _BOUND.fullmatch(message):
        bound = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than"}[match[1]]
        return f"{subject} is out of range", f"Write {bound} {match[2]}."
    if match := PATTERN.fullmatch(message):
        return f"{subject} has characters or a length that it must not", (
            f"It must match the regular expression {match[1]}."
        )
    if match := _CHOICE.fullmatch(message):
        # msgspec quotes text, and does not cut it.
        word = match[1]
        quoted = word[:1] == word[-1:] == "'"
        return (
            f"{subject} is {shown(word[1:-1]) if quoted else word}, which is none of its choices",
            "",
        )
    if message.startswith("Invalid RFC3339"):
        return f"{subject} is not a date", words.remedies.get("date", "")
    return _OTHERS.get(message) or f"{subject} cannot be read: {message}", ""


def json_in_words(error: Exception) -> str:
    """The mistake in a line of JSON that is not of its type, as a sentence without full stop."""
    # Of msgspec, an error of its own from version 0.23.
    if isinstance(error, UnicodeError) or str(error).startswith(_NOT_UTF_8):
        return "it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    message = str(error).rstrip(".")
    at = message.partition(_WHERE)[2].strip("`").removeprefix(".")
    subject = "a value" if at.startswith("[") else at or "it"
    if match := UNKNOWN_KEY.match(message):
        subject = shown(match[1])
    sentence, _ = in_words(message, subject, JSON)
    return sentence


def _wrong_type(subject: str, expected: list[str], actual: str, words: Words) -> tuple[str, str]:
    kinds = [kind for kind in expected if kind != "null"] or expected
    names = [words.names.get(kind, kind) for kind in kinds]
    sentence = f"{subject} is {words.names.get(actual, actual)}, not {' or '.join(names)}"
    return sentence, words.remedies.get(kinds[0], "")


def _wrong_length(subject: str, sign: str, length: int) -> tuple[str, str]:
    if sign == "<=":
        return f"{subject} is too long", f"Write at most {length}."
    if length == 1:
        return f"{subject} is empty", "Write something, or leave the key out where it is optional."
    return f"{subject} is too short", f"Write at least {length}."
