"""Checks a certificate or CRL against the rows of a profile, the same rows that fill one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from smki_testca.clock import end_of_years, years_after
from smki_testca.der import encode
from smki_testca.identifiers import identifies_nobody
from smki_testca.lint.findings import Breach, Finding
from smki_testca.lint.rule import Rule
from smki_testca.profiles.model import Constant, Derived, Input
from smki_testca.text import counted, shown
from smki_testca.x509 import names
from smki_testca.x509.fields import STRING_TAGS, FieldKind, shown_value
from smki_testca.x509.keys import key_identifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from smki_testca.der import Node
    from smki_testca.profiles.model import DocumentProfile, Environment, Row
    from smki_testca.roles import Roles
    from smki_testca.x509.entries import CrlEntry
    from smki_testca.x509.fields import Value
    from smki_testca.x509.view import View


_WITHOUT_VALUE = (FieldKind.PRESENCE, FieldKind.ORDER)


@dataclass(frozen=True, slots=True)
class RowContext:
    """Facts from outside the certificate; what is not known is not checked.

    Attributes:
        roles: the known RemotePartyRoles.
        environment: the environment whose policy OIDs the certificate may have.
        issuer: the issuing CA's certificate.
    """

    roles: Roles
    environment: Environment | None = None
    issuer: View | None = None


@dataclass(frozen=True, slots=True)
class Aspect:
    """A way in which a field can break a row; ``{path}`` stands for the field.

    Attributes:
        meaning: what is wrong.
        remedy: how to mend the document.
        good: an example; ``{rule}`` stands for what the row demands.
        bad: an example that breaks it.
    """

    meaning: str
    remedy: str
    good: str
    bad: str


ASPECTS = {
    "missing": Aspect("{path} is missing.", "Add {path}.", "{path}: {rule}", "no {path}"),
    "present": Aspect(
        "{path} is there and should not be.", "Leave {path} out.", "no {path}", "{path} is there"
    ),
    "ca_false": Aspect(
        "{path} is there and says CA:FALSE, which is tolerated.",
        "Leave {path} out of end entities.",
        "no {path}",
        "{path}: an empty SEQUENCE",
    ),
    "unreadable": Aspect(
        "{path} is there but its value cannot be read.",
        "Write {path} in its own ASN.1 type, with a value that this has.",
        "{path}: {rule}",
        "{path} of another type",
    ),
    "critical": Aspect(
        "{path} is critical where it should not be, or the other way round.",
        "Set the criticality that the row demands.",
        "{path}: {rule}",
        "{path} with the other criticality",
    ),
    "unexpected": Aspect(
        "{path} holds something that this kind of document does not have.",
        "Leave it out.",
        "{path} as in the profile",
        "{path} with one thing more",
    ),
    "order": Aspect(
        "The elements of {path}, or {path} itself, are not in the order of the profile.",
        "Write them in the order of the profile's rows.",
        "{path} in the order of the profile",
        "{path} with two of them exchanged",
    ),
    "encoding": Aspect(
        "{path} is written in the wrong ASN.1 type.",
        "Write {path} in the type that the row demands.",
        "{path}: {rule}",
        "{path} in another string or time type",
    ),
    "value": Aspect(
        "{path} has a value that the row does not allow.",
        "Write what the row demands.",
        "{path}: {rule}",
        "{path} with another value",
    ),
    "parameters_null": Aspect(
        "{path} is ecdsa-with-SHA256 with NULL parameters, where there must be none.",
        "Leave the parameters out, inside and outside, and sign again.",
        "300a 06082a8648ce3d040302",
        "300c 06082a8648ce3d040302 0500",
    ),
    "length": Aspect(
        "{path} has more characters than it should.",
        "Shorten it.",
        "{path}: {rule}",
        "{path} longer than that",
    ),
    "form": Aspect(
        "{path} is not of the form that the row demands.",
        "Write it in that form.",
        "{path}: {rule}",
        "{path} in another form",
    ),
    "role": Aspect(
        "{path} is not a RemotePartyRole in two hexadecimal digits.",
        "Write the role's code in hexadecimal.",
        "{path}: 02",
        "{path}: FE",
    ),
    "role_decimal": Aspect(
        "{path} is the code of a RemotePartyRole in decimal; it must be hexadecimal.",
        "Write the same code in two hexadecimal digits.",
        "{path}: 89",
        "{path}: 137",
    ),
    "role_of_ca": Aspect(
        "{path} is the code of a RemotePartyRole that only CAs have.",
        "Write the code of the holder's own role.",
        "{path}: 02",
        "{path}: 07",
    ),
    "null": Aspect(
        "{path} is all zeros or all ones, which identify nobody.",
        "Write the holder's own identifier.",
        "90-B3-D5-1F-30-01-00-00",
        "00-00-00-00-00-00-00-00",
    ),
    "octets": Aspect(
        "{path} does not have the right number of octets.",
        "Write as many octets as the row demands.",
        "{path}: {rule}",
        "{path} with one octet more",
    ),
    "unused_bits": Aspect(
        "{path} is a BIT STRING with unused bits.",
        "Write whole octets: 03 09 00 and the 8 octets.",
        "03 09 00 …",
        "03 09 04 …",
    ),
    "period": Aspect(
        "It lasts longer than the row says.",
        "Issue it for a shorter time.",
        "{rule}",
        "100 years",
    ),
    "policy": Aspect(
        "{path} is not a policy of the environment.",
        "Write a policy that environments.toml allows, or allow this one there.",
        "1.2.826.0.1.8641679.1.2.1.4",
        "2.5.29.32.0",
    ),
    "sole": Aspect(
        "{path} holds more than the one thing that the profile fills.",
        "Leave the rest out.",
        "{path} with one entry",
        "{path} with a second entry or a qualifier",
    ),
}
"""Every way in which a row can be broken, by the last part of a finding's code."""


