"""Reads the files and folders that a user names, and numbers the documents in each.

An input that the user names must hold a document. What is only come across in a folder or an
archive and holds none is passed over and counted: keys, stores, texts and anything else. Every
file has limits; what exceeds one becomes a problem to report.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from itertools import chain, groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Self

from smki_testca.errors import InputError
from smki_testca.importers.archive import files_in_zip
from smki_testca.importers.content import KEYS, LOCKED_STORE, ContentKind, FileProblem
from smki_testca.importers.der_stream import CHUNK_OCTETS, contents_of_stream, is_stream
from smki_testca.importers.formats import ZIP_BEGINNINGS, contents_of
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smki_testca.importers.content import Content

MAX_FILE_OCTETS = 64 << 20
"""The longest file read, in octets, unless it holds documents in DER one after the other."""
MAX_DOCUMENTS = 50_000
"""The most documents of one file that are read."""
MAX_STREAM_DOCUMENTS = 1_000_000
"""The most documents that are read of a file that holds them in DER one after the other."""
UNREADABLE = "document.unreadable"
"""The code of the problem of a file or folder that cannot be read."""

_UNREADABLE = "it cannot be read: "


@dataclass(frozen=True, slots=True)
class Source:
    """One document and the file it is from; or a key, a store, a problem or something else.

    Attributes:
        file: its file; a file in an archive is written ``archive.zip!entry``.
        index: its place among the documents of that file, from 0; for a key, the place of the
            document before it.
        data: its octets, meant to be DER; a private key may be a PEM block.
        problem: why it cannot be read; None if it can.
        kind: the kind of content.
        name: its name in a key store.
        is_named: whether the user named its file, and did not only name what holds the file.
    """

    file: str
    index: int
    data: bytes = b""
    problem: FileProblem | None = None
    kind: ContentKind = ContentKind.DOCUMENT
    name: str | None = None
    is_named: bool = field(default=True, compare=False)

    @property
    def place(self) -> str:
        """The file, and the document's place in it where it is not the first or has a name."""
        return place_in(self.file, self.index, self.name)


def place_in(file: str, index: int, name: str | None = None) -> str:
    """The place of a document as people read it: ``keystore.json (2: supplier-ds)``."""
    if name is not None:
        return f"{file} ({index}: {name})"
    return file if index == 0 else f"{file} ({index})"


class Documents:
    """The documents and problems in the files and folders that a user names, in that order.

    Args:
        names: paths; ``-`` is standard input.
        standard_input: the octets of standard input.

    Attributes:
        passed_over: how many files were come across so far that hold no document.
    """

    def __init__(self, names: Iterable[str], standard_input: bytes | None = None) -> None:
        self._names = names
        self._standard_input = standard_input
        self.passed_over = 0

    def __iter__(self) -> Iterator[Source]:
        """Yield them; a file or folder that cannot be read is a problem with ``UNREADABLE``."""
        for name in self._names:
            yield from self._documents_in(name)

    def _documents_in(self, name: str) -> Iterator[Source]:
        is_empty, passed_over_before = True, self.passed_over
        last = None
        files = groupby(_everything(name, self._standard_input), attrgetter("file"))
        for _, contents in files:
            holds_document = False
            for last in contents:
                document = _document_or_problem(last)
                if document is not None:
                    holds_document = True
                    yield document
            is_empty = is_empty and not holds_document
            if not (holds_document or last is None or last.is_named):
                self.passed_over += 1
        if is_empty:
            yield Source(name, 0, problem=_nothing(last, self.passed_over - passed_over_before))


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
    for source in Documents(names, standard_input):
        require_readable(source)
        yield source


def sources_with_keys(
    names: Iterable[str], standard_input: bytes | None = None
) -> Iterator[Source]:
    """Yield every document, key, store, problem and anything else in the files and folders named.

    Arguments and errors are those of ``sources``.
    """
    for name in names:
        for source in _everything(name, standard_input):
            require_readable(source)
            yield source


def require_readable(source: Source) -> None:
    """Raise the problem of a file or folder that cannot be read.

    Raises:
        InputError: if it is one.
    """
    if source.problem is not None and source.problem.code == UNREADABLE:
        raise InputError(
            "input.unreadable", f"{source.file} cannot be read: {reason_of(source.problem)}."
        )


def reason_of(problem: FileProblem) -> str:
    """The reason for which a file cannot be read or used, to follow a colon."""
    return problem.message.removeprefix(_UNREADABLE)


