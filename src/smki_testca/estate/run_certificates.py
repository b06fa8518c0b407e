"""Finds the certificates that runs issued: by serial, EUI-64 or selection, in their tiles."""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from typing import TYPE_CHECKING

from smki_testca.clock import from_iso
from smki_testca.estate.certificates import LabelUse, Record, Selection, values_of
from smki_testca.estate.key_pairs import check_pair
from smki_testca.estate.run_tiles import finished_tiles
from smki_testca.estate.serials import SerialSequence
from smki_testca.estate.status import Status
from smki_testca.identifiers import (
    Eui64,
    SerialNumber,
    SerialPrefix,
)
from smki_testca.profiles.model import Tier
from smki_testca.x509 import private_keys
from smki_testca.x509.key_usages import names_of_usage
from smki_testca.x509.keys import key_id
from smki_testca.x509.outline import dates, outline
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from smki_testca.estate.key_holders import KeyHolders
    from smki_testca.estate.runs import Run, RunStore
    from smki_testca.estate.terms import Section
    from smki_testca.estate.tile import Tile
    from smki_testca.estate.tiles import TileRecord, TileStore
    from smki_testca.profiles import Library


class RunCertificates:
    """The certificates of one estate's runs, and their private keys."""

    def __init__(
        self, runs: RunStore, tiles: TileStore, key_holders: KeyHolders, library: Library
    ) -> None:
        self._runs = runs
        self._tiles = tiles
        self._key_holders = key_holders
        self._library = library

    def of_run(self, run: Run) -> Iterator[Record]:
        """The certificates of a run, in the order of its rows."""
        return self._of_run(run, Selection(), None)

    def with_keys(self, run: Run) -> Iterator[tuple[Record, bytes | None]]:
        """The certificates of a run with their private keys, PKCS#8 DER.

        The key is None where the estate does not have it, or a CA has the key by now.
        """
        authority_keys = self._key_holders.authority_keys()
        sealing_key = self._runs.secrets(run.id).sealing_key
        for tile in self._tiles.of_run(run.id, done=True):
            opened = self._tiles.open(tile)
            records = self._records(run, tile, opened, range(tile.count))
            for record, sealed in zip(records, opened.keys(sealing_key), strict=True):
                if sealed is None or record.key_id in authority_keys:
                    yield record, None
                else:
                    yield record, private_keys.pkcs8_of(sealed)

    def verify_keys(self, progress: Callable[[int], None] = lambda _done: None) -> int:
        """Unseal the secrets and private keys of every run, and pair each key; gives their number.

        Args:
            progress: called with the number of keys paired.

        Raises:
            EstateError: if the passphrase is wrong, or for the first secret or key that does not
                fit.
        """
        count = 0
        for run in self._runs.all():
            self._runs.check_secrets(run.id)
            for record, key in self.with_keys(run):
                if key is not None:
                    check_pair(record.key_id, partial(bytes, key), f"certificate {record.serial}")
                    count += 1
                    progress(count)
        return count

    def numbered(self, run: Run) -> Iterator[tuple[int, bytes]]:
        """The certificates of a run, DER, each with the number of its line.

        Raises:
            EstateError: if a tile is missing or was changed.
        """
        for tile in finished_tiles(self._tiles, run):
            opened = self._tiles.open(tile)
            for place, line in enumerate(opened.extra().lines):
                yield line, opened.der(place)

    def by_serial(self, serial: SerialNumber) -> Record | None:
        """The certificate with a serial number, if a run issued it."""
        for run, key in self._runs.serial_keys():
            row = SerialSequence(key).row(serial.octets)
            record = None if row is None else self.at_row(run, row)
            if record is not None and record.serial == serial:
                return record
        return None

    def by_serials(self, serials: Iterable[SerialNumber]) -> Iterator[Record]:
        """The certificates with these serial numbers that runs issued, tile by tile."""
        known = set(serials)
        octets = [serial.octets for serial in known]
        if not octets:
            return
        for number, key in self._runs.serial_keys():
            rows = sorted(row for row in SerialSequence(key).rows(octets) if row is not None)
            run = self._runs.get(number)
            for tile in self._tiles.of_run(number, done=True):
                first = bisect_left(rows, tile.first_row)
                last = bisect_left(rows, tile.first_row + tile.count)
                if first < last:
                    places = [row - tile.first_row for row in rows[first:last]]
                    for record in self._records(run, tile, self._tiles.open(tile), places):
                        if record.serial in known:
                            yield record

    def select(self, selection: Selection, out_at: datetime | None = None) -> Iterator[Record]:
        """The certificates that fit a selection, run by run, tile by tile.

        Args:
            selection: of certificates, the status left aside.
            out_at: a time by which they must have expired.
        """
        ends = [end for end in (out_at, selection.expires_before) if end is not None]
        out_at = min(ends, default=None)
        candidates: Iterable[Record]
        serials, ids = values_of(selection.serial), values_of(selection.eui64)
        if serials is not None:
            candidates = self._with_serials(serials)
        elif ids is not None:
            candidates = (record for eui64 in ids for record in self._by_eui64(eui64))
        else:
            candidates = (
                record
                for run in self._runs.all()
                for record in self._of_run(run, selection, out_at)
            )
        return (record for record in candidates if selection.fits(record))

    def may_have(self, run: Run, tile: TileRecord, selection: Selection, at: datetime) -> bool:
        """Whether certificates of a tile may fit; of one of expired ones, whether it has any.

        Args:
            run: the run.
            tile: of the run, finished.
            selection: of certificates.
            at: the time at which they may have expired.
        """
        section = run.terms.section(tile.section)
        if not _may_fit(section, selection):
            return False
        is_of_expired = selection.statuses == frozenset({Status.EXPIRED})
        if not is_of_expired and selection.expires_before is None:
            return True
        end = self._record(run, tile, self._tiles.open(tile), 0).not_after
        is_in_time = selection.expires_before is None or end < selection.expires_before
        return is_in_time and (not is_of_expired or end < at)

    def in_tile(
        self, run: Run, tile: TileRecord, places: Iterable[int], contained: bytes = b""
    ) -> Iterator[Record]:
        """The certificates at some places of a finished tile.

        Args:
            run: the run.
            tile: of the run.
            places: in the tile.
            contained: octets that are in the certificate; any if empty.
        """
        opened = self._tiles.open(tile)
        if contained:
            places = [place for place in places if contained in opened.der(place)]
        yield from self._records(run, tile, opened, places)

    def labels_of(self, holders: Iterable[str | None]) -> Iterator[LabelUse]:
        """The labels of some holders' certificates, those of a tile each once."""
        participants = set(holders)
        for run in self._runs.all():
            if not any(section.participant in participants for section in run.terms.sections):
                continue
            for tile in self._tiles.of_run(run.id, done=True):
                section = run.terms.section(tile.section)
                if section.participant not in participants:
                    continue
                profile = self._library.profile(section.profile)
                family = self._library.environment(section.environment).family
                for place, label in self._labels(run, tile, section):
                    yield LabelUse(
                        *(section.participant, family, str(profile.hierarchy), label),
                        (tile.audit or 0, run.id, tile.number, place),
                    )

    def _labels(self, run: Run, tile: TileRecord, section: Section) -> Iterator[tuple[int, str]]:
        """The labels in a tile, each once, with the place of the first certificate that has it."""
        opened = self._tiles.open(tile)
        own, terms = opened.extra().labels, run.terms
        if not own and terms.label_template is None:
            return iter([(0, terms.label)] if terms.label else [])
        places: dict[str, int] = {}
        for place in range(tile.count):
            label = own.get(place) or terms.label_of(section, opened.eui64(place))
            if label:
                places.setdefault(label, place)
        return ((place, label) for label, place in places.items())

    def private_keys(self, records: Iterable[Record]) -> dict[SerialNumber, bytes]:
        """The private keys of runs' certificates, PKCS#8 DER; each tile is opened once.

        Keys of other certificates, and keys that the estate does not have or that a CA has,
        are left out.
        """
        authority_keys = self._key_holders.authority_keys()
        places: dict[tuple[int, int], list[tuple[int, SerialNumber]]] = {}
        for record in records:
            if record.place is not None and record.key_id not in authority_keys:
                run, number, place = record.place
                places.setdefault((run, number), []).append((place, record.serial))
        keys: dict[SerialNumber, bytes] = {}
        for (run, number), in_tile in places.items():
            opened = self._tiles.open(self._tiles.get(run, number))
            tile_keys = opened.keys(self._runs.secrets(run).sealing_key)
            for place, serial in in_tile:
                key = tile_keys[place]
                if key is not None:
                    keys[serial] = private_keys.pkcs8_of(key)
        return keys

    def end_of(self, number: int, section: int) -> datetime | None:
        """When the certificates of a section of a run end; None if none is issued yet."""
        run = self._runs.get(number)
        for tile in self._tiles.of_run(number, done=True):
            if tile.section == section:
                return self._record(run, tile, self._tiles.open(tile), 0).not_after
        return None

    def section_of(self, run: int, number: int) -> Section:
        """The section of a tile."""
        return self._runs.get(run).terms.section(self._tiles.get(run, number).section)

    def _of_run(self, run: Run, selection: Selection, out_at: datetime | None) -> Iterator[Record]:
        """The certificates in those tiles of a run in which some may fit."""
        if not any(_may_fit(section, selection) for section in run.terms.sections):
            return
        ends: dict[int, datetime] = {}
        for tile in self._tiles.of_run(run.id, done=True):
            if not _may_fit(run.terms.section(tile.section), selection):
                continue
            if out_at is not None:
                # The certificates of a section have one profile and instant, so they end together.
                if tile.section not in ends:
                    first = self._record(run, tile, self._tiles.open(tile), 0)
                    ends[tile.section] = first.not_after
                if ends[tile.section] >= out_at:
                    continue
            opened = self._tiles.open(tile)
            places: Iterable[int] = range(tile.count)
            if selection.columns:
                # Of a million rows few have the value: the others are not read.
                section = run.terms.section(tile.section)
                places = [
                    place for place in places if _has_columns(opened, section, place, selection)
                ]
            yield from self._records(run, tile, opened, places)

    def _with_serials(self, serials: Iterable[SerialNumber | SerialPrefix]) -> Iterator[Record]:
        """The certificates with any of some serial numbers, or beginnings of them."""
        exact = [serial for serial in serials if isinstance(serial, SerialNumber)]
        prefixes = [serial for serial in serials if isinstance(serial, SerialPrefix)]
        if len(exact) == 1:
            record = self.by_serial(exact[0])
            yield from () if record is None else (record,)
        else:
            yield from self.by_serials(exact)
        if not prefixes:
            return
        named = {str(serial) for serial in exact}
        for run_id, key in self._runs.serial_keys():
            sequence, run = SerialSequence(key), self._runs.get(run_id)
            for tile in self._tiles.of_run(run_id, done=True):
                texts = map(bytes.hex, sequence.serials(tile.first_row, tile.count))
                places = [
                    place
                    for place, text in enumerate(map(str.upper, texts))
                    if text not in named and any(prefix.fits(text) for prefix in prefixes)
                ]
                if places:
                    yield from self._records(run, tile, self._tiles.open(tile), places)

    def _by_eui64(self, eui64: Eui64) -> Iterator[Record]:
        for run, row in self._rows_with(eui64):
            record = self.at_row(run, row)
            if record is not None:
                yield record

    def _rows_with(self, eui64: Eui64) -> Iterator[tuple[int, int]]:
        """The run and row number of every row with an EUI-64, whether issued or not."""
        for run in self._runs.all():
            first_row = 0
            for section in run.terms.sections:
                first = section.first_id
                if first is not None and first <= eui64.value < first + section.count:
                    yield run.id, first_row + eui64.value - first
                first_row += section.count
        yield from self._tiles.rows_with(eui64)

    def at_row(self, run: int, row: int) -> Record | None:
        """The certificate of a row of a run; None if it is not issued."""
        tile = self._tiles.at_row(run, row)
        if tile is None:
            return None
        place = row - tile.first_row
        return self._record(self._runs.get(run), tile, self._tiles.open(tile), place)

    def _record(self, run: Run, tile: TileRecord, opened: Tile, place: int) -> Record:
        return next(self._records(run, tile, opened, [place]))

    def _records(
        self, run: Run, tile: TileRecord, opened: Tile, places: Iterable[int]
    ) -> Iterator[Record]:
        """The certificates at some places of a tile; what they share is worked out once."""
        section = run.terms.section(tile.section)
        profile = self._library.profile(section.profile)
        environment = self._library.environment(section.environment)
        usage, role = section.usage or "", section.role_code
        issuer = SerialNumber.parse(section.issuer)
        at, extra = from_iso(run.terms.at), opened.extra()
        for place in places:
            der = opened.der(place)
            parts = outline(der)
            not_before, not_after = dates(parts.validity)
            eui64 = opened.eui64(place)
            # Where the section has none, the profile fixes it.
            usage = usage or names_of_usage(view_certificate(der).value("extensions.keyUsage"))
            yield Record(
                serial=SerialNumber(opened.serial(place)),
                der=der,
                profile=section.profile,
                hierarchy=profile.hierarchy,
                tier=Tier.END_ENTITY,
                family=environment.family,
                environment=section.environment,
                category=section.category,
                participant=section.participant,
                eui64=None if eui64 is None else Eui64(eui64),
                role=role,
                usage=str(usage),
                label=extra.labels.get(place) or run.terms.label_of(section, eui64),
                key_id=key_id(parts.public_key),
                issuer=issuer,
                not_before=not_before,
                not_after=not_after,
                issued_at=at,
                audit=tile.audit or 0,
                place=(run.id, tile.number, place),
                keys_secret=not run.terms.seeded,
                experimental=section.experimental,
                columns=extra.columns_at(place, section.columns),
            )


def _may_fit(section: Section, selection: Selection) -> bool:
    if not selection.columns.keys() <= set(section.columns):
        return False
    parts = {
        "participant": section.participant,
        "profile": section.profile,
        "role": section.role_code,
        "environment": section.environment,
    }
    if section.usage is not None:
        parts["usage"] = section.usage
    return selection.allows(**parts)


def _has_columns(opened: Tile, section: Section, place: int, selection: Selection) -> bool:
    if not selection.columns:
        return True
    return selection.has_columns(opened.extra().columns_at(place, section.columns))
