"""Stores the certificates of an estate that were issued one by one, and finds them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import (
    dataclass,
    field,
    replace,
)
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    NamedTuple,
)

import msgspec

from smki_testca.clock import from_iso, in_utc, iso
from smki_testca.der.read import DerError
from smki_testca.entropy import seed_used
from smki_testca.errors import EstateError
from smki_testca.estate.audited_table import AuditedTable
from smki_testca.estate.database import RESTORE
from smki_testca.identifiers import Eui64, SerialNumber, SerialPrefix
from smki_testca.labels import LabelPattern
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.x509.key_usages import UsageBit, names_of_usage
from smki_testca.x509.keys import key_id
from smki_testca.x509.name_text import holder_name, rfc4514_text
from smki_testca.x509.outline import outline
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from smki_testca.authority.certificates import Certificate
    from smki_testca.estate.audit_entry import Entry
    from smki_testca.estate.database import Database
    from smki_testca.estate.status import Status
    from smki_testca.profiles.model import Environment
    from smki_testca.register.gate import Authorisation


@dataclass(frozen=True, slots=True)
class Record:
    """One certificate that the estate issued.

    Attributes:
        eui64: the User, RDP, DCC or Device ID in it, if it has one.
        role: the RemotePartyRole code, if it has one.
        usage: keyUsage bits as on the command line, joined by ``+``.
        key_id: SHA-256 of the SubjectPublicKeyInfo.
        issuer: the issuing certificate's serial; its own for a root.
        audit: the number of its audit entry.
        place: of a certificate that a run issued, the run, the tile and the place in the tile.
        keys_secret: False if the private key was made from a seed.
        key_uri: the URI of the private key if it is in a PKCS#11 token.
        experimental: whether its profile weakened a rule (R20).
        columns: the operator's own columns of its row in a manifest, such as ``serial_number``.
    """

    serial: SerialNumber
    der: bytes
    profile: str
    hierarchy: Hierarchy
    tier: Tier
    family: str
    environment: str
    category: str | None
    participant: str | None
    eui64: Eui64 | None
    role: int | None
    usage: str
    label: str | None
    key_id: bytes
    issuer: SerialNumber
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    audit: int
    place: tuple[int, int, int] | None = None
    keys_secret: bool = True
    key_uri: str | None = None
    experimental: bool = False
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def subject(self) -> str:
        """The subject as RFC 4514 writes it, ``CN=Z1,OU=07``; empty for an empty name.

        Raises:
            EstateError: if the certificate in the estate is damaged.
        """
        return rfc4514_text(self._subject())

    @property
    def name(self) -> str | None:
        """The commonName in the subject, which of an IKI certificate is its system's; or None.

        Where there is none, it is the userId or serialNumber in the subject.

        Raises:
            EstateError: if the certificate in the estate is damaged.
        """
        return holder_name(self._subject())

    def _subject(self) -> bytes:
        """The Name of the subject, DER."""
        try:
            subject = outline(self.der).subject
            rfc4514_text(subject)
        except DerError as error:
            raise EstateError(
                "estate.damaged", f"Certificate {self.serial} cannot be read.", RESTORE
            ) from error
        return subject

    def as_json(self) -> dict[str, Any]:
        """The record as a JSON object, the certificate itself left out."""
        subject = self._subject()
        return {
            "serial": str(self.serial),
            "name": holder_name(subject),
            "subject": rfc4514_text(subject),
            "profile": self.profile,
            "hierarchy": str(self.hierarchy),
            "tier": self.tier.value,
            "environment": self.environment,
            "category": self.category,
            "participant": self.participant,
            "eui64": None if self.eui64 is None else str(self.eui64),
            "role": None if self.role is None else f"{self.role:02X}",
            "usage": self.usage,
            "label": self.label,
            "issuer": str(self.issuer),
            "not_before": iso(self.not_before),
            "not_after": iso(self.not_after),
            "issued_at": iso(self.issued_at),
            "sha256": hashlib.sha256(self.der).hexdigest(),
            **({} if self.keys_secret else {"keys_secret": False}),
            **({} if self.key_uri is None else {"key_place": self.key_uri}),
            **({"experimental": True} if self.experimental else {}),
            **({"columns": dict(self.columns)} if self.columns else {}),
        }


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of certificates: each must fit every part that is not None.

    A part is one value, or several, of which a certificate must have any; an empty part of several
    values selects nothing. Without any part it selects all. ``expires_before`` selects those whose
    notAfter is before that time. A label may be a ``LabelPattern``, a serial a
    ``SerialPrefix``, and a usage one ``UsageBit`` in place of all bits joined by ``+``. ``columns``
    selects those whose row in a manifest had this value, or any of several, in each of these
    columns of the operator's own. ``Estate.select`` respects ``status``; ``fits`` does not, because
    a record has no status.

    Raises:
        InputError: if ``expires_before`` has no time zone.
    """

    participant: str | Collection[str] | None = None
    eui64: Eui64 | Collection[Eui64] | None = None
    role: int | Collection[int] | None = None
    usage: str | UsageBit | Collection[str | UsageBit] | None = None
    profile: str | Collection[str] | None = None
    label: str | LabelPattern | Collection[str | LabelPattern] | None = None
    serial: SerialNumber | SerialPrefix | Collection[SerialNumber | SerialPrefix] | None = None
    status: Status | Collection[Status] | None = None
    expires_before: datetime | None = None
    environment: str | Collection[str] | None = None
    columns: Mapping[str, str | Collection[str]] = field(default_factory=dict, hash=False)
    _tests: tuple[_Test, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.expires_before is not None:
            object.__setattr__(self, "expires_before", in_utc(self.expires_before))
        for name in (*_PARTS, "status"):
            object.__setattr__(self, name, _one_or_several(getattr(self, name)))
        columns = {name: _one_or_several(value) for name, value in self.columns.items()}
        object.__setattr__(self, "columns", columns)
        tests = ((name, values_of(getattr(self, name))) for name in _PARTS)
        value_tests = tuple(_Test.of(name, values) for name, values in tests if values is not None)
        object.__setattr__(self, "_tests", value_tests)

    @property
    def is_one_place(self) -> bool:
        """Whether it selects few certificates, which are found without reading others."""
        return self.serial is not None or self.eui64 is not None

    @property
    def statuses(self) -> frozenset[Status] | None:
        """The statuses of which a certificate must have any; None for all."""
        values = values_of(self.status)
        return None if values is None else frozenset(values)

    def allows(self, **parts: Any) -> bool:
        """Whether what is known of a certificate fits: some of its parts, by their names here.

        The serial is given in 32 hexadecimal digits.
        """
        return all(test.fits(parts[test.name]) for test in self._tests if test.name in parts)

    def fits(self, record: Record) -> bool:
        """Whether a certificate fits, its status left aside."""
        for test in self._tests:
            value = getattr(record, test.name)
            if not test.fits(str(value) if test.name == "serial" else value):
                return False
        if not self.has_columns(record.columns):
            return False
        return self.expires_before is None or record.not_after < self.expires_before

    def has_columns(self, stated: Mapping[str, str]) -> bool:
        """Whether a row fits that states these values in the operator's own columns."""
        return all(
            name in stated and stated[name] in (values_of(value) or ())
            for name, value in self.columns.items()
        )

    def where(self) -> tuple[str, list[Any]]:
        """An SQL condition that every certificate that fits meets, and its values.

        Others may meet it, too: what it cannot say, ``fits`` does.
        """
        conditions: list[str] = []
        values: list[Any] = []
        for test in self._tests:
            condition, its_values = test.where()
            conditions.append(condition)
            values += its_values
        if self.expires_before is not None:
            conditions.append("not_after < ?")
            values.append(iso(self.expires_before))
        if self.columns:
            conditions.append("serial IN (SELECT serial FROM certificate_columns)")
        return " AND ".join(f"({condition})" for condition in conditions) or "1", values


_PARTS = ("participant", "eui64", "role", "usage", "profile", "label", "serial", "environment")
"""The parts of a selection that are columns of a certificate."""
_MOST_IN_SQL = 500
"""The most values that one condition of SQL names."""


def values_of(part: Any) -> tuple[Any, ...] | None:
    """The values of a part of a selection; None if it is not part of it."""
    if part is None or isinstance(part, tuple):
        return part
    return (part,)


def _one_or_several(part: Any) -> Any:
    """A part in one form: None, one value, or a tuple of several or of none."""
    if isinstance(part, str) or not isinstance(part, Iterable):
        return part
    values = tuple(dict.fromkeys(part))
    return values[0] if len(values) == 1 else values


@dataclass(frozen=True, slots=True)
class _Test:
    """The values that one part of a selection allows.

    Attributes:
        name: of the part.
        exact: the values, serials in 32 hexadecimal digits.
        patterns: of labels, prefixes of serials and bits of usages.
    """

    name: str
    exact: frozenset[Any]
    patterns: tuple[LabelPattern | SerialPrefix | UsageBit, ...]

    @classmethod
    def of(cls, name: str, values: tuple[Any, ...]) -> _Test:
        kinds = LabelPattern | SerialPrefix | UsageBit
        patterns = tuple(value for value in values if isinstance(value, kinds))
        exact = (value for value in values if not isinstance(value, kinds))
        return cls(name, frozenset(map(str, exact) if name == "serial" else exact), patterns)

    def fits(self, value: Any) -> bool:
        if value in self.exact:
            return True
        return value is not None and any(pattern.fits(value) for pattern in self.patterns)

    def where(self) -> tuple[str, list[Any]]:
        """An SQL condition that whatever fits meets, and its values."""
        prefixes = [pattern for pattern in self.patterns if isinstance(pattern, SerialPrefix)]
        if len(prefixes) < len(self.patterns) or len(self.exact) + len(prefixes) > _MOST_IN_SQL:
            return f"{self.name} IS NOT NULL", []
        values: list[Any] = [self._in_sql(value) for value in self.exact]
        values += [prefix.as_number for prefix in prefixes]
        condition = f"{self.name} IN ({', '.join('?' * len(values))})"
        for prefix in prefixes:
            condition += f" OR {self.name} BETWEEN ? AND ?"
            values += prefix.bounds
        return condition, values

    def _in_sql(self, value: Any) -> Any:
        if self.name == "serial":
            return bytes.fromhex(value)
        return value.octets if isinstance(value, Eui64) else value


_FURTHER_COLUMNS = (
    "coalesce((SELECT secret FROM keys WHERE id = key_id), 1) AS keys_secret,"
    " (SELECT uri FROM token_keys WHERE id = key_id) AS key_uri,"
    " (SELECT columns FROM certificate_columns AS own"
    " WHERE own.serial = certificates.serial) AS own_columns"
)
"""The columns of a certificate that come from other tables."""
_PAGE = 500
"""The certificates that are read at a time."""


class UniqueValues(NamedTuple):
    """The values of a certificate that must be unique, and within what.

    Attributes:
        number: of the certificate, from 1 in the order of issue.
        serial: its octets.
        others: see ``Record``.
    """

    number: int
    serial: bytes
    key_id: bytes
    eui64: int | None
    role: int | None
    usage: str
    family: str
    hierarchy: str
    label: str | None
    not_after: datetime


class LabelUse(NamedTuple):
    """A label that a holder's certificates have.

    Attributes:
        participant: the holder, if there is one.
        family, hierarchy: of the certificates.
        label: the label.
        since: what orders labels by the issue of their first certificate.
    """

    participant: str | None
    family: str
    hierarchy: str
    label: str
    since: tuple[int, int, int, int]


class CertificateStore:
    """The certificates of one estate."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: Record) -> Record:
        """Store a certificate, within the transaction that issues it.

        Its private key must be stored before, if the estate has it.

        Returns:
            The record as stored: it says whether the key is secret, and where in a token it is.

        Raises:
            InputError: if the estate has a certificate of that serial number.
        """
        if self._database.value(
            "SELECT 1 FROM certificates WHERE serial = ?", (record.serial.octets,)
        ):
            raise seed_used()  # 128 random bits do not come twice
        self._database.insert("certificates", _to_row(record))
        if record.columns:
            columns = json.dumps(dict(record.columns), ensure_ascii=False)
            row = {"serial": record.serial.octets, "columns": columns}
            self._database.insert("certificate_columns", row)
        made_from_seed = self._database.value(
            "SELECT 1 FROM keys WHERE id = ? AND NOT secret", (record.key_id,)
        )
        key_uri = self._database.value("SELECT uri FROM token_keys WHERE id = ?", (record.key_id,))
        if made_from_seed is None and key_uri is None:
            return record
        return replace(record, keys_secret=made_from_seed is None, key_uri=key_uri)

    def select(
        self, selection: Selection, further: tuple[str, list[Any]] | None = None
    ) -> list[Record]:
        """The certificates that fit, in the order of their issue.

        Args:
            selection: of certificates, the status left aside.
            further: another SQL condition, and its values.
        """
        return list(self.each(selection, further))

    def each(
        self, selection: Selection, further: tuple[str, list[Any]] | None = None
    ) -> Iterator[Record]:
        """Yield the same certificates, of which only some are in memory at a time."""
        condition, values = selection.where()
        if further is not None:
            condition, values = f"{condition} AND ({further[0]})", [*values, *further[1]]
        last = 0
        while True:
            # Rows are numbered in the order of issue.
            page = self._database.records(
                lambda row: (int(row["row"]), _from_row(row)),
                "SELECT rowid AS row, *,"  # noqa: S608 - our own columns
                f" {_FURTHER_COLUMNS}"
                f" FROM certificates WHERE {condition} AND rowid > ? ORDER BY rowid LIMIT ?",
                [*values, last, _PAGE],
            )
            yield from (record for _, record in page if selection.fits(record))
            if len(page) < _PAGE:
                return
            last, _ = page[-1]

    def latest(
        self,
        selection: Selection,
        further: tuple[str, list[Any]] | None,
        contained: bytes,
        before: int | None,
        size: int,
    ) -> list[tuple[int, Record]]:
        """Certificates that may fit, with their numbers in the order of issue, the newest first.

        Args:
            selection: of certificates, the status left aside; what ``where`` cannot say of it is
                left to the caller.
            further: another SQL condition, and its values.
            contained: octets that are in the certificate; any if empty.
            before: the number that all are below; any by default.
            size: the most certificates.
        """
        condition, values = selection.where()
        conditions = (
            further,
            ("instr(der, ?)", [contained]) if contained else None,
            None if before is None else ("rowid < ?", [before]),
        )
        for more, its_values in filter(None, conditions):
            condition, values = f"{condition} AND ({more})", [*values, *its_values]
        # The numbers first: whole rows are read of this page alone.
        return self._database.records(
            lambda row: (int(row["row"]), _from_row(row)),
            f"SELECT rowid AS row, *, {_FURTHER_COLUMNS} FROM certificates WHERE rowid IN"  # noqa: S608 - our own columns
            f" (SELECT rowid FROM certificates WHERE {condition} ORDER BY rowid DESC LIMIT ?)"
            " ORDER BY rowid DESC",
            [*values, size],
        )

    def unique_values(self, size: int) -> Iterator[list[UniqueValues]]:
        """Yield what must be unique of every certificate, in pages of a size."""
        last = 0
        while True:
            page = self._database.records(
                _unique_values,
                "SELECT rowid, serial, key_id, eui64, role, usage, family, hierarchy, label,"
                " not_after FROM certificates WHERE rowid > ? ORDER BY rowid LIMIT ?",
                (last, size),
            )
            if not page:
                return
            yield page
            last = page[-1].number

    def labels_of(self, holders: Iterable[str | None]) -> list[LabelUse]:
        """The labels of some holders' end entities, each once for a family and hierarchy."""
        participants = set(holders)
        rows = self._database.rows(
            "SELECT participant, family, hierarchy, label, min(audit) AS since, min(rowid) AS row"
            " FROM certificates WHERE tier = 'end-entity' AND label IS NOT NULL"
            " GROUP BY participant, family, hierarchy, label"
        )
        return [
            LabelUse(
                *(row["participant"], row["family"], row["hierarchy"], row["label"]),
                (row["since"], 0, 0, row["row"]),
            )
            for row in rows
            if row["participant"] in participants
        ]

    def numbered(self, number: int) -> Record | None:
        """The certificate of a number, as ``UniqueValues`` give it."""
        return next(iter(self._records("rowid = ?", [number])), None)

    def by_serial(self, serial: SerialNumber) -> Record | None:
        """The certificate of that serial number."""
        return next(iter(self.select(Selection(serial=serial))), None)

    def generations(self, family: str, hierarchy: Hierarchy, tier: Tier) -> list[list[Record]]:
        """The generations of a tier's CA, oldest first, each with its certificates in order.

        A generation has one name and one key, and one certificate more for each renewal.
        """
        generations: dict[tuple[str | None, bytes], list[Record]] = {}
        for record in self._of_tier(family, hierarchy, tier):
            generations.setdefault((record.label, record.key_id), []).append(record)
        return list(generations.values())

    def newest(self, record: Record) -> Record:
        """The newest certificate of a CA: with the same key and subject, octet for octet."""
        same = [
            other
            for other in self._of_tier(record.family, record.hierarchy, record.tier)
            if (other.label, other.key_id) == (record.label, record.key_id)
        ]
        if not same:
            raise EstateError(
                "estate.damaged",
                f"Certificate {record.serial} is not a CA's, but it issued others.",
                RESTORE,
            )
        if len(same) == 1:
            return record
        subject = view_certificate(record.der).octets("subject")
        same = [other for other in same if view_certificate(other.der).octets("subject") == subject]
        return same[-1]

    def authorities(self) -> list[Record]:
        """Every CA certificate."""
        return self._records("tier <> 'end-entity'", [])

    def chain(self, record: Record) -> list[Record]:
        """The CAs above a certificate, the issuing one first, the root last.

        Of a CA that was renewed it is the newest certificate, which verifies all that it signed.
        """
        chain: list[Record] = []
        while record.issuer != record.serial:
            issuer = self.by_serial(record.issuer)
            if issuer is None:
                break
            record = self.newest(issuer)
            chain.append(record)
        return chain

    def audited(self) -> AuditedTable:
        """The certificates, as the audit log records them."""
        return AuditedTable(
            "audit.certificate",
            recorded=_recorded,
            rows=self._audited_rows,
            name=lambda serial, _: f"certificate {serial}",
            in_order=True,
        )

    def suspects(self) -> Iterator[str]:
        """The rows that contradict their certificates, for an error of the audit."""
        for record in self._records("1", []):
            view = view_certificate(record.der)
            public_key = view.octets("subjectPublicKeyInfo")
            stated = {
                "key id": (record.key_id, None if public_key is None else key_id(public_key)),
                "notBefore": (record.not_before, view.instant("validity.notBefore")),
                "notAfter": (record.not_after, view.instant("validity.notAfter")),
            }
            for name, (in_row, in_certificate) in stated.items():
                if in_row != in_certificate:
                    yield f"the {name} of certificate {record.serial} is not that in its DER"

    def _audited_rows(self) -> Iterator[tuple[str, tuple[int, str]]]:
        for row in self._database.rows(
            "SELECT serial, der, audit FROM certificates ORDER BY rowid"
        ):
            digest = hashlib.sha256(row["der"]).hexdigest()
            yield row["serial"].hex().upper(), (row["audit"], digest)

    def _of_tier(self, family: str, hierarchy: Hierarchy, tier: Tier) -> list[Record]:
        return self._records(
            "family = ? AND hierarchy = ? AND tier = ? AND tier <> 'end-entity'",
            [family, str(hierarchy), tier.value],
        )

    def _records(self, condition: str, values: list[Any]) -> list[Record]:
        return self._database.records(
            _from_row,
            f"SELECT *, {_FURTHER_COLUMNS}"  # noqa: S608 - our own columns
            f" FROM certificates WHERE {condition} ORDER BY audit, rowid",
            values,
        )


def record_of(
    certificate: Certificate,
    environment: Environment,
    issuer: SerialNumber,
    audit: int,
    *,
    label: str | None,
    authorisation: Authorisation | None = None,
    experimental: bool = False,
    columns: Mapping[str, str] = MappingProxyType({}),
) -> Record:
    """The record of a certificate that was signed just now.

    Args:
        certificate: as signed.
        environment: that it was issued for.
        issuer: the serial of the issuing certificate; its own for a root.
        audit: the number of its audit entry.
        label: a name to find it by; of a CA its CN.
        authorisation: from the gate; None for a CA.
        experimental: of a CA, whether its profile weakened a rule.
        columns: the operator's own, of the certificate that it renews.
    """
    profile = certificate.profile
    role = None if authorisation is None else authorisation.request.role
    return Record(
        serial=certificate.serial,
        der=certificate.der,
        profile=profile.name,
        hierarchy=profile.hierarchy,
        tier=profile.tier,
        family=environment.family,
        environment=environment.name,
        category=None if authorisation is None else authorisation.category.name,
        participant=None if authorisation is None else authorisation.participant.id,
        eui64=None if authorisation is None else authorisation.request.subject.embedded_id,
        role=None if role is None else role.code,
        usage=names_of_usage(certificate.key_usage),
        label=label,
        key_id=key_id(certificate.public_key),
        issuer=issuer,
        not_before=certificate.instant("notBefore"),
        not_after=certificate.instant("notAfter"),
        issued_at=certificate.issued_at,
        audit=audit,
        experimental=experimental if authorisation is None else authorisation.experimental,
        columns=columns,
    )


def digests(certificates: Iterable[Certificate]) -> list[dict[str, str]]:
    """The serials and SHA-256 digests of certificates, for the audit log."""
    return [
        {
            "serial": str(certificate.serial),
            "sha256": hashlib.sha256(certificate.der).hexdigest(),
        }
        for certificate in certificates
    ]


def _recorded(entry: Entry) -> Iterator[tuple[str, tuple[int, str]]]:
    for certificate in entry.body.get("certificates", ()):
        yield certificate["serial"], (entry.number, certificate["sha256"])


def _unique_values(row: sqlite3.Row) -> UniqueValues:
    eui64 = row["eui64"]
    return UniqueValues(
        number=row["rowid"],
        serial=row["serial"].rjust(16, b"\0"),
        key_id=row["key_id"],
        eui64=None if eui64 is None else int.from_bytes(eui64),
        role=row["role"],
        usage=row["usage"],
        family=row["family"],
        hierarchy=row["hierarchy"],
        label=row["label"],
        not_after=from_iso(row["not_after"]),
    )


def _to_row(record: Record) -> dict[str, Any]:
    return {
        "serial": record.serial.octets,
        "der": record.der,
        "profile": record.profile,
        "hierarchy": str(record.hierarchy),
        "tier": record.tier.value,
        "family": record.family,
        "environment": record.environment,
        "category": record.category,
        "participant": record.participant,
        "eui64": None if record.eui64 is None else record.eui64.octets,
        "role": record.role,
        "usage": record.usage,
        "label": record.label,
        "key_id": record.key_id,
        "issuer": record.issuer.octets,
        "not_before": iso(record.not_before),
        "not_after": iso(record.not_after),
        "issued_at": iso(record.issued_at),
        "audit": record.audit,
        "experimental": record.experimental,
    }


def _from_row(row: sqlite3.Row) -> Record:
    return Record(
        serial=SerialNumber.from_octets(row["serial"]),
        der=row["der"],
        profile=row["profile"],
        hierarchy=Hierarchy(row["hierarchy"]),
        tier=Tier(row["tier"]),
        family=row["family"],
        environment=row["environment"],
        category=row["category"],
        participant=row["participant"],
        eui64=None if row["eui64"] is None else Eui64.from_octets(row["eui64"]),
        role=row["role"],
        usage=row["usage"],
        label=row["label"],
        key_id=row["key_id"],
        issuer=SerialNumber.from_octets(row["issuer"]),
        not_before=from_iso(row["not_before"]),
        not_after=from_iso(row["not_after"]),
        issued_at=from_iso(row["issued_at"]),
        audit=row["audit"],
        keys_secret=bool(row["keys_secret"]),
        key_uri=row["key_uri"],
        experimental=bool(row["experimental"]),
        columns={} if row["own_columns"] is None else _columns(row["own_columns"]),
    )


def _columns(text: str) -> dict[str, str]:
    return msgspec.json.decode(text, type=dict[str, str])
