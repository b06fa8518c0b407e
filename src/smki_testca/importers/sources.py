"""Reads the files and folders that a user names, and numbers the documents in each.

Private keys are skipped, unless the caller asks for them. Every file has limits; what exceeds one
becomes a problem to report.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from smki_testca.errors import InputError
from smki_testca.importers.archive import files_in_zip
from smki_testca.importers.content import LOCKED_STORE, ContentKind, FileProblem
from smki_testca.importers.formats import ZIP_BEGINNINGS, contents_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smki_testca.importers.content import Content

MAX_FILE_OCTETS = 64 << 20
"""The longest file read, in octets."""
MAX_DOCUMENTS = 50_000
"""The most documents of one file that are read."""


@dataclass(frozen=True, slots=True)
class Source:
    """One document and the file it is from; or a private key, a store or a problem.

    Attributes:
        file: its file; a file in an archive is written ``archive.zip!entry``.
        index: its place among the documents of that file, from 0; for a private key, the
            place of the document before it.
        data: its octets, meant to be DER; a private key may be a PEM block.
        problem: why it cannot be read; None if it can.
        kind: the kind of content.
        name: its name in a key store.
    """

    file: str
    index: int
    data: bytes = b""
    problem: FileProblem | None = None
    kind: ContentKind = ContentKind.DOCUMENT
    name: str | None = None

    @property
    def place(self) -> str:
        """The file, and the document's place in it where it is not the first."""
        return self.file if self.index == 0 else f"{self.file} ({self.index})"


class ArchivedFile(str):
    """The name of a file in an archive, written ``archive.zip!entry``.

    Attributes:
        entry: its name in the archive; a file's own name may have an exclamation mark, too.
    """

    __slots__ = ("entry",)

    entry: str

    def __new__(cls, archive: str, entry: str) -> Self:
        """Name a file of an archive."""
        name = super().__new__(cls, f"{archive}!{entry}")
        name.entry = entry
        return name

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.removesuffix(f"!{self.entry}"), self.entry)


def sources(names: Iterable[str], standard_input: bytes | None = None) -> Iterator[Source]:
    """Yield every document and problem in the files and folders named, in the order named.

    Args:
        names: paths; ``-`` is standard input.
        standard_input: the octets of standard input.

    Raises:
        InputError: if a path does not exist or cannot be read.
    """
    for source in sources_with_keys(names, standard_input):
        if source.kind is ContentKind.DOCUMENT:
            yield source
        elif source.kind is ContentKind.PKCS12:
            yield Source(source.file, source.index, problem=LOCKED_STORE)


def sources_with_keys(
    names: Iterable[str], standard_input: bytes | None = None
) -> Iterator[Source]:
    """Yield every document, private key, store and problem in the files and folders named.

    Arguments and errors are those of ``sources``.
    """
    for name in names:
        path = Path(name)
        if name == "-":
            yield from _sources_in("-", standard_input or b"")
        elif path.is_dir():
            for below in _files_below(path):
                yield from _sources_in(str(below), _read(below))
        else:
            yield from _sources_in(str(path), _read(path))


def _files_below(folder: Path) -> list[Path]:
    """The files below a folder, in the order of their paths; no pipes or devices."""

    def refuse(error: OSError) -> None:
        raise _unreadable(error.filename, error)

    paths = [
        Path(directory, name)
        for directory, _, names in os.walk(folder, onerror=refuse)
        for name in names
    ]
    return sorted((path for path in paths if path.is_file()), key=os.fspath)


def _read(path: Path) -> bytes:
    """The octets of a file, at most one more than the limit."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_OCTETS + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path | str, error: OSError | ValueError) -> InputError:
    reason = getattr(error, "strerror", None) or str(error)
    return InputError("input.unreadable", f"{path} cannot be read: {reason}.")


def _sources_in(file: str, data: bytes) -> Iterator[Source]:
    if len(data) > MAX_FILE_OCTETS:
        message = f"the file is longer than {MAX_FILE_OCTETS} octets"
        yield Source(file, 0, problem=FileProblem("document.too_long", message))
    elif data.startswith(ZIP_BEGINNINGS):
        files = files_in_zip(data)
        if isinstance(files, FileProblem):
            yield Source(file, 0, problem=files)
            return
        for name, contents in files:
            yield from _numbered(ArchivedFile(file, name), contents)
    else:
        yield from _numbered(file, contents_of(data))


def _numbered(file: str, contents: Iterable[Content]) -> Iterator[Source]:
    index = 0
    for content in contents:
        data, kind, name = content.data, content.kind, content.name
        if kind in {ContentKind.PRIVATE_KEY, ContentKind.KEY_OF_DOCUMENT}:
            yield Source(file, max(index - 1, 0), data, None, kind, name)
            continue
        if index == MAX_DOCUMENTS:
            message = f"it holds more than {MAX_DOCUMENTS} documents; the rest was not read"
            yield Source(file, index, problem=FileProblem("document.too_long", message))
            return
        yield Source(file, index, data, content.problem, kind, name)
        index += 1