def aspects(profile: DocumentProfile, row: Row) -> list[str]:
    """The ways in which this row can be broken."""
    if row.field.entry is not None:
        return _entry_aspects(row)
    holds, kind = row.holds, row.field.kind
    if holds.absent:
        may_be_false = row.field.path == "extensions.basicConstraints"
        return ["present", "ca_false"] if may_be_false else ["present"]
    required = (
        _required(row) or _requires_extension(profile, row) or _is_part_of_optional(profile, row)
    )
    missing = ["missing"] if required and row.field.path not in _ALWAYS_THERE else []
    can_be_unreadable = kind not in _ALWAYS_READABLE and row.field.implicit_tag is None
    constraints = {
        "critical": row.critical is not None,
        "unexpected": holds.in_row_order,
        "order": holds.last or (holds.in_row_order and len(_filled_parts(profile, row)) > 1),
        "sole": holds.sole,
        "unreadable": can_be_unreadable and (row.fill is not None or row.holds.optional),
        "encoding": (kind is FieldKind.TIME and row.fill is not None)
        or row.encoding in STRING_TAGS,
        "value": _demands_value(row),
        "parameters_null": row.field.path == "signature" and holds.equals is not None,
        "length": holds.max_characters is not None,
        "form": holds.matches is not None,
        "role": holds.role_code,
        "role_decimal": holds.role_code,
        "role_of_ca": _is_for_holders(row),
        "null": holds.identifies,
        "octets": holds.octets is not None or holds.max_octets is not None,
        "unused_bits": holds.no_unused_bits,
        "period": holds.max_years is not None or holds.max_hours is not None,
        "policy": isinstance(row.fill, Derived) and row.fill.name == "environment-policy",
    }
    return missing + [aspect for aspect, checked in constraints.items() if checked]


