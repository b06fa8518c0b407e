"""Checks a certificate against the rows of a profile: the same rows that would fill it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.der import encode
from smki_testca.identifiers import shown
from smki_testca.lint.findings import Finding
from smki_testca.profiles.model import Constant, Derived, Input
from smki_testca.x509.fields import STRING_TAGS, Kind, shown_value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from smki_testca.profiles.model import Environment, Profile, Row
    from smki_testca.roles import Roles
    from smki_testca.x509.fields import Value
    from smki_testca.x509.view import View


@dataclass(frozen=True, slots=True)
class Context:
    """What is known beside the certificate itself; what is not known is not checked.

    Attributes:
        roles: the RemotePartyRoles there are.
        environment: where the certificate belongs, for its policy OID.
        issuer: the issuing CA's certificate.
    """

    roles: Roles
    environment: Environment | None = None
    issuer: View | None = None


def check(view: View, profile: Profile, context: Context) -> list[Finding]:
    """Check every row of a profile.

    Returns:
        One finding for each row that is broken, in the order of the rows.
    """
    found = []
    for row in profile.rows:
        breach = next(_breaches(view, profile, row, context), None)
        if breach is not None:
            aspect, message = breach
            element = view.fields.get(row.field.path)
            found.append(
                Finding(
                    f"{row.field.path}.{aspect}",
                    row.severity,
                    row.field.path,
                    None if element is None else element.node.offset,
                    f"{row.field.path} {message}.",
                    row.basis,
                    row.source,
                )
            )
    return found


def _breaches(
    view: View, profile: Profile, row: Row, context: Context
) -> Iterator[tuple[str, str]]:
    path = row.field.path
    if row.holds.absent:
        if path in view.fields:
            yield "present", "has no place here"
        return
    if path not in view.fields:
        if _reports_absence(view, profile, row):
            yield "missing", "is missing"
        return
    if row.critical is not None and view.criticality.get(row.field.extension or "") != row.critical:
        yield "critical", f"must {'' if row.critical else 'not '}be critical"
    if row.holds.in_row_order:
        yield from _order_breaches(view, profile, row)
    if row.field.kind in {Kind.PRESENCE, Kind.ORDER}:
        return
    value = view.value(path)
    if value is None:
        if row.fill is not None:
            yield "unreadable", "cannot be read"
        return
    yield from _encoding_breaches(view, row)
    yield from value_breaches(row, value, context.roles)
    yield from _place_breaches(view, row)
    if isinstance(row.fill, Derived):
        yield from _derived_breaches(view, row.fill, value, context)


def _reports_absence(view: View, profile: Profile, row: Row) -> bool:
    """Whether this row is the one to say that its field is missing."""
    extension = row.field.extension
    whole = f"extensions.{extension}"
    if extension is not None and row.field.path != whole and whole not in view.fields:
        speaks_for_extension = any(other.field.path == whole for other in profile.rows)
        return row.fill is not None and not speaks_for_extension and _required(row)
    if row.field.kind is Kind.PRESENCE:
        return any(
            _required(other) and other.field.extension == extension
            for other in profile.filling_rows
        )
    return _required(row)


def _required(row: Row) -> bool:
    return row.fill is not None and not (isinstance(row.fill, Input) and row.fill.optional)


def _order_breaches(view: View, profile: Profile, row: Row) -> Iterator[tuple[str, str]]:
    in_subject = row.field.path == "subject"
    actual = view.subject_order if in_subject else view.extension_order
    listed: dict[str, None] = {}
    for other in profile.rows:
        name = other.field.attribute if in_subject else other.field.extension
        if name is not None:
            listed[name] = None
    for name in actual:
        if name not in listed:
            yield "unexpected", f"holds {name}, which this kind of certificate does not have"
    expected = [name for name in listed if name in actual]
    if [name for name in actual if name in listed] != expected:
        yield "order", f"come as {', '.join(actual)}; the order is {', '.join(expected)}"


def _encoding_breaches(view: View, row: Row) -> Iterator[tuple[str, str]]:
    node = view.fields[row.field.path].node
    if row.field.kind is Kind.TIME:
        instant = view.instant(row.field.path)
        if instant is not None and node.tag != encode.time(instant)[0]:
            yield "encoding", "must be UTCTime to 2049 and GeneralizedTime from 2050"
    elif row.encoding is not None and row.field.implicit_tag is None:
        wanted = STRING_TAGS.get(row.encoding)
        if wanted is not None and node.tag != wanted:
            yield "encoding", f"is not written as {row.encoding}"


def value_breaches(row: Row, value: Value, roles: Roles) -> Iterator[tuple[str, str]]:
    """What a row finds wrong with a value by itself, as (aspect, message)."""
    holds = row.holds
    equals = row.fill.value if isinstance(row.fill, Constant) else holds.equals
    if equals is not None and value != equals:
        yield "value", f"is {shown_value(value)}, not {shown_value(equals)}"
    if isinstance(value, str):
        if holds.max_characters is not None and len(value) > holds.max_characters:
            yield "length", f"has {len(value)} characters; at most {holds.max_characters} are right"
        if holds.matches is not None and not holds.matches.fullmatch(value):
            yield "form", f"is {shown(value)}, which does not match {holds.matches.pattern}"
        if holds.one_of is not None and value not in holds.one_of:
            yield "value", f"is {shown(value)}, none of {', '.join(holds.one_of)}"
        if holds.role_code and (len(value) != 2 or not _is_role(value, roles)):
            yield "role", f"is {shown(value)}, which is no RemotePartyRole in hexadecimal"
    octets = _octet_count(value)
    if octets is not None:
        if holds.octets is not None and octets != holds.octets:
            yield "octets", f"has {octets} octets, not {holds.octets}"
        if holds.max_octets is not None and octets > holds.max_octets:
            yield "octets", f"has {octets} octets; at most {holds.max_octets} are right"
    if holds.positive and isinstance(value, int) and value <= 0:
        yield "value", "must be positive"
    if holds.exactly_one_of is not None and isinstance(value, tuple):  # noqa: SIM102 - reads better
        if len(value) != 1 or value[0] not in holds.exactly_one_of:
            wanted = " or ".join(holds.exactly_one_of)
            yield "value", f"is {shown_value(value) or 'empty'}, where exactly {wanted} is right"


def _is_role(text: str, roles: Roles) -> bool:
    try:
        return roles.by_code(int(text, 16)) is not None
    except ValueError:
        return False


def _octet_count(value: Value) -> int | None:
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value.bit_length() // 8 + 1
    return None


def _place_breaches(view: View, row: Row) -> Iterator[tuple[str, str]]:
    node = view.fields[row.field.path].node
    if row.holds.last and view.subject_order[-1:] != [row.field.attribute]:
        yield "order", "must be the last attribute of the subject"
    if row.holds.no_unused_bits and node.tag == encode.BIT_STRING and node.content[:1] != b"\x00":
        yield "unused_bits", "must have no unused bits"
    if row.holds.max_years is not None:
        start, end = view.instant("validity.notBefore"), view.instant("validity.notAfter")
        if start is not None and end is not None and end > years_after(start, row.holds.max_years):
            yield "period", f"is more than {row.holds.max_years} years after notBefore"


def years_after(start: datetime, years: int) -> datetime:
    """The same day and time some years on; 29 February becomes 1 March."""
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return start.replace(year=start.year + years, month=3, day=1)


def _derived_breaches(
    view: View, fill: Derived, value: Value, context: Context
) -> Iterator[tuple[str, str]]:
    issuer = context.issuer
    expected: Value | None = None
    match fill.name:
        case "key-identifier-method-1" | "key-identifier-method-2":
            spki = view.fields.get("subjectPublicKeyInfo")
            key = spki.node.children[1].content[1:] if spki and len(spki.node.children) > 1 else b""
            expected = key_identifier(key, method=int(fill.name[-1]))
            wrong = f"is not derived from the public key by RFC 5280 method ({fill.name[-1]})"
        case "issuer-subject" if issuer is not None:
            expected = issuer.value("subject")
            wrong = "is not the issuer's subject, octet for octet"
        case "issuer-key-identifier" if issuer is not None:
            expected = issuer.value("extensions.subjectKeyIdentifier")
            wrong = "is not the issuer's key identifier"
        case "environment-policy" if context.environment is not None:
            allowed = {one for p in context.environment.policies.values() for one in p.allowed}
            if value not in allowed:
                where = context.environment.name
                yield "policy", f"is {shown_value(value)}, which {where} does not allow"
    if expected is not None and value != expected:
        yield "value", wrong


def key_identifier(key: bytes, *, method: int) -> bytes:
    """The key identifier of a public key (RFC 5280 4.2.1.2).

    Args:
        key: the content of subjectPublicKey without its unused-bits octet.
        method: 1 for all 20 octets of SHA-1; 2 for 0100 and the low 60 bits of it, 8 octets.
    """
    digest = hashlib.sha1(key, usedforsecurity=False).digest()
    if method == 1:
        return digest
    return bytes((0x40 | digest[12] & 0x0F,)) + digest[13:]
