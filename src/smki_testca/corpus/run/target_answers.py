"""The answers of a target to a case: what was seen, and what the target states."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from smki_testca.corpus.defect import Need, Stage
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_REASON_CHARACTERS = 300
"""The longest reason that is kept, and the longest value of a fact."""
MAX_NAME_CHARACTERS = 100
"""The longest name of a target or a fact, and the longest code, that is kept."""
_STAGES = {stage.value: stage for stage in Stage}


class Behaviour(StrEnum):
    """The behaviour of a target that was seen for a case."""

    ACCEPTED = "accepted"
    """It took the document; of a CRL: it took the certificate, which is not revoked to it."""
    REJECTED = "rejected"
    """It refused the document; of a CRL: it refused the list, and so does not know."""
    REVOKED = "revoked"
    """It took the CRL, and the certificate is revoked to it."""
    ERROR = "error"
    """It could not judge, by its own word or by an exit code that is none of the answers."""
    CRASHED = "crashed"
    """It ended, or restarted, without an answer."""
    HUNG = "hung"
    """It gave no answer within the time limit."""


LOST = frozenset({Behaviour.CRASHED, Behaviour.HUNG})
"""After these nobody knows in which state the target is."""


@dataclass(frozen=True)
class TargetAnswer:
    """The answer of a target to one case; its texts are made safe to print, and cut.

    Attributes:
        seen: what it did.
        stage: the step that refused, where the target says so.
        code: its own code for the reason, such as ``X509_INVALID_EXTENSIONS``.
        reason: its own words, one line.
        facts: what it read in a document that it took, by name, such as ``eui64``.
        seconds: how long it took.
    """

    seen: Behaviour
    stage: Stage | None = None
    code: str = ""
    reason: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        facts = {
            one_line(name, MAX_NAME_CHARACTERS): one_line(value)
            for name, value in self.facts.items()
        }
        object.__setattr__(self, "code", one_line(self.code, MAX_NAME_CHARACTERS))
        object.__setattr__(self, "reason", one_line(self.reason))
        object.__setattr__(self, "facts", facts)

    def as_json(self) -> dict[str, Any]:
        """The answer as a JSON object, its attributes as keys."""
        return {
            "seen": self.seen.value,
            "stage": None if self.stage is None else self.stage.value,
            "code": self.code,
            "reason": self.reason,
            "facts": dict(self.facts),
            "seconds": round(self.seconds, 4),
        }


@dataclass(frozen=True)
class Hello:
    """The greeting of a target, before it is asked anything.

    Attributes:
        name: such as ``mbedTLS-2.28``; empty where it says nothing.
        capabilities: what it can do.
        max_octets: the longest document that it takes; None for any.
        codes: the names of its codes.
        only: the ids of the cases that it has answers of; None for any.
    """

    name: str = ""
    capabilities: frozenset[Need] = frozenset(Need)
    max_octets: int | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    only: frozenset[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", one_line(self.name, MAX_NAME_CHARACTERS))

    def able_to(self, capabilities: frozenset[Need] | None) -> Hello:
        """The same of a target that is said to have some capabilities; None for its own."""
        return self if capabilities is None else replace(self, capabilities=capabilities)


@dataclass(frozen=True)
class AnswerRemarks:
    """The remarks of a target beside its answer: ``[STAGE] [CODE] [NAME=VALUE …] [words]``."""

    stage: Stage | None = None
    code: str = ""
    reason: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, words: Iterable[str]) -> AnswerRemarks:
        """Read them from the words of a line; the first that is nothing else is the code."""
        stage, code, rest, facts = None, "", [], {}
        for word in words:
            name, equals, value = word.partition("=")
            if stage is None and word in _STAGES:
                stage = _STAGES[word]
            elif equals and name:
                facts[name] = value
            elif not code:
                code = word
            else:
                rest.append(word)
        return cls(stage, code, one_line(" ".join(rest)), facts)


def one_line(text: str, most: int = MAX_REASON_CHARACTERS) -> str:
    """The first line of a text with anything in it, safe to print, cut to the length kept.

    Args:
        text: of a target: it may have control characters, or what UTF-8 cannot hold.
        most: how many characters are kept.
    """
    line = next((line for line in text.splitlines() if line.strip()), "")
    return plain(line.strip())[:most].rstrip()