def _entry_aspects(row: Row) -> list[str]:
    """The ways in which entries of a CRL can break this row; other rules find what is no entry."""
    constraints = {
        "present": row.holds.absent,
        "critical": row.critical is not None,
        "encoding": row.field.kind is FieldKind.TIME and row.fill is not None,
        "value": _demands_value(row),
        "form": row.holds.matches is not None,
        "octets": row.holds.octets is not None or row.holds.max_octets is not None,
    }
    return [aspect for aspect, checked in constraints.items() if checked]


_ALWAYS_THERE = frozenset(
    {"serialNumber", "signature", "issuer", "validity.notBefore", "subjectPublicKeyInfo"}
    | {"thisUpdate"}
)
"""Fields without which octets are no certificate or CRL (``der.structure``)."""
_ALWAYS_READABLE = frozenset(
    {FieldKind.PRESENCE, FieldKind.ORDER, FieldKind.ENCODED, FieldKind.BOOLEAN}
)
"""Kinds of field that have a value as soon as they are there."""


def _demands_value(row: Row) -> bool:
    holds = row.holds
    derived = isinstance(row.fill, Derived) and row.fill.name in {
        "key-identifier-method-1",
        "key-identifier-method-2",
        "issuer-key-identifier",
    }
    values = (holds.equals, holds.one_of, holds.exactly_one_of)
    return (
        isinstance(row.fill, Constant)
        or derived
        or holds.positive
        or holds.not_negative
        or any(value is not None for value in values)
    )


def _requires_extension(profile: DocumentProfile, row: Row) -> bool:
    return row.field.kind is FieldKind.PRESENCE and any(
        _required(other) and other.field.extension == row.field.extension
        for other in profile.filling_rows
    )


def rule_of(row: Row, code: str) -> Rule:
    """The rule against breaking a row in one way: the last part of the code names it."""
    path, _, aspect = code.rpartition(".")
    words = ASPECTS[aspect]
    meaning = words.meaning.format(path=path)
    return Rule(
        code,
        row.severity,
        row.basis,
        row.source,
        f"{meaning} The row says: {row.rule}." if row.rule else meaning,
        words.remedy.format(path=path),
        words.good.format(path=path, rule=row.rule or "as in the profile"),
        words.bad.format(path=path),
    )


def check(view: View, profile: DocumentProfile, context: RowContext) -> list[Finding]:
    """Check every row of a profile except those for the entries of a CRL.

    Returns:
        One finding for each row that is broken, in the order of the rows.
    """
    findings = []
    for row in profile.rows:
        if row.field.entry is not None:
            continue
        breach = next(_breaches(view, profile, row, context), None)
        if breach is not None:
            element = view.fields.get(row.field.path)
            offset = None if element is None else element.node.offset
            message = f"{row.field.path} {breach.message}."
            breach = breach._replace(offset=offset, message=message)
            findings.append(Finding.of(breach, rule_of(row, breach.code)))
    return findings


def _breach(row: Row, aspect: str, message: str) -> Breach:
    """A breach of a row; the message continues a sentence that begins with the field's name."""
    path = row.field.path
    return Breach(f"{path}.{aspect}", None, message, path)


