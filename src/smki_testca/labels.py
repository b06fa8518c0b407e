"""Labels: the names by which people find certificates."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from smki_testca.errors import InputError
from smki_testca.text import is_blank, is_text, shown

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
