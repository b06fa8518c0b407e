"""Computes the value of every field of a certificate from its profile's rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from smki_testca.clock import earlier, in_utc, years_after
from smki_testca.der import encode, read
from smki_testca.errors import InputError
from smki_testca.identifiers import SerialNumber
from smki_testca.lint.row_checks import span_breaches, value_breaches
from smki_testca.profiles.model import Constant, Derived, Input, Profile, Severity
from smki_testca.x509 import names
from smki_testca.x509.fields import FIELDS, Value, check_characters, encode_value, shown_value
from smki_testca.x509.keys import P256_POINT_OCTETS, is_plain_p256, key_identifier
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from smki_testca.lint.findings import Breach
    from smki_testca.profiles.model import Environment, Fill, Row
    from smki_testca.roles import Roles
    from smki_testca.x509.names import SignatureAlgorithm

Values = dict[str, Value]
"""The value of each field present, by path."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """The values that a CA passes on to the certificates it signs.

    Attributes:
        subject: its subject, DER.
        key_identifier: its subjectKeyIdentifier, octets.
    """

    subject: bytes
    key_identifier: bytes


@dataclass(frozen=True, slots=True)
class TemplateSetting:
    """The values that all certificates from one template share.

    Attributes:
        issuer: the issuing CA; None for a self-signed root.
        algorithm: the issuer's signature algorithm.
    """

    profile: Profile
    environment: Environment
    algorithm: SignatureAlgorithm
    issuer: Issuer | None


@dataclass(frozen=True, slots=True)
class Validity:
    """The validity of a certificate, in place of the dates that its profile's rows compute.

    Attributes:
        not_before: its first second, UTC; None leaves it to the rows.
        not_after: its last second, UTC; None leaves it to the rows, which count from notBefore.

    Raises:
        InputError: if it would end before it begins, or a time has no time zone.
    """

    not_before: datetime | None = None
    not_after: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("not_before", "not_after"):
            instant = getattr(self, name)
            if instant is not None:
                object.__setattr__(self, name, in_utc(instant))
        if self.not_before is not None and self.not_after is not None:
            _check_order(self.not_before, self.not_after)


_BY_THE_ROWS = Validity()


@dataclass(frozen=True, slots=True)
class Filling:
    """The values of one certificate.

    Attributes:
        now: the instant of issue, UTC.
        public_key: the subject's SubjectPublicKeyInfo, DER.
        inputs: from the request, by the names that rows use.
        signifier: of the participant, from the register.
        participant_name: from the register.
        validity: dates asked for.
    """

    serial: SerialNumber
    now: datetime
    public_key: bytes
    inputs: Mapping[str, Value] = field(default_factory=dict)
    signifier: str | None = None
    participant_name: str | None = None
    validity: Validity = _BY_THE_ROWS


def issuer_of(certificate: bytes) -> Issuer:
    """Read the issuer from a CA's certificate.

    Raises:
        InputError: if the certificate has no subjectKeyIdentifier.
    """
    view = view_certificate(certificate)
    subject = view.octets("subject")
    key_identifier = view.octets("extensions.subjectKeyIdentifier")
    if subject is None or key_identifier is None:
        raise InputError("ca.certificate", "The CA's certificate has no subjectKeyIdentifier.")
    return Issuer(subject, key_identifier)


def values(setting: TemplateSetting, filling: Filling) -> Values:
    """The value of every field, in the order of the rows.

    Raises:
        InputError: if a required input is missing, another date is asked for than the profile
            fixes, or the certificate would end before it begins.
    """
    fields: Values = {}
    dates = _dates(filling.validity)
    for row in setting.profile.filling_rows:
        if row.fill is None:
            continue
        value: Value | None = dates.get(row.field.path)
        if value is None:
            value = _value(row.fill, setting, filling, fields)
        elif isinstance(row.fill, Constant) and value != row.fill.value:
            raise InputError(
                "validity.fixed",
                f"The profile {setting.profile.name} fixes {row.field.path} to"
                f" {shown_value(row.fill.value)}.",
                "Leave the date out.",
            )
        if value is not None:
            fields[row.field.path] = value
        elif not (isinstance(row.fill, Input) and row.fill.optional):
            raise InputError(
                "request.incomplete",
                f"A certificate of profile {setting.profile.name} needs"
                f" {row.fill.name if not isinstance(row.fill, Constant) else row.field.path}.",
            )
    _check_order(fields.get("validity.notBefore"), fields.get("validity.notAfter"))
    if setting.issuer is None:
        fields["issuer"] = name(setting.profile, fields)
    return fields


def end_by_rows(profile: Profile, at: datetime) -> datetime | None:
    """When a certificate ends that is issued at a time, by the profile's rows.

    Args:
        profile: of the certificate.
        at: the instant of issue, UTC.

    Returns:
        None where a row fixes notAfter.
    """
    if profile.fixes_end:
        return None
    filling = Filling(SerialNumber(1), at, b"")
    fields: Values = {}
    for row in profile.filling_rows:
        if row.field.path in {"validity.notBefore", "validity.notAfter"}:
            value = row.fill.value if isinstance(row.fill, Constant) else None
            if isinstance(row.fill, Derived):
                value = _instant(row.fill, filling, fields)
            if value is not None:
                fields[row.field.path] = value
    end = fields.get("validity.notAfter")
    return end if isinstance(end, datetime) else None


def _dates(validity: Validity) -> dict[str, datetime]:
    """The dates asked for, by the paths of their fields."""
    dates = {
        "validity.notBefore": validity.not_before,
        "validity.notAfter": validity.not_after,
    }
    return {path: date for path, date in dates.items() if date is not None}


def _check_order(start: Value | None, end: Value | None) -> None:
    if isinstance(start, datetime) and isinstance(end, datetime) and end < start:
        raise InputError(
            "validity.order",
            f"The certificate would end at {shown_value(end)}, before it begins at"
            f" {shown_value(start)}.",
            "Give a notAfter that comes after notBefore.",
        )


def check_future(not_after: datetime, now: datetime) -> None:
    """Check that a new certificate ends in the future.

    Raises:
        InputError: if it does not.
    """
    if not_after <= now:
        raise InputError(
            "validity.past",
            f"The new certificate would end at {shown_value(not_after)}, and it is now"
            f" {shown_value(now)}.",
            "Give a later date.",
        )


def check_inputs(
    profile: Profile, fields: Values, roles: Roles, varying: Collection[str] | None = None
) -> list[str]:
    """Check the values that vary from request to request against the rows (R4).

    Args:
        profile: with the rows.
        fields: the values.
        roles: to check those that are roles.
        varying: the paths of the values to check, where the others were when their template was
            compiled; all by default.

    Returns:
        A line for each row that only warns.

    Raises:
        InputError: for the first value that a row of severity error forbids.
    """
    warnings = []
    for row in profile.rows:
        value = fields.get(row.field.path)
        if value is None or not (varying is None or row.field.path in varying):
            continue
        check_characters(row.field, profile.encoding(row.field), value)
        of_values = (
            breach
            for element in row.field.each(value)
            for breach in value_breaches(row, element, roles)
        )
        for breach in (*of_values, *_period_breaches(row, fields)):
            line = f"{row.field.path} {breach.message} ({row.basis}, {row.source})."
            if row.severity is Severity.ERROR:
                raise InputError("request.value", line)
            warnings.append(line)
    return warnings


def _period_breaches(row: Row, fields: Values) -> Iterator[Breach]:
    start, end = fields.get("validity.notBefore"), fields.get("validity.notAfter")
    is_end = row.field.path == "validity.notAfter"
    if is_end and isinstance(start, datetime) and isinstance(end, datetime):
        yield from span_breaches(row, "validity.notBefore", start, end)


def name(profile: Profile, fields: Values) -> bytes:
    """The subject, DER: one attribute in each RDN, in the order of the rows."""
    return encode.sequence(
        *(
            encode.set_of(
                [
                    encode.sequence(
                        encode.oid(names.ATTRIBUTES[path.removeprefix("subject.")]),
                        encode_value(FIELDS[path], profile.encoding(FIELDS[path]), value),
                    )
                ]
            )
            for path, value in fields.items()
            if path.startswith("subject.")
        )
    )


def _value(fill: Fill, setting: TemplateSetting, filling: Filling, fields: Values) -> Value | None:
    if isinstance(fill, Constant):
        return fill.value
    if isinstance(fill, Input):
        return filling.inputs.get(fill.name)
    return _derived(fill, setting, filling, fields)


def _derived(
    fill: Derived, setting: TemplateSetting, filling: Filling, fields: Values
) -> Value | None:
    profile = setting.profile
    match fill.name:
        case "serial-number":
            return filling.serial.value
        case "issuer-key-algorithm" | "issuer-subject" | "issuer-key-identifier":
            return _of_issuer(fill, setting, fields)
        case "midnight" | "now" | "not-after":
            return _instant(fill, filling, fields)
        case "public-key":
            return filling.public_key
        case "key-identifier-method-1" | "key-identifier-method-2":
            return subject_key_identifier(filling.public_key, method=int(fill.name[-1]))
        case "environment-policy":
            return profile.policy(setting.environment)
        case "ca-name":
            return setting.environment.ca_name(profile.hierarchy, profile.tier)
        case "signifier":
            return filling.signifier
        case "participant-name":
            return filling.participant_name
    raise AssertionError(fill.name)


def _of_issuer(fill: Derived, setting: TemplateSetting, fields: Values) -> Value | None:
    issuer = setting.issuer
    if fill.name == "issuer-key-algorithm":
        return setting.algorithm.encoded
    if fill.name == "issuer-key-identifier":
        return issuer.key_identifier if issuer else fields.get("extensions.subjectKeyIdentifier")
    # A root's own subject is known only once the subject's rows are filled.
    return issuer.subject if issuer else b""


def _instant(fill: Derived, filling: Filling, fields: Values) -> Value | None:
    if fill.name == "now":
        return earlier(filling.now, timedelta(minutes=fill.backdate or 0))
    if fill.name == "midnight":
        return filling.now.replace(hour=0, minute=0, second=0)
    start = fields["validity.notBefore"]
    if isinstance(start, datetime) and fill.years:
        return years_after(start, fill.years) - timedelta(seconds=1)
    return None


def subject_key_identifier(public_key: bytes, *, method: int) -> bytes:
    """The key identifier of a SubjectPublicKeyInfo in DER (RFC 5280 4.2.1.2)."""
    if is_plain_p256(public_key):
        return key_identifier(public_key[-P256_POINT_OCTETS:], method=method)
    root, _ = read(public_key, noun="public key")
    return key_identifier(root.children[1].content[1:], method=method)
