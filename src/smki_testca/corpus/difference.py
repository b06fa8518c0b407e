"""Finds the one change between a good document and a case: where it is, and both sets of octets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from smki_testca.der.encode import OCTET_STRING
from smki_testca.der.read import DerError, Node, header_at, read, read_wrapped
from smki_testca.x509.view import kind_of, view_certificate, view_request, view_revocation_list

_VIEWS = {
    "certificate": view_certificate,
    "CSR": view_request,
    "CRL": view_revocation_list,
}

_SIGNED_PART = {
    "certificate": "tbsCertificate",
    "CSR": "certificationRequestInfo",
    "CRL": "tbsCertList",
}
_ATTRIBUTES = 0xA0
UNDER_TEST = "der"
"""The name that a change has for the document under test."""


@dataclass(frozen=True)
class Difference:
    """One change of a document.

    Attributes:
        kind: ``replaced``, ``removed`` or ``added``: whole elements; ``octets`` where the result
            has not the elements of the base, such as a wrong length or tag.
        path: the smallest field that holds it, such as ``extensions.keyUsage``: of an element that
            is added, the one that it is added to; of several elements, that of the first. Empty
            where that is the document itself.
        offset: of ``before`` in the octets of the good ``document``.
        before: the octets of the base that the change takes away; empty where it only adds.
        after: the octets that it puts there; empty where it only removes.
        resigned: whether the ``document`` was signed again after the change.
        document: which of the case's documents the change is in: ``der``, the one under test, or
            one around it, such as ``chain[0]`` or ``crls[0]``.
    """

    kind: str
    path: str
    offset: int
    before: bytes
    after: bytes
    resigned: bool
    document: str = UNDER_TEST

    def below(self, place: str) -> Difference:
        """The same change of another document, such as ``chain[0]``; its path says so."""
        path = f"{place}.{self.path}" if self.path else place
        return replace(self, path=path, document=place)

    def as_json(self) -> dict[str, Any]:
        """The change as a JSON object; octets in hexadecimal."""
        return {
            "kind": self.kind,
            "document": self.document,
            "path": self.path,
            "offset": self.offset,
            "before": self.before.hex(),
            "after": self.after.hex(),
            "resigned": self.resigned,
        }


def difference(base: bytes, case: bytes) -> Difference | None:
    """The change between a good document and a case; None if there is none.

    What follows from the change is left out of it: the lengths of the elements around it and,
    where the document was signed again, the signature and the algorithm named beside it.

    Args:
        base: the good document, DER.
        case: the changed one, any octets.
    """
    if base == case:
        return None
    good, _ = read(base)
    try:
        changed, _ = read(case)
    except DerError:
        changed = None
    signed = good.children[0]
    if changed is not None and len(changed.children) == len(good.children):
        other = changed.children[0]
        if changed.encoded == good.encoded:
            return _octets(base, case, resigned=False)
        if signed.encoded == other.encoded:
            return _between(base, good, changed, resigned=False)
        resigned = good.children[-1].encoded != changed.children[-1].encoded
        pair = (signed, other) if resigned else (good, changed)
        return _between(base, *pair, resigned=resigned)
    if changed is not None and changed.tag == good.tag and changed.children:
        return _between(base, good, changed, resigned=False)
    part = _signed_again(good, case)
    if part is None:
        return _octets(base, case, resigned=False)
    if part == signed.content:
        start = header_at(case, 0, len(case))[1]
        before, after = base[signed.offset : signed.start], case[start : case.index(part, start)]
        path = field_at(base, signed.offset, signed.start)
        return Difference("octets", path, signed.offset, before, after, resigned=True)
    return _octets(base, part, resigned=True, within=signed)


def _signed_again(good: Node, case: bytes) -> bytes | None:
    """The content of the signed part of a case that is no DER, if it was signed again."""
    _, algorithm, signature = good.children
    end = case.rfind(algorithm.encoded + signature.encoded[:1])
    try:
        start = header_at(case, 0, len(case))[1]
        _, first, last = header_at(case, end + len(algorithm.encoded), len(case))
    except DerError:
        return None
    if end < start or last != len(case) or case[first:last] == signature.content:
        return None
    count = case[start + 1] & 0x7F if case[start + 1] & 0x80 else 0
    return case[start + 2 + count : end]


def _octets(base: bytes, case: bytes, *, resigned: bool, within: Node | None = None) -> Difference:
    """The octets that differ: of the whole, or of the content of an element of the base."""
    first = 0 if within is None else within.start
    good = base if within is None else within.content
    start = _same_octets(good, case)
    most = min(len(good), len(case)) - start
    end = min(_same_octets(good[::-1], case[::-1]), most)
    before, after = good[start : len(good) - end], case[start : len(case) - end]
    start += first
    path = field_at(base, start, start + len(before))
    return Difference("octets", path, start, before, after, resigned)


def _same_octets(octets: bytes, other: bytes) -> int:
    """The number of equal octets at the beginning."""
    shorter = min(len(octets), len(other))
    return next((n for n in range(shorter) if octets[n] != other[n]), shorter)


def _between(base: bytes, good: Node, changed: Node, *, resigned: bool) -> Difference:
    """The change below two elements that hold it."""
    while True:
        parts, others = children_of(good), children_of(changed)
        if good.tag != changed.tag or not (parts and others):
            break
        first, last = _same_ends(parts, others)
        old, new = parts[first : len(parts) - last], others[first : len(others) - last]
        if not (old or new):
            return _of_header(base, good, changed, resigned=resigned)
        if len(old) == len(new) == 1:
            good, changed = old[0], new[0]
            continue
        return _of_elements(base, good, first, old, new, resigned=resigned)
    if good.content == changed.content:
        return _of_header(base, good, changed, resigned=resigned)
    before, after = good.encoded, changed.encoded
    path = field_at(base, good.offset, good.stop)
    return Difference("replaced", path, good.offset, before, after, resigned)


def _of_header(base: bytes, good: Node, changed: Node, *, resigned: bool) -> Difference:
    """The change of the tag or length of an element, everything in it the same."""
    before, after = good.encoded, changed.encoded
    if changed.end == changed.stop:
        before = before[: good.start - good.offset]
        after = after[: changed.start - changed.offset]
    path = field_at(base, good.offset, good.stop)
    return Difference("octets", path, good.offset, before, after, resigned)


def _of_elements(
    base: bytes, good: Node, first: int, old: list[Node], new: list[Node], *, resigned: bool
) -> Difference:
    """The change of some of the elements in one, from the first that differs on."""
    before = b"".join(node.encoded for node in old)
    after = b"".join(node.encoded for node in new)
    offset = old[0].offset if old else _end_of(children_of(good), first)
    kind = "replaced" if old and new else "removed" if old else "added"
    held = (old[0].offset, old[0].stop) if old else (good.offset, good.stop)
    return Difference(kind, field_at(base, *held), offset, before, after, resigned)


def _end_of(parts: list[Node], count: int) -> int:
    """The offset after so many elements."""
    return parts[0].offset if count == 0 else parts[count - 1].stop


def _same_ends(parts: list[Node], others: list[Node]) -> tuple[int, int]:
    """The numbers of equal elements at the beginning and at the end."""
    shorter = min(len(parts), len(others))
    first = 0
    while first < shorter and parts[first].encoded == others[first].encoded:
        first += 1
    last = 0
    while last < shorter - first and parts[-1 - last].encoded == others[-1 - last].encoded:
        last += 1
    return first, last


def children_of(node: Node) -> list[Node]:
    """The elements in an element; of an OCTET STRING that wraps one, that element."""
    if node.tag == OCTET_STRING:
        inner, _ = read_wrapped(node)
        return [inner] if inner is not None and inner.stop == node.end else []
    return list(node.children) if node.constructed else []


def field_at(base: bytes, start: int, end: int) -> str:
    """The smallest field of a good document that holds some octets; empty where none does.

    The parts of a document that are no fields of their own have names, too: the signed part, the
    signature and its algorithm, and what wraps a field.

    Args:
        base: the good document, DER.
        start: the offset of the first octet.
        end: the offset after the last; ``start`` where there are none.
    """
    fields = [*fields_of(base), *_parts_of(base)]
    return min(
        (last - first, path)
        for first, last, path in [*fields, (0, len(base) + 1, "")]
        if first <= start < last and end <= last
    )[1]


def _parts_of(base: bytes) -> list[tuple[int, int, str]]:
    """The parts without a field of their own: elements of a document and its signed part."""
    document, _ = read(base)
    signed, algorithm, signature = document.children
    kind, fields = kind_of(base) or "", fields_of(base)
    named = [
        (signed, _SIGNED_PART[kind]),
        (algorithm, "signatureAlgorithm"),
        (signature, "signatureValue"),
    ]
    for node in signed.children:
        if (kind, node.tag) == ("CSR", _ATTRIBUTES):
            named.append((node, "attributes"))
        else:
            inside = [
                path for start, end, path in fields if node.offset <= start and end <= node.stop
            ]
            named.extend((node, path.partition(".")[0]) for path in inside[:1])
    return [(node.offset, node.stop, path) for node, path in named]


def fields_of(base: bytes) -> list[tuple[int, int, str]]:
    """The fields of a good document: the start of each, the octet after it, its path."""
    kind = kind_of(base)
    if kind is None:
        raise ValueError("the base is not a document")
    view = _VIEWS[kind](base)
    named = [(path, value.node) for path, value in view.fields.items()]
    for name, node in zip(view.extension_order, view.extension_nodes, strict=True):
        named.append((f"extensions.{name}", node))
    return [(node.offset, node.stop, path) for path, node in named]


def smallest_at(fields: list[tuple[int, int, str]], offset: int) -> str:
    """The smallest of the fields that holds an octet; empty where none does."""
    holding = [(end - start, path) for start, end, path in fields if start <= offset < end]
    return min(holding)[1] if holding else ""
