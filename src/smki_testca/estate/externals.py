"""Stores other people's certificates: to look up, to lint, and to watch for expiry.

They are separate from the certificates that the estate issued: no look-up of those finds them, no
chain includes them, and their private keys are sealed under labels of their own. Of a defective
certificate, the readable fields are stored.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from smki_testca.clock import from_iso, iso
from smki_testca.der.read import DerError
from smki_testca.errors import InputError
from smki_testca.estate.audited_table import AuditedTable
from smki_testca.estate.key_pairs import check_pair
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.profiles.model import Severity, Tier
from smki_testca.x509 import private_keys
from smki_testca.x509.key_usages import names_of_usage
from smki_testca.x509.keys import key_id
from smki_testca.x509.name_text import holder_name, rfc4514_text
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from smki_testca.estate.audit_entry import Entry
    from smki_testca.estate.certificates import Selection
    from smki_testca.estate.database import Database
    from smki_testca.estate.estate_key_store import EstateKeyStore
    from smki_testca.estate.key_holders import KeyHolders
    from smki_testca.lint.linted import Linted
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Profile
    from smki_testca.x509.keys import PrivateKey
    from smki_testca.x509.view import View

DELETED = "external.delete"
"""The action of the entry that records what was deleted."""
_TWO_HEX_DIGITS = re.compile(r"[0-9A-Fa-f]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ExternalRecord:
    """Somebody else's certificate; a field that cannot be read is None.

    Attributes:
        sha256: of the DER.
        der: the certificate, octet for octet.
        source: the file it came from.
        imported_at: UTC.
        label: a name to find it by.
        key_id: SHA-256 of the SubjectPublicKeyInfo in DER, however the certificate encodes it.
        serial: the content octets of the serial number; there may be more than 16.
        profile: the nearest certificate profile.
        eui64: the User, RDP, DCC or Device ID in it.
        role: the RemotePartyRole code, where the OU has two hexadecimal digits.
        usage: keyUsage bits as on the command line, joined by ``+``.
        audit: the number of its audit entry; 0 until it is stored.
        has_key: whether its private key was imported.
        re_signed: the certificates that the estate issued for its key and subject, oldest first.
    """

    sha256: bytes
    der: bytes
    source: str
    imported_at: datetime
    label: str | None
    key_id: bytes | None
    serial: bytes | None
    profile: str
    eui64: Eui64 | None
    role: int | None
    usage: str | None
    not_before: datetime | None
    not_after: datetime | None
    audit: int = 0
    has_key: bool = False
    re_signed: tuple[SerialNumber, ...] = ()

    @property
    def serial_text(self) -> str | None:
        """The serial number in at least 32 hexadecimal digits."""
        if self.serial is None:
            return None
        value = int.from_bytes(self.serial, signed=True)
        return f"{value:032X}" if value >= 0 else f"-{-value:X}"

    @property
    def name(self) -> str:
        """A name for people: the label, or else the file it came from."""
        return self.label or self.source

    @property
    def common_name(self) -> str | None:
        """The commonName in its subject, or what else names its holder; None if there is none."""
        subject = self._subject()
        return None if subject is None else holder_name(subject)

    @property
    def subject(self) -> str | None:
        """The subject as RFC 4514 writes it; None if it cannot be read."""
        subject = self._subject()
        return None if subject is None else rfc4514_text(subject)

    def _subject(self) -> bytes | None:
        """The Name of the subject, DER; None if it cannot be read."""
        try:
            return view_certificate(self.der).octets("subject")
        except DerError:
            return None

    def is_expired(self, at: datetime) -> bool | None:
        """Whether it has expired at a time; None if its notAfter cannot be read."""
        return None if self.not_after is None else self.not_after < at

    def fits(self, selection: Selection) -> bool:
        """Whether it fits a selection.

        Participant, environment and status are ignored, since it has none.
        """
        before = selection.expires_before
        in_time = before is None or (self.not_after is not None and self.not_after < before)
        return in_time and selection.allows(
            eui64=self.eui64,
            role=self.role,
            usage=self.usage,
            profile=self.profile,
            label=self.label,
            serial=self.serial_text,
        )

    def as_json(self) -> dict[str, Any]:
        """The record as a JSON object, the certificate itself left out."""
        return {
            "external": True,
            "sha256": self.sha256.hex(),
            "label": self.label,
            "source": self.source,
            "name": self.common_name,
            "subject": self.subject,
            "serial": self.serial_text,
            "profile": self.profile,
            "eui64": None if self.eui64 is None else str(self.eui64),
            "role": None if self.role is None else f"{self.role:02X}",
            "usage": self.usage,
            "not_before": None if self.not_before is None else iso(self.not_before),
            "not_after": None if self.not_after is None else iso(self.not_after),
            "imported_at": iso(self.imported_at),
            "has_key": self.has_key,
            "re_signed": [str(serial) for serial in self.re_signed],
        }


def read_external(
    der: bytes, view: View, source: str, label: str | None, profile: Profile, at: datetime
) -> ExternalRecord:
    """The record of an external certificate, with the fields that can be read.

    Args:
        der: the certificate.
        view: its fields.
        source: the file it came from.
        label: a name to find it by.
        profile: the nearest, which says where the identifiers are.
        at: the time of the import, UTC.
    """
    spki = view.octets("subjectPublicKeyInfo")
    serial = view.fields["serialNumber"].node if "serialNumber" in view.fields else None
    usage = view.value("extensions.keyUsage")
    return ExternalRecord(
        hashlib.sha256(der).digest(),
        der,
        source,
        at,
        label,
        None if spki is None else key_id(spki),
        serial.content if serial is not None and serial.tag == 0x02 and serial.content else None,
        profile.name,
        _eui64(view, profile),
        _role(view, profile),
        names_of_usage(usage) if isinstance(usage, tuple) else None,
        view.instant("validity.notBefore"),
        view.instant("validity.notAfter"),
    )


def _eui64(view: View, profile: Profile) -> Eui64 | None:
    field = profile.field_of("eui64", "device-id")
    octets = None if field is None else view.octets(field.path)
    return Eui64.from_octets(octets) if octets is not None and len(octets) == 8 else None


def _role(view: View, profile: Profile) -> int | None:
    field = profile.field_of("role")
    text = None if field is None else view.text(field.path)
    return int(text, 16) if text is not None and _TWO_HEX_DIGITS.fullmatch(text) else None


class ExternalStore:
    """The external certificates of one estate, and their private keys."""

    def __init__(
        self,
        database: Database,
        estate_key: EstateKeyStore,
        key_holders: KeyHolders,
        library: Library,
    ) -> None:
        self._database = database
        self._estate_key = estate_key
        self._key_holders = key_holders
        self._library = library

    def add(self, record: ExternalRecord) -> None:
        """Store a certificate, within the transaction that imports it."""
        self._database.insert("externals", _to_row(record))

    def add_key(self, identifier: bytes, key: PrivateKey, came_with: Collection[bytes]) -> None:
        """Seal and store a private key, within the transaction that imports it.

        Only certificates of one identity get it: of those that it came with, or else of those that
        were imported before.

        Args:
            identifier: SHA-256 of its SubjectPublicKeyInfo.
            key: of an external certificate.
            came_with: the digests of the certificates that it was imported with.
        """
        records = self._with_key(identifier)
        identities = {_identity(record) for record in records if record.sha256 in came_with}
        identities = identities or {_identity(record) for record in records}
        holder = identities.pop() if len(identities) == 1 else b""
        label = _sealing_label(identifier, holder)
        sealed = self._estate_key.seal(private_keys.to_pkcs8(key), label)
        self._database.insert(
            "external_keys", {"id": identifier, "sealed": sealed, "holder": holder}
        )

    def check_key(self, record: ExternalRecord) -> None:
        """Check that the key of a certificate is not another's (one key has one holder).

        Raises:
            InputError: if its private key was imported with a certificate of another identity.
        """
        row = self._key_row(record)
        if row is not None and not self._is_holder(record, row["holder"]):
            raise InputError(
                "key.held",
                "Its key was imported with a certificate of another holder: one key has one"
                " holder.",
                "Issue a certificate with a new key: smki-testca issue",
            )

    def _key_row(self, record: ExternalRecord) -> sqlite3.Row | None:
        return None if record.key_id is None else self._key_row_of(record.key_id)

    def _key_row_of(self, identifier: bytes) -> sqlite3.Row | None:
        return self._database.row(
            "SELECT sealed, holder FROM external_keys WHERE id = ?", (identifier,)
        )

    def _is_holder(self, record: ExternalRecord, holder: bytes | None) -> bool:
        if holder is not None:
            return holder == _identity(record)
        # Earlier formats did not name the holder.
        return len({_identity(other) for other in self._with_key(record.key_id or b"")}) == 1

    def _with_key(self, identifier: bytes) -> list[ExternalRecord]:
        return self._records("key_id = ?", [identifier])

    def private_key(self, record: ExternalRecord) -> bytes | None:
        """The private key of a certificate, PKCS#8 DER; None if it was not imported.

        None also for the key of a CA of the estate, and for one that came with a certificate of
        another identity.

        Raises:
            EstateError: if the passphrase is wrong, or the key was changed.
        """
        if record.key_id is None or record.key_id in self._key_holders.authority_keys():
            return None
        row = self._key_row(record)
        if row is None or not self._is_holder(record, row["holder"]):
            return None
        return self._estate_key.unseal(row["sealed"], _sealing_label(record.key_id, row["holder"]))

    def verify_keys(self) -> int:
        """Unseal every imported private key, and pair it with its id; gives their number.

        Raises:
            EstateError: if the passphrase is wrong, or for the first key that does not fit.
        """
        rows = self._database.rows("SELECT id, sealed, holder FROM external_keys ORDER BY id")
        for row in rows:
            identifier = row["id"]
            unseal = partial(
                self._estate_key.unseal, row["sealed"], _sealing_label(identifier, row["holder"])
            )
            check_pair(identifier, unseal, f"imported key {identifier.hex()}")
        return len(rows)

    def remove(self, records: Collection[ExternalRecord]) -> list[bytes]:
        """Remove certificates, within a transaction, and the keys that none of the others gets.

        What is removed is overwritten in the file.

        Returns:
            The ids of the removed keys.
        """
        removed = {record.sha256 for record in records}
        keys = []
        for identifier in dict.fromkeys(record.key_id for record in records):
            row = None if identifier is None else self._key_row_of(identifier)
            if identifier is None or row is None:
                continue
            # Before the removal: afterwards, a key without a holder might seem to have one.
            holders = [
                other
                for other in self._with_key(identifier)
                if other.sha256 not in removed and self._is_holder(other, row["holder"])
            ]
            if not holders:
                keys.append(identifier)
        self._database.execute_many(
            "DELETE FROM external_keys WHERE id = ?", [(identifier,) for identifier in keys]
        )
        self._database.execute_many(
            "DELETE FROM externals WHERE sha256 = ?", [(digest,) for digest in removed]
        )
        self._database.number_in_turn("externals")
        return keys

    def note_re_signing(self, record: ExternalRecord, serial: SerialNumber) -> None:
        """Record the certificate issued for a record's key, within the transaction that does so."""
        self._database.insert("re_signings", {"serial": serial.octets, "external": record.sha256})

    def select(self, selection: Selection | None = None) -> list[ExternalRecord]:
        """The certificates that fit a selection, or all, in the order of import."""
        records = self._records("1", [])
        return [record for record in records if selection is None or record.fits(selection)]

    def by_digests(self, digests: Iterable[bytes]) -> dict[bytes, ExternalRecord]:
        """The certificates with these SHA-256 digests."""
        known = set(digests)
        condition = ("sha256 = ?", [*known]) if len(known) == 1 else ("1", [])
        records = self._records(*condition)
        return {record.sha256: record for record in records if record.sha256 in known}

    def digests(self) -> set[bytes]:
        """The SHA-256 of each certificate."""
        return {row["sha256"] for row in self._database.rows("SELECT sha256 FROM externals")}

    def key_ids(self) -> tuple[set[bytes], set[bytes]]:
        """The ids of the certificates' public keys, and of the private keys imported."""
        public = self._database.rows("SELECT key_id FROM externals WHERE key_id IS NOT NULL")
        private = self._database.rows("SELECT id FROM external_keys")
        return {row["key_id"] for row in public}, {row["id"] for row in private}

    def authorities(self) -> list[bytes]:
        """The external CA certificates, DER."""
        tiers = {profile.name: profile.tier for profile in self._library.profiles}
        return [
            row["der"]
            for row in self._database.rows("SELECT der, profile FROM externals")
            if tiers.get(row["profile"], Tier.END_ENTITY) is not Tier.END_ENTITY
        ]

    def lint(self, records: list[ExternalRecord], at: datetime) -> list[Linted]:
        """Lint certificates; each is verified with the external CAs that may have issued it.

        The estate's CAs are not used, since they may have the same names.

        Args:
            records: of the certificates; the results are in the same order.
            at: the instant at which validity is checked, UTC.
        """
        # Few programs lint through an estate, and the engine takes a while to import.
        from smki_testca.importers.sources import Source  # noqa: PLC0415 - quick start
        from smki_testca.lint.linted import LintSettings  # noqa: PLC0415 - quick start
        from smki_testca.lint.whole_input import lint_all  # noqa: PLC0415 - quick start

        settings = LintSettings(at, self._library.overrides, trusted=tuple(self.authorities()))
        return lint_all((Source(record.name, 0, record.der) for record in records), settings)

    def errors(self, records: list[ExternalRecord], at: datetime) -> list[list[str]]:
        """The codes of the errors that lint finds in certificates; expiry is no error.

        Args:
            records: of the certificates; the results are in the same order.
            at: the instant at which validity is checked, UTC.
        """
        return [
            list(dict.fromkeys(f.code for f in linted.findings if f.severity is Severity.ERROR))
            for linted in self.lint(records, at)
        ]

    def audited(self) -> AuditedTable:
        """The external certificates, as the audit log records them."""
        return AuditedTable(
            "audit.external",
            recorded=_recorded,
            rows=self._audited_rows,
            name=lambda digest, _: f"external certificate {digest}",
            in_order=True,
            removed=_removed,
        )

    def _audited_rows(self) -> Iterator[tuple[str, int]]:
        for row in self._database.rows("SELECT der, audit FROM externals ORDER BY rowid"):
            yield hashlib.sha256(row["der"]).hexdigest(), row["audit"]

    def _records(self, condition: str, values: list[Any]) -> list[ExternalRecord]:
        re_signed: dict[bytes, list[SerialNumber]] = {}
        for external, serial in self._database.records(
            _re_signing,
            "SELECT external, re_signings.serial FROM re_signings"
            " JOIN certificates ON certificates.serial = re_signings.serial"
            " ORDER BY certificates.audit, certificates.rowid",
        ):
            re_signed.setdefault(external, []).append(serial)
        return self._database.records(
            lambda row: _from_row(row, tuple(re_signed.get(row["sha256"], ()))),
            "SELECT *, EXISTS (SELECT 1 FROM external_keys WHERE id = key_id) AS has_key"  # noqa: S608 - our own words
            f" FROM externals WHERE {condition} ORDER BY rowid",
            values,
        )


