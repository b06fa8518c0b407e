"""Messages of a target on its channel, in whichever form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from smki_testca.corpus.run.target_answers import AnswerRemarks, Behaviour, Hello

if TYPE_CHECKING:
    from smki_testca.corpus.run.questions import Question

VERDICTS = {
    "accept": Behaviour.ACCEPTED,
    "reject": Behaviour.REJECTED,
    "revoked": Behaviour.REVOKED,
    "good": Behaviour.ACCEPTED,
    "unknown": Behaviour.REJECTED,
    "error": Behaviour.ERROR,
}
"""The words of a target for its answer; by a CRL, a certificate is revoked, good or unknown."""


class ProtocolError(Exception):
    """A target said what the protocol does not have; the text quotes it."""


@dataclass(frozen=True)
class Code:
    """A target names one of its codes."""

    number: str
    name: str


@dataclass(frozen=True)
class RepeatRequest:
    """A target asks for a case again: a line of it came broken, the id maybe, too."""


@dataclass(frozen=True)
class End:
    """A device says that its log has all its answers.

    Attributes:
        count: how many.
    """

    count: int


@dataclass(frozen=True)
class Reply:
    """A target answers a case."""

    id: str
    seen: Behaviour
    remarks: AnswerRemarks = field(default_factory=AnswerRemarks)


Message = Hello | Code | RepeatRequest | End | Reply


class Dialect(Protocol):
    """The form of what is said: lines of text, or of JSON."""

    def hello(self) -> bytes:
        """The octets that ask a target for its hello."""

    def question(self, question: Question, hello: Hello) -> bytes:
        """The octets that ask a case of a target with that hello."""

    def message(self, line: str) -> Message | None:
        """The message in a line; None for a line of the target's log.

        Raises:
            ProtocolError: if it is neither.
        """
