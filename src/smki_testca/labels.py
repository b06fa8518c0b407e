"""Labels: the names by which people find certificates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from string import Formatter
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.text import is_blank, is_text, shown, use_one_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LABEL_CHARACTERS = 200
"""The longest label; of a longer name in an imported file, the rest is cut off."""


def check_label(label: object) -> None:
    """Check a label that somebody gives to a certificate; None is no label.

    Raises:
        InputError: if it is not text, has no visible character, or is too long.
    """
    if label is None:
        return
    # The store would keep octets as they are, and everything that lists them would fail.
    if not isinstance(label, str) or not is_text(label):
        raise InputError(
            "request.label", f"The label is {shown(repr(label))}: give it as text, or leave it out."
        )
    if is_blank(label):
        raise InputError("request.label", "The label is blank.", "Write one, or leave it out.")
    if len(label) > MAX_LABEL_CHARACTERS:
        raise InputError(
            "request.label",
            f"The label {shown(label)} has {len(label):,} characters.",
            f"Use at most {MAX_LABEL_CHARACTERS}.",
        )


_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)


class LabelTemplate:
    """A label with names in braces, which each certificate fills: ``{serial_number}-{usage}``.

    ``{{`` and ``}}`` are braces.

    Args:
        text: of the template.

    Raises:
        InputError: if a brace is not closed, or there is no name in it.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            parts = list(Formatter().parse(text))
        except ValueError as error:
            raise self._wrong("a brace stands alone, or is not closed") from error
        for _, name, form, conversion in parts:
            if name is not None and not _NAME.fullmatch(name):
                raise self._wrong(f"{shown(name)} is not a name")
            if form or conversion:
                raise self._wrong(f"more than a name is in the braces of {name}")
        self._parts = [(literal, name) for literal, name, _, _ in parts]

    @classmethod
    def of(cls, text: str | None) -> LabelTemplate | str | None:
        """The template that a text is; a text without braces stays one.

        Raises:
            InputError: as the class does.
        """
        return cls(text) if text is not None and ("{" in text or "}" in text) else text

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in it."""
        return frozenset(name for _, name in self._parts if name is not None)

    def fill(self, values: Mapping[str, str]) -> str:
        """The label of one certificate.

        Args:
            values: of the certificate, by name.

        Raises:
            InputError: if it names what the certificate does not have, or the label is blank or
                too long.
        """
        missing = sorted(self.names - values.keys())
        if missing:
            raise InputError(
                "label.template",
                f"The label {shown(self.text)} names {missing[0]}, which the certificate does not"
                " have.",
                use_one_of(values),
            )
        label = "".join(
            literal if name is None else literal + values[name] for literal, name in self._parts
        )
        check_label(label)
        return label

    def _wrong(self, cause: str) -> InputError:
        return InputError(
            "label.template",
            f"The label {shown(self.text)} cannot be filled: {cause}.",
            "Write a name in braces, such as {id}, {usage} or {serial_number}; {{ and }} are"
            " braces.",
        )


def as_label(name: str | None) -> str | None:
    """The label that a name in an imported file makes: cut to its length; None for a blank one."""
    cut = None if name is None else name[:MAX_LABEL_CHARACTERS]
    return None if cut is None or is_blank(cut) else cut


@dataclass(frozen=True, slots=True)
class LabelPattern:
    """A pattern of labels, as a shell knows them: ``*``, ``?``, ``[abc]`` and ``[!abc]``.

    Upper and lower case differ. It fits also the label that is written exactly so.

    Attributes:
        text: the pattern.
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> LabelPattern | str:
        """Read a pattern; text without any of ``*?[`` is a label, and returned as it is."""
        return cls(text) if any(sign in text for sign in "*?[") else text

    def fits(self, label: str) -> bool:
        """Whether a label fits."""
        return label == self.text or fnmatchcase(label, self.text)

    def __str__(self) -> str:
        return self.text
