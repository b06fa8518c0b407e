"""Imports other people's certificates and keys into an estate: all of them, or none."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from smki_testca.der import encode
from smki_testca.errors import InputError
from smki_testca.estate.externals import ExternalRecord, read_external
from smki_testca.identifiers import SerialNumber
from smki_testca.importers.intake import Remark
from smki_testca.labels import as_label
from smki_testca.lint.recognise import Recogniser
from smki_testca.x509.keys import key_id, public_key_octets
from smki_testca.x509.view import attribute_texts, view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.der.read import Node
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.importers.intake import FoundCertificate, Intake
    from smki_testca.profiles.model import LiveMarks
    from smki_testca.x509.keys import PrivateKey
    from smki_testca.x509.view import View


class ImportOutcome(StrEnum):
    """The outcome of an import for one certificate."""

    NEW = "new"
    KEY_ADDED = "key-added"
    KNOWN = "known"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class ImportedCertificate:
    """One certificate of an import.

    Attributes:
        arrival: imported, known already (perhaps with a new private key), or issued by this
            estate and therefore not external.
        external: the record of an external certificate.
        own: the record of a certificate that this estate issued.
    """

    arrival: ImportOutcome
    external: ExternalRecord | None
    own: Record | None = None

    def as_json(self) -> dict[str, Any]:
        """The record as a JSON object, with ``arrival``."""
        record = self.external or self.own
        assert record is not None  # noqa: S101 - it is one of the two
        return {"arrival": self.arrival.value, **record.as_json()}


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The outcome of an import.

    Attributes:
        arrived: each certificate, in the order of the files.
        keys: how many private keys are new.
        remarks: about content that was not imported.
    """

    arrived: tuple[ImportedCertificate, ...]
    keys: int
    remarks: tuple[Remark, ...]

    @property
    def changed(self) -> bool:
        """Whether the import changed the estate."""
        return self.keys > 0 or any(item.arrival is ImportOutcome.NEW for item in self.arrived)


def import_material(estate: Stores, intake: Intake) -> ImportReport:
    """Import the content of files; see ``Estate.import_material``."""
    with estate.transaction():
        return _Importing(estate).all_of(intake)