def _breaches(
    view: View, profile: DocumentProfile, row: Row, context: RowContext
) -> Iterator[Breach]:
    path = row.field.path
    if row.holds.absent:
        if path in view.fields:
            is_end_entity = path == "extensions.basicConstraints" and not (
                view.value(f"{path}.cA") or f"{path}.pathLenConstraint" in view.fields
            )
            if is_end_entity:
                yield _breach(row, "ca_false", "says CA:FALSE; it is better left out")
            else:
                yield _breach(row, "present", "is not allowed here")
        return
    if path not in view.fields:
        if _reports_absence(view, profile, row):
            yield _breach(row, "missing", "is missing")
        return
    if row.critical is not None and view.criticality.get(row.field.extension or "") != row.critical:
        yield _breach(row, "critical", f"must {'' if row.critical else 'not '}be critical")
    if row.holds.sole and not _has_one_plain_element(view.fields[path].node):
        yield _breach(row, "sole", "holds more than one thing")
    if row.holds.in_row_order:
        yield from _order_breaches(view, profile, row)
    if row.field.kind in _WITHOUT_VALUE:
        return
    value = view.value(path)
    if value is None:
        if row.fill is not None or row.holds.optional:
            types = " or ".join(row.field.encodings)
            yield _breach(row, "unreadable", f"cannot be read as {types}")
        return
    yield from _encoding_breaches(view, row)
    for element in row.field.each(value):
        yield from value_breaches(row, element, context.roles)
    yield from _place_breaches(view, row)
    if isinstance(row.fill, Derived):
        yield from _derived_breaches(view, profile, row, row.fill, value, context)


def _reports_absence(view: View, profile: DocumentProfile, row: Row) -> bool:
    """Whether this row, and not another one, reports that its field is missing."""
    extension = row.field.extension
    whole = f"extensions.{extension}"
    if extension is not None and row.field.path != whole and whole not in view.fields:
        whole_has_row = any(other.field.path == whole for other in profile.rows)
        return not whole_has_row and _required(row)
    return _required(row) or _requires_extension(profile, row) or _is_part_of_optional(profile, row)


def _is_part_of_optional(profile: DocumentProfile, row: Row) -> bool:
    """Whether a field must be there because the optional extension around it is."""
    whole = f"extensions.{row.field.extension}"
    return (
        row.holds.optional
        and row.field.path != whole
        and any(other.holds.optional and other.field.path == whole for other in profile.rows)
    )


def _required(row: Row) -> bool:
    return row.fill is not None and not (isinstance(row.fill, Input) and row.fill.optional)


def _order_breaches(view: View, profile: DocumentProfile, row: Row) -> Iterator[Breach]:
    in_subject = row.field.path == "subject"
    actual = list(dict.fromkeys(view.subject_order if in_subject else view.extension_order))
    listed = _filled_parts(profile, row)
    absent = {
        other.field.attribute if in_subject else other.field.extension
        for other in profile.rows
        if other.holds.absent
    }
    for name in actual:
        if name not in listed and name not in absent:
            yield _breach(
                row, "unexpected", f"holds {name}, which this kind of document does not have"
            )
    # Nothing says where an extension that is optional comes.
    optional = {other.field.extension for other in profile.rows if other.holds.optional}
    expected = [name for name in listed if name in actual and name not in optional]
    if [name for name in actual if name in expected] != expected:
        yield _breach(
            row, "order", f"come as {', '.join(actual)}; the order is {', '.join(expected)}"
        )


def _filled_parts(profile: DocumentProfile, row: Row) -> list[str]:
    """The attributes or extensions that a profile fills, in the order of its rows."""
    in_subject = row.field.path == "subject"
    named = (
        other.field.attribute if in_subject else other.field.extension
        for other in profile.rows
        if not other.holds.absent
    )
    return list(dict.fromkeys(name for name in named if name is not None))


def _encoding_breaches(view: View, row: Row) -> Iterator[Breach]:
    node = view.fields[row.field.path].node
    if row.field.kind is FieldKind.TIME and row.fill is not None:
        instant = view.instant(row.field.path)
        if instant is not None and node.tag != encode.time(instant)[0]:
            yield _breach(row, "encoding", "must be UTCTime to 2049 and GeneralizedTime from 2050")
    elif row.encoding is not None and row.field.implicit_tag is None:
        tag = STRING_TAGS.get(row.encoding)
        if tag is not None and node.tag != tag:
            yield _breach(row, "encoding", f"is not written as {row.encoding}")


