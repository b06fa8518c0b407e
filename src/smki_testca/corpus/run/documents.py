"""The JSON and TOML that a run reads: the index of a corpus, answers, expectations."""

from __future__ import annotations

from typing import Annotated

import msgspec

from smki_testca.corpus.defect import Importance, Level, Need, Stage, Verdict
from smki_testca.corpus.run.answers import Seen
from smki_testca.profiles.documents import Document, NonEmpty

CaseId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\Z", max_length=200)]


# corpus.json: other programs may add keys, which are passed over.


class EntryVerdict(msgspec.Struct, frozen=True):
    """What a parser must do at one level."""

    verdict: Verdict


class EntryFile(msgspec.Struct, frozen=True):
    """The document of a case."""

    der: str
    sha256: str


class IndexEntry(msgspec.Struct, frozen=True):
    """What a run needs of a case; ``delivery.documents`` has all that is written."""

    id: CaseId
    title: str
    kind: str
    profile: str
    base: str | None
    good: bool
    stage: Stage
    at_least: Stage
    expect: dict[Level, EntryVerdict]
    importance: Importance
    facts: dict[str, str]
    files: EntryFile
    needs: list[Need] = []
    at: str = ""
    chain: list[str] = []
    crls: list[str] = []
    about: str | None = None
    aliases: list[str] = []
    why: str = ""
    remedy: str = ""
    wanted: dict[str, str] | None = None


class IndexFile(msgspec.Struct, frozen=True):
    """The index of a corpus: the instant at which it is judged, and its cases."""

    cases: list[IndexEntry]
    at: str = ""


# The answers so far of a run, one in each line.


class JournalHead(msgspec.Struct, frozen=True):
    """The first line: of which run the answers are."""

    journal: int
    corpus: str
    target: str


class AnswerTable(msgspec.Struct, frozen=True):
    """An answer to a case."""

    id: str
    seen: Seen
    stage: Stage | None = None
    code: str = ""
    reason: str = ""
    facts: dict[str, str] = {}
    seconds: float = 0.0


# What a target says in lines of JSON.


class HelloLine(msgspec.Struct, frozen=True):
    """What a target says of itself."""

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

    seen: Seen
    reason: NonEmpty
    cases: Annotated[list[CaseId], msgspec.Meta(min_length=1)]


class ExpectationsFile(Document, frozen=True, kw_only=True):
    """What a target is known to get wrong at one level."""

    level: Level
    target: str = ""
    known: list[KnownTable] = []
