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
from smki_testca.lint.rows import Context
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
    from smki_testca.x509.entries import Entry
    from smki_testca.x509.fields import Value
    from smki_testca.x509.names import SignatureAlgorithm
    from smki_testca.x509.view import View


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A CRL or ARL that was just signed.

    Attributes:
        der: its octets.
        number: its cRLNumber.
        this_update: when it was issued, UTC.
        next_update: when the next one comes at the latest, UTC.
        count: of its entries.
        warnings: what the profile's rows remark on.
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
    """A CRL filled from its profile's rows, checked against them, signed, and verified.

    Args:
        profile: what it holds.
        certificate: of the CA that signs it, DER.
        signer: the CA's key.
        revocations: its entries, in their order.
        number: its cRLNumber.
        at: its thisUpdate, UTC.
        next_update: its nextUpdate; as long after thisUpdate as the rows say by default.

    Raises:
        InputError: if a rule or a row of severity error forbids what was asked for, or the CA
            may sign no CRL.
        SmkiTestcaError: if the key is not that of the CA's certificate.
    """
    at, next_update = _whole(at), None if next_update is None else _whole(next_update)
    if any(one.at.microsecond for one in revocations):
        revocations = [replace(one, at=_whole(one.at)) for one in revocations]
    authority = view_certificate(certificate)
    issuer = issuer_of(certificate)
    _check_authority(authority)
    found = _values(profile, issuer, signer.algorithm, number, at, next_update)
    tbs = _tbs(profile, found, revocations)
    warnings = check_unsigned(
        profile, _document(tbs, signer.algorithm, _PLACEHOLDER), found, revocations, authority
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
        _instant(found, "thisUpdate"),
        _instant(found, "nextUpdate"),
        profile,
        len(revocations),
        tuple(warnings),
    )


def _whole(instant: datetime) -> datetime:
    """The second that an instant lies in; a CRL knows no smaller part."""
    return instant.replace(microsecond=0)


_PLACEHOLDER = b"\x30\x00"
"""Stands for the signature while a CRL is checked that nobody has signed yet."""


def unsigned(
    profile: RevocationListProfile,
    issuer: Issuer,
    algorithm: SignatureAlgorithm,
    revocations: Sequence[Revocation],
    number: int,
    at: datetime,
) -> tuple[bytes, dict[str, Value]]:
    """A CRL with a placeholder for its signature, and the values of its fields, to be checked."""
    found = _values(profile, issuer, algorithm, number, at, None)
    return _document(_tbs(profile, found, revocations), algorithm, _PLACEHOLDER), found


def check_unsigned(
    profile: RevocationListProfile,
    document: bytes,
    found: Mapping[str, Value],
    revocations: Sequence[Revocation],
    authority: View | None,
) -> list[str]:
    """Read a CRL back, hold it to every rule, and compare it with what was asked for.

    Args:
        profile: whose rows it must keep.
        document: the CRL, DER; its signature is not looked at.
        found: the values that its fields were filled with, by path.
        revocations: its entries.
        authority: the CA's certificate; None where there is none yet.

    Returns:
        A line for each rule that only warns.

    Raises:
        InputError: for the first breach of severity error.
    """
    view = view_revocation_list(document)
    listed = list(crl.entries_of(view))
    surveyed = crl.survey(view, listed)
    said = [
        (RULES[one.code].severity, one.message[:1].upper() + one.message[1:])
        for one in crl.breaches(crl.RevocationList(view, surveyed, profile, None))
    ]
    context = Context(_NO_ROLES, None, authority)
    rows = crl.row_findings(view, surveyed, profile, context)
    said += [(one.severity, f"{one.message[:-1]} ({one.basis}, {one.source})") for one in rows]
    for severity, message in said:
        if severity is Severity.ERROR:
            raise InputError("crl.value", f"No such CRL is issued. {message}.")
    if any(view.value(path) != value for path, value in found.items()):
        raise AssertionError("a field of the CRL is not what was asked for")
    if not _same(listed, profile, revocations):
        raise AssertionError("the entries of the CRL are not what was asked for")
    return [f"{message}." for _, message in said]


_NO_ROLES = Roles((), ())
"""No field of a CRL holds a RemotePartyRole."""


def _same(
    listed: Sequence[Entry], profile: RevocationListProfile, revocations: Sequence[Revocation]
) -> bool:
    """Whether the entries of a CRL are these, with none more and none less."""
    tails = _tails(profile)
    return len(listed) == len(revocations) and all(
        entry.serial == one.serial.value
        and entry.at == one.at
        and entry.reason == tails[one.reason][0]
        for entry, one in zip(listed, revocations, strict=True)
    )


