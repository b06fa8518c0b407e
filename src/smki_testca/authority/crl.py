"""CRLs and ARLs: filled from the rows of their profile, checked, signed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from smki_testca.authority.filling import issuer_of
from smki_testca.authority.revocation import Reason, Revocation
from smki_testca.clock import later, years_after
from smki_testca.der import encode
from smki_testca.errors import InputError, SmkiTestcaError
from smki_testca.lint import crl
from smki_testca.lint.row_checks import RowContext
from smki_testca.lint.rule import RULES
from smki_testca.profiles.model import Constant, Derived, Severity
from smki_testca.roles import Roles
from smki_testca.x509 import names
from smki_testca.x509.entries import REASON_HEAD
from smki_testca.x509.fields import REVOCATION_LIST_FIELDS, encode_value
from smki_testca.x509.keys import load_public_key, signature_fits
from smki_testca.x509.view import view_certificate, view_revocation_list

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from smki_testca.authority.filling import Issuer
    from smki_testca.authority.signers import Signer
    from smki_testca.profiles.model import RevocationListProfile
    from smki_testca.x509.entries import CrlEntry
    from smki_testca.x509.fields import Value
    from smki_testca.x509.names import SignatureAlgorithm
    from smki_testca.x509.view import View


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A newly signed CRL or ARL.

    Attributes:
        der: its octets.
        number: its cRLNumber.
        this_update: when it was issued, UTC.
        next_update: when the next one is due at the latest, UTC.
        count: of its entries.
        warnings: one line for each rule that only warns.
    """

    der: bytes
    number: int
    this_update: datetime
    next_update: datetime
    profile: RevocationListProfile
    count: int
    warnings: tuple[str, ...] = ()


def revocation_list(
    profile: RevocationListProfile,
    certificate: bytes,
    signer: Signer,
    revocations: Sequence[Revocation],
    number: int,
    *,
    at: datetime,
    next_update: datetime | None = None,
) -> RevocationList:
    """Build a CRL from its profile's rows, check it against them, sign and verify it.

    Args:
        profile: of the CRL.
        certificate: of the CA that signs it, DER.
        signer: the CA's key.
        revocations: its entries, in their order.
        number: its cRLNumber.
        at: its thisUpdate, UTC.
        next_update: its nextUpdate, UTC; by default computed by the rows.

    Raises:
        InputError: if a rule or a row of severity error forbids the CRL, or the CA's
            certificate does not allow it to sign CRLs.
        SmkiTestcaError: if the key is not that of the CA's certificate.
    """
    at, next_update = _whole(at), None if next_update is None else _whole(next_update)
    if any(revocation.at.microsecond for revocation in revocations):
        revocations = [replace(revocation, at=_whole(revocation.at)) for revocation in revocations]
    authority = view_certificate(certificate)
    issuer = issuer_of(certificate)
    _check_authority(authority)
    values = _values(profile, issuer, signer.algorithm, number, at, next_update)
    tbs = _tbs(profile, values, revocations)
    warnings = check_unsigned(
        profile, _document(tbs, signer.algorithm, _PLACEHOLDER), values, revocations, authority
    )
    signature = signer.sign(tbs)
    key = load_public_key(authority.octets("subjectPublicKeyInfo") or b"")
    if key is None or not signature_fits(key, signature, tbs):
        raise SmkiTestcaError(
            "ca.key_mismatch", "The CA's key does not belong to the CA's certificate."
        )
    return RevocationList(
        _document(tbs, signer.algorithm, signature),
        number,
        _instant(values, "thisUpdate"),
        _instant(values, "nextUpdate"),
        profile,
        len(revocations),
        tuple(warnings),
    )


def _whole(instant: datetime) -> datetime:
    """An instant in whole seconds, the precision of a CRL."""
    return instant.replace(microsecond=0)


_PLACEHOLDER = b"\x30\x00"
"""The signature of a CRL that is checked before it is signed."""


