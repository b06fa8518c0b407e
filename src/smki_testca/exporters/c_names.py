"""Gives certificates names in C that last: no renewal, label or selection changes one.

A name says who holds a certificate and for what: EUI-64, role and usage or, without an EUI-64, the
profile and the CN. A CA has its key identifier besides.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import LIVING, Status
from smki_testca.exporters.c_reserved import is_reserved
from smki_testca.exporters.file_names import AT_ONCE, of_runs
from smki_testca.profiles.model import Tier
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.exporters.file_names import FileName
    from smki_testca.identifiers import SerialNumber

_SHORT = {"digital-signature": "DS", "key-agreement": "KA", "key-encipherment": "KE"}
MAX_NAME = 63
"""C99 5.2.4.1 distinguishes so many characters of a name."""
_MAX_STEM = 48
"""Leaves room for ``SMKI_``, the number of a series, and ``_NEXT``."""
_DIGITS = 8
_KEY_DIGITS = 16
_OWN = re.compile(r"[a-z][a-z0-9_]{0,15}\Z")


def check_own(name: str) -> str:
    """Check a name that the user chose for a set of files and what is in them.

    Raises:
        InputError: if C or a file system could not take it, or it is that of something else.
    """
    if not _OWN.match(name):
        raise InputError(
            "export.c_name",
            f"{shown(name)} cannot name files and tables in C.",
            "Use at most 16 lower-case letters, digits and underscores, a letter first.",
        )
    if is_reserved(name):
        raise InputError(
            "export.c_name",
            f"{shown(name)} cannot name files and tables in C: it is a word of C or C++, or the"
            " name of a header, a type or a function.",
            "Use another name, such as meter.",
        )
    return name


def fitted(name: str, whole: str, most: int = MAX_NAME) -> str:
    """A name in C, whose end is a digest if it is too long.

    Args:
        name: in capitals.
        whole: what the digest is of.
        most: how many characters it may have.
    """
    if len(name) <= most:
        return name
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGITS].upper()
    return f"{name[: most - _DIGITS - 1].rstrip('_')}_{digest}"


def c_names(
    estate: Stores, records: Sequence[Record], files: Mapping[SerialNumber, FileName]
) -> dict[SerialNumber, str]:
    """A name for each certificate, in capitals.

    Certificates of one holder and purpose that follow each other under one label are a series.
    Its current certificate has the plain name, the one that waits to replace it ends in ``_NEXT``,
    and those out of use end in their serial number. Where a holder has several series for one
    purpose, as Suppliers have for prepayment, the one that began first has the plain name, the
    second ``_2``, and so on, for ever: whether or not the estate has a certificate of it in use.

    Args:
        estate: the estate that has the certificates; the numbers follow from all that it has.
        records: the certificates to name.
        files: their file names, and so the current certificate of each.
    """
    numbers: dict[str, dict[_Series, int]] = {}
    waiting: dict[_Series, SerialNumber] = {}
    for record, status in estate.with_statuses(_of_same_holders(estate, records)):
        series = _series(record)
        of_purpose = numbers.setdefault(_stem(record), {})
        of_purpose.setdefault(series, len(of_purpose) + 1)
        if status is Status.PENDING:
            waiting[series] = record.serial
    names: dict[SerialNumber, str] = {}
    taken: set[str] = set()
    for record, status in estate.with_statuses(sorted(records, key=_order)):
        stem, series = _stem(record), _series(record)
        number = numbers.get(stem, {}).get(series, 1)
        plain = stem if number == 1 else f"{stem}_{number}"
        name = f"{stem}_{record.serial}"
        if files[record.serial].current.serial == record.serial and status in LIVING:
            name = name if plain in taken else plain
        elif waiting.get(series) == record.serial:
            name = f"{plain}_NEXT"
        taken.add(name)
        names[record.serial] = name
    return names


_Series = tuple[str | int | None, ...]
"""The values that certificates have in common if they follow each other."""


def _series(record: Record) -> _Series:
    place = record.family, record.environment, record.hierarchy, record.participant
    holder = record.name if record.eui64 is None else record.eui64.plain
    return (*place, record.profile, record.label, holder, record.role, record.usage)


def _order(record: Record) -> tuple[int, tuple[int, int, int]]:
    """Puts certificates in the order of their issue."""
    return record.audit, record.place or (0, 0, 0)


def _of_same_holders(estate: Stores, records: Sequence[Record]) -> list[Record]:
    """All certificates of end entities that hold some of these, in the order of their issue."""
    of_entities = [record for record in records if record.tier is Tier.END_ENTITY]
    return sorted(_held(estate, of_entities), key=_order)


def _held(estate: Stores, records: Sequence[Record]) -> Iterator[Record]:
    ids = list(dict.fromkeys(r.eui64.octets for r in records if r.eui64 is not None))
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        places = ", ".join("?" * len(some))
        further = f"tier = 'end-entity' AND eui64 IN ({places})", [*some]
        yield from estate.certificates.select(Selection(), further)
    if any(record.eui64 is None for record in records):
        others: tuple[str, list[object]] = "tier = 'end-entity' AND eui64 IS NULL", []
        yield from estate.certificates.select(Selection(), others)
    yield from of_runs(estate, records)


def _stem(record: Record) -> str:
    if record.tier is not Tier.END_ENTITY:
        parts = [record.label or record.profile, record.key_id.hex()[:_KEY_DIGITS]]
    elif record.eui64 is None:
        parts = [record.profile, record.name or "", _usage(record.usage)]
    else:
        role = "" if record.role is None else f"{record.role:02X}"
        parts = [record.eui64.plain, role, _usage(record.usage)]
    words = (re.sub(r"[^A-Z0-9]+", "_", part.upper()).strip("_") for part in parts)
    return fitted("_".join(filter(None, words)), "\n".join(parts), _MAX_STEM)


def _usage(usage: str) -> str:
    return "_".join(_SHORT.get(name, name) for name in usage.split("+"))