def _check_authority(authority: View) -> None:
    usage = authority.value("extensions.keyUsage")
    if not isinstance(usage, tuple) or "cRLSign" not in usage:
        raise InputError(
            "ca.crl_sign", "The CA's certificate does not allow its key to sign CRLs (cRLSign)."
        )


def _document(tbs: bytes, algorithm: SignatureAlgorithm, signature: bytes) -> bytes:
    return encode.sequence(tbs, algorithm.encoded, encode.bit_string(signature))


def _instant(found: Mapping[str, Value], path: str) -> datetime:
    instant = found[path]
    if not isinstance(instant, datetime):
        raise TypeError(f"{path} is no instant")
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
    given: dict[str, Value] = {
        "issuer-key-algorithm": algorithm.encoded,
        "issuer-subject": issuer.subject,
        "issuer-key-identifier": issuer.key_identifier,
        "crl-number": number,
        "now": at,
    }
    found: dict[str, Value] = {}
    for row in profile.filling_rows:
        if row.field.entry is not None or row.fill is None:
            continue
        if isinstance(row.fill, Constant):
            found[row.field.path] = row.fill.value
        elif isinstance(row.fill, Derived) and row.fill.name == "next-update":
            found[row.field.path] = next_update or _next(row.fill, at)
        else:
            found[row.field.path] = given[row.fill.name]
    if next_update is not None and found["nextUpdate"] != next_update:
        raise InputError(
            "validity.fixed",
            f"The profile {profile.name} fixes nextUpdate to another time.",
            "Leave the time out.",
        )
    return found


def _next(fill: Derived, at: datetime) -> datetime:
    if fill.years is not None:
        return years_after(at, fill.years)
    return later(at, timedelta(hours=fill.hours or 0))


def _tbs(
    profile: RevocationListProfile, found: Mapping[str, Value], revocations: Sequence[Revocation]
) -> bytes:
    """The TBSCertList (RFC 5280 5.1.2), DER."""
    version = int(str(found["version"])[1:]) - 1
    head = [encode.integer(version)] if version else []
    for path in ("signature", "issuer", "thisUpdate", "nextUpdate"):
        field = REVOCATION_LIST_FIELDS[path]
        head.append(encode_value(field, profile.encoding(field), found[path]))
    if revocations:
        head.append(encode.tlv(encode.SEQUENCE, b"".join(_entries(profile, revocations))))
    extensions = b"".join(_extensions(profile, found))
    tail = [encode.tlv(0xA0, encode.tlv(encode.SEQUENCE, extensions))] if extensions else []
    return encode.sequence(*head, *tail)


def _entries(profile: RevocationListProfile, revocations: Sequence[Revocation]) -> Iterator[bytes]:
    tails = {reason: tail for reason, (_, tail) in _tails(profile).items()}
    times: dict[datetime, bytes] = {}
    for one in revocations:
        time = times.get(one.at)
        if time is None:
            time = times[one.at] = encode.time(one.at)
        value, tail = one.serial.value, tails[one.reason]
        # A serial has at most 16 octets, so that no length takes more than one octet.
        octets = value.bit_length() // 8 + 1
        inside = 2 + octets + len(time) + len(tail)
        serial = value.to_bytes(octets)
        yield b"\x30%c\x02%c%b%b%b" % (inside, octets, serial, time, tail)


def _tails(profile: RevocationListProfile) -> dict[Reason | None, tuple[int | None, bytes]]:
    """The code and the extensions that each reason gives an entry."""
    row = next((r for r in profile.filling_rows if r.field.entry == "reasonCode"), None)
    if row is None:
        return dict.fromkeys((None, *Reason), (None, b""))
    if isinstance(row.fill, Constant):
        always = names.REASONS.get(str(row.fill.value))
        return dict.fromkeys((None, *Reason), (always, _reason(always, profile)))
    found: dict[Reason | None, tuple[int | None, bytes]] = {None: (None, b"")}
    for reason in Reason:
        # RFC 5280 5.3.1: rather leave the extension out than say that nothing is said.
        code = None if reason is Reason.UNSPECIFIED else reason.code
        found[reason] = (code, _reason(code, profile))
    return found


def _reason(code: int | None, profile: RevocationListProfile) -> bytes:
    if code is None:
        return b""
    if not profile.critical("reasonCode"):
        return REASON_HEAD + bytes((code,))
    value = encode.octet_string(encode.tlv(0x0A, bytes((code,))))
    oid = encode.oid(names.ENTRY_EXTENSIONS["reasonCode"])
    return encode.sequence(encode.sequence(oid, encode.boolean(value=True), value))


def _extensions(profile: RevocationListProfile, found: Mapping[str, Value]) -> Iterator[bytes]:
    for path, value in found.items():
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