def unsigned(
    profile: RevocationListProfile,
    issuer: Issuer,
    algorithm: SignatureAlgorithm,
    revocations: Sequence[Revocation],
    number: int,
    at: datetime,
) -> tuple[bytes, dict[str, Value]]:
    """Build a CRL with a placeholder for its signature; return it and its fields' values."""
    values = _values(profile, issuer, algorithm, number, at, None)
    return _document(_tbs(profile, values, revocations), algorithm, _PLACEHOLDER), values


def check_unsigned(
    profile: RevocationListProfile,
    document: bytes,
    values: Mapping[str, Value],
    revocations: Sequence[Revocation],
    authority: View | None,
) -> list[str]:
    """Parse a CRL, check it against every rule, and compare it with its intended content.

    Args:
        profile: of the CRL.
        document: the CRL, DER; its signature is not checked.
        values: the intended values of its fields, by path.
        revocations: its intended entries.
        authority: the CA's certificate; None where there is none yet.

    Returns:
        A line for each rule that only warns.

    Raises:
        InputError: for the first breach of severity error.
    """
    view = view_revocation_list(document)
    listed = list(crl.entries_of(view))
    surveyed = crl.survey(view, listed)
    remarks = [
        (RULES[breach.code].severity, breach.message[:1].upper() + breach.message[1:])
        for breach in crl.breaches(crl.CheckedRevocationList(view, surveyed, profile, None))
    ]
    context = RowContext(_NO_ROLES, None, authority)
    rows = crl.row_findings(view, surveyed, profile, context)
    remarks += [
        (finding.severity, f"{finding.message[:-1]} ({finding.basis}, {finding.source})")
        for finding in rows
    ]
    for severity, message in remarks:
        if severity is Severity.ERROR:
            raise InputError("crl.value", f"The CRL cannot be issued. {message}.")
    if any(view.value(path) != value for path, value in values.items()):
        raise AssertionError("a field of the CRL is not what was asked for")
    if not _same(listed, profile, revocations):
        raise AssertionError("the entries of the CRL are not what was asked for")
    return [f"{message}." for _, message in remarks]


_NO_ROLES = Roles((), ())
"""No field of a CRL holds a RemotePartyRole."""


def _same(
    listed: Sequence[CrlEntry], profile: RevocationListProfile, revocations: Sequence[Revocation]
) -> bool:
    """Whether the entries of a CRL are exactly these revocations."""
    tails = _tails(profile)
    return len(listed) == len(revocations) and all(
        entry.serial == revocation.serial.value
        and entry.at == revocation.at
        and entry.reason == tails[revocation.reason][0]
        for entry, revocation in zip(listed, revocations, strict=True)
    )


def _check_authority(authority: View) -> None:
    usage = authority.value("extensions.keyUsage")
    if not isinstance(usage, tuple) or "cRLSign" not in usage:
        raise InputError(
            "ca.crl_sign", "The CA's certificate does not allow its key to sign CRLs (cRLSign)."
        )


def _document(tbs: bytes, algorithm: SignatureAlgorithm, signature: bytes) -> bytes:
    return encode.sequence(tbs, algorithm.encoded, encode.bit_string(signature))


def _instant(values: Mapping[str, Value], path: str) -> datetime:
    instant = values[path]
    if not isinstance(instant, datetime):
        raise TypeError(f"{path} is not an instant")
    return instant


def _values(
    profile: RevocationListProfile,
    issuer: Issuer,
    algorithm: SignatureAlgorithm,
    number: int,
    at: datetime,
    next_update: datetime | None,
) -> dict[str, Value]:
    """The value of every field outside the entries, in the order of the rows."""
    derived: dict[str, Value] = {
        "issuer-key-algorithm": algorithm.encoded,
        "issuer-subject": issuer.subject,
        "issuer-key-identifier": issuer.key_identifier,
        "crl-number": number,
        "now": at,
    }
    values: dict[str, Value] = {}
    for row in profile.filling_rows:
        if row.field.entry is not None or row.fill is None:
            continue
        if isinstance(row.fill, Constant):
            values[row.field.path] = row.fill.value
        elif isinstance(row.fill, Derived) and row.fill.name == "next-update":
            values[row.field.path] = next_update or _next(row.fill, at)
        else:
            values[row.field.path] = derived[row.fill.name]
    if next_update is not None and values["nextUpdate"] != next_update:
        raise InputError(
            "validity.fixed",
            f"The profile {profile.name} fixes nextUpdate to another time.",
            "Leave the time out.",
        )
    return values


