"""Keeps the answers of a run on the disk as they come, so that it can be resumed."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import msgspec

from smki_testca.corpus.run.documents import AnswerTable, JournalHead
from smki_testca.corpus.run.target_answers import TargetAnswer
from smki_testca.errors import InputError
from smki_testca.estate_files import check_outside
from smki_testca.files import check_makeable, write_error
from smki_testca.input_files import read_regular
from smki_testca.text import counted, shown

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO, Self

    from smki_testca.errors import SmkiTestcaError

MAX_OCTETS = 256 << 20
"""The longest journal that is read."""
_VERSION = 1
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
"""Makes a new file; what is written goes to its end, whoever else writes to it."""


class Journal:
    """The answers so far of a run, in a file of one line each.

    A killed run loses at most the answer that was being written. It is locked as long as a run
    writes it, where the system can do that; the lock ends with the process.

    Args:
        path: of the file.
        corpus: the digest of the corpus.
        target: as it was named.
        resume: whether to resume the run of which the file is.
        ids: of every case of the corpus; empty to take any.

    Raises:
        InputError: if the file is there and the run is not to be resumed; is no journal, or that
            of another corpus or target; is an estate's own; is written by another run; or cannot
            be read or written.
        OutputError: if the disk is full or fails.
    """

    def __init__(
        self,
        path: Path,
        corpus: str,
        target: str,
        *,
        resume: bool,
        ids: frozenset[str] = frozenset(),
    ) -> None:
        self.path = path
        self.answers: dict[str, TargetAnswer] = {}
        self._head = JournalHead(_VERSION, corpus, target)
        self._ids = ids
        self._file: BinaryIO | None = None
        self._is_ours = False
        check_outside(path)
        if resume and path.exists():
            try:
                self._resume()
            except BaseException:
                # Ctrl-C, too: nobody can close the file if there is no journal.
                self._close()
                raise
        elif os.path.lexists(path):
            raise InputError(
                "corpus.journal",
                f"{path} is there already.",
                "If it is of a run that did not end, continue that with --resume, or remove it;"
                " if not, name another file with --journal.",
            )
        try:
            check_makeable(path)
        except OSError as error:
            self._close()
            raise self._unwritable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def check_selected(self, cases: Iterable[str]) -> None:
        """Check that a run asks every case that has an answer: its end would lose the others.

        Args:
            cases: the ids of those that it asks.

        Raises:
            InputError: if it leaves out some.
        """
        lost = sorted(self.answers.keys() - set(cases))
        if lost:
            has = f"it has {counted(len(lost), 'answer')}, such as to {lost[0]},"
            raise InputError(
                "corpus.journal",
                f"The run of {self.path} cannot be resumed: {has} that this run does not ask for.",
                "Select what it selected, or name another file with --journal.",
            )

    def keep(self, case: str, answer: TargetAnswer) -> None:
        """Write an answer.

        Raises:
            InputError: if it cannot be written.
            OutputError: if the disk is full or fails.
        """
        self.answers[case] = answer
        try:
            self._write({"id": case, **answer.as_json()})
        except OSError as error:
            raise self._unwritable(error) from error

    def remove(self) -> None:
        """Remove the file of a run that ended."""
        if os.name == "nt":
            self._close()  # an open file cannot be removed
        if self._is_ours:
            self.path.unlink(missing_ok=True)
        self._close()

    def _write(self, document: dict[str, object]) -> None:
        """Write a line; the file is made with the first answer, for a run without has none."""
        if self._file is None:
            # What another program made there meanwhile is not ours.
            self._file = os.fdopen(os.open(self.path, _NEW, 0o666), "ab", buffering=0)
            self._is_ours = True
            self._lock(self._file)
        if os.fstat(self._file.fileno()).st_size == 0:
            self._file.write(self._first_line())
        # In one call, past every buffer: what a killed process wrote is there.
        self._file.write(_line(document))

    def _resume(self) -> None:
        """Take the answers of a run that did not end, and go on writing them."""
        if self.path.is_file():  # a file that is no journal is refused when it is read
            try:
                self._file = self.path.open("ab", buffering=0)
            except OSError as error:
                raise self._unwritable(error) from error
            self._lock(self._file)
        self._read()
        self._is_ours = True

    def _lock(self, file: BinaryIO) -> None:
        """Lock the file until it is closed; another that ended meanwhile removed it."""
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._in_use() from None
        except OSError:
            return  # some network file systems have no locks
        if not _is_at(self.path, file.fileno()):
            raise self._in_use()

    def _first_line(self) -> bytes:
        return _line(msgspec.to_builtins(self._head))

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> None:
        """Read the answers, and cut off the line that a kill left unfinished."""
        data = read_regular(self.path, MAX_OCTETS)
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            first, *lines = whole.split(b"\n")
            self._check_head(first)
            for line in lines:
                self._take(line)
        elif not self._first_line().startswith(rest):
            raise self._foreign()
        if rest:
            os.truncate(self.path, len(data) - len(rest))

    def _check_head(self, line: bytes) -> None:
        head = self._head
        try:
            begun = msgspec.json.decode(line, type=JournalHead)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._foreign() from error
        if begun.journal != head.journal:
            raise self._unusable(f"it is of version {begun.journal}")
        if begun.corpus != head.corpus:
            raise self._unusable("its corpus is another one")
        if begun.target != head.target:
            raise self._unusable(f"its target is {begun.target}")

    def _take(self, line: bytes) -> None:
        """Take an answer."""
        try:
            table = msgspec.json.decode(line, type=AnswerTable)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._unusable(f"it cannot be read: {error}") from error
        fields = {name: getattr(table, name) for name in table.__struct_fields__}
        case = fields.pop("id")
        if self._ids and case not in self._ids:
            raise self._unusable(f"the corpus has no case {shown(case)}")
        if case in self.answers:
            raise self._unusable(f"it has two answers for {case}")
        self.answers[case] = TargetAnswer(**fields)

    def _in_use(self) -> InputError:
        return InputError(
            "corpus.journal",
            f"{self.path} is the journal of a run that goes on.",
            "Wait until that ends, or name another file with --journal.",
        )

    def _foreign(self) -> InputError:
        return InputError(
            "corpus.journal",
            f"{self.path} is not the journal of a run.",
            "Name another file with --journal.",
        )

    def _unusable(self, cause: str) -> InputError:
        return InputError(
            "corpus.journal",
            f"The run of {self.path} cannot be resumed: {cause}.",
            "Remove the file, or name another with --journal.",
        )

    def _unwritable(self, error: OSError) -> SmkiTestcaError:
        return write_error("corpus.journal", f"{self.path} cannot be written", error)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file still has its name: the run that ended removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _line(document: dict[str, object]) -> bytes:
    return json.dumps(document).encode() + b"\n"
