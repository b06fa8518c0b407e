"""Gives certificates their file names: the current one of a label has the plain name.

A name depends on the estate, not on the selection, so that a later export writes the same files.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import chain, compress
from typing import TYPE_CHECKING, Any

from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import LIVING, Status
from smki_testca.exporters.item import folder_of, safe_name
from smki_testca.profiles.model import Tier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import PurePosixPath

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.identifiers import Eui64, SerialNumber

_CHAIN = re.compile(r"-(full)?chain\Z", re.IGNORECASE)
"""Ends the names of files with several certificates, so that no certificate's own name may."""
_END_OF_WORD = re.compile(r"(?=-)|\Z")
_SHORT_USAGES = {"digital-signature": "ds", "key-agreement": "ka"}
AT_ONCE = 500
"""The most values in one query, and the most EUI-64s that are looked up in runs one by one."""

Parts = tuple[str, ...]
"""The parts that tell namesakes apart: environment, profile, subject, role, usage."""
_SUBJECT = 2

Place = tuple["PurePosixPath", str]
"""A folder, and a name in it without regard to case."""


@dataclass(frozen=True, slots=True)
class FileName:
    """The file name of a certificate.

    Attributes:
        folder: of the certificate in a tree.
        text: the name without suffix, unique in its folder.
        current: the current certificate of the same label, subject and usage.
        former: names that an earlier export may have given to certificates of this label, and that
            no current certificate has.
    """

    folder: PurePosixPath
    text: str
    current: Record
    former: tuple[str, ...] = ()


def file_names(estate: Stores, records: Iterable[Record]) -> dict[SerialNumber, FileName]:
    """The file names of some certificates, and of every CA's.

    The name is the label or, without one, EUI-64, role and usage; of a certificate without an
    EUI-64 the profile, CN, role and usage. Of labels of one holder that make the same file name,
    all but the first have a digest as suffix. Where certificates of one label differ in
    environment, profile, subject, role or usage, what differs follows. One that is not current has
    its serial number as suffix.

    Args:
        estate: the estate that has the certificates.
        records: the certificates to name.
    """
    names = authority_names(estate.certificates.authorities())
    end_entities = {record.serial: record for record in records if record.tier is Tier.END_ENTITY}
    known = {record.serial: record for record in _namesakes(estate, end_entities)} | end_entities
    holders = {record.participant for record in end_entities.values()}
    owners = _owners(estate, holders)
    return names | _EndEntities(estate, known.values(), names, owners).names()


def authority_names(authorities: Iterable[Record]) -> dict[SerialNumber, FileName]:
    """The file names of the CA certificates of an estate, which come in the order of their issue.

    A CA's newest certificate has its CN as name, the others a serial number as suffix. Of CAs of
    one family whose names make the same file name, the second has ``-2`` as suffix, and so on.
    """
    by_authority: dict[tuple[str, ...], list[Record]] = {}
    for record in authorities:
        key = (record.family, record.hierarchy, record.tier, record.label or "")
        by_authority.setdefault((*key, record.key_id.hex()), []).append(record)
    names = {}
    taken: Counter[tuple[str, str]] = Counter()
    for same in by_authority.values():
        stem = _base(same[0].label) or str(same[0].serial).lower()
        place = same[0].family, stem.lower()
        taken[place] += 1
        plain = stem if taken[place] == 1 else f"{stem}-{taken[place]}"
        folder = folder_of(same[0].family, same[0].hierarchy, "ca")
        former = tuple(_with_serial(plain, record) for record in same)
        for record in same[:-1]:
            text = _with_serial(plain, record)
            names[record.serial] = FileName(folder, text, same[-1], former)
        names[same[-1].serial] = FileName(folder, plain, same[-1], former)
    return names


