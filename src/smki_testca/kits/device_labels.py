"""Checks that no two certificates of a kit's Devices, or of its requests, have the same label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.kits.label_templates import ID, NUMBER
from smki_testca.profiles.library import met_in
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from smki_testca.kits.kit_requests import KitDevices, KitRequest
    from smki_testca.roles import KeyUsage

_FEWEST, _MOST = 20, 1_000
"""So many Devices of a table have their labels compared one by one, each in its environment: with
the number of a Device in it, a label is met again among the first, if at all."""


def check_device_labels(
    tables: Sequence[KitDevices], requests: Iterable[KitRequest], count: int | None
) -> None:
    """Check that the labels of Devices are theirs alone: of an environment and a key usage.

    Args:
        tables: the Devices of the kit.
        requests: its requests, whose labels are taken.
        count: the number of Devices of each table in each environment; None for its own.

    Raises:
        InputError: if two certificates would have the same label, or the IDs do not end within 64
            bits.
    """
    if not tables:
        return
    owners: dict[tuple[str, str, KeyUsage | None], KitDevices | None] = {
        (request.environment, request.label, usage): None
        for request in requests
        if request.label is not None
        for usage in request.usages or (None,)
    }
    for place, table in enumerate(tables):
        number = table.count if count is None else count
        with met_in(table.place.within("first-id")):
            table.counting.check(number)
        for earlier in tables[:place]:
            shared = next(_shared_ids(earlier, table, number, count), None)
            if shared is not None:
                raise _error(table, shared, f"{earlier.place}")
        fewest = 0 if ID in table.label.names else _FEWEST
        compared = min(max(number, fewest), _MOST, table.counting.most)
        for device in table.certificates(compared):
            key = (device.environment, device.label, device.usage)
            owner = owners.setdefault(key, table)
            if owner is not table:
                # Only an error is worth a place in words: its line is looked for in the whole file.
                raise _error(
                    table, device.label, "a request" if owner is None else f"{owner.place}"
                )


def _shared_ids(
    table: KitDevices, other: KitDevices, number: int, count: int | None
) -> Iterator[str]:
    """Yield labels that are the same because they are made of the ID alone, and the ID is."""
    is_same = (table.label.text, table.type) == (other.label.text, other.type)
    usages = {*(table.usages or (None,))} & {*(other.usages or (None,))}
    if not is_same or not usages or ID not in table.label.names or NUMBER in table.label.names:
        return
    ids = table.counting.ranges(table.count if count is None else count)
    for environment, second in other.counting.ranges(number).items():
        first = ids.get(environment, range(0))
        few, many = sorted((first, second), key=len)
        if few and many and few.step == many.step and (few.start - many.start) % few.step:
            continue
        for value in few:
            if value in many:
                yield other.label.text.replace("{id}", f"{value:016X}")


def _error(table: KitDevices, label: str, owner: str) -> InputError:
    return InputError(
        "kit.label",
        f"{table.place.within('label')}: Devices have the label {shown(label)}, which {owner} has.",
        "Make the labels different, or the Devices: two tables may be the same by mistake.",
    )
