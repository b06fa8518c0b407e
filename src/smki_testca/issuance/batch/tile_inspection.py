"""Inspects the certificates of a tile: signatures, private keys, and what must be unique.

Each worker process does so for one tile at a time. A certificate of a run is read in as few steps
as will do: its signature alone takes more time than all the rest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from smki_testca.errors import InputError
from smki_testca.estate.tile import Tile
from smki_testca.identifiers import SerialNumber
from smki_testca.issuance.batch.fingerprints import Kind, Origin, Records
from smki_testca.roles import KeyUsage
from smki_testca.x509 import private_keys, untrusted
from smki_testca.x509.key_usages import names_of_usage
from smki_testca.x509.keys import (
    P256_HEAD,
    key_id,
    load_public_key,
    signature_algorithm,
    signature_fits,
)
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509

    from smki_testca.estate.tiles import TileRecord
    from smki_testca.x509.keys import PublicKey

_CURVE, _ECDSA = ec.SECP256R1(), ec.ECDSA(hashes.SHA256())
_POINT = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
_SPKI_OCTETS = len(P256_HEAD) + 64
_SCALAR_OCTETS = 32
_PREPAYMENT = "PP-"
"""In the label of the second key agreement certificate that a supplier has under one ID."""
USAGE_OCTETS = {KeyUsage.DIGITAL_SIGNATURE.value: b"\1", KeyUsage.KEY_AGREEMENT.value: b"\2"}


def place_of(
    family: str, hierarchy: str, eui64: int, role: int | None, usage: str, label: str | None
) -> bytes:
    """The fingerprint of a place that one certificate in use has: 16 octets."""
    is_prepayment = _PREPAYMENT in (label or "")
    text = f"{family}\0{hierarchy}\0{eui64:016x}\0{role}\0{usage}\0{is_prepayment}"
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()


def listed_id(eui64: int, usage: str | None) -> bytes:
    """An ID and, if that is to be compared, its usage: 16 octets."""
    return USAGE_OCTETS.get(usage or "", b"\0").rjust(8, b"\0") + eui64.to_bytes(8)


class TileFinding(NamedTuple):
    """What is wrong with one certificate.

    Attributes:
        code: stable, dotted.
        message: one line.
        serial: of the certificate.
        eui64: in it, if there is one.
    """

    code: str
    message: str
    serial: SerialNumber
    eui64: int | None


@dataclass(frozen=True, slots=True)
class TileTask:
    """One tile to inspect.

    Attributes:
        tile: its record.
        path: of its file.
        issuer: the issuing CA's certificate, DER; None to look for what must be unique only.
        family, hierarchy, role, label: of its certificates.
        usage: of its certificates; None where their profile fixes it.
        sealing_key: of the run; None where the private keys are not looked at.
    """

    tile: TileRecord
    path: Path
    issuer: bytes | None
    family: str
    hierarchy: str
    role: int | None
    label: str | None
    usage: str | None
    sealing_key: bytes | None = field(repr=False)


class Inspected(NamedTuple):
    """What was found in a tile.

    Attributes:
        keys: the number of private keys that were paired.
        findings: what is wrong.
        records: the fingerprints, by file.
    """

    keys: int
    findings: list[TileFinding]
    records: dict[int, bytes]


class Inspector:
    """Inspects tiles.

    Args:
        retired: the serials, 16 octets each, of certificates that are revoked or not in use.
        at: those that expired before are not in use, too.
        compares_ids: whether the IDs of the run are compared with a list.
        compares_usages: whether that list has usages.
    """

    def __init__(
        self, retired: frozenset[bytes], at: datetime, *, compares_ids: bool, compares_usages: bool
    ) -> None:
        self._retired = retired
        self._at = at
        self._compares_ids = compares_ids
        self._compares_usages = compares_usages
        self._issuers: dict[bytes, _Issuer] = {}

    def inspect(self, task: TileTask) -> Inspected:
        """Inspect a tile.

        Raises:
            EstateError: if it is missing or was changed.
        """
        opened = Tile.read(task.path, task.tile.digest)
        first = view_certificate(opened.der(0))
        usage = task.usage or names_of_usage(first.value("extensions.keyUsage") or ())
        # The certificates of a section end together.
        not_after = first.instant("validity.notAfter")
        keys: list[bytes | None] = [None] * len(opened)
        findings: list[TileFinding] = []
        issuer = None
        if task.issuer is not None:
            issuer = self._issuer(task.issuer)
            if task.sealing_key is not None:
                keys = opened.keys(task.sealing_key)
        records, labels = Records(), opened.extra().labels
        for place in range(len(opened)):
            der, serial = opened.der(place), opened.serial(place).to_bytes(16)
            eui64, public = opened.eui64(place), _public_key(der)
            origin = Origin(task.tile.run, task.tile.first_row + place).packed
            if issuer is not None:
                faults = issuer.faults(der, serial, eui64)
                if keys[place] is not None and not _fits(keys[place] or b"", public):
                    faults = [*faults, ("verify.key", "Its private key is of another public key.")]
                findings += [
                    TileFinding(code, message, SerialNumber(int.from_bytes(serial)), eui64)
                    for code, message in faults
                ]
                if self._compares_ids and eui64 is not None:
                    compared = usage if self._compares_usages else None
                    records.add(Kind.ISSUED_ID, listed_id(eui64, compared), origin)
            records.add(Kind.SERIAL, serial, origin)
            if self.is_out(serial, not_after):
                continue
            records.add(Kind.KEY, key_id(public)[:16], origin)
            if eui64 is not None:
                label = labels.get(place, task.label)
                value = place_of(task.family, task.hierarchy, eui64, task.role, usage, label)
                records.add(Kind.PLACE, value, origin)
        paired = sum(key is not None for key in keys)
        return Inspected(paired, findings, records.joined())

    def is_out(self, serial: bytes, not_after: datetime | None) -> bool:
        """Whether a certificate is revoked, not in use or expired: it need not be unique."""
        return serial in self._retired or (not_after is not None and not_after < self._at)

    def _issuer(self, der: bytes) -> _Issuer:
        if der not in self._issuers:
            self._issuers[der] = _Issuer(der)
        return self._issuers[der]


class _Issuer:
    """A CA under which certificates must verify.

    Args:
        der: its certificate.
    """

    def __init__(self, der: bytes) -> None:
        view = view_certificate(der)
        key = load_public_key(view.octets("subjectPublicKeyInfo") or b"")
        if key is None:
            raise InputError("key.unreadable", "The public key of a CA cannot be read.")
        self._key: PublicKey = key
        subject = view.octets("subject") or b""
        self._after_serial = signature_algorithm(key).encoded + subject

    def faults(self, der: bytes, serial: bytes, eui64: int | None) -> list[tuple[str, str]]:
        """The code and the message of each fault of a certificate that it should have signed."""
        try:
            certificate = untrusted.call(_load, der)
            signed, signature = certificate.tbs_certificate_bytes, certificate.signature
        except InputError:
            return [("verify.signature", "It cannot be read.")]
        number_at = signed.find(b"\x02\x10" + serial)
        faults = []
        if number_at < 0 or not signed.startswith(self._after_serial, number_at + 2 + 16):
            faults.append(("verify.issuer", "It does not name its serial number and its CA."))
        if eui64 is not None and eui64.to_bytes(8) not in signed:
            faults.append(("verify.id", "It does not hold the ID that the estate has for it."))
        if not self._signed(signature, signed):
            faults.append(("verify.signature", "It does not verify under its CA."))
        return faults

    def _signed(self, signature: bytes, signed: bytes) -> bool:
        if not isinstance(self._key, ec.EllipticCurvePublicKey):
            return signature_fits(self._key, signature, signed)
        try:
            self._key.verify(signature, signed, _ECDSA)
        except InvalidSignature:
            return False
        return True


def _load(der: bytes) -> x509.Certificate:
    from cryptography import x509  # noqa: PLC0415 - slow to import

    return x509.load_der_x509_certificate(der)


def _public_key(der: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a certificate, DER."""
    start = der.find(P256_HEAD)
    if start >= 0 and der.find(P256_HEAD, start + 1) < 0:
        return der[start : start + _SPKI_OCTETS]
    return view_certificate(der).octets("subjectPublicKeyInfo") or b""


def _fits(private: bytes, public: bytes) -> bool:
    """Whether a private key, as a tile has it, belongs to a public key."""
    if len(private) == _SCALAR_OCTETS:
        key = ec.derive_private_key(int.from_bytes(private), _CURVE)
        return public == P256_HEAD[:-1] + key.public_key().public_bytes(*_POINT)
    return private_keys.public_key_info(private_keys.from_pkcs8(private)) == public


# In a worker process.

_of_this_process: list[Inspector] = []
"""The inspector of this process."""


def begin(inspector: Inspector) -> None:
    """Keep the inspector of this process."""
    _of_this_process[:] = [inspector]


def inspect(task: TileTask) -> Inspected:
    """Inspect a tile in this process; see ``Inspector.inspect``."""
    return _of_this_process[0].inspect(task)
