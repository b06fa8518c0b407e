"""Gives certificates names in C that last: no renewal and no other certificate's label changes one.

A name says who holds a certificate and for what: EUI-64, role and usage or, without an EUI-64, the
CN and the profile. A CA has its key identifier besides.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.estate.status import LIVING
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.exporters.item import Item

_SHORT = {"digital-signature": "DS", "key-agreement": "KA"}
_MAX_NAME = 40
"""With a prefix and a suffix, C99 5.2.4.1 still tells names apart by their first 63 characters."""
_KEY_DIGITS = 16
_OWN = re.compile(r"[a-z][a-z0-9_]{0,15}\Z")


def check_own(name: str) -> str:
    """Check a name that the user chose for a set of files and what is in them.

    Raises:
        InputError: if C or a file system could not take it.
    """
    if not _OWN.match(name):
        raise InputError(
            "export.c_name",
            f"{shown(name)} cannot name files and tables in C.",
            "Use at most 16 lower-case letters, digits and underscores, a letter first.",
        )
    return name


def identifiers(items: Sequence[Item]) -> list[str]:
    """A name for each certificate, in capitals.

    Of the certificates of one holder and purpose, the current one has the plain name, the one that
    waits to replace it ends in ``_NEXT``, and those out of use end in their serial number. Where a
    holder has two at once for one purpose, as Suppliers have for prepayment, the one that was
    there first has the plain name, the other one ``_2``.
    """
    stems = [_stem(item) for item in items]
    lines: dict[str, list[int]] = defaultdict(list)
    for since, stem in sorted(
        {(item.since, stem) for item, stem in zip(items, stems, strict=True) if _lives(item)}
    ):
        lines[stem].append(since)
    names: dict[int, str] = {}
    taken: set[str] = set()
    for place in sorted(range(len(items)), key=lambda place: items[place].record.audit):
        item, stem = items[place], stems[place]
        name = f"{stem}_{item.record.serial}"
        if _lives(item):
            number = lines[stem].index(item.since) + 1
            plain = stem if number == 1 else f"{stem}_{number}"
            plain = plain if _is_current(item) else f"{plain}_NEXT"
            name = name if plain in taken else plain
        taken.add(name)
        names[place] = name
    return [names[place] for place in range(len(items))]


def _lives(item: Item) -> bool:
    return item.status in LIVING and (not item.is_ca or _is_current(item))


def _is_current(item: Item) -> bool:
    return item.current is None or item.current.serial == item.record.serial


def _stem(item: Item) -> str:
    record = item.record
    if item.is_ca:
        parts = [record.label or record.profile, record.key_id.hex()[:_KEY_DIGITS]]
    elif record.eui64 is None:
        parts = [record.profile, record.name or "", _usage(record.usage)]
    else:
        role = "" if record.role is None else f"{record.role:02X}"
        parts = [record.eui64.plain, role, _usage(record.usage)]
    *first, last = (re.sub(r"[^A-Z0-9]+", "_", part.upper()).strip("_") for part in parts if part)
    return "_".join((*first, last))[-_MAX_NAME:]


def _usage(usage: str) -> str:
    return "_".join(_SHORT.get(name, name) for name in usage.split("+"))
