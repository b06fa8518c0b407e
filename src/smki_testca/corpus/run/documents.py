"""The JSON and TOML that a run reads: the index of a corpus, answers, expectations."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from smki_testca.corpus.defect import Importance, Level, Need, Stage, Verdict
from smki_testca.corpus.run.target_answers import Behaviour
from smki_testca.profiles.documents import Document
from smki_testca.roles import Basis

CaseId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\Z", max_length=200)]
Instant = Annotated[
    str, msgspec.Meta(pattern=r"^([0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z)?\Z")
]
"""An instant in UTC, or nothing."""
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f]{64}\Z")]
FactName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,100}\Z")]
FactValue = Annotated[str, msgspec.Meta(pattern=r"^[ -~]{0,300}\Z")]
"""One line of printable ASCII, as the line protocol sends it."""


# corpus.json: other programs may add keys, which are passed over.


class EntryVerdict(msgspec.Struct, frozen=True):
    """The verdict that a parser must reach at one level."""

    verdict: Verdict
    basis: Basis | None = None


class EntryVerdicts(msgspec.Struct, frozen=True):
    """The verdicts that a parser must reach, by level."""

    rfc5280: EntryVerdict
    gbcs: EntryVerdict

    def by_level(self) -> dict[Level, Verdict]:
        """The verdict of each level."""
        return {Level.RFC5280: self.rfc5280.verdict, Level.GBCS: self.gbcs.verdict}

    def bases(self) -> dict[Level, Basis | None]:
        """The basis of each level's verdict; None where the index does not state it."""
        return {Level.RFC5280: self.rfc5280.basis, Level.GBCS: self.gbcs.basis}


class EntryFile(msgspec.Struct, frozen=True):
    """The document of a case."""

    der: str
    sha256: Sha256


class IndexEntry(msgspec.Struct, frozen=True):
    """The part of a case that a run needs; ``delivery.documents`` has all that is written."""

    id: CaseId
    title: str
    kind: Literal["certificate", "CRL", "CSR"]
    profile: str
    base: CaseId | None
    good: bool
    stage: Stage
    at_least: Stage
    expect: EntryVerdicts
    importance: Importance
    facts: dict[FactName, FactValue]
    files: EntryFile
    needs: list[Need] = []
    at: Instant = ""
    chain: list[str] = []
    crls: list[str] = []
    about: str | None = None
    aliases: list[str] = []
    why: str = ""
    remedy: str = ""
    wanted: dict[FactName, FactValue] | None = None


class IndexFile(msgspec.Struct, frozen=True):
    """The index of a corpus: the instant at which it is judged, and its cases."""

    cases: list[IndexEntry]
    at: Instant = ""


# The answers so far of a run, one in each line.


class JournalHead(msgspec.Struct, frozen=True):
    """The first line: of which run the answers are."""

    journal: int
    corpus: str
    target: str


class AnswerTable(msgspec.Struct, frozen=True):
    """An answer to a case."""

    id: str
    seen: Behaviour
    stage: Stage | None = None
    code: str = ""
    reason: str = ""
    facts: dict[str, str] = {}
    seconds: float = 0.0


# What a target says in lines of JSON.


class HelloLine(msgspec.Struct, frozen=True):
    """The greeting of a target, as a line of JSON."""

    hello: str
    capabilities: list[Need] = []
    max_octets: Annotated[int, msgspec.Meta(ge=1)] | None = None
    codes: dict[str, str] = {}


class ReplyLine(msgspec.Struct, frozen=True):
    """The answer to a case."""

    id: str
    verdict: str
    stage: Stage | None = None
    code: str = ""
    reason: str = ""
    facts: dict[str, str] = {}


# expectations.toml


class KnownTable(Document, frozen=True, kw_only=True):
    """Cases that a target is known to get wrong in one way, and why."""

    seen: Behaviour
    reason: str
    cases: Annotated[list[CaseId], msgspec.Meta(min_length=1)]


class ExpectationsFile(Document, frozen=True, kw_only=True):
    """The cases that a target is known to get wrong at one level, as a file."""

    level: Level
    target: str = ""
    known: list[KnownTable] = []
