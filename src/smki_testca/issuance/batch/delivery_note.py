"""Writes a delivery note: what a run's certificates are, and digests by which to check them.

The same run makes the same note, to the octet. It holds no secret.
"""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.clock import iso
from smki_testca.errors import InputError
from smki_testca.estate.run_tiles import finished_tiles
from smki_testca.estate.runs import State
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.text import plain
from smki_testca.x509.key_usages import names_of_usage
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from smki_testca.estate.runs import Run
    from smki_testca.estate.stores import Stores
    from smki_testca.estate.tile import Tile
    from smki_testca.estate.tiles import TileRecord


@dataclass(frozen=True, slots=True)
class DeliveryPart:
    """Certificates of a run that have one participant, environment, type, usage and issuing CA.

    Attributes:
        issuer: the serial number of the issuing CA's certificate.
        count: of the certificates.
        first_id, last_id: the lowest and the highest EUI-64 in them; None if they have none.
        not_before, not_after: their validity.
    """

    participant: str
    environment: str
    profile: str
    usage: str
    issuer: str
    count: int
    first_id: Eui64 | None
    last_id: Eui64 | None
    not_before: datetime
    not_after: datetime

    def as_json(self) -> dict[str, Any]:
        """The part as a JSON object."""
        return {
            "participant": self.participant,
            "environment": self.environment,
            "profile": self.profile,
            "usage": self.usage,
            "issuer": self.issuer,
            "certificates": self.count,
            "first_id": None if self.first_id is None else str(self.first_id),
            "last_id": None if self.last_id is None else str(self.last_id),
            "not_before": iso(self.not_before),
            "not_after": iso(self.not_after),
        }


