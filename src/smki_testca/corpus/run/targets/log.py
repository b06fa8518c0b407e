"""``log:FILE``: reads back what a device printed that has the cases compiled in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from smki_testca.corpus.run.target_answers import Hello, TargetAnswer
from smki_testca.corpus.run.targets.channels import MAX_LINE_OCTETS
from smki_testca.corpus.run.targets.protocol import TextDialect
from smki_testca.corpus.run.targets.target import broken_protocol, not_started
from smki_testca.corpus.run.targets.target_messages import Code, End, ProtocolError, Reply
from smki_testca.input_files import read_regular
from smki_testca.text_files import utf8

if TYPE_CHECKING:
    from smki_testca.corpus.defect import Need
    from smki_testca.corpus.run.questions import Question

MAX_OCTETS = 64 << 20
"""The longest log that is read."""


class Log:
    """The log of a device that judged the cases by itself.

    It has the answers of the line protocol between other lines, and ``smki 1 end COUNT`` after
    the last of them: without that nobody knows whether the device crashed on the way.

    Args:
        name: of the file.

    Raises:
        InputError: if there is no name.
    """

    is_parallel = False

    def __init__(self, name: str) -> None:
        if not name:
            raise not_started("log:", "no file is named")
        self._path = Path(name)
        self._answers: dict[str, Reply] = {}
        self._codes: dict[str, str] = {}

    def open(self, seconds: float, capabilities: frozenset[Need] | None = None) -> Hello:
        """Read the file.

        Raises:
            InputError: if it cannot be read, breaks the protocol, or has no end.
        """
        del seconds
        data = utf8(read_regular(self._path, MAX_OCTETS))
        hello, end = Hello(), None
        last = "nothing"
        for line in data.splitlines():
            if len(line) > MAX_LINE_OCTETS:
                continue
            try:
                message = TextDialect().message(line.decode("utf-8", "replace").strip())
            except ProtocolError as error:
                raise self._broken(str(error)) from error
            if isinstance(message, Hello):
                hello = message
            elif isinstance(message, Code):
                self._codes[message.number] = message.name
            elif isinstance(message, End):
                if end is not None:
                    raise self._broken("it has two lines 'smki 1 end COUNT'")
                end = message
            elif isinstance(message, Reply):
                if end is not None:
                    raise self._broken(f"it has an answer for {message.id} after its end")
                self._keep(message)
                last = message.id
        if end is None:
            raise self._broken(f"it has no line 'smki 1 end COUNT'; its last answer is for {last}")
        if end.count != len(self._answers):
            raise self._broken(
                f"it ends with a count of {end.count}, and has {len(self._answers)} answers"
            )
        hello = replace(hello, only=frozenset(self._answers), codes=self._codes)
        return hello.able_to(capabilities)

    def ask(self, question: Question, seconds: float) -> TargetAnswer:
        """The answer in the log."""
        del seconds
        reply = self._answers[question.id]
        remarks = reply.remarks
        code = self._codes.get(remarks.code, remarks.code)
        return TargetAnswer(reply.seen, remarks.stage, code, remarks.reason, remarks.facts)

    def restart(self, seconds: float) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def _keep(self, reply: Reply) -> None:
        before = self._answers.setdefault(reply.id, reply)
        if before.seen is not reply.seen:
            raise self._broken(f"it has two answers for {reply.id}")

    def _broken(self, mistake: str) -> Exception:
        return broken_protocol(f"log:{self._path}", mistake, "See docs/corpus-protocol.md.")
