"""A target that stays and is asked over a channel, case after case."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from smki_testca.corpus.run.target_answers import Behaviour, Hello, TargetAnswer
from smki_testca.corpus.run.targets.channels import (
    Channel,
    ChannelClosedError,
    ChannelFullError,
    Lines,
)
from smki_testca.corpus.run.targets.target import broken_protocol, not_started
from smki_testca.corpus.run.targets.target_messages import Code, ProtocolError, RepeatRequest, Reply

if TYPE_CHECKING:
    from smki_testca.corpus.defect import Need
    from smki_testca.corpus.run.questions import Question
    from smki_testca.corpus.run.targets.channels import Connect
    from smki_testca.corpus.run.targets.target_messages import Dialect, Message

MOST_REPEATS = 3
"""So often a case is sent again to a target that received it broken."""


class Conversation:
    """A target that is asked over a channel.

    Args:
        name: of the target, for messages.
        connect: opens the channel.
        dialect: the form of what is said.
    """

    is_parallel = False

    def __init__(self, name: str, connect: Connect, dialect: Dialect) -> None:
        self._name = name
        self._connect = connect
        self._dialect = dialect
        self._hello = Hello()
        self._capabilities: frozenset[Need] | None = None
        self._channel: Channel | None = None
        self._lines: Lines
        self._late: set[str] = set()
        self._has_answered = False

    def open(self, seconds: float, capabilities: frozenset[Need] | None = None) -> Hello:
        """Open the channel, and ask for the hello."""
        self._capabilities = capabilities
        self._has_answered = False
        deadline = time.monotonic() + seconds
        self._channel = self._connect(seconds)
        self._lines = Lines(self._channel)
        codes: dict[str, str] = {}
        try:
            self._channel.send(self._dialect.hello(), deadline)
            while (line := self._lines.next(deadline)) is not None:
                message = self._message(line)
                if isinstance(message, Code):
                    codes[message.number] = message.name
                elif isinstance(message, Hello):
                    hello = replace(message, codes={**codes, **message.codes})
                    self._hello = hello.able_to(capabilities)
                    return self._hello
        except ChannelClosedError as error:
            raise not_started(self._name, f"before its hello, {error}") from error
        except ChannelFullError:
            pass
        raise not_started(self._name, f"it says no hello within {seconds:g} s")

    def restart(self, seconds: float) -> None:
        """Close the channel and open it again."""
        self.close()
        self.open(seconds, self._capabilities)

    def close(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def ask(self, question: Question, seconds: float) -> TargetAnswer:
        """Ask a case, and wait for the answer; whatever else comes is the target's log."""
        begin = time.monotonic()
        try:
            reply = self._reply(question, begin + seconds)
        except ChannelFullError:
            reply = None
        except ChannelClosedError as error:
            return TargetAnswer(
                Behaviour.CRASHED, reason=str(error), seconds=time.monotonic() - begin
            )
        took = time.monotonic() - begin
        if reply is None:
            self._late.add(question.id)
            return TargetAnswer(
                Behaviour.HUNG, reason=f"no answer within {seconds:g} s", seconds=took
            )
        if isinstance(reply, Hello):
            return TargetAnswer(
                Behaviour.CRASHED, reason="it restarted and said hello", seconds=took
            )
        remarks = reply.remarks
        code = self._hello.codes.get(remarks.code, remarks.code)
        return TargetAnswer(reply.seen, remarks.stage, code, remarks.reason, remarks.facts, took)

    def _reply(self, question: Question, deadline: float) -> Reply | Hello | None:
        """The reply to a case; a hello if the target restarted; None if neither comes in time."""
        assert self._channel is not None  # noqa: S101 - it is open
        line_out = self._dialect.question(question, self._hello)
        self._channel.send(line_out, deadline)
        repeats = 0
        while (line := self._lines.next(deadline)) is not None:
            message = self._message(line)
            if isinstance(message, Hello):
                if self._has_answered:
                    return message
                # It said hello when it started, and again when it was asked to; or it started when
                # the channel was opened, and may have lost the case. If not, it answers twice.
                self._has_answered = True
                self._late.add(question.id)
                self._channel.send(line_out, deadline)
            elif isinstance(message, Reply):
                if message.id == question.id:
                    self._has_answered = True
                    return message
                if message.id not in self._late:
                    raise broken_protocol(
                        self._name, f"asked {question.id}, it answered for {message.id}"
                    )
            elif isinstance(message, RepeatRequest):
                repeats += 1
                if repeats > MOST_REPEATS:
                    raise broken_protocol(
                        self._name, f"it received {question.id} broken {repeats} times"
                    )
                self._channel.send(line_out, deadline)
        return None

    def _message(self, line: str) -> Message | None:
        try:
            return self._dialect.message(line)
        except ProtocolError as error:
            raise broken_protocol(self._name, str(error)) from error