@dataclass(frozen=True, slots=True)
class Delivered:
    """One certificate of the run, as the note lists it.

    Attributes:
        sha256: of the certificate in DER, hexadecimal.
    """

    serial: SerialNumber
    eui64: Eui64 | None
    sha256: str

    def as_json(self) -> dict[str, Any]:
        """The certificate as a JSON object."""
        eui64 = None if self.eui64 is None else str(self.eui64)
        return {"serial": str(self.serial), "eui64": eui64, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class DeliveryNote:
    """The delivery note of a run.

    Attributes:
        run: its id.
        label, source, created, finished: of the run.
        keys_secret: False if the private keys were made from a seed.
        parts: the certificates by what they share.
        sha256: of all certificates in DER, one after the other in the order of the run: that of
            the file that ``batch export --format der-stream`` writes. Hexadecimal.
    """

    run: int
    label: str | None
    source: str
    created: str
    finished: str | None
    keys_secret: bool
    parts: tuple[DeliveryPart, ...]
    sha256: str

    @property
    def count(self) -> int:
        """The number of the certificates."""
        return sum(part.count for part in self.parts)

    @property
    def first_id(self) -> Eui64 | None:
        """The lowest EUI-64 in the certificates; None if they have none."""
        ids = [part.first_id for part in self.parts if part.first_id is not None]
        return min(ids, key=lambda each: each.value, default=None)

    @property
    def last_id(self) -> Eui64 | None:
        """The highest EUI-64 in the certificates; None if they have none."""
        ids = [part.last_id for part in self.parts if part.last_id is not None]
        return max(ids, key=lambda each: each.value, default=None)

    def as_json(self) -> dict[str, Any]:
        """The note as a JSON object."""
        return {
            "run": self.run,
            "label": self.label,
            "source": self.source,
            "created": self.created,
            "finished": self.finished,
            "keys_secret": self.keys_secret,
            "certificates": self.count,
            "first_id": None if self.first_id is None else str(self.first_id),
            "last_id": None if self.last_id is None else str(self.last_id),
            "participants": sorted({part.participant for part in self.parts}),
            "profiles": sorted({part.profile for part in self.parts}),
            "not_before": iso(min(part.not_before for part in self.parts)),
            "not_after": iso(max(part.not_after for part in self.parts)),
            "parts": [part.as_json() for part in self.parts],
            "sha256": self.sha256,
        }

    def as_text(self) -> str:
        """The note as text, as ``batch note`` prints it."""
        return "".join(f"{line}\n" for line in as_text(self, None))

    def as_html(self) -> str:
        """The note as one HTML page, which refers to nothing outside."""
        return "".join(f"{line}\n" for line in as_html(self, None))


def note_of(estate: Stores, run: Run, progress: Callable[[int, int], None]) -> DeliveryNote:
    """Make the note of a run.

    Args:
        estate: the run's estate; no private key is needed.
        run: that is done.
        progress: called with the number of certificates read, and of all.

    Raises:
        InputError: if the run is not done.
        EstateError: if a tile is missing or was changed.
    """
    if run.state is not State.DONE:
        raise InputError(
            "batch.state",
            f"Run {run.id} is {run.state}: only a run that is done has a delivery note.",
            f"Complete it: smki-testca batch resume {run.id}" if run.is_unfinished else "",
        )
    digest = hashlib.sha256()
    tiles_of: dict[int, list[DeliveryPart]] = {}
    done = 0
    for record in finished_tiles(estate.tiles, run):
        opened = estate.tiles.open(record)
        for place in range(len(opened)):
            digest.update(opened.der(place))
        tiles_of.setdefault(record.section, []).append(_part(run, record, opened))
        done += record.count
        progress(done, run.terms.count)
    sections = [_joined(tiles_of[section]) for section in sorted(tiles_of)]
    shared: dict[tuple[Any, ...], list[DeliveryPart]] = {}
    for part in sections:
        key = (part.participant, part.environment, part.profile, part.usage, part.issuer)
        shared.setdefault(key, []).append(part)
    return DeliveryNote(
        run.id,
        run.terms.label_template or run.terms.label,
        run.terms.source,
        run.created,
        run.finished,
        not run.terms.seeded,
        tuple(map(_joined, shared.values())),
        digest.hexdigest(),
    )


def _part(run: Run, record: TileRecord, opened: Tile) -> DeliveryPart:
    """The note's part on the certificates of a tile; in a section only their IDs differ."""
    section = run.terms.section(record.section)
    view = view_certificate(opened.der(0))
    not_before, not_after = view.instant("validity.notBefore"), view.instant("validity.notAfter")
    if not_before is None or not_after is None:
        raise ValueError("a certificate without dates")
    usage = section.usage or names_of_usage(view.value("extensions.keyUsage") or ())
    ids = [each for place in range(len(opened)) if (each := opened.eui64(place)) is not None]
    return DeliveryPart(
        section.participant,
        section.environment,
        section.profile,
        str(usage),
        section.issuer,
        record.count,
        Eui64(min(ids)) if ids else None,
        Eui64(max(ids)) if ids else None,
        not_before,
        not_after,
    )


def _joined(parts: list[DeliveryPart]) -> DeliveryPart:
    """One part of several that share everything but their IDs and dates."""
    first = parts[0]
    lowest = [part.first_id for part in parts if part.first_id is not None]
    highest = [part.last_id for part in parts if part.last_id is not None]
    return DeliveryPart(
        first.participant,
        first.environment,
        first.profile,
        first.usage,
        first.issuer,
        sum(part.count for part in parts),
        min(lowest, key=lambda each: each.value, default=None),
        max(highest, key=lambda each: each.value, default=None),
        min(part.not_before for part in parts),
        max(part.not_after for part in parts),
    )


def delivered(estate: Stores, run: Run) -> Iterator[Delivered]:
    """Yield every certificate of a run, in its order.

    Raises:
        EstateError: if a tile is missing or was changed.
    """
    for record in finished_tiles(estate.tiles, run):
        opened = estate.tiles.open(record)
        for place in range(len(opened)):
            eui64 = opened.eui64(place)
            yield Delivered(
                SerialNumber(opened.serial(place)),
                None if eui64 is None else Eui64(eui64),
                hashlib.sha256(opened.der(place)).hexdigest(),
            )


# As text and as HTML.

_PART_COLUMNS = (
    *("Participant", "Environment", "Profile", "Usage", "Certificates", "First ID", "Last ID"),
    *("Not before", "Not after", "Issued by"),
)
_EACH_COLUMNS = ("Serial", "EUI-64", "SHA-256")
_HOW_TO_CHECK = (
    "The SHA-256 is that of all certificates in DER, one after the other in the order of the run."
    " It is the digest of the file that `batch export --format der-stream` writes."
)


def _facts(note: DeliveryNote) -> list[tuple[str, str]]:
    document = note.as_json()
    facts = [
        ("Run", str(note.run)),
        ("Label", note.label or ""),
        ("Created", note.created),
        ("Finished", note.finished or ""),
        ("Certificates", str(note.count)),
        ("First ID", document["first_id"] or ""),
        ("Last ID", document["last_id"] or ""),
        ("Participants", ", ".join(document["participants"])),
        ("Profiles", ", ".join(document["profiles"])),
        ("Validity", f"{document['not_before']} to {document['not_after']}"),
        ("Private keys", "secret" if note.keys_secret else "not secret: made from a seed"),
        ("SHA-256", note.sha256),
    ]
    return [(name, plain(value)) for name, value in facts if value]


def _part_rows(note: DeliveryNote) -> list[tuple[str, ...]]:
    return [
        (
            *(part.participant, part.environment, part.profile, part.usage, str(part.count)),
            "" if part.first_id is None else str(part.first_id),
            "" if part.last_id is None else str(part.last_id),
            iso(part.not_before),
            iso(part.not_after),
            part.issuer,
        )
        for part in note.parts
    ]


def _each_rows(every: Iterable[Delivered]) -> Iterator[tuple[str, ...]]:
    for each in every:
        yield (str(each.serial), "" if each.eui64 is None else str(each.eui64), each.sha256)


def as_json(note: DeliveryNote, every: Iterable[Delivered] | None) -> Iterator[str]:
    """Yield the lines of one JSON document; see ``as_text``."""
    document = json.dumps(note.as_json(), indent=2)
    if every is None:
        yield document
        return
    yield f"{document[:-2]},"
    yield '  "each": ['
    before = ""
    for each in every:
        if before:
            yield f"    {before},"
        before = json.dumps(each.as_json())
    yield f"    {before}"
    yield "  ]"
    yield "}"


def as_text(note: DeliveryNote, every: Iterable[Delivered] | None) -> Iterator[str]:
    """Yield the note as lines of text.

    Args:
        note: of the run.
        every: its certificates, to list them; None to leave them out.
    """
    yield "Delivery note"
    yield ""
    for name, value in _facts(note):
        yield f"{name + ':':14}{value}"
    yield ""
    for row in _part_rows(note):
        for name, value in zip(_PART_COLUMNS, row, strict=True):
            if value:
                yield f"  {name + ':':14}{plain(value)}"
        yield ""
    yield _HOW_TO_CHECK
    if every is not None:
        yield ""
        for row in _each_rows(every):
            yield " ".join(value or "-" for value in row)


_STYLE = (
    "body{font-family:sans-serif;margin:2em}table{border-collapse:collapse;margin:1em 0}"
    "th,td{border:1px solid #999;padding:.3em .6em;text-align:left;vertical-align:top}"
    "td{overflow-wrap:anywhere}"
)


def as_html(note: DeliveryNote, every: Iterable[Delivered] | None) -> Iterator[str]:
    """Yield the lines of one HTML page, which refers to nothing outside; see ``as_text``."""
    title = f"Delivery note of run {note.run}"
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f"<title>{title}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{title}</h1>"
    yield "<table>"
    for name, value in _facts(note):
        yield f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>"
    yield "</table>"
    yield from _html_table(_PART_COLUMNS, _part_rows(note))
    yield f"<p>{html.escape(_HOW_TO_CHECK)}</p>"
    if every is not None:
        yield from _html_table(_EACH_COLUMNS, _each_rows(every))
    yield "</body></html>"


def _html_table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "<table>"
    yield f"<tr>{''.join(f'<th>{column}</th>' for column in columns)}</tr>"
    for row in rows:
        yield f"<tr>{''.join(f'<td>{html.escape(plain(value))}</td>' for value in row)}</tr>"
    yield "</table>"
