"""Generates passphrases, writes them to files, and reads them from there."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Self

from smki_testca.errors import InputError
from smki_testca.estate_files import PASSPHRASE_FILE
from smki_testca.files import create
from smki_testca.text import is_text
from smki_testca.text_files import MARK, decode, encoding_of

if TYPE_CHECKING:
    from pathlib import Path

    from smki_testca.entropy import Entropy

MAX_FILE_OCTETS = 1 << 16
"""The longest file of a passphrase, in octets."""
_SUCCESSOR = b"being changed to: "
"""The start of the second line of an estate's own file while its passphrase is changed."""


def make_passphrase(entropy: Entropy) -> str:
    """A passphrase of 144 random bits, in letters, digits, hyphens and underscores."""
    return base64.urlsafe_b64encode(entropy.octets(18)).decode("ascii")


def leave_passphrase(directory: Path, passphrase: str, name: str = PASSPHRASE_FILE) -> Path:
    """Write a passphrase to a new file of a directory, for its owner only.

    Returns:
        The path of the file, which must not exist yet.
    """
    path = directory / name
    create(path, f"{passphrase}\n".encode())
    return path


def check_text(passphrase: str, noun: str) -> None:
    """Check that something can be locked with a passphrase.

    Args:
        passphrase: to check.
        noun: names it in the message, which quotes nothing of it.

    Raises:
        InputError: if it is empty, or no text that UTF-8 can hold.
    """
    if not passphrase:
        raise InputError("passphrase.empty", f"{noun} is empty.", "Give one.")
    if not is_text(passphrase):
        raise InputError("passphrase.encoding", f"{noun} is not UTF-8.", "Give it as UTF-8.")


class Passphrase(str):
    """A passphrase, whether a byte order mark stood before it, and the one that may follow it.

    The mark is no content. What was locked when it counted as content still opens: see
    ``readings``.
    """

    __slots__ = ("has_mark", "successor")

    has_mark: bool
    successor: str | None

    def __new__(cls, text: str, *, has_mark: bool = False, successor: str | None = None) -> Self:
        """Make a passphrase of text that was decoded and has no mark.

        Args:
            text: the passphrase.
            has_mark: whether a mark stood before it.
            successor: the passphrase that takes its place, where the file says that it is being
                changed: one of the two opens the estate.
        """
        passphrase = super().__new__(cls, text)
        passphrase.has_mark = has_mark
        passphrase.successor = successor
        return passphrase

    @classmethod
    def of_text(cls, text: str) -> Self:
        """The passphrase in a text, such as a variable's, that may begin with a mark."""
        return cls(text.removeprefix(MARK), has_mark=text.startswith(MARK))

    @classmethod
    def of_file(cls, data: bytes, origin: str) -> Self:
        """The passphrase on the first line of a file.

        Args:
            data: the octets of the file.
            origin: the file, for messages.

        Raises:
            InputError: if the file is no text; the message quotes nothing of it.
        """
        encoding, octets = encoding_of(data)
        is_utf8 = encoding == "utf-8"
        # Of UTF-8, the other lines may be anything, and the first have zero octets.
        line = data[octets:].split(b"\n", 1)[0]
        try:
            text = line.decode("utf-8") if is_utf8 else decode(data, origin)
        except (InputError, UnicodeDecodeError):
            raise InputError(
                "passphrase.encoding", f"{origin} is not UTF-8.", "Save it as UTF-8."
            ) from None
        return cls(
            text.split("\n", 1)[0].rstrip("\r"),
            has_mark=is_utf8 and octets > 0,
            successor=_successor(data) if is_utf8 else None,
        )


def being_changed(old: str, new: str) -> bytes:
    """The content of an estate's file of its passphrase while that is changed.

    Its first line is the passphrase until then, so that programs which read only that go on.
    """
    return f"{old}\n".encode() + _SUCCESSOR + f"{new}\n".encode()


def _successor(data: bytes) -> str | None:
    """The passphrase on the second line of a file, where that says that it is one."""
    _, _, rest = data.partition(b"\n")
    line = rest.split(b"\n", 1)[0]
    if not line.startswith(_SUCCESSOR):
        return None
    try:
        return line.removeprefix(_SUCCESSOR).decode("utf-8")
    except UnicodeDecodeError:
        return None


def readings(passphrase: str) -> tuple[str, ...]:
    """The texts that a passphrase may stand for, the likeliest first; at most three.

    Where a byte order mark stood before it, earlier versions took the mark for content. Where it
    is being changed, it may be the new one already.
    """
    if not isinstance(passphrase, Passphrase):
        passphrase = Passphrase.of_text(passphrase)
    later = () if passphrase.successor is None else (passphrase.successor,)
    if not passphrase.has_mark:
        return (str(passphrase), *later)
    own = (str(passphrase), f"{MARK}{passphrase}") if passphrase else (MARK,)
    return (*own, *later)