def entry_breaches(entry: CrlEntry, row: Row, roles: Roles) -> Iterator[Breach]:
    """Check an entry of a CRL against a row for entries."""
    part = row.field.entry or ""
    if row.holds.absent:
        if part in entry.criticality:
            yield _breach(row, "present", "is not allowed here")
        return
    if row.critical is not None and entry.criticality.get(part, row.critical) != row.critical:
        yield _breach(row, "critical", f"must {'' if row.critical else 'not '}be critical")
    value: Value | None
    match part:
        case "userCertificate":
            value = entry.serial
        case "revocationDate":
            value = entry.at
            if entry.at is not None and entry.date_tag != encode.time(entry.at)[0]:
                yield _breach(
                    row, "encoding", "must be UTCTime to 2049 and GeneralizedTime from 2050"
                )
        case _:
            value = names.REASON_NAMES.get(-1 if entry.reason is None else entry.reason)
            # These two have their own rules.
            if value in {"unspecified", "removeFromCRL"}:
                return
    if value is not None:
        yield from value_breaches(row, value, roles)


def value_breaches(row: Row, value: Value, roles: Roles) -> Iterator[Breach]:
    """Check a value by itself against a row."""
    holds = row.holds
    equals = row.fill.value if isinstance(row.fill, Constant) else holds.equals
    if value == names.ECDSA_WITH_NULL and equals == names.ECDSA_WITH_SHA256.encoded:
        yield _breach(
            row, "parameters_null", "has NULL parameters, where ecdsa-with-SHA256 has none"
        )
    elif equals is not None and value != equals:
        yield _breach(row, "value", f"is {shown_value(value)}, not {shown_value(equals)}")
    if isinstance(value, str):
        if holds.max_characters is not None and len(value) > holds.max_characters:
            yield _breach(
                row,
                "length",
                f"has {len(value)} characters; at most {holds.max_characters} are right",
            )
        if holds.role_code:
            yield from _role_breaches(row, value, roles)
        if holds.matches is not None and not holds.matches.fullmatch(value):
            yield _breach(
                row, "form", f"is {shown(value)}, which does not match {holds.matches.pattern}"
            )
        if holds.one_of is not None and value not in holds.one_of:
            yield _breach(row, "value", f"is {shown(value)}, none of {', '.join(holds.one_of)}")
    yield from _octet_breaches(row, value)
    if holds.positive and isinstance(value, int) and value <= 0:
        yield _breach(row, "value", "must be positive")
    if holds.not_negative and isinstance(value, int) and value < 0:
        yield _breach(row, "value", "must not be negative")
    if holds.exactly_one_of is not None and isinstance(value, tuple):  # noqa: SIM102 - reads better
        if len(value) != 1 or value[0] not in holds.exactly_one_of:
            allowed = " or ".join(holds.exactly_one_of)
            yield _breach(
                row,
                "value",
                f"is {shown_value(value) or 'empty'}, where exactly {allowed} is right",
            )


def _has_one_plain_element(extension: Node) -> bool:
    """Whether an extension's value holds one element, without qualifiers."""
    if len(extension.children) != 1:
        return False
    only = extension.children[0]
    # PolicyInformation: a policyIdentifier and no qualifiers.
    return only.tag != encode.SEQUENCE or len(only.children) == 1


def _octet_breaches(row: Row, value: Value) -> Iterator[Breach]:
    holds, octets = row.holds, _octet_count(value)
    if octets is None:
        return
    if holds.octets is not None and octets != holds.octets:
        yield _breach(row, "octets", f"has {counted(octets, 'octet')}, not {holds.octets}")
    if holds.max_octets is not None and octets > holds.max_octets:
        yield _breach(row, "octets", f"has {octets} octets; at most {holds.max_octets} are right")
    if holds.identifies and isinstance(value, bytes) and identifies_nobody(value):
        bits = "ones" if value[0] else "zeros"
        yield _breach(row, "null", f"is all {bits}, which identifies nobody")


