"""Keeps the answers of a run on the disk as they come, so that it can be resumed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import msgspec

from smki_testca.corpus.run.answers import Answer
from smki_testca.corpus.run.documents import AnswerTable, JournalHead
from smki_testca.errors import InputError
from smki_testca.files import write_error
from smki_testca.input_files import read_regular

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO, Self

MAX_OCTETS = 256 << 20
"""The longest journal that is read."""
_VERSION = 1


class Journal:
    """The answers so far of a run, in a file of one line each.

    A killed run loses at most the answer that was being written.

    Args:
        path: of the file.
        corpus: the digest of the corpus.
        target: as it was named.
        resume: whether to resume the run of which the file is.

    Raises:
        InputError: if the file is there and the run is not to be resumed, is of another
            corpus or target, or cannot be read or written.
    """

    def __init__(self, path: Path, corpus: str, target: str, *, resume: bool) -> None:
        self.path = path
        self.answers: dict[str, Answer] = {}
        self._head = JournalHead(_VERSION, corpus, target)
        self._file: BinaryIO | None = None
        if resume and path.exists():
            self._read()
        elif os.path.lexists(path):
            raise InputError(
                "corpus.journal",
                f"{path} has the answers of a run that did not end.",
                "Continue it with --resume, or remove the file.",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def keep(self, case: str, answer: Answer) -> None:
        """Write an answer.

        Raises:
            InputError: if it cannot be written.
            OutputError: if the disk is full or fails.
        """
        self.answers[case] = answer
        try:
            self._write({"id": case, **answer.as_json()})
        except OSError as error:
            raise write_error("corpus.journal", f"{self.path} cannot be written", error) from error

    def remove(self) -> None:
        """Remove the file of a run that ended."""
        self._close()
        self.path.unlink(missing_ok=True)

    def _write(self, document: dict[str, object]) -> None:
        """Write a line; the file is made with the first answer, for a run without has none."""
        if self._file is None:
            self._file = self.path.open("ab", buffering=0)
            if self._file.tell() == 0:
                self._write(msgspec.to_builtins(self._head))
        # In one call, past every buffer: what a killed process wrote is there.
        self._file.write(json.dumps(document).encode() + b"\n")

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read(self) -> None:
        head = self._head
        data = read_regular(self.path, MAX_OCTETS)
        whole, newline, rest = data.rpartition(b"\n")
        lines = whole.split(b"\n") if newline else []
        try:
            begun = msgspec.json.decode(lines[0], type=JournalHead) if lines else head
            tables = [msgspec.json.decode(line, type=AnswerTable) for line in lines[1:]]
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._unusable(f"it cannot be read: {error}") from error
        if begun.corpus != head.corpus:
            raise self._unusable("its corpus is another one")
        if begun.target != head.target:
            raise self._unusable(f"its target is {begun.target}")
        for table in tables:
            fields = {name: getattr(table, name) for name in table.__struct_fields__}
            case = fields.pop("id")
            self.answers[case] = Answer(**fields)
        if rest:
            # The line that a kill cut off.
            os.truncate(self.path, len(data) - len(rest))

    def _unusable(self, cause: str) -> InputError:
        return InputError(
            "corpus.journal",
            f"The run of {self.path} cannot be resumed: {cause}.",
            "Remove the file, or name another with --journal.",
        )
