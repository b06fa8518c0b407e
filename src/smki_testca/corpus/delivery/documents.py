"""The form of ``corpus.json``: its JSON Schema is made from these tables."""

from __future__ import annotations

import inspect
import json
from typing import Annotated, Any, Literal

import msgspec

from smki_testca.corpus.defect import Importance, Level, Need, Stage, Verdict
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis

FORMAT = 1
"""The version of the form; it rises when a key goes or changes its meaning."""
SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"

Id = Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Hex = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{2})*$")]
File = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9./-]*$")]
Symbol = Annotated[str, msgspec.Meta(pattern="^[A-Z][A-Z0-9_]{0,62}$")]
Instant = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Kind = Literal["certificate", "CRL", "CSR"]


class ExpectationTable(msgspec.Struct, frozen=True):
    """The verdict expected at one level, with its basis and source."""

    verdict: Verdict
    basis: Basis
    source: str


class ChangeTable(msgspec.Struct, frozen=True):
    """The one difference from the good base; octets in hexadecimal.

    ``document`` says which of the case's documents it is in, and of which ``offset`` and
    ``resigned`` are.
    """

    kind: Literal["replaced", "removed", "added", "octets"]
    path: str
    offset: Annotated[int, msgspec.Meta(ge=0)]
    before: Hex
    after: Hex
    resigned: bool
    document: Annotated[str, msgspec.Meta(pattern=r"^(der|(chain|crls)\[[0-9]\])$")] = "der"


class DeviceTable(msgspec.Struct, frozen=True):
    """The answer of a Device to the document as a replacement certificate."""

    time_checks: bool
    status: int
    name: str
    basis: str
    source: str


class FilesTable(msgspec.Struct, frozen=True):
    """The document under test: its file, its digest, its length, its name in C."""

    der: File
    sha256: Sha256
    octets: Annotated[int, msgspec.Meta(ge=0)]
    symbol: Symbol


class CaseTable(msgspec.Struct, frozen=True, kw_only=True):
    """A case; docs/corpus.md explains each key. A key with a default may be left out.

    Left out, ``at`` is that of the index, and ``wanted`` is ``facts``.
    """

    id: Id
    revision: Annotated[int, msgspec.Meta(ge=1)] = 1
    aliases: list[Id] = []
    title: str
    kind: Kind
    profile: str
    base: Id | None
    good: bool
    main: bool = True
    stage: Stage
    at_least: Stage
    expect: dict[Level, ExpectationTable]
    finding: str | None = None
    also: list[str] = []
    severity: Severity | None = None
    basis: Basis | None = None
    source: str | None = None
    why: str
    remedy: str
    importance: Importance
    needs: list[Need] = []
    at: Instant | None = None
    facts: dict[str, str]
    wanted: dict[str, str] | None = None
    device: list[DeviceTable] = []
    change: ChangeTable | None
    files: FilesTable
    chain: list[File]
    crls: list[File] = []
    about: File | None = None


class CountsTable(msgspec.Struct, frozen=True):
    """The numbers of cases: all, those that a parser must accept, the others, and by stage."""

    cases: int
    good: int
    defective: int
    stages: dict[Stage, int]


class CorpusTable(msgspec.Struct, frozen=True):
    """The index of a corpus of smki-testca; file names are relative to its folder.

    ``bundles`` has the certificates of each PKCS#7 file.
    """

    format: Literal[1]
    revision: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
    generator: str
    at: Instant
    environment: str | None
    counts: CountsTable
    bundles: dict[File, list[File]]
    cases: list[CaseTable]


def schema_text() -> str:
    """The JSON Schema of ``corpus.json``: what ``corpus.schema.json`` beside this module holds."""
    schema: dict[str, Any] = {
        "$schema": SCHEMA_ID,
        "title": "The index of a corpus of smki-testca (corpus.json)",
        **_of_any_version(msgspec.json.schema(CorpusTable)),
    }
    return json.dumps(schema, indent=1) + "\n"


def _of_any_version(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema as every version of msgspec gives it.

    From version 0.23 on, descriptions are without the indentation of the docstrings that they come
    from, and keys that are of an enumeration refer to it.
    """
    plain: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "propertyNames" and "$ref" in value:
            continue
        if isinstance(value, dict):
            plain[key] = _of_any_version(value)
        elif key == "description" and isinstance(value, str):
            plain[key] = inspect.cleandoc(value)
        else:
            plain[key] = value
    return plain
