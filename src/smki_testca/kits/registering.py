"""Brings a kit's participants and agreements into an estate, and tells which differ there.

What the register has already is never changed. It differs if it lacks something that the kit says;
what it has beside that does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError
from smki_testca.input_files import read_regular
from smki_testca.kits.plan import KitDifference
from smki_testca.profiles.library import met_in
from smki_testca.register import documents
from smki_testca.shipped import shipped
from smki_testca.toml import MAX_OCTETS
from smki_testca.toml_places import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from smki_testca.api import Estate
    from smki_testca.clock import Clock
    from smki_testca.kits.kit import Kit
    from smki_testca.profiles import Library
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.participants import Participant
    from smki_testca.register.register import Register

_OF_PARTICIPANT = "Write it in a file, then: smki-testca register import FILE"
_OF_CORRECTION = "See: smki-testca register correct --help"
_OF_AGREEMENT = "Write its new terms in a file, then: smki-testca agreement replace FILE"
_DAYS = ("from", "until")
_CORRECTED = frozenset({"kind", "signifier"})
"""The fields that no import changes, but a correction does."""


@dataclass(frozen=True, slots=True)
class RegisterSource:
    """A file with participants and agreements of a kit.

    Attributes:
        place: the whole file.
    """

    place: Place
    participants: Sequence[Participant]
    agreements: Sequence[Agreement]


def sources(kit: Kit, library: Library, clock: Clock) -> list[RegisterSource]:
    """The file of participants and agreements that a kit names, if it does, and the kit itself.

    Raises:
        InputError: if the file cannot be read, or has mistakes.
    """
    listed = []
    if kit.register_file is not None:
        path = kit.register_file
        data, name = read_regular(path, MAX_OCTETS), str(path)
        listed.append(
            RegisterSource(Place(name, data=data), *documents.read_file(data, name, library))
        )
    if kit.example is not None:
        example = shipped("examples") / kit.example
        data = example.read_bytes()
        read = documents.read_file(data, example.name, library)
        listed.append(RegisterSource(Place(example.name, data=data), *read))
    listed.append(RegisterSource(Place(kit.origin), kit.participants, kit.agreements_on(clock)))
    return listed


def bring_in(estate: Estate, source: RegisterSource) -> tuple[list[Participant], list[Agreement]]:
    """Add the participants and agreements that the register lacks, and return them.

    Raises:
        InputError: if the register with them is inconsistent; the message names the place.
    """
    register = estate.register.load()
    participants = [
        place
        for place, participant in enumerate(source.participants)
        if participant.id not in register.participants
    ]
    agreements = [
        place
        for place, agreement in enumerate(source.agreements)
        if agreement.reference not in register.agreements
    ]
    arriving = [source.participants[place] for place in participants]
    binding = [source.agreements[place] for place in agreements]
    if arriving or binding:
        with met_in(source.place):
            try:
                estate.register.bring_in(arriving, binding)
            except InputError as error:
                # It names the place among those that arrive, not among those in the file.
                table, *rest = error.key_path or ("",)
                if rest:
                    places = participants if table == "participant" else agreements
                    error.key_path = (table, places[int(rest[0])], *rest[1:])
                raise
    return arriving, binding


def differences(register: Register, source: RegisterSource, today: date) -> Iterator[KitDifference]:
    """Yield what the register says otherwise than a kit, with how to change it."""
    for participant in source.participants:
        known = register.participants.get(participant.id)
        if known is not None:
            stated = participant.as_json()
            for key, there, here in _differing(known.as_json(), stated):
                remedy = _OF_CORRECTION if key in _CORRECTED else _OF_PARTICIPANT
                yield KitDifference("participant", participant.id, key, there, here, remedy)
    for agreement in source.agreements:
        present = register.agreements.get(agreement.reference)
        if present is None:
            continue
        reference = agreement.reference
        for key, there, here in _differing(present.as_json(), agreement.as_json(), _DAYS):
            suspended = key == "suspended"
            remedy = f"Resume it: smki-testca agreement resume {reference}"
            yield KitDifference(
                "agreement", reference, key, there, here, remedy if suspended else _OF_AGREEMENT
            )
        if present.has_ended(today) and not agreement.has_ended(today):
            there, here = present.as_json()["until"], agreement.as_json()["until"]
            yield KitDifference("agreement", reference, "until", there, here, _OF_AGREEMENT)


def _differing(
    there: Mapping[str, Any], here: Mapping[str, Any], ignored: Sequence[str] = ()
) -> Iterator[tuple[str, Any, Any]]:
    """Yield each key of which the estate does not have all that the kit says, with both values."""
    for key, stated in here.items():
        present = there.get(key)
        if key in ignored:
            continue
        if isinstance(stated, list) and isinstance(present, list):
            lacking = [each for each in stated if each not in present]
            if lacking:
                yield key, present, lacking
        elif present != stated and (stated or key == "suspended"):
            yield key, present, stated


def all_differences(estate: Estate, kit: Kit) -> list[KitDifference]:
    """The differences of the register from a kit, with how to change it."""
    register, today = estate.register.load(), estate.clock.now().date()
    kit_sources = sources(kit, estate.library, estate.clock)
    return [each for source in kit_sources for each in differences(register, source, today)]
