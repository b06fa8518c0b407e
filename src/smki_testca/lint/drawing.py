"""Describes a document for people: each field with its value in words, or its ASN.1 elements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from smki_testca.clock import span_in_words
from smki_testca.der.encode import OCTET_STRING, OID
from smki_testca.der.read import (
    MAX_DEPTH,
    MAX_OCTETS,
    DerError,
    Node,
    read,
    read_at,
    read_wrapped,
    tag_name,
)
from smki_testca.lint.chain import SignatureVerdict, is_by_own_key
from smki_testca.text import plain
from smki_testca.x509 import entries
from smki_testca.x509.fields import shown_value
from smki_testca.x509.name_text import name_text, subject_text
from smki_testca.x509.names import (
    ECDSA_WITH_NULL,
    ECDSA_WITH_SHA256,
    REASON_NAMES,
    SIGNATURE_ALGORITHMS,
    name_of_oid,
)
from smki_testca.x509.values import oid_of, time_of
from smki_testca.x509.view import (
    text_of,
    view_certificate,
    view_request,
    view_revocation_list,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from smki_testca.lint.engine import Linter
    from smki_testca.lint.linted import Linted
    from smki_testca.profiles import Library
    from smki_testca.x509.entries import CrlEntry
    from smki_testca.x509.view import View

_SHOWN_OCTETS = 32
_SHOWN_ENTRIES = 20
"""The most entries of a CRL that are shown."""
_DEPTH_OF_ENTRIES = 3
_EUI64S = ("x500UniqueIdentifier", "hwSerialNum")
_IDENTIFIERS = (*_EUI64S, "subjectKeyIdentifier", "keyIdentifier")


SIGNATURE = "signatureValue"
"""The path of the line of the signature (RFC 5280 4.1)."""


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """One field and its value in words."""

    path: str
    value: str


def draw(data: bytes, linted: Linted, linter: Linter) -> list[DrawnLine]:
    """The fields of a document that was linted, each with its value; none if it is unreadable."""
    is_revocation_list = entries.place(data) is not None
    try:
        if is_revocation_list:
            view = view_revocation_list(data)
        elif linted.kind.startswith("csr-"):
            view = view_request(data)
        else:
            view = view_certificate(data)
    except DerError:
        return []
    lines: list[DrawnLine] = []
    for path, field in view.fields.items():
        if path == "revokedCertificates":
            lines += _entries(field.node)
            continue
        if path in {"issuer", "subject"}:
            lines.append(DrawnLine(path, name_text(field.node) or "empty"))
        elif field.value is not None:
            lines.append(DrawnLine(path, _in_words(path, field.value, view, linter)))
    lines.append(DrawnLine(SIGNATURE, _signature(view, linter)))
    return lines


def _signature(view: View, linter: Linter) -> str:
    """The algorithm of a signature, and whether and by whose key it verifies."""
    return f"{_algorithm(view.signature_algorithm)}, {_verified(view, linter)}"


def _algorithm(node: Node) -> str:
    if node.encoded == ECDSA_WITH_NULL:
        return f"{ECDSA_WITH_SHA256.name} with NULL parameters"
    oid = oid_of(node.children[0]) if node.children else None
    known = {algorithm.oid: algorithm.name for algorithm in SIGNATURE_ALGORITHMS.values()}
    return "unreadable" if oid is None else known.get(oid, oid)


def _verified(view: View, linter: Linter) -> str:
    if view.kind == "CSR":
        return _BY_OWN_KEY[is_by_own_key(view)]
    signer = linter.signer_of(view)
    match signer.verdict:
        case SignatureVerdict.RIGHT if signer.issuer is not None:
            return f"verifies with the key of {subject_text(signer.issuer.view)}"
        case SignatureVerdict.RIGHT:
            return _BY_OWN_KEY[is_by_own_key(view)]
        case SignatureVerdict.BY_ITSELF:
            return f"{_BY_OWN_KEY[True]}, not with an issuer's"
        case SignatureVerdict.NOT_BY_ITSELF:
            return _BY_OWN_KEY[False]
        case SignatureVerdict.NOT_BY_NAMED_ISSUER:
            return "does not verify with the key of the issuer that it names"
        case SignatureVerdict.UNKNOWN_ISSUER:
            return "not verified: the issuer's certificate is not known"
        case SignatureVerdict.UNTRIED:
            return _BY_OWN_KEY[None]


_BY_OWN_KEY = {
    True: "verifies with its own key",
    False: "does not verify with its own key",
    None: "not verified: its own key cannot be used",
}


def _entries(revoked: Node) -> Iterator[DrawnLine]:
    """Yield the number of entries of a CRL, and the first of them."""
    number = entries.count(revoked)
    more = f", the first {_SHOWN_ENTRIES} below" if number > _SHOWN_ENTRIES else ""
    yield DrawnLine("revokedCertificates", f"{number:,}{more}")
    for place, entry in enumerate(islice(entries.entries(revoked), _SHOWN_ENTRIES), 1):
        yield DrawnLine(f"revokedCertificates.{place}", _entry(entry))


def _entry(entry: CrlEntry) -> str:
    if entry.serial is None or entry.at is None:
        return "unreadable" if entry.problem is None else f"unreadable: {entry.problem.message}"
    reason = REASON_NAMES.get(-1 if entry.reason is None else entry.reason)
    others = [
        f"{name}{' (critical)' if is_critical else ''}"
        for name, is_critical in entry.criticality.items()
        if name != "reasonCode" or reason is None or is_critical
    ]
    parts = [_serial(entry.serial), shown_value(entry.at), *([reason] if reason else [])]
    return ", ".join([*parts, *others])


def _serial(number: int) -> str:
    return f"{number:032X}"


def _in_words(path: str, value: Any, view: View, linter: Linter) -> str:
    text = shown_value(value)
    if path == "serialNumber" and value >= 0:
        return f"{_serial(value)} ({value})"
    if isinstance(value, bytes) and path.endswith(_IDENTIFIERS):
        return value.hex("-" if len(value) == 8 and path.endswith(_EUI64S) else ":").upper()
    if path == "subject.organizationalUnitName":
        return _role(text, linter)
    if path == "extensions.certificatePolicies.policyIdentifier":
        return f"{text} ({policy_names(linter.library).get(text, 'of no environment')})"
    if isinstance(value, datetime):
        return f"{text}{_relative_to_now(path, value, linter)}"
    extension = path.removeprefix("extensions.")
    if extension in view.criticality:
        return f"{text}{' (critical)' if view.criticality[extension] else ''}"
    return text


def policy_names(library: Library) -> dict[str, str]:
    """The certificate policies of the environments, by their OIDs in dotted decimal."""
    environments: dict[str, dict[str, None]] = {}
    for environment in library.environments.values():
        for policies in environment.policies.values():
            for oid in policies.allowed:
                environments.setdefault(oid, {})[environment.name] = None
    return {oid: f"test policy of {', '.join(names)}" for oid, names in environments.items()}


def _role(text: str, linter: Linter) -> str:
    role = linter.library.roles.by_hex(text)
    return text if role is None else f"{text} ({role.name})"


def _relative_to_now(path: str, instant: datetime, linter: Linter) -> str:
    at = linter.at
    if path in {"validity.notAfter", "nextUpdate"}:
        if at > instant:
            return f" (expired {span_in_words(at - instant)} ago)"
        return "" if instant.year == 9999 else f" ({span_in_words(instant - at)} left)"
    if path in {"validity.notBefore", "thisUpdate"} and at < instant:
        return f" (begins in {span_in_words(instant - at)})"
    return ""


def asn1_lines(data: bytes, names: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Every element with its offset, depth and length; what cannot be read ends the list.

    Of the entries of a CRL the first few are listed, and how many there are.

    Args:
        data: the octets.
        names: of OIDs, in dotted decimal, that are no standard's.
    """
    lines: list[dict[str, Any]] = []
    place = entries.place(data)
    closed = None if place is None or place[0] == place[1] else place[0]
    try:
        root, anomalies = read(
            data, limit=MAX_OCTETS if place is None else entries.MAX_OCTETS, closed=closed
        )
        _describe(root, 0, lines, closed)
        lines += [_remark(anomaly.offset, anomaly.message) for anomaly in anomalies]
    except DerError as error:
        position = _readable(data, 0, len(data), 0, lines)
        lines.append(_remark(max(position, error.offset), error.problem))
    return [_named(line, names or {}) for line in lines]


