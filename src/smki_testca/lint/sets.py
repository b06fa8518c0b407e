"""Rules over all certificates of an input at once: what no single one of them shows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Breach = tuple[int, str, str, str]
"""The position of the certificate, a rule's code, the field, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is compared of one certificate.

    Attributes:
        position: of the document in the input.
        place: its file and index, for messages.
        digest: of the whole certificate, to know the same one again.
        eui64: its User, RDP, DCC or Device ID.
    """

    position: int
    place: str
    digest: bytes
    serial: int
    issuer: bytes
    subject: bytes
    usage: tuple[str, ...]
    key: bytes
    eui64: int | None


def breaches(facts: Sequence[Facts]) -> Iterator[Breach]:
    """Everything that stands against certificates together, each at the later one."""
    distinct = list({one.digest: one for one in reversed(facts)}.values())[::-1]
    yield from _serials(distinct)
    yield from _same_subject(distinct)
    yield from _decimal_counting(distinct)


def _serials(facts: Iterable[Facts]) -> Iterator[Breach]:
    seen: dict[int, Facts] = {}
    for one in facts:
        earlier = seen.setdefault(one.serial, one)
        if earlier is one:
            continue
        same = earlier.issuer == one.issuer
        code = "set.serial_twice" if same else "set.serial_of_another_issuer"
        whose = "of the same issuer" if same else "of another issuer"
        message = f"another certificate {whose} has this serial: {earlier.place}"
        yield one.position, code, "serialNumber", message


def _same_subject(facts: Iterable[Facts]) -> Iterator[Breach]:
    empty = bytes.fromhex("3000")
    seen: dict[tuple[bytes, int | None, tuple[str, ...]], dict[bytes, Facts]] = defaultdict(dict)
    for one in facts:
        if one.subject == empty and one.eui64 is None:
            continue
        earlier = seen[one.subject, one.eui64, one.usage]
        same_key = earlier.get(one.key)
        if same_key is not None:
            message = f"it renews {same_key.place} with the same key"
            yield one.position, "set.renewal_same_key", "subjectPublicKeyInfo", message
        elif earlier and one.usage == ("keyAgreement",):
            first = next(iter(earlier.values()))
            message = f"another key agreement certificate has this subject: {first.place}"
            yield one.position, "set.key_agreement_pair", "subject", message
        earlier.setdefault(one.key, one)


def _decimal_counting(facts: Iterable[Facts]) -> Iterator[Breach]:
    """An ID …x9 followed by …(x+1)0, with nothing counted from …xA to …xF between them."""
    by_id: dict[int, Facts] = {}
    for one in facts:
        if one.eui64 is not None:
            by_id.setdefault(one.eui64, one)
    for eui64 in sorted(by_id):
        if eui64 & 0xF != 0x9 or eui64 + 7 not in by_id:
            continue
        if not any(eui64 + step in by_id for step in range(1, 7)):
            later = by_id[eui64 + 7]
            message = f"its ID follows that of {by_id[eui64].place} as if counted in decimal"
            yield later.position, "set.decimal_counting", "subject", message
