"""Reads the certificates of a run row by row, side by side: for exports of many.

A ``Record`` of each certificate takes 100 µs. What the certificates of a section have in common is
worked out once here, so that a row costs a few.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.clock import from_iso, iso
from smki_testca.errors import EstateError
from smki_testca.estate.database import RESTORE
from smki_testca.estate.run_tiles import finished_tiles
from smki_testca.identifiers import SerialNumber
from smki_testca.x509.key_usages import names_of_usage
from smki_testca.x509.keys import P256_HEAD, is_plain_p256, key_id
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.runs import Run
    from smki_testca.estate.stores import Stores
    from smki_testca.estate.terms import Section
    from smki_testca.estate.tile import Tile
    from smki_testca.estate.tiles import TileRecord

_TILES_KEPT = 8
_P256_OCTETS = len(P256_HEAD) + 64
_NO_COLUMNS: Mapping[str, str] = {}


class RunRow(NamedTuple):
    """One certificate of a run.

    Attributes:
        der: the certificate.
        serial: its serial number, 16 octets.
        eui64: 8 octets, if it has one.
        usage: keyUsage bits as on the command line, joined by ``+``.
        point: X and Y of its public key of P-256, 64 octets; None for another kind of key.
        key: the private key as the run keeps it: a P-256 scalar of 32 octets, or PKCS#8 DER. None
            if it was not asked for, the estate does not have it, or a CA has it by now.
        label: a name to find it by.
        columns: the operator's own columns of its row.
    """

    der: bytes
    serial: bytes
    eui64: bytes | None
    usage: str
    point: bytes | None
    key: bytes | None
    label: str | None
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SectionFacts:
    """The facts that all certificates of a section share.

    Attributes:
        section: as the run's terms have it.
        not_before, not_after: of each certificate, UTC, ISO 8601.
        role: the RemotePartyRole code as two hexadecimal digits, if they have one.
        hw_type: the hwType of Devices, an OID.
    """

    section: Section
    not_before: str
    not_after: str
    role: str | None
    hw_type: str | None


class RunRows:
    """The finished rows of one run, by their place in it.

    Args:
        estate: that has the run.
        run: the run.
        with_keys: whether to unseal the private keys.

    Raises:
        EstateError: if a tile is missing, or keys are asked for and the passphrase is wrong.
    """

    def __init__(self, estate: Stores, run: Run, *, with_keys: bool) -> None:
        self.run = run
        self._estate = estate
        self._tiles = finished_tiles(estate.tiles, run)
        self._starts = [tile.first_row for tile in self._tiles]
        self._sealing_key = estate.runs.secrets(run.id).sealing_key if with_keys else None
        self._authority_keys = estate.key_holders.authority_keys()
        self._facts: dict[int, SectionFacts] = {}
        self._chains: dict[str, tuple[Record, ...]] = {}
        self._read = lru_cache(maxsize=_TILES_KEPT)(self._rows_of)

    def without_keys(self) -> RunRows:
        """The same rows, their private keys left sealed."""
        return RunRows(self._estate, self.run, with_keys=False)

    @property
    def tiles(self) -> list[TileRecord]:
        """The finished tiles, in the order of the run's rows."""
        return self._tiles

    def open(self, tile: TileRecord) -> Tile:
        """The content of a tile."""
        return self._estate.tiles.open(tile)

    def tile_at(self, row: int) -> int | None:
        """The place in ``tiles`` of the one that holds a row; None if that is not finished."""
        place = bisect_right(self._starts, row) - 1
        if place < 0 or row >= self._starts[place] + self._tiles[place].count:
            return None
        return place

    def rows(self, place: int) -> list[RunRow]:
        """The rows of the tile at a place in ``tiles``."""
        return self._read(place)

    def between(self, start: int, stop: int) -> Iterator[tuple[SectionFacts, list[RunRow]]]:
        """Finished rows tile by tile, counted without those that are not finished."""
        first = 0
        for place, tile in enumerate(self._tiles):
            low, high = max(start - first, 0), min(stop - first, tile.count)
            if low < high:
                yield self.facts(place), self._read(place)[low:high]
            first += tile.count

    def facts(self, place: int) -> SectionFacts:
        """The facts that the rows of the tile at a place share with their section."""
        tile = self._tiles[place]
        if tile.section not in self._facts:
            # The certificates of a section have one profile and instant, so they end together.
            view = view_certificate(self.open(tile).der(0))
            at = from_iso(self.run.terms.at)
            before = view.instant("validity.notBefore") or at
            after = view.instant("validity.notAfter") or at
            section = self.run.terms.section(tile.section)
            role = section.role_code
            self._facts[tile.section] = SectionFacts(
                section,
                iso(before),
                iso(after),
                None if role is None else f"{role:02X}",
                section.shared.get("hw-type"),
            )
        return self._facts[tile.section]

    def chain(self, section: Section) -> tuple[Record, ...]:
        """The CAs above the certificates of a section, the issuing one first, the root last.

        Raises:
            EstateError: if the issuing one is missing.
        """
        if section.issuer not in self._chains:
            certificates = self._estate.certificates
            issuer = certificates.by_serial(SerialNumber.parse(section.issuer))
            if issuer is None:
                raise EstateError(
                    "estate.damaged",
                    f"The CA {section.issuer} of run {self.run.id} is missing.",
                    RESTORE,
                )
            issuer = certificates.newest(issuer)
            self._chains[section.issuer] = (issuer, *certificates.chain(issuer))
        return self._chains[section.issuer]

    def columns(self) -> list[str]:
        """The names of the operator's own columns, each once, in the order of their appearance."""
        sections = self.run.terms.sections
        return list(dict.fromkeys(name for each in sections for name in each.columns))

    def _rows_of(self, place: int) -> list[RunRow]:
        tile = self._tiles[place]
        opened = self.open(tile)
        section = self.run.terms.section(tile.section)
        ders = opened.ders()
        public_keys = list(_public_keys(ders))
        ids = opened.ids()
        if section.usage is not None:
            usages: Iterator[str] = repeat(section.usage.value)
        else:
            usages = (names_of_usage(view_certificate(der).value(_USAGE)) for der in ders)
        return list(
            map(
                RunRow,
                ders,
                opened.serials(),
                ids or repeat(None),
                usages,
                map(_point, public_keys),
                self._keys(opened, public_keys),
                self._labels(opened, section, ids),
                self._columns(opened, section),
            )
        )

    def _labels(
        self, opened: Tile, section: Section, ids: list[bytes] | None
    ) -> Iterator[str | None]:
        """The label of each row: its own, or else that of the run."""
        labels, terms = opened.extra().labels, self.run.terms
        for place in range(len(opened)):
            label = labels.get(place)
            if label is None and terms.label_template is None:
                label = terms.label
            elif label is None:
                eui64 = None if ids is None else int.from_bytes(ids[place])
                label = terms.label_of(section, eui64)
            yield label

    def _columns(self, opened: Tile, section: Section) -> Iterator[Mapping[str, str]]:
        """The operator's own columns of each row."""
        names, extra = section.columns, opened.extra()
        if not names:
            return repeat(_NO_COLUMNS)
        return (extra.columns_at(place, names) for place in range(len(opened)))

    def _keys(self, opened: Tile, public_keys: list[bytes]) -> Iterator[bytes | None]:
        """The private keys, without those that a CA has by now."""
        if self._sealing_key is None:
            return repeat(None)
        return (
            None if key is None or key_id(public_key) in self._authority_keys else key
            for key, public_key in zip(opened.keys(self._sealing_key), public_keys, strict=True)
        )


def _point(public_key: bytes) -> bytes | None:
    return public_key[len(P256_HEAD) :] if is_plain_p256(public_key) else None


_USAGE = "extensions.keyUsage"
_PUBLIC_KEY = "subjectPublicKeyInfo"


def _public_keys(ders: list[bytes]) -> Iterator[bytes]:
    """The SubjectPublicKeyInfo of each certificate.

    In most tiles it has one place, where that of P-256 is known by its first 27 octets.
    """
    start = end = 0
    for der in ders:
        if end == 0 or not der.startswith(P256_HEAD, start):
            node = view_certificate(der).fields[_PUBLIC_KEY].node
            start, end = node.offset, node.offset + _P256_OCTETS
            if not is_plain_p256(node.encoded):
                end = 0
                yield node.encoded
                continue
        yield der[start:end]