class _Importing:
    def __init__(self, estate: Stores) -> None:
        self._estate = estate
        self._store = estate.externals
        self._known = self._store.digests()
        self._public, self._private = self._store.key_ids()
        self._new_keys: dict[bytes, PrivateKey] = {}
        self._came_with: dict[bytes, set[bytes]] = {}
        self._own_issuers = {
            identifier
            for record in estate.certificates.authorities()
            for identifier in [
                view_certificate(record.der).octets("extensions.subjectKeyIdentifier")
            ]
        }

    def all_of(self, intake: Intake) -> ImportReport:
        estate, now = self._estate, self._estate.clock.now()
        recognise = Recogniser(estate.library)
        own: dict[bytes, Record] = {}
        records: list[ExternalRecord] = []
        for item in intake.certificates:
            # Fields take far more memory than octets, so only one view is kept at a time.
            view = view_certificate(item.der)
            _refuse_live(item, view, estate.library.live)
            record = self._own_record(item, view)
            if record is not None:
                own[item.der] = record
            elif hashlib.sha256(item.der).digest() not in self._known:
                origin = (item.source, as_label(item.label))
                records.append(read_external(item.der, view, *origin, recognise(view), now))
        self._public |= {record.key_id for record in records if record.key_id is not None}
        for item in intake.certificates:
            if item.key is not None and item.der not in own:
                self._take_key(item.key)
                identifier = key_id(public_key_octets(item.key.public_key()))
                digest = hashlib.sha256(item.der).digest()
                self._came_with.setdefault(identifier, set()).add(digest)
        remarks = list(intake.remarks)
        for loose in intake.loose_keys:
            if not self._take_key(loose.key):
                message = "the private key fits no certificate here"
                remarks.append(Remark("import.loose_key", loose.source, message))
        if records or self._new_keys:
            self._store_new(records)
        return ImportReport(self._outcomes(intake, own), len(self._new_keys), tuple(remarks))

    def _store_new(self, records: list[ExternalRecord]) -> None:
        """Store new certificates and keys with their audit entry."""
        body = {
            "externals": [
                {"sha256": record.sha256.hex(), "source": record.source, "label": record.label}
                for record in records
            ],
            "external_keys": [identifier.hex() for identifier in self._new_keys],
        }
        number = self._estate.audit.append(self._estate.clock.now(), "import", body)
        for record in records:
            self._store.add(replace(record, audit=number))
        for identifier, key in self._new_keys.items():
            self._store.add_key(identifier, key, self._came_with.get(identifier, ()))

    def _own_record(self, item: FoundCertificate, view: View) -> Record | None:
        """The record of a certificate, if this estate issued it."""
        above = view.octets("extensions.authorityKeyIdentifier.keyIdentifier")
        below = view.octets("extensions.subjectKeyIdentifier")
        value = view.value("serialNumber")
        # Most are of other CAs: their key identifiers suffice to tell, without a look-up.
        if above not in self._own_issuers and below not in self._own_issuers:
            return None
        if not isinstance(value, int):
            return None
        try:
            record = self._estate.by_serial(SerialNumber(value))
        except InputError:
            return None
        return record if record is not None and record.der == item.der else None

    def _take_key(self, key: PrivateKey) -> bool:
        """Take a private key if it fits an external certificate; whether it does."""
        identifier = key_id(public_key_octets(key.public_key()))
        if identifier not in self._public:
            return False
        if identifier not in self._private:
            self._new_keys[identifier] = key
        return True

    def _outcomes(
        self, intake: Intake, own: dict[bytes, Record]
    ) -> tuple[ImportedCertificate, ...]:
        digests = {item.der: hashlib.sha256(item.der).digest() for item in intake.certificates}
        records = self._store.by_digests(digests.values())
        arrived = []
        for item in intake.certificates:
            if item.der in own:
                arrived.append(ImportedCertificate(ImportOutcome.OWN, None, own[item.der]))
                continue
            record = records[digests[item.der]]
            arrival = ImportOutcome.NEW
            if record.sha256 in self._known:
                added = record.key_id in self._new_keys
                arrival = ImportOutcome.KEY_ADDED if added else ImportOutcome.KNOWN
            arrived.append(ImportedCertificate(arrival, record))
        return tuple(arrived)


def _refuse_live(item: FoundCertificate, view: View, live: LiveMarks) -> None:
    """Check that a certificate has no mark of live material (R20).

    Raises:
        InputError: naming the mark.
    """
    policies = {encode.oid(policy): policy for policy in live.policies}
    for carried in _policies(view):
        if carried in policies:
            raise _is_live(item, f"the live policy {policies[carried]}")
    for path in ("issuer", "subject"):
        field = view.fields.get(path)
        for name in () if field is None else _common_names(field.node):
            if live.names_ca(name):
                raise _is_live(item, f"the name of the live CA {name}")


def _is_live(item: FoundCertificate, mark: str) -> InputError:
    return InputError(
        "import.live",
        f"{item.label or item.source} carries {mark}: it is live material, which does not"
        " belong in tests (R20).",
        "Leave it out; nothing was imported.",
    )


def _policies(view: View) -> Iterator[bytes]:
    """Every certificate policy, as an OBJECT IDENTIFIER in DER."""
    field = view.fields.get("extensions.certificatePolicies")
    for policy in () if field is None else field.node.children:
        for identifier in policy.children[:1]:
            yield identifier.encoded


def _common_names(name: Node) -> Iterator[str]:
    for label, text in attribute_texts(name):
        if label == "commonName" and text is not None:
            yield text
