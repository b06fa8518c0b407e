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
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.issuance.batch.fingerprints import FingerprintKind, FingerprintOrigin, Records
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
    from collections.abc import Iterator
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


class Places:
    """Fingerprints of the places that one certificate in use has each.

    Certificates of one place have the same family of environments, hierarchy, ID, role and usage;
    prepayment is another place.
    """

    def __init__(self, family: str, hierarchy: str, role: int | None, usage: str) -> None:
        shared = f"{family}\0{hierarchy}\0{role}\0{usage}\0".encode()
        self._digests = [
            hashlib.blake2b(shared + is_prepayment, digest_size=16)
            for is_prepayment in (b"\0", b"\1")
        ]

    def of(self, eui64: int, label: str | None) -> bytes:
        """The place of an ID: 16 octets."""
        digest = self._digests[label is not None and _PREPAYMENT in label].copy()
        digest.update(eui64.to_bytes(8))
        return digest.digest()


def listed_id(eui64: int, usage: str | None) -> bytes:
    """An ID and, if that is to be compared, its usage: 16 octets."""
    return USAGE_OCTETS.get(usage or "", b"\0").rjust(8, b"\0") + eui64.to_bytes(8)


def id_and_usage(value: bytes) -> tuple[Eui64, str | None]:
    """The ID and the usage that ``listed_id`` put together."""
    usages = {octet: usage for usage, octet in USAGE_OCTETS.items()}
    return Eui64(int.from_bytes(value[8:])), usages.get(value[7:8])


class TileFinding(NamedTuple):
    """A fault of one certificate.

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
    """The result of the inspection of a tile.

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
        count = len(opened)
        ders = [opened.der(place) for place in range(count)]
        publics = list(map(_public_key, ders))
        keys: list[bytes | None] = [None] * count
        findings: list[TileFinding] = []
        if task.issuer is not None:
            if task.sealing_key is not None:
                keys = opened.keys(task.sealing_key)
            findings = list(self._findings(task.issuer, opened, ders, publics, keys))
        records = self._records(task, opened, ders[0], publics)
        return Inspected(sum(key is not None for key in keys), findings, records.joined())

    def _findings(
        self,
        issuer_der: bytes,
        opened: Tile,
        ders: list[bytes],
        publics: list[bytes],
        keys: list[bytes | None],
    ) -> Iterator[TileFinding]:
        """The faults of each certificate by itself, and of its private key."""
        issuer = self._issuer(issuer_der)
        loaded = issuer.loaded(ders)
        for place, (key, public) in enumerate(zip(keys, publics, strict=True)):
            number, eui64 = opened.serial(place), opened.eui64(place)
            faults = issuer.faults(loaded[place], number.to_bytes(16), eui64)
            if key is not None and not _fits(key, public):
                faults.append(("verify.key", "Its private key is of another public key."))
            for code, message in faults:
                yield TileFinding(code, message, SerialNumber(number), eui64)

    def _records(self, task: TileTask, opened: Tile, first: bytes, publics: list[bytes]) -> Records:
        """The fingerprints of what must be unique, and of the IDs that are compared with a list."""
        usage, not_after = _shared(first)
        usage = task.usage or usage
        places = Places(task.family, task.hierarchy, task.role, usage)
        compares_ids = self._compares_ids and task.issuer is not None
        compared = usage if self._compares_usages else None
        records, labels = Records(), opened.extra().labels
        add = records.add
        packed = FingerprintOrigin(task.tile.run, task.tile.first_row).packed
        for place, public in enumerate(publics):
            serial, eui64 = opened.serial(place).to_bytes(16), opened.eui64(place)
            add(FingerprintKind.SERIAL, serial, packed + place)
            if compares_ids and eui64 is not None:
                add(FingerprintKind.ISSUED_ID, listed_id(eui64, compared), packed + place)
            if self.is_out(serial, not_after):
                continue
            if public:
                add(FingerprintKind.KEY, key_id(public)[:16], packed + place)
            if eui64 is not None:
                label = labels.get(place, task.label)
                add(FingerprintKind.PLACE, places.of(eui64, label), packed + place)
        return records

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
        from cryptography import x509  # noqa: PLC0415 - slow to import

        self._load = x509.load_der_x509_certificate
        view = view_certificate(der)
        key = load_public_key(view.octets("subjectPublicKeyInfo") or b"")
        if key is None:
            raise InputError("key.unreadable", "The public key of a CA cannot be read.")
        self._key: PublicKey = key
        subject = view.octets("subject") or b""
        self._after_serial = signature_algorithm(key).encoded + subject
        self._p256 = key if isinstance(key, ec.EllipticCurvePublicKey) else None

    def loaded(self, ders: list[bytes]) -> list[x509.Certificate | None]:
        """The certificates as ``cryptography`` reads them; None for one that it cannot read."""

        def load(some: list[bytes]) -> list[x509.Certificate | None]:
            return [self._load(der) for der in some]

        try:
            # All at once: each call from outside has its price.
            return untrusted.call(load, ders)
        except InputError:
            return [self._loaded(der) for der in ders]

    def _loaded(self, der: bytes) -> x509.Certificate | None:
        try:
            return untrusted.call(self._load, der)
        except InputError:
            return None

    def faults(
        self, certificate: x509.Certificate | None, serial: bytes, eui64: int | None
    ) -> list[tuple[str, str]]:
        """The code and the message of each fault of a certificate that it should have signed."""
        if certificate is None:
            return [("verify.signature", "It cannot be read.")]
        signed = certificate.tbs_certificate_bytes
        faults = []
        number_at = signed.find(b"\x02\x10" + serial)
        if number_at < 0 or not signed.startswith(self._after_serial, number_at + 2 + 16):
            faults.append(("verify.issuer", "It does not name its serial number and its CA."))
        if eui64 is not None and eui64.to_bytes(8) not in signed:
            faults.append(("verify.id", "It does not hold the ID that the estate has for it."))
        if not self._signed(certificate.signature, signed):
            faults.append(("verify.signature", "It does not verify under its CA."))
        return faults

    def _signed(self, signature: bytes, signed: bytes) -> bool:
        if self._p256 is None:
            return signature_fits(self._key, signature, signed)
        try:
            self._p256.verify(signature, signed, _ECDSA)
        except InvalidSignature:
            return False
        return True


def _shared(der: bytes) -> tuple[str, datetime | None]:
    """The usage and the notAfter of a certificate; its section shares them."""
    try:
        view = view_certificate(der)
    except InputError:
        return "", None
    usage = names_of_usage(view.value("extensions.keyUsage") or ())
    return usage, view.instant("validity.notAfter")


def _public_key(der: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a certificate, DER; empty if it cannot be read."""
    start = der.find(P256_HEAD)
    if start >= 0 and der.find(P256_HEAD, start + 1) < 0:
        return der[start : start + _SPKI_OCTETS]
    try:
        return view_certificate(der).octets("subjectPublicKeyInfo") or b""
    except InputError:
        return b""


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
