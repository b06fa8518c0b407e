"""Checks a file of participants and agreements without a register to import it into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.profiles.library import met_in
from smki_testca.register.documents import read_file
from smki_testca.register.register import Register
from smki_testca.toml_places import Place

if TYPE_CHECKING:
    from smki_testca.profiles import Library
    from smki_testca.register.agreements import Agreement
    from smki_testca.register.participants import Participant


def check_file(
    data: bytes, origin: str, library: Library
) -> tuple[list[Participant], list[Agreement]]:
    """Check a file as its import into an empty register would.

    Args:
        data: the file's content, TOML.
        origin: the file's name, for errors.
        library: the roles, categories and Registry Entries.

    Returns:
        The participants and agreements of the file.

    Raises:
        InputError: if it cannot be imported; the message names the place.
    """
    participants, agreements = read_file(data, origin, library)
    central = tuple(known.entry for known in library.sec_registry_entries)
    with met_in(Place(origin, data=data)):
        Register(central).with_participants(participants).with_agreements(agreements)
    return participants, agreements
