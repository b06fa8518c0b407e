"""Sources of a batch of CSRs: a ZIP in the Portal's form, a folder, or a table in CSV."""

from __future__ import annotations

import unicodedata
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, NamedTuple, Protocol

from smki_testca.authority import csr as csrs
from smki_testca.errors import InputError
from smki_testca.input_files import open_regular
from smki_testca.issuance.batch import csv_rows, portal_zip
from smki_testca.issuance.batch.bounded_lines import BlankRows, BoundedLines
from smki_testca.issuance.batch.column_names import ColumnNames
from smki_testca.issuance.batch.csr_names import ENDING, has_ending
from smki_testca.issuance.batch.portal_zip import MAX_REQUESTS, Member
from smki_testca.text import plain, shown, use_one_of
from smki_testca.text_files import broken_text, open_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLUMNS = ("csr", "name")
"""The columns of a table of CSRs; the second may be left out."""


class NumberedCsr(Protocol):
    """One CSR of a batch.

    Attributes:
        number: its place in the batch, from 1.
        name: of its file, or of its row in a table.
    """

    @property
    def number(self) -> int: ...  # noqa: D102 - above
    @property
    def name(self) -> str: ...  # noqa: D102 - above


class IgnoredEntries(NamedTuple):
    """Entries beside the CSRs of a batch that are none.

    Attributes:
        name: of the file or folder; what cannot be printed in it is escaped as in Python.
        reason: why it is no CSR, to follow ``skipped:``.
    """

    name: str
    reason: str


class CsrSource(Protocol):
    """A batch of CSRs.

    Attributes:
        path: as the user gave it, for messages.
        members: its CSRs, in order.
        passed_over: what lies beside them.
        is_refused_whole: whether what is wrong with the reading of one CSR refuses all.
    """

    path: str
    is_refused_whole: bool

    @property
    def passed_over(self) -> Sequence[IgnoredEntries]: ...  # noqa: D102 - above
    @property
    def members(self) -> Sequence[NumberedCsr]: ...  # noqa: D102 - above

    def read(self, number: int) -> bytes:
        """Read the octets of a CSR.

        Raises:
            InputError: if they cannot be read.
        """
        ...


class ZipOfCsrs:
    """A ZIP in the Portal's form (SEC App. M F).

    Args:
        path: of the ZIP, for messages.
        data: its octets.

    Raises:
        InputError: if the ZIP as a whole is refused.
    """

    is_refused_whole = True

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self._data = data
        self.members: list[Member]
        if _is_csr(data):
            raise InputError(
                "batch.zip",
                f"{path} is not a ZIP: it looks like a CSR.",
                f"Sign one CSR: smki-testca sign {quote(path)}. A batch is a ZIP, a folder of"
                f" {ENDING} files, or a CSV file.",
            )
        self.members, others = portal_zip.directory(path, data)
        self.passed_over = [
            IgnoredEntries(plain(name), "of macOS or Windows, no CSR") for name in others
        ]

    def read(self, number: int) -> bytes:
        """Unpack a CSR; see ``CsrSource.read``."""
        return portal_zip.unpack(self.path, self._data, self.members[number - 1])


_OCTETS_OF_HEADERS = 4096


def _is_csr(data: bytes) -> bool:
    """Whether octets begin as a CSR does: PEM, perhaps below lines of text, base64, or DER."""
    if data.startswith(b"PK"):
        return False
    beginnings = (b"MII", b"0\x82", b"0\x81")
    return data.startswith(beginnings) or b"-----BEGIN " in data[:_OCTETS_OF_HEADERS]


class FolderMember(NamedTuple):
    """One file of a folder.

    Attributes:
        number: its place among the files, from 1.
        name: of the file; what cannot be printed in it is escaped as in Python.
        file: its name as the system has it.
    """

    number: int
    name: str
    file: str


class FolderOfCsrs:
    """A folder of files whose names end in ``.csr``, in the order of their names.

    Letter case does not matter. Folders in it are not looked into.

    Args:
        path: of the folder.

    Raises:
        InputError: if it cannot be read, or holds no such file, or too many.
    """

    is_refused_whole = False

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            entries = sorted(Path(path).iterdir(), key=lambda each: each.name)
            reasons = {each.name: _why_not(each) for each in entries}
        except OSError as error:
            raise InputError(
                "input.unreadable", f"{path} cannot be read: {error.strerror or error}."
            ) from error
        names = [name for name, reason in reasons.items() if not reason]
        self.passed_over = [
            IgnoredEntries(plain(name), reason) for name, reason in reasons.items() if reason
        ]
        _check_number(path, len(names), f"It has no file whose name ends in {ENDING}.")
        self.members = [
            FolderMember(number, plain(name), name) for number, name in enumerate(names, 1)
        ]

    def read(self, number: int) -> bytes:
        """Read a file; it never waits, for it reads no pipe. See ``CsrSource.read``."""
        path = Path(self.path, self.members[number - 1].file)
        try:
            with open_regular(path) as file:
                return file.read(csrs.MAX_OCTETS + 1)
        except OSError as error:
            raise InputError(
                "input.unreadable", f"{path} cannot be read: {error.strerror or error}."
            ) from error


def _why_not(entry: Path) -> str:
    """The reason for which an entry of a folder is not read as a CSR; empty if it is read."""
    if entry.is_dir():
        return "a folder"
    if entry.name.startswith("."):
        return "hidden, because the name begins with a full stop"
    return "" if has_ending(entry.name) else f"the name does not end in {ENDING}"