def _named(line: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The line of an OID with its name, if some names have it."""
    oid = line.get("value")
    if oid is None or line.get("tag") != tag_name(OID) or oid not in names:
        return line
    value = f"{names[oid]} ({oid})"
    return {**line, "value": value, "text": line["text"].removesuffix(oid) + value}


def _remark(offset: int, message: str) -> dict[str, Any]:
    return {"offset": offset, "remark": message, "text": f"{offset:6d}: !! {message}"}


def _describe(
    node: Node, depth: int, lines: list[dict[str, Any]], closed: int | None = None
) -> None:
    lines.append(_line(node.data, node.tag, node.offset, node.start, node.end, depth))
    if node.offset == closed and depth == _DEPTH_OF_ENTRIES - 1:
        _describe_entries(node, lines)
        return
    children = node.children
    if depth == MAX_DEPTH:
        lines.append(_remark(node.start, f"elements nest deeper than {MAX_DEPTH}"))
        return
    for child in children:
        _describe(child, depth + 1, lines, closed)
        wraps = child.tag == OCTET_STRING and children[0].tag == OID
        if wraps and depth + 1 < MAX_DEPTH:
            # Only there, in an extension, are the octets an element: a key identifier is not one,
            # though its octets may look like one.
            inner, anomalies = read_wrapped(child)
            if inner is not None and not anomalies and inner.tag < _APPLICATION:
                _describe(inner, depth + 2, lines, closed)


def _describe_entries(revoked: Node, lines: list[dict[str, Any]]) -> None:
    position = revoked.start
    for _ in range(_SHOWN_ENTRIES):
        if position == revoked.end:
            return
        try:
            node, _ = read_at(revoked.data, position, revoked.end)
        except DerError as error:
            lines.append(_remark(error.offset, error.problem))
            return
        _describe(node, _DEPTH_OF_ENTRIES, lines)
        position = node.stop
    more = entries.count(revoked) - _SHOWN_ENTRIES
    if more > 0:
        lines.append(_remark(position, f"{more:,} more entries follow"))


def _line(data: bytes, tag: int, offset: int, start: int, end: int, depth: int) -> dict[str, Any]:
    name = tag_name(tag)
    content = data[start:end]
    value = _value(tag, content)
    shown = "" if tag & 0x20 else content[:_SHOWN_OCTETS].hex()
    more = "…" if not tag & 0x20 and len(content) > _SHOWN_OCTETS else ""
    content_text = f"{shown}{more}" if value is None else value
    text = f"{offset:6d}: {'  ' * depth}{name} ({end - start}) {content_text}".rstrip()
    return {
        "offset": offset,
        "depth": depth,
        "tag": name,
        "length": end - start,
        "content": None if tag & 0x20 else content.hex(),
        "value": value,
        "text": text,
    }


_APPLICATION, _CONTEXT = 0x40, 0x80


def _value(tag: int, content: bytes) -> str | None:
    """The value of an element in words: an OID by its name, a string, a time.

    None for others, and for what is broken: these are shown as octets.
    """
    node = Node(content, tag, 0, 0)
    node.end = node.stop = len(content)
    oid, text, instant = oid_of(node), text_of(node), time_of(node)
    if oid is not None:
        name = name_of_oid(oid)
        return oid if name is None else f"{name} ({oid})"
    if text is not None:
        return _quoted(text)
    if instant is not None:
        return shown_value(instant)
    # Names such as a dNSName are strings under a tag of their own.
    if tag & 0xE0 == _CONTEXT and content and content.isascii():
        text = content.decode("ascii")
        return _quoted(text) if text.isprintable() else None
    return None


_SHOWN_CHARACTERS = 128


def _quoted(text: str) -> str:
    cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
    return f'"{plain(cut)}"'


def _readable(data: bytes, start: int, stop: int, depth: int, lines: list[dict[str, Any]]) -> int:
    """List what can be read of broken octets, element by element.

    Returns:
        Where reading ended.
    """
    while start + 2 <= stop and depth <= MAX_DEPTH and len(lines) < 5000:
        tag, length, content = data[start], data[start + 1], start + 2
        if length & 0x80:
            count = length & 0x7F
            if not 1 <= count <= 8:
                return start
            content += count
            length = int.from_bytes(data[start + 2 : content])
        end = min(content + length, stop)
        lines.append(_line(data, tag, start, content, end, depth))
        if tag & 0x20:
            reached = _readable(data, content, end, depth + 1, lines)
            if reached < end:
                return reached
        if content + length > stop:
            return start
        start = content + length
    return start
