"""Reads the rows of a run that are not issued yet, and the request that each stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from smki_testca.estate.terms import SectionRow
from smki_testca.identifiers import Eui64
from smki_testca.profiles.inputs import SIGNIFIER
from smki_testca.profiles.subject import Subject
from smki_testca.register.requests import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from smki_testca.estate.stores import Stores
    from smki_testca.estate.terms import Section
    from smki_testca.estate.tiles import TileRecord
    from smki_testca.profiles.inputs import InputValue
    from smki_testca.register.requests import Request


def requests_of(
    estate: Stores, section: Section, tiles: Iterable[TileRecord]
) -> Iterator[tuple[SectionRow, Request]]:
    """Yield the rows of some unfinished tiles of a section, each with its request.

    Args:
        estate: the run's estate.
        section: of the run.
        tiles: of the section; those that are finished meanwhile are left out.
    """
    profile, roles = estate.library.profile(section.profile), estate.library.roles
    types = {each.type.name: each for each in profile.subject_inputs}
    identifier = next((each.name for each in profile.input_types if each.is_identifier), None)
    # A requester who stated a Signifier stated this one.
    signifier = {} if section.signifier is None else {SIGNIFIER: section.signifier}

    def parsed(texts: Mapping[str, str]) -> dict[str, InputValue]:
        return {
            name: types[name].parse(text, roles) for name, text in texts.items() if name in types
        }

    shared = parsed(signifier | section.shared)
    request = estate.request(
        section.participant,
        section.purpose,
        Subject(profile.name, profile.input_types, shared),
        () if section.usage is None else (section.usage,),
        environment=section.environment,
        delivery=Delivery(section.delivery),
    )
    for row in _rows(estate, section, tiles):
        inputs = shared | parsed(row.texts) if row.texts else dict(shared)
        if identifier is not None and row.eui64 is not None:
            inputs[identifier] = Eui64(row.eui64)
        yield row, request.of(Subject(profile.name, profile.input_types, inputs))


def _rows(estate: Stores, section: Section, tiles: Iterable[TileRecord]) -> Iterator[SectionRow]:
    for tile in tiles:
        if section.first_id is not None:
            for place in range(tile.first, tile.first + tile.count):
                yield SectionRow(place + 1, section.first_id + place)
            continue
        rows = estate.tiles.rows(tile.run, tile.number)
        if rows is not None:
            yield from msgspec.msgpack.decode(rows, type=list[SectionRow])