def _role_breaches(row: Row, text: str, roles: Roles) -> Iterator[Breach]:
    role = roles.by_hex(text)
    if role is None:
        is_decimal = _DECIMAL.fullmatch(text) is not None and roles.by_code(int(text)) is not None
        fault = "is a RemotePartyRole in decimal" if is_decimal else "is not a RemotePartyRole"
        aspect = "role_decimal" if is_decimal else "role"
        yield _breach(row, aspect, f"{shown(text)} {fault}; it takes two hexadecimal digits")
    elif not role.held_by and _is_for_holders(row):
        yield _breach(row, "role_of_ca", f"is {role.hex}, {role.name}: a role that only CAs have")


_DECIMAL = re.compile(r"[0-9]{1,3}", re.ASCII)


def _is_for_holders(row: Row) -> bool:
    """Whether a row takes the role of a holder, from a request; a CA's is a constant."""
    return row.holds.role_code and isinstance(row.fill, Input)


def _octet_count(value: Value) -> int | None:
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value.bit_length() // 8 + 1
    return None


def _place_breaches(view: View, row: Row) -> Iterator[Breach]:
    node = view.fields[row.field.path].node
    if row.holds.last and view.subject_order[-1:] != [row.field.attribute]:
        yield _breach(row, "order", "must be the last attribute of the subject")
    if row.holds.no_unused_bits and node.tag == encode.BIT_STRING and node.content[:1] != b"\x00":
        yield _breach(row, "unused_bits", "must have no unused bits")
    yield from _period_breaches(view, row)


def _period_breaches(view: View, row: Row) -> Iterator[Breach]:
    of_revocation_list = row.field.path == "nextUpdate"
    start_path = "thisUpdate" if of_revocation_list else "validity.notBefore"
    start, end = view.instant(start_path), view.instant(row.field.path)
    if start is not None and end is not None:
        yield from span_breaches(row, start_path, start, end)


def span_breaches(row: Row, start_path: str, start: datetime, end: datetime) -> Iterator[Breach]:
    """Check how long a document lasts against a row.

    A certificate of so many years lasts to the end of the same day: published ones of ten years run
    from 00:00:00 to 23:59:59 of the same date ten years later. A CRL of a year lasts a year.

    Args:
        row: of the end of the span.
        start_path: the field that begins the span.
        start: the first instant, UTC.
        end: the last instant, UTC.
    """
    after = f"after {start_path.removeprefix('validity.')}"
    years, hours = row.holds.max_years, row.holds.max_hours
    last = years_after if row.field.path == "nextUpdate" else end_of_years
    if years is not None and end > last(start, years):
        yield _breach(row, "period", f"is more than {counted(years, 'year')} {after}")
    if hours is not None and end - start > timedelta(hours=hours):
        yield _breach(row, "period", f"is more than {counted(hours, 'hour')} {after}")


def _derived_breaches(
    view: View,
    profile: DocumentProfile,
    row: Row,
    fill: Derived,
    value: Value,
    context: RowContext,
) -> Iterator[Breach]:
    issuer = context.issuer
    expected: Value | None = None
    match fill.name:
        case "key-identifier-method-1" | "key-identifier-method-2":
            spki = view.fields.get("subjectPublicKeyInfo")
            key = spki.node.children[1].content[1:] if spki and len(spki.node.children) > 1 else b""
            expected = key_identifier(key, method=int(fill.name[-1]))
            wrong = f"is not derived from the public key by RFC 5280 method ({fill.name[-1]})"
        case "issuer-key-identifier" if issuer is not None:
            expected = issuer.value("extensions.subjectKeyIdentifier")
            wrong = "is not the issuer's key identifier"
        case "environment-policy" if context.environment is not None:
            if value not in context.environment.policies[profile.hierarchy].allowed:
                where = context.environment.name
                yield _breach(
                    row, "policy", f"is {shown_value(value)}, which {where} does not allow"
                )
    if expected is not None and value != expected:
        yield _breach(row, "value", wrong)