def _re_signing(row: sqlite3.Row) -> tuple[bytes, SerialNumber]:
    return row["external"], SerialNumber.from_octets(row["serial"])


def _sealing_label(identifier: bytes, holder: bytes | None) -> bytes:
    """A label unlike those of the estate's keys, so that neither opens as the other."""
    return b"external" + identifier + (holder or b"")


def _identity(record: ExternalRecord) -> bytes:
    """The identity of a certificate's holder: its EUI-64, or else the SHA-256 of its subject."""
    if record.eui64 is not None:
        return record.eui64.octets
    subject = view_certificate(record.der).octets("subject") or record.der
    return hashlib.sha256(subject).digest()


def _recorded(entry: Entry) -> Iterator[tuple[str, int]]:
    if entry.action == "import":
        for external in entry.body["externals"]:
            yield external["sha256"], entry.number


def _removed(entry: Entry) -> Iterator[str]:
    if entry.action == DELETED:
        for external in entry.body["externals"]:
            yield external["sha256"]


def _to_row(record: ExternalRecord) -> dict[str, Any]:
    return {
        "sha256": record.sha256,
        "der": record.der,
        "source": record.source,
        "imported_at": iso(record.imported_at),
        "label": record.label,
        "key_id": record.key_id,
        "serial": record.serial,
        "profile": record.profile,
        "eui64": None if record.eui64 is None else record.eui64.octets,
        "role": record.role,
        "usage": record.usage,
        "not_before": None if record.not_before is None else iso(record.not_before),
        "not_after": None if record.not_after is None else iso(record.not_after),
        "audit": record.audit,
    }


def _from_row(row: sqlite3.Row, re_signed: tuple[SerialNumber, ...]) -> ExternalRecord:
    before, after = row["not_before"], row["not_after"]
    return ExternalRecord(
        sha256=row["sha256"],
        der=row["der"],
        source=row["source"],
        imported_at=from_iso(row["imported_at"]),
        label=row["label"],
        key_id=row["key_id"],
        serial=row["serial"],
        profile=row["profile"],
        eui64=None if row["eui64"] is None else Eui64.from_octets(row["eui64"]),
        role=row["role"],
        usage=row["usage"],
        not_before=None if before is None else from_iso(before),
        not_after=None if after is None else from_iso(after),
        audit=row["audit"],
        has_key=bool(row["has_key"]),
        re_signed=re_signed,
    )