def _next(fill: Derived, at: datetime) -> datetime:
    if fill.years is not None:
        return years_after(at, fill.years)
    return later(at, timedelta(hours=fill.hours or 0))


def _tbs(
    profile: RevocationListProfile, values: Mapping[str, Value], revocations: Sequence[Revocation]
) -> bytes:
    """The TBSCertList (RFC 5280 5.1.2), DER."""
    version = int(str(values["version"])[1:]) - 1
    head = [encode.integer(version)] if version else []
    for path in ("signature", "issuer", "thisUpdate", "nextUpdate"):
        field = REVOCATION_LIST_FIELDS[path]
        head.append(encode_value(field, profile.encoding(field), values[path]))
    if revocations:
        head.append(encode.tlv(encode.SEQUENCE, b"".join(_entries(profile, revocations))))
    extensions = b"".join(_extensions(profile, values))
    tail = [encode.tlv(0xA0, encode.tlv(encode.SEQUENCE, extensions))] if extensions else []
    return encode.sequence(*head, *tail)


def _entries(profile: RevocationListProfile, revocations: Sequence[Revocation]) -> Iterator[bytes]:
    tails = {reason: tail for reason, (_, tail) in _tails(profile).items()}
    times: dict[datetime, bytes] = {}
    for revocation in revocations:
        time = times.get(revocation.at)
        if time is None:
            time = times[revocation.at] = encode.time(revocation.at)
        value, tail = revocation.serial.value, tails[revocation.reason]
        # A serial has at most 16 octets, so every length fits one octet.
        octets = value.bit_length() // 8 + 1
        inside = 2 + octets + len(time) + len(tail)
        serial = value.to_bytes(octets)
        yield b"\x30%c\x02%c%b%b%b" % (inside, octets, serial, time, tail)


def _tails(profile: RevocationListProfile) -> dict[Reason | None, tuple[int | None, bytes]]:
    """The reason code and the encoded extensions of an entry, for each reason."""
    row = next((r for r in profile.filling_rows if r.field.entry == "reasonCode"), None)
    if row is None:
        return dict.fromkeys((None, *Reason), (None, b""))
    if isinstance(row.fill, Constant):
        always = names.REASONS.get(str(row.fill.value))
        return dict.fromkeys((None, *Reason), (always, _reason(always, profile)))
    tails: dict[Reason | None, tuple[int | None, bytes]] = {None: (None, b"")}
    for reason in Reason:
        # RFC 5280 5.3.1: leave the extension out rather than write "unspecified".
        code = None if reason is Reason.UNSPECIFIED else reason.code
        tails[reason] = (code, _reason(code, profile))
    return tails


def _reason(code: int | None, profile: RevocationListProfile) -> bytes:
    if code is None:
        return b""
    if not profile.critical("reasonCode"):
        return REASON_HEAD + bytes((code,))
    value = encode.octet_string(encode.tlv(0x0A, bytes((code,))))
    oid = encode.oid(names.ENTRY_EXTENSIONS["reasonCode"])
    return encode.sequence(encode.sequence(oid, encode.boolean(value=True), value))


def _extensions(profile: RevocationListProfile, values: Mapping[str, Value]) -> Iterator[bytes]:
    for path, value in values.items():
        field = REVOCATION_LIST_FIELDS[path]
        if field.extension is None:
            continue
        inner = encode_value(field, profile.encoding(field), value)
        if not field.is_whole_extension:
            inner = encode.sequence(inner)
        critical = encode.boolean(value=True) if profile.critical(field.extension) else b""
        oid = encode.oid(names.CRL_EXTENSIONS[field.extension])
        yield encode.sequence(oid, critical, encode.octet_string(inner))


__all__ = [
    "Reason",
    "Revocation",
    "RevocationList",
    "check_unsigned",
    "revocation_list",
    "unsigned",
]