def _document_or_problem(source: Source) -> Source | None:
    """The source as a document or a problem; None for what is passed over."""
    if source.kind is ContentKind.DOCUMENT:
        return source
    problem = LOCKED_STORE if source.kind is ContentKind.PKCS12 else source.problem
    if problem is None or not source.is_named:
        return None
    return Source(source.file, source.index, problem=problem)


def _nothing(last: Source | None, passed_over: int) -> FileProblem:
    """The problem of an input that the user named and that holds no document.

    Args:
        last: the last content in it.
        passed_over: how many files were passed over in it.
    """
    message = "it holds no certificate, CSR or CRL"
    if last is not None and last.kind in KEYS and last.is_named:
        return FileProblem("document.unknown_kind", f"{message}, but a {last.kind.value}")
    if passed_over:
        message += f"; its files were skipped ({counted(passed_over, 'file')})"
    return FileProblem("document.nothing", message)


def _everything(name: str, standard_input: bytes | None) -> Iterator[Source]:
    if name == "-":
        yield from _sources_in("-", standard_input or b"", is_named=True)
    elif os.path.isdir(name):  # noqa: PTH112 - Path.is_dir raises for a folder without permission
        for below, error in _files_below(name):
            if error is None:
                yield from _sources_of(below, is_named=False)
            else:
                yield _unreadable(below, error, is_named=False)
    else:
        yield from _sources_of(str(Path(name)), is_named=True)


def _files_below(folder: str) -> list[tuple[str, OSError | None]]:
    """The files below a folder, in the order of their paths, and the folders that cannot be read.

    Pipes, devices and links to nothing are left out.
    """
    unreadable: list[OSError] = []
    paths = [
        os.fspath(Path(directory, name))
        for directory, _, names in os.walk(Path(folder), onerror=unreadable.append)
        for name in names
    ]
    files: list[tuple[str, OSError | None]] = [(path, None) for path in paths if _is_file(path)]
    files += [(os.fspath(error.filename), error) for error in unreadable]
    return sorted(files, key=lambda file: file[0])


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - a million paths of text
    except FileNotFoundError:
        return False
    except OSError:
        # Reading it says why.
        return True


def _sources_of(path: str, *, is_named: bool) -> Iterator[Source]:
    """Yield the contents of a file, and the problem that it cannot be read, or no further."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a million paths of text
            data = file.read(CHUNK_OCTETS)
            if is_stream(data):
                chunks = chain([data], iter(lambda: file.read(CHUNK_OCTETS), b""))
                contents = contents_of_stream(chunks)
                yield from _numbered(path, contents, MAX_STREAM_DOCUMENTS, is_named=is_named)
                return
            data += file.read(MAX_FILE_OCTETS + 1 - len(data))
    except (OSError, ValueError) as error:
        yield _unreadable(path, error, is_named=is_named)
        return
    yield from _sources_in(path, data, is_named=is_named)


def _unreadable(file: str, error: OSError | ValueError, *, is_named: bool) -> Source:
    reason = getattr(error, "strerror", None) or str(error)
    problem = FileProblem(UNREADABLE, f"{_UNREADABLE}{reason}")
    return Source(file, 0, problem=problem, is_named=is_named)


def _sources_in(file: str, data: bytes, *, is_named: bool) -> Iterator[Source]:
    if len(data) > MAX_FILE_OCTETS:
        message = f"the file is longer than {MAX_FILE_OCTETS} octets"
        problem = FileProblem("document.too_long", message)
        yield Source(file, 0, problem=problem, is_named=is_named)
    elif data.startswith(ZIP_BEGINNINGS):
        files = files_in_zip(data)
        if isinstance(files, FileProblem):
            yield Source(file, 0, problem=files, is_named=is_named)
            return
        for name, contents in files:
            archived = ArchivedFile(file, name)
            yield from _numbered(archived, contents, MAX_DOCUMENTS, is_named=False)
    else:
        yield from _numbered(file, contents_of(data), MAX_DOCUMENTS, is_named=is_named)


def _numbered(
    file: str, contents: Iterable[Content], limit: int, *, is_named: bool
) -> Iterator[Source]:
    """Yield the contents of a file with their places; for a file without any, one of no kind."""
    index, content = 0, None
    for content in contents:
        data, kind, name = content.data, content.kind, content.name
        if kind in KEYS:
            yield Source(file, max(index - 1, 0), data, None, kind, name, is_named)
            continue
        if index == limit:
            message = f"it holds more than {limit} documents; the rest was not read"
            problem = FileProblem("document.too_long", message)
            yield Source(file, index, problem=problem, is_named=is_named)
            return
        yield Source(file, index, data, content.problem, kind, name, is_named)
        index += 1
    if content is None:
        yield Source(file, 0, kind=ContentKind.OTHER, is_named=is_named)
