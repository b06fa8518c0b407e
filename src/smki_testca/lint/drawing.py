"""Draws a document for a person: each field with its value in words, or the bare elements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from smki_testca.der.read import MAX_DEPTH, DerError, Node, read, read_wrapped
from smki_testca.lint.engine import name_text
from smki_testca.lint.rules import ago
from smki_testca.x509.fields import shown_value
from smki_testca.x509.view import view_certificate, view_request, view_revocation_list

if TYPE_CHECKING:
    from smki_testca.lint.engine import Linted, Linter
    from smki_testca.x509.view import View

_TAGS = {
    0x01: "BOOLEAN",
    0x02: "INTEGER",
    0x03: "BIT STRING",
    0x04: "OCTET STRING",
    0x05: "NULL",
    0x06: "OBJECT IDENTIFIER",
    0x0C: "UTF8String",
    0x13: "PrintableString",
    0x16: "IA5String",
    0x17: "UTCTime",
    0x18: "GeneralizedTime",
    0x30: "SEQUENCE",
    0x31: "SET",
}
_SHOWN_OCTETS = 32
_EUI64S = ("x500UniqueIdentifier", "hwSerialNum")
_IDENTIFIERS = (*_EUI64S, "subjectKeyIdentifier", "keyIdentifier")


@dataclass(frozen=True, slots=True)
class Line:
    """One field and its value in words."""

    path: str
    value: str


def draw(data: bytes, linted: Linted, linter: Linter) -> list[Line]:
    """The fields of a document that was linted; none where it could not be read."""
    reader = {"crl": view_revocation_list}.get(
        linted.kind, view_request if linted.kind.startswith("csr-") else view_certificate
    )
    try:
        view = reader(data)
    except DerError:
        return []
    lines = []
    for path, found in view.fields.items():
        if path in {"issuer", "subject"}:
            lines.append(Line(path, name_text(found.node) or "empty"))
        elif found.value is not None:
            lines.append(Line(path, _in_words(path, found.value, view, linter)))
    return lines


def _in_words(path: str, value: Any, view: View, linter: Linter) -> str:
    text = shown_value(value)
    if path == "serialNumber" and value >= 0:
        return f"{value:032X} ({value})"
    if isinstance(value, bytes) and path.endswith(_IDENTIFIERS):
        return value.hex("-" if len(value) == 8 and path.endswith(_EUI64S) else ":").upper()
    if path == "subject.organizationalUnitName":
        return _role(text, linter)
    if path == "extensions.certificatePolicies.policyIdentifier":
        where = [
            one.name
            for one in linter.library.environments.values()
            if any(value in policies.allowed for policies in one.policies.values())
        ]
        return f"{text} ({'test policy of ' + ', '.join(where) if where else 'of no environment'})"
    if isinstance(value, datetime):
        return f"{text}{_beside_now(path, value, linter)}"
    extension = path.removeprefix("extensions.")
    if extension in view.criticality:
        return f"{text}{' (critical)' if view.criticality[extension] else ''}"
    return text


def _role(text: str, linter: Linter) -> str:
    try:
        role = linter.library.roles.by_code(int(text, 16)) if len(text) == 2 else None
    except ValueError:
        role = None
    return text if role is None else f"{text} ({role.name})"


def _beside_now(path: str, instant: datetime, linter: Linter) -> str:
    at = linter.at
    if path in {"validity.notAfter", "nextUpdate"}:
        if at > instant:
            return f" (expired {ago(at - instant)} ago)"
        return "" if instant.year == 9999 else f" ({ago(instant - at)} left)"
    if path == "validity.notBefore" and at < instant:
        return f" (begins in {ago(instant - at)})"
    return ""


def asn1_lines(data: bytes) -> list[dict[str, Any]]:
    """Every element with its offset, depth and length; what cannot be read ends the list."""
    lines: list[dict[str, Any]] = []
    try:
        root, anomalies = read(data)
        _describe(root, 0, lines)
        lines += [_remark(one.offset, one.message) for one in anomalies]
    except DerError as error:
        position = _readable(data, 0, len(data), 0, lines)
        lines.append(_remark(max(position, error.offset), error.what))
    return lines


def _remark(offset: int, message: str) -> dict[str, Any]:
    return {"offset": offset, "remark": message, "text": f"{offset:6d}: !! {message}"}


def _describe(node: Node, depth: int, lines: list[dict[str, Any]]) -> None:
    lines.append(_line(node.data, node.tag, node.offset, node.start, node.end, depth))
    children = node.children
    if depth == MAX_DEPTH:
        lines.append(_remark(node.start, f"elements nest deeper than {MAX_DEPTH}"))
        return
    if node.tag == 0x04:
        inner, anomalies = read_wrapped(node)
        children = [inner] if inner is not None and not anomalies else []
    for child in children:
        _describe(child, depth + 1, lines)


def _line(data: bytes, tag: int, offset: int, start: int, end: int, depth: int) -> dict[str, Any]:
    name = _TAGS.get(tag)
    if name is None:
        name = f"[{tag & 0x1F}]" if tag & 0xC0 == 0x80 else f"tag {tag:02x}"
    content = data[start:end]
    shown = "" if tag & 0x20 else content[:_SHOWN_OCTETS].hex()
    more = "…" if not tag & 0x20 and len(content) > _SHOWN_OCTETS else ""
    text = f"{offset:6d}: {'  ' * depth}{name} ({end - start}) {shown}{more}".rstrip()
    return {
        "offset": offset,
        "depth": depth,
        "tag": name,
        "length": end - start,
        "content": None if tag & 0x20 else content.hex(),
        "text": text,
    }


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