class _EndEntities:
    """Names the certificates of end entities.

    Args:
        estate: the estate that has them.
        records: all certificates of any label, or name, among them; those of one label, or name,
            in the order of their issue.
        authorities: the names of the CAs.
        owners: the labels that have their file name without a digest; see ``_owners``.
    """

    def __init__(
        self,
        estate: Stores,
        records: Iterable[Record],
        authorities: dict[SerialNumber, FileName],
        owners: dict[Place, str],
    ) -> None:
        self._estate = estate
        self._roles = estate.library.roles
        self._shared: dict[int, str | None] = {}
        self._records = sorted(records, key=lambda record: record.audit)
        folders = cache(folder_of)
        self._folders = {
            record.serial: folders(record.family, record.hierarchy, record.participant or "nobody")
            for record in self._records
        }
        self._owners = dict(owners)
        self._bases = {record.serial: self._make_base(record) for record in self._records}
        self._taken = {name.text.lower() for name in authorities.values()}

    def names(self) -> dict[SerialNumber, FileName]:
        """The file name of each certificate."""
        by_base: dict[tuple[PurePosixPath, str], list[Record]] = {}
        for record in self._records:
            place = self._folders[record.serial], self._bases[record.serial].lower()
            by_base.setdefault(place, []).append(record)
        stems: dict[SerialNumber, str] = {}
        for same in by_base.values():
            stems |= self._told_apart(same)
        return self._named(stems)

    def _make_base(self, record: Record) -> str:
        name = self._full_name(record)
        base = _base_of(name)
        owner = self._owners.setdefault((self._folders[record.serial], base.lower()), name)
        return base if owner == name else f"{base}-{_digest(name)}"

    def _full_name(self, record: Record) -> str:
        """The label, or what is in its place, before it is made a file name."""
        if record.label:
            return record.label
        profile = record.profile if record.eui64 is None else ""
        parts = (profile, self._subject(record), self._role(record), record.usage)
        return "-".join(filter(None, parts))

    def _parts(self, record: Record) -> Parts:
        return (
            record.environment,
            record.profile,
            self._subject(record),
            self._role(record),
            _SHORT_USAGES.get(record.usage, record.usage),
        )

    def _role(self, record: Record) -> str:
        """The name of the role, or else its code; empty where there is none."""
        if record.role is None:
            return ""
        role = self._roles.by_code(record.role)
        return f"{record.role:02X}" if role is None else role.name

    def _subject(self, record: Record) -> str:
        """The EUI-64, or else the name of the holder."""
        if record.eui64 is not None:
            return record.eui64.plain
        return record.name or ""

    def _told_apart(self, same: Sequence[Record]) -> dict[SerialNumber, str]:
        """The names of certificates with one label, generations left aside."""
        base = self._bases[same[0].serial]
        if len(same) == 1 and not self._shares_label(same[0]):
            return {same[0].serial: base}
        parts_of = {record.serial: self._parts(record) for record in same}
        differ = [len(set(values)) > 1 for values in zip(*parts_of.values(), strict=True)]
        differ[_SUBJECT] = any(map(self._shares_label, same)) or (
            differ[_SUBJECT] and self._several_living(same)
        )
        by_serial = {record.serial: record for record in same}
        return {
            serial: self._stem(by_serial[serial], list(compress(parts, differ)))
            for serial, parts in parts_of.items()
        }

    def _stem(self, record: Record, parts: Iterable[str]) -> str:
        """The name and what tells it apart, with a digest where another label may make the same.

        The name ``a-b`` of the label ``a`` is in the way of the label ``a-b`` and all its names.
        """
        base, folder = self._bases[record.serial], self._folders[record.serial]
        stem = "-".join([base, *map(safe_name, parts)])
        ends = (end.start() for end in _END_OF_WORD.finditer(stem) if end.start() > len(base))
        if any((folder, stem[:end].lower()) in self._owners for end in ends):
            return f"{stem}-{_digest(self._full_name(record))}"
        return stem

    def _several_living(self, same: Iterable[Record]) -> bool:
        """Whether certificates of several subjects are in use or pending."""
        living = {self._subject(each) for each in same if self._estate.status(each) in LIVING}
        return len(living) > 1

    def _shares_label(self, record: Record) -> bool:
        """Whether a run gave its label to several certificates."""
        if record.place is None or not record.label:
            return False
        number = record.place[0]
        if number not in self._shared:
            terms = self._estate.runs.get(number).terms
            self._shared[number] = terms.label if terms.count > 1 else None
        return record.label == self._shared[number]

    def _named(self, stems: dict[SerialNumber, str]) -> dict[SerialNumber, FileName]:
        by_stem: dict[tuple[PurePosixPath, str], list[Record]] = {}
        for record in self._records:
            place = self._folders[record.serial], stems[record.serial].lower()
            by_stem.setdefault(place, []).append(record)
        texts: dict[SerialNumber, str] = {}
        current: dict[SerialNumber, Record] = {}
        for same in by_stem.values():
            current |= self._current(same)
            plain = self._best(same)
            for record in same:
                stem = stems[record.serial]
                texts[record.serial] = stem if record is plain else _with_serial(stem, record)
        self._part(texts)
        return self._with_former(stems, texts, current)

    def _current(self, same: Sequence[Record]) -> dict[SerialNumber, Record]:
        """The current certificate of each one's subject and usage."""
        if len(same) == 1:
            return {same[0].serial: same[0]}
        by_parts: dict[Parts, list[Record]] = {}
        for record in same:
            by_parts.setdefault(self._parts(record), []).append(record)
        return {record.serial: self._best(alike) for alike in by_parts.values() for record in alike}

    def _best(self, same: Sequence[Record], before: int | None = None) -> Record:
        """The certificate that has the plain name, now or before an entry of the audit log.

        Of those that one entry issued, it is the renewal of the one that had the name.
        """
        if len(same) == 1:
            return same[0]
        ranks = [self._rank(record, before) for record in same]
        best = max(ranks)
        tied = [record for record, rank in zip(same, ranks, strict=True) if rank == best]
        if len(tied) == 1:
            return tied[0]
        renewals = {
            predecessor.serial: (predecessor, record)
            for record in tied
            if (predecessor := self._predecessor(record)) is not None
        }
        if not renewals:
            return tied[-1]
        earlier = self._best([record for record, _ in renewals.values()], tied[0].audit)
        return renewals[earlier.serial][1]

    def _predecessor(self, record: Record) -> Record | None:
        serial = self._estate.renewal_links.predecessor(record.serial)
        return None if serial is None else self._estate.by_serial(serial)

    def _rank(self, record: Record, before: int | None) -> tuple[int, int, tuple[int, int, int]]:
        """Puts a certificate in use first, then a pending one, then the newest."""
        status = self._estate.status(record)
        if before is not None:
            history = self._estate.history(record)
            status = [entry.status for entry in history if (entry.audit or 0) < before][-1]
        rank = 2 if status is Status.IN_USE else int(status in LIVING)
        return rank, record.audit, record.place or (0, 0, 0)

    def _part(self, texts: dict[SerialNumber, str]) -> None:
        """Give each certificate a name of its own in its folder, where labels do not."""
        places = self._folders
        by_serial = {record.serial: record for record in self._records}
        while True:
            count = Counter((places[serial], text.lower()) for serial, text in texts.items())
            clashing = [
                serial
                for serial, text in texts.items()
                if count[places[serial], text.lower()] > 1
                or (places[serial].name == "ca" and text.lower() in self._taken)
            ]
            if not clashing:
                return
            for serial in clashing:
                record = by_serial[serial]
                # A label may be what parts two certificates of another label: it stays plain.
                if (
                    texts[serial] != self._bases[record.serial]
                    or texts[serial].lower() in self._taken
                ):
                    texts[serial] = _with_serial(texts[serial], record)

    def _with_former(
        self,
        stems: dict[SerialNumber, str],
        texts: dict[SerialNumber, str],
        current: dict[SerialNumber, Record],
    ) -> dict[SerialNumber, FileName]:
        present: set[tuple[PurePosixPath, str]] = set()
        alike: dict[SerialNumber, list[Record]] = {}
        for record in self._records:
            newest = current[record.serial]
            alike.setdefault(newest.serial, []).append(record)
            if newest is record or self._estate.status(record) in LIVING:
                present.add((self._folders[record.serial], texts[record.serial]))
        names = {}
        for record in self._records:
            newest = current[record.serial]
            folder = self._folders[record.serial]
            plain = dict.fromkeys((self._bases[record.serial], stems[record.serial]))
            known = [*plain, *(_with_serial(n, r) for n in plain for r in alike[newest.serial])]
            former = tuple(name for name in known if (folder, name) not in present)
            names[record.serial] = FileName(folder, texts[record.serial], newest, former)
        return names