class TableMember(NamedTuple):
    """One row of a table.

    Attributes:
        number: its place among the rows, from 1.
        name: as the column ``name`` states it, or ``row-`` and the number.
        csr: the text of its CSR.
        problem: why the row cannot be read; empty if it can.
    """

    number: int
    name: str
    csr: str
    problem: str


class TableOfCsrs:
    """A CSV file with a CSR in each row, in base64 or as PEM.

    Args:
        path: of the file.

    Raises:
        InputError: if it cannot be read, has unknown columns, no rows or too many.
    """

    passed_over: tuple[IgnoredEntries, ...] = ()
    is_refused_whole = False

    def __init__(self, path: str) -> None:
        self.path = path
        self.members: list[TableMember] = []
        place, seen = Path(path), set[str]()
        blanks = BlankRows(place)
        try:
            with open_text(place) as file:
                lines = BoundedLines(place, file, blanks)
                for row in csv_rows.rows(place, lines, partial(_named, place)):
                    if row.problem or row.cells:
                        self._add(row, seen)
        except OSError as error:
            raise InputError(
                "input.unreadable", f"{path} cannot be read: {error.strerror or error}."
            ) from error
        except UnicodeDecodeError as error:
            raise broken_text(place) from error
        _check_number(path, len(self.members), "It has no rows.")

    def _add(self, row: csv_rows.CsvRow, seen: set[str]) -> None:
        number, problem = len(self.members) + 1, row.problem
        name, text = row.cells.get("name", ""), row.cells.get("csr", "")
        if not problem and not text:
            problem = "it has no csr"
        if not problem and name and not _is_plain(name):
            problem = f"its name, {shown(name)}, is none that a file can have"
        if not problem and name.casefold() in seen:
            problem = f"the name {shown(name)} comes twice"
        if problem or not name:
            name = f"row-{number}"
        seen.add(name.casefold())
        if number <= MAX_REQUESTS + 1:
            self.members.append(TableMember(number, name, text, problem))

    def read(self, number: int) -> bytes:
        """Give the CSR of a row; see ``CsrSource.read``."""
        member = self.members[number - 1]
        if member.problem:
            raise InputError("manifest.line", f"The row cannot be read: {member.problem}.")
        return member.csr.encode("utf-8")


def _named(path: Path, header: list[str]) -> list[str]:
    """The columns of a table; it has none of the operator's own, which nothing would keep."""
    columns = ColumnNames(path, COLUMNS)
    names = columns.named(header)
    for name in columns.own:
        raise InputError(
            "manifest.column",
            f"{path} has the column {shown(name)} which is not known.",
            use_one_of(COLUMNS),
        )
    if any(header) and COLUMNS[0] not in names:
        raise InputError(
            "manifest.column",
            f"{path} has no column {COLUMNS[0]}.",
            "Name the column with the CSRs csr, and one with their names, if there is one, name.",
        )
    return names


class CsrsByName:
    """CSRs that a program states by name.

    Args:
        csrs: PEM, base64 or DER, by name.

    Raises:
        InputError: if there are none or too many, or a file cannot have one of the names.
    """

    path = "csrs"
    passed_over: tuple[IgnoredEntries, ...] = ()
    is_refused_whole = False

    def __init__(self, csrs: Mapping[str, bytes]) -> None:
        self._csrs = list(csrs.values())
        self.members = [FolderMember(number, name, "") for number, name in enumerate(csrs, 1)]
        _check_number(self.path, len(csrs), "There are none.")
        wrong = next((name for name in csrs if not name or not _is_plain(name)), None)
        if wrong is not None:
            raise InputError(
                "batch.csrs",
                f"No file can have the name {shown(wrong)} of a CSR.",
                "Give each CSR a name without slashes and control characters.",
            )

    def read(self, number: int) -> bytes:
        """Give a CSR; see ``CsrSource.read``."""
        return self._csrs[number - 1]


_NO_NAME = {"Cc", "Cs", "Cn", "Zl", "Zp"}
"""The categories of characters that are in no name of a file: controls and ends of lines."""


def _is_plain(name: str) -> bool:
    """Whether a certificate's file can have a name: no folder, not hidden, no control character."""
    return (
        len(name) <= 200
        and not name.startswith(".")
        and not {"/", "\\"} & set(name)
        and not any(unicodedata.category(each) in _NO_NAME for each in name)
    )


def _check_number(path: str, count: int, none: str) -> None:
    if count == 0:
        raise InputError("batch.csrs", f"{path} holds no CSRs: {none[:1].lower()}{none[1:]}")
    if count > MAX_REQUESTS:
        raise InputError(
            "batch.csrs", f"{path} holds over {MAX_REQUESTS:,} CSRs.", "Sign it in several parts."
        )


def source_of(path: str, data: bytes | None) -> CsrSource:
    """Return the source that a path names: a folder, a table, or else a ZIP.

    Args:
        path: as the user gave it.
        data: the octets of the ZIP; None for a folder or a table.
    """
    if data is not None:
        return ZipOfCsrs(path, data)
    return FolderOfCsrs(path) if Path(path).is_dir() else TableOfCsrs(path)


def is_zip(path: str) -> bool:
    """Whether a path is neither a folder nor a table, and so is to be read as a ZIP."""
    return not Path(path).is_dir() and not path.lower().endswith(".csv")
