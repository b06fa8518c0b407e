"""Writes the index of a corpus, ``corpus.json``: every case, and the names of its files."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smki_testca.clock import iso
from smki_testca.corpus.build import ENVIRONMENT
from smki_testca.corpus.defect import Stage
from smki_testca.corpus.delivery.documents import FORMAT
from smki_testca.corpus.delivery.layout import SCHEMA
from smki_testca.corpus.pki import AT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.corpus.case import Case
    from smki_testca.corpus.delivery.layout import CorpusLayout
    from smki_testca.corpus.delivery.symbols import CNames


GENERATOR = "smki-testca"
"""The program that makes a corpus; its index names it, with the version."""
_SCHEMA = Path(__file__).with_name(SCHEMA)


@dataclass(frozen=True)
class Heading:
    """The heading of an index, which holds for all its cases.

    Attributes:
        environment: the test environment that the CAs belong to; None if it is not known.
        at: the instant at which cases are judged that state no other, ISO 8601, UTC.
    """

    environment: str | None = ENVIRONMENT
    at: str = iso(AT)


def index_of(
    cases: Sequence[Case], names: CorpusLayout, heading: Heading, in_c: CNames
) -> dict[str, Any]:
    """The index as a JSON object.

    Args:
        cases: with their good bases.
        names: of their files.
        heading: what it says of all of them.
        in_c: their names in C.
    """
    good = sum(case.is_good for case in cases)
    stages = Counter(case.stage for case in cases)
    return {
        "format": FORMAT,
        "revision": revision_of(cases),
        "generator": f"{GENERATOR} {version(GENERATOR)}",
        "at": heading.at,
        "environment": heading.environment,
        "counts": {
            "cases": len(cases),
            "good": good,
            "defective": len(cases) - good,
            "stages": {stage.value: stages[stage] for stage in Stage},
        },
        "bundles": {
            file: [names.certificates[der] for der in chain]
            for chain, file in names.bundles.items()
        },
        "cases": [_entry(case, names, in_c) for case in cases],
    }


def _entry(case: Case, names: CorpusLayout, in_c: CNames) -> dict[str, Any]:
    files = {
        "der": names.cases[case.id],
        "sha256": case.sha256,
        "octets": len(case.der),
        "symbol": in_c.symbol(case.id),
    }
    return {**case.as_json(), "files": files, **names.names_of(case)}


def revision_of(cases: Sequence[Case]) -> str:
    """The revision of a corpus: it differs if a case comes, goes, or has other octets."""
    lines = sorted(f"{case.id} {case.revision} {case.fingerprint}\n" for case in cases)
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:16]


def as_text(index: dict[str, Any]) -> str:
    """The index as a document: a line for each case, so that two of them are easily compared.

    What a case does not have, or has like most, is left out; the schema says what that means.
    """
    *head, cases = index
    lines = [f'"{key}":{_compact(index[key])},' for key in head]
    entries = ",\n".join(_compact(_without_defaults(case, index["at"])) for case in index[cases])
    return "\n".join(["{", *lines, f'"{cases}":[', entries, "]", "}"]) + "\n"


def _without_defaults(entry: dict[str, Any], at: str) -> dict[str, Any]:
    """The entry of a case without the keys that say what their absence says."""
    usual = {"wanted": entry["facts"], "at": at, "main": True, "revision": 1}
    empty: tuple[Any, ...] = ([], None)
    return {
        key: value
        for key, value in entry.items()
        if key in _ALWAYS or (value not in empty and (key not in usual or value != usual[key]))
    }


_ALWAYS = frozenset({"base", "chain", "change", "facts"})
"""Keys that a case always has, though they may be empty."""


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def schema_text() -> str:
    """The JSON Schema of the index, as a document: what the package ships."""
    return _SCHEMA.read_text("ascii")
