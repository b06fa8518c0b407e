"""Reads the entries of a CRL one after another, since a CRL may hold a hundred thousand.

An entry in the usual form is parsed straight from its octets; any other is read as an element,
like the rest of a document.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.der.read import Anomaly, DerError, Node, header_at, read_at
from smki_testca.x509 import names, structures
from smki_testca.x509.values import extension_parts, instant_of, integer_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

MAX_ENTRIES = 250_000
"""The most entries read from one CRL."""
MAX_OCTETS = 16 << 20
"""The longest CRL read, in octets."""

REASON_HEAD = bytes.fromhex("300c300a0603551d1504030a01")
"""The octets before the reason code in an entry with no other extension."""
_TIMES = (0x17, 0x18)


_PLAIN: Mapping[str, bool] = MappingProxyType({})
_NOTHING: Mapping[str, Node] = MappingProxyType({})
_REASON_ONLY: Mapping[str, bool] = MappingProxyType({"reasonCode": False})


class CrlEntry(NamedTuple):
    """One entry of a CRL (RFC 5280 5.1.2.6).

    Attributes:
        offset: of the entry in the document.
        serial: of the revoked certificate; None where the entry is malformed.
        at: the revocationDate, UTC; None where the entry is malformed.
        date_tag: the identifier octet of the revocationDate; 0 where the entry is malformed.
        reason: the code of the reasonCode; None where there is none or it cannot be read.
        criticality: of each extension, by name; unknown ones by their OID.
        duplicates: the extensions that occur more than once.
        node: the entry as an element; None for one in the usual form.
        wrapped: the element inside each extension's value, by the extension's name.
        problem: why the entry is malformed; None if it is not.
        anomalies: in its lengths and in the octets inside its extensions.
    """

    offset: int
    serial: int | None = None
    at: datetime | None = None
    date_tag: int = 0
    reason: int | None = None
    criticality: Mapping[str, bool] = _PLAIN
    duplicates: tuple[str, ...] = ()
    node: Node | None = None
    wrapped: Mapping[str, Node] = _NOTHING
    problem: Anomaly | None = None
    anomalies: tuple[Anomaly, ...] = ()

    def offset_of(self, part: str, occurrence: int = 0) -> int:
        """The offset of a part of the entry; of the entry itself where it lacks that part.

        Args:
            part: ``userCertificate``, ``revocationDate``, or the name of an extension.
            occurrence: 0 for the first extension of that name, 1 for the second.
        """
        if self.node is not None:
            return self._place_in(self.node, part, occurrence)
        if self.serial is None or part not in {"userCertificate", "revocationDate", "reasonCode"}:
            return self.offset
        # The usual form: its lengths are known.
        serial = self.offset + 2
        date = serial + 2 + _octets_of(self.serial)
        places = {"userCertificate": serial, "revocationDate": date, "reasonCode": date + 15 + 2}
        return places[part]

    def _place_in(self, node: Node, part: str, occurrence: int) -> int:
        children = node.children
        fixed = {"userCertificate": children[:1], "revocationDate": children[1:2]}
        if part in fixed:
            nodes = fixed[part]
        else:
            nodes = [
                extension
                for extensions in children[2:]
                for extension in extensions.children
                if _label_of(extension) == part
            ][occurrence:]
        return nodes[0].offset if nodes else node.offset


def _octets_of(serial: int) -> int:
    """The number of octets of an INTEGER in the fewest."""
    bits = (serial if serial >= 0 else ~serial).bit_length()
    return bits // 8 + 1


def _label_of(extension: Node) -> str | None:
    oid, _, _ = extension_parts(extension)
    return None if oid is None else names.ENTRY_EXTENSION_NAMES.get(oid, oid)


def place(data: bytes) -> tuple[int, int] | None:
    """Find revokedCertificates in a CRL without parsing what is inside.

    Returns:
        Its start and end offsets; twice the same offset for a CRL without it; None for octets
        that are not a CRL.
    """
    try:
        tag, start, end = header_at(data, 0, len(data))
        inner_tag, position, stop = header_at(data, start, end)
        if (tag, inner_tag) != (0x30, 0x30):
            return None
        elements: list[tuple[int, int, int]] = []
        while position < stop and len(elements) < 6:
            tag, _, after = header_at(data, position, stop)
            elements.append((tag, position, after))
            position = after
    except DerError:
        return None
    if elements and elements[0][0] == 0x02:
        elements = elements[1:]
    tags = [tag for tag, _, _ in elements]
    if tags[:2] != [0x30, 0x30] or not tags[2:] or tags[2] not in _TIMES:
        return None
    rest = elements[3:]
    if rest and rest[0][0] in _TIMES:
        rest = rest[1:]
    if rest and rest[0][0] == 0x30:
        return rest[0][1], rest[0][2]
    return elements[2][2], elements[2][2]


def count(revoked: Node) -> int:
    """The number of entries in revokedCertificates, as far as it can be read."""
    number, position = 0, revoked.start
    try:
        while position < revoked.end:
            _, _, position = header_at(revoked.data, position, revoked.end)
            number += 1
    except DerError:
        pass
    return number


def entries(revoked: Node) -> Iterator[CrlEntry]:
    """Every entry of revokedCertificates, in order.

    An entry that cannot be read, or that exceeds ``MAX_ENTRIES``, has a problem and is the last.
    """
    data, position, end = revoked.data, revoked.start, revoked.end
    number = 0
    while position < end:
        if number == MAX_ENTRIES:
            message = f"the CRL has more than {MAX_ENTRIES} entries; the rest was not read"
            yield CrlEntry(position, problem=Anomaly("crl.too_many_entries", position, message))
            return
        number += 1
        entry, position = _parse_usual(data, position, end) or _parse_unusual(data, position, end)
        yield entry
        if position < 0:
            return


def _parse_usual(data: bytes, offset: int, end: int) -> tuple[CrlEntry, int] | None:
    """Parse an entry of a serial of up to 20 octets, a UTCTime and at most a reasonCode."""
    head = data[offset : offset + 4]
    if len(head) < 4 or head[0] != 0x30 or head[1] >= 0x80 or head[2] != 0x02:
        return None
    length = head[3]
    start, stop = offset + 4, offset + 2 + head[1]
    date = start + length
    after = date + 15
    if not 0 < length <= 20 or stop > end or after > stop or data[date : date + 2] != b"\x17\x0d":
        return None
    serial = data[start:date]
    if length > 1 and (
        (serial[0] == 0 and serial[1] < 0x80) or (serial[0] == 0xFF and serial[1] >= 0x80)
    ):
        return None
    at = instant_of(data[date + 2 : after])
    if at is None:
        return None
    reason = None
    if after != stop:
        if stop - after != 14 or data[after : stop - 1] != REASON_HEAD:
            return None
        reason = data[stop - 1]
        if reason >= 0x80:
            return None
    number = int.from_bytes(serial, signed=True)
    criticality = _PLAIN if reason is None else _REASON_ONLY
    return CrlEntry(offset, number, at, 0x17, reason, criticality), stop


def _parse_unusual(data: bytes, offset: int, end: int) -> tuple[CrlEntry, int]:
    try:
        node, anomalies = read_at(data, offset, end)
    except DerError as error:
        return CrlEntry(offset, problem=Anomaly(error.code, error.offset, error.problem)), -1
    parts = node.children
    tags = [part.tag for part in parts]
    if node.tag != 0x30 or tags[:1] != [0x02] or len(tags) < 2 or tags[1] not in _TIMES:
        return _unreadable_entry(
            node, anomalies, "an entry is not a serial number and a time"
        ), node.stop
    if tags[2:] not in ([], [0x30]):
        message = "an entry holds more than a serial number, a time and extensions"
        return _unreadable_entry(node, anomalies, message), node.stop
    serial, at = integer_of(parts[0]), time_of(parts[1])
    if serial is None or at is None:
        unreadable = "serial number" if serial is None else "revocationDate"
        return _unreadable_entry(
            node, anomalies, f"the {unreadable} of an entry cannot be read"
        ), node.stop
    criticality: dict[str, bool] = {}
    duplicates: list[str] = []
    wrapped: dict[str, Node] = {}
    reason = None
    for extension in parts[2].children if parts[2:] else ():
        oid, is_critical, octets = extension_parts(extension)
        if oid is None or octets is None:
            return _unreadable_entry(
                node, anomalies, "an extension of an entry is malformed"
            ), node.stop
        label = names.ENTRY_EXTENSION_NAMES.get(oid, oid)
        value, value_anomalies = structures.read_value(octets, label)
        anomalies += value_anomalies
        if label in criticality:
            duplicates.append(label)
            continue
        criticality[label] = is_critical
        if value is not None:
            wrapped[label] = value
            if label == "reasonCode":
                reason = _reason(value)
    entry = CrlEntry(
        node.offset,
        serial,
        at,
        parts[1].tag,
        reason,
        criticality,
        tuple(duplicates),
        node,
        wrapped,
        None,
        tuple(anomalies),
    )
    return entry, node.stop


def _unreadable_entry(node: Node, anomalies: list[Anomaly], message: str) -> CrlEntry:
    problem = Anomaly("crl.entry", node.offset, message)
    return CrlEntry(node.offset, node=node, problem=problem, anomalies=tuple(anomalies))


def _reason(node: Node) -> int | None:
    if node.tag != 0x0A or len(node.content) != 1:
        return None
    return node.content[0]
