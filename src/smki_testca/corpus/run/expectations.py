"""Reads ``expectations.toml``: what a target is known to get wrong, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smki_testca import toml
from smki_testca.corpus.run.documents import ExpectationsFile
from smki_testca.errors import InputError
from smki_testca.profiles.misfits import convert
from smki_testca.text import closest, is_blank
from smki_testca.toml_places import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from smki_testca.corpus.defect import Level
    from smki_testca.corpus.run.loaded_corpus import LoadedCase
    from smki_testca.corpus.run.target_answers import Behaviour


@dataclass(frozen=True)
class KnownFailure:
    """The known behaviour of a target with a case that it gets wrong.

    Attributes:
        seen: what it does.
        reason: why that is so, or why it is put up with.
    """

    seen: Behaviour
    reason: str


@dataclass(frozen=True)
class Expectations:
    """The cases that a target is known to get wrong.

    Attributes:
        known: by the id of the case.
        target: whose they are; empty where the file does not say.
    """

    known: Mapping[str, KnownFailure] = field(default_factory=dict)
    target: str = ""


def read(data: bytes, origin: str, level: Level, cases: Iterable[LoadedCase]) -> Expectations:
    """Read an expectations file.

    Args:
        data: its octets.
        origin: its name, for messages.
        level: of the run.
        cases: every case of the corpus.

    Raises:
        InputError: if it is not TOML or does not fit, is for another level, or names a case twice
            or one that there is not.
    """
    place = Place(origin, data=data)
    document = convert(toml.parse(data, origin), ExpectationsFile, place)
    if document.level is not level:
        raise InputError(
            "corpus.expectations",
            f"{place.within('level')}: these are expectations for the level {document.level}, and"
            f" the run is at {level}.",
            f"Run with --level {document.level}, or write expectations for {level}.",
        )
    ids = {name: case.id for case in cases for name in (case.id, *case.aliases)}
    known: dict[str, KnownFailure] = {}
    for number, table in enumerate(document.known):
        if is_blank(table.reason):
            raise InputError(
                "corpus.expectations",
                f"{place.within('known', number, 'reason')}: the reason is blank.",
                "Say why the target does that, or why it is put up with.",
            )
        for index, name in enumerate(table.cases):
            at = place.within("known", number, "cases", index)
            if name not in ids:
                meant = closest(name, ids)
                raise InputError(
                    "corpus.expectations",
                    f"{at}: the corpus has no case {name}.",
                    "Remove the line." if meant is None else f"Did you mean {meant}?",
                )
            if ids[name] in known:
                raise InputError(
                    "corpus.expectations", f"{at}: {name} is there twice.", "Leave it once."
                )
            known[ids[name]] = KnownFailure(table.seen, table.reason)
    return Expectations(known, document.target)