def _base(name: str | None) -> str:
    text = safe_name(name or "")
    return f"{text}_" if _CHAIN.search(text) else text


def _base_of(name: str) -> str:
    """The file name that a label makes; a digest where no character of it can be in one."""
    return _base(name) or _digest(name)


def _digest(name: str) -> str:
    """The digest that tells apart names which make the same file name."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _owners(estate: Stores, holders: set[str | None]) -> dict[Place, str]:
    """For each file name that labels of some holders make, the label that was issued first."""
    labels = [
        *estate.certificates.labels_of(holders),
        *estate.run_certificates.labels_of(holders),
    ]
    owners: dict[Place, str] = {}
    folders = cache(folder_of)
    for used in sorted(labels, key=lambda label: label.since):
        folder = folders(used.family, used.hierarchy, used.participant or "nobody")
        owners.setdefault((folder, _base_of(used.label).lower()), used.label)
    return owners


def _with_serial(name: str, record: Record) -> str:
    return f"{name}-{str(record.serial).lower()}"


def _namesakes(estate: Stores, records: dict[SerialNumber, Record]) -> Iterator[Record]:
    """Certificates that may have the name of one of these, in the order of their issue by name.

    These are among them, but for those of runs.
    """
    labels = dict.fromkeys(record.label for record in records.values() if record.label)
    plain = [record for record in records.values() if not record.label]
    ids = dict.fromkeys(record.eui64.octets for record in plain if record.eui64 is not None)
    holders = dict.fromkeys(record.participant for record in plain if record.eui64 is None)
    conditions = (
        ("tier = 'end-entity' AND label", labels),
        ("tier = 'end-entity' AND label IS NULL AND eui64", ids),
        ("tier = 'end-entity' AND label IS NULL AND eui64 IS NULL AND participant", holders),
    )
    for condition, values in conditions:
        every: list[Any] = list(values)
        for start in range(0, len(every), AT_ONCE):
            some = every[start : start + AT_ONCE]
            further = f"{condition} IN ({', '.join('?' * len(some))})", some
            yield from estate.certificates.select(Selection(), further)
    yield from _namesakes_of_runs(estate, records)


def _namesakes_of_runs(estate: Stores, records: dict[SerialNumber, Record]) -> Iterator[Record]:
    """Those of runs: certificates for the same EUI-64s."""
    pairs = {(record.eui64, record.label) for record in records.values()}
    records_of_runs = of_runs(estate, list(records.values()))
    yield from (record for record in records_of_runs if (record.eui64, record.label) in pairs)


def of_runs(estate: Stores, records: Sequence[Record]) -> Iterator[Record]:
    """The certificates of runs for the EUI-64s of some certificates, some of others among them."""
    by_run = [record for record in records if record.place is not None]
    issued = sum(run.issued for run in estate.runs.all())
    if issued == len(by_run):
        yield from by_run
        return
    ids: dict[Eui64, None] = dict.fromkeys(r.eui64 for r in records if r.eui64 is not None)
    runs = estate.run_certificates
    yield from (
        runs.select(Selection())
        if len(ids) > AT_ONCE
        else chain.from_iterable(runs.select(Selection(eui64=eui64)) for eui64 in ids)
    )
