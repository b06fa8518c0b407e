"""Brings other people's certificates and keys into an estate: all that files held, or nothing."""

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
from smki_testca.lint.recognise import Recogniser
from smki_testca.x509.keys import public_key_octets
from smki_testca.x509.names import ATTRIBUTES
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.der.read import Node
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.importers.intake import FoundCertificate, Intake
    from smki_testca.profiles.model import LiveMarks
    from smki_testca.x509.keys import PrivateKey
    from smki_testca.x509.view import View

_COMMON_NAME = encode.oid(ATTRIBUTES["commonName"])


class Arrival(StrEnum):
    """How a certificate stands after an import."""

    NEW = "new"
    KEY_ADDED = "key-added"
    KNOWN = "known"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Arrived:
    """One certificate that files held.

    Attributes:
        arrival: imported, known already (now with its private key, perhaps), or issued by this
            estate and therefore no external one.
        external: what is kept of it; None of the estate's own.
        own: the estate's own certificate; None of an external one.
    """

    arrival: Arrival
    external: ExternalRecord | None
    own: Record | None = None

    def as_json(self) -> dict[str, Any]:
        """The record as a JSON object, with ``arrival``."""
        record = self.external or self.own
        assert record is not None  # noqa: S101 - it is one of the two
        return {"arrival": self.arrival.value, **record.as_json()}


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        arrived: each certificate, in the order found.
        keys: how many private keys are new.
        remarks: on what was not taken.
    """

    arrived: tuple[Arrived, ...]
    keys: int
    remarks: tuple[Remark, ...]

    @property
    def changed(self) -> bool:
        """Whether the estate is another than before."""
        return self.keys > 0 or any(one.arrival is Arrival.NEW for one in self.arrived)


def import_material(estate: Stores, intake: Intake) -> ImportReport:
    """Import everything that files held; see ``Estate.import_material``."""
    with estate.transaction():
        return _Importing(estate).all_of(intake)


class _Importing:
    def __init__(self, estate: Stores) -> None:
        self._estate = estate
        self._store = estate.externals
        self._known = self._store.digests()
        self._public, self._private = self._store.key_ids()
        self._new_keys: dict[bytes, PrivateKey] = {}
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
        for found in intake.certificates:
            # Fields take far more memory than octets, so they are let go of one by one.
            view = view_certificate(found.der)
            _refuse_live(found, view, estate.library.live)
            record = self._own(found, view)
            if record is not None:
                own[found.der] = record
            elif hashlib.sha256(found.der).digest() not in self._known:
                place = (found.source, found.label)
                records.append(read_external(found.der, view, *place, recognise(view), now))
        self._public |= {one.key_id for one in records if one.key_id is not None}
        for found in intake.certificates:
            if found.key is not None and found.der not in own:
                self._take_key(found.key)
        remarks = list(intake.remarks)
        for loose in intake.loose_keys:
            if not self._take_key(loose.key):
                message = "the private key fits no certificate here"
                remarks.append(Remark("import.loose_key", loose.source, message))
        if records or self._new_keys:
            self._keep(records)
        return ImportReport(self._arrived(intake, own), len(self._new_keys), tuple(remarks))

    def _keep(self, records: list[ExternalRecord]) -> None:
        told = {
            "externals": [
                {"sha256": one.sha256.hex(), "source": one.source, "label": one.label}
                for one in records
            ],
            "external_keys": [identifier.hex() for identifier in self._new_keys],
        }
        number = self._estate.audit.append(self._estate.clock.now(), "import", told)
        for record in records:
            self._store.add(replace(record, audit=number))
        for identifier, key in self._new_keys.items():
            self._store.add_key(identifier, key)

    def _own(self, found: FoundCertificate, view: View) -> Record | None:
        """The estate's own certificate of these octets."""
        above = view.octets("extensions.authorityKeyIdentifier.keyIdentifier")
        below = view.octets("extensions.subjectKeyIdentifier")
        value = view.value("serialNumber")
        # Few are the estate's own, so most are told by the key that signed them alone.
        if above not in self._own_issuers and below not in self._own_issuers:
            return None
        if not isinstance(value, int):
            return None
        try:
            record = self._estate.by_serial(SerialNumber(value))
        except InputError:
            return None
        return record if record is not None and record.der == found.der else None

    def _take_key(self, key: PrivateKey) -> bool:
        """Keep a private key, if it belongs to an external certificate; whether it does."""
        identifier = hashlib.sha256(public_key_octets(key.public_key())).digest()
        if identifier not in self._public:
            return False
        if identifier not in self._private:
            self._new_keys[identifier] = key
        return True

    def _arrived(self, intake: Intake, own: dict[bytes, Record]) -> tuple[Arrived, ...]:
        digests = {one.der: hashlib.sha256(one.der).digest() for one in intake.certificates}
        records = self._store.by_digests(digests.values())
        arrived = []
        for one in intake.certificates:
            if one.der in own:
                arrived.append(Arrived(Arrival.OWN, None, own[one.der]))
                continue
            record = records[digests[one.der]]
            arrival = Arrival.NEW
            if record.sha256 in self._known:
                added = record.key_id in self._new_keys
                arrival = Arrival.KEY_ADDED if added else Arrival.KNOWN
            arrived.append(Arrived(arrival, record))
        return tuple(arrived)


def _refuse_live(found: FoundCertificate, view: View, live: LiveMarks) -> None:
    """See that a certificate has no mark of live material.

    Raises:
        InputError: naming the mark.
    """
    policies = {encode.oid(one): one for one in live.policies}
    for carried in _policies(view):
        if carried in policies:
            raise _is_live(found, f"the live policy {policies[carried]}")
    names = {one.casefold() for one in live.ca_names}
    for path in ("issuer", "subject"):
        field = view.fields.get(path)
        for name in () if field is None else _common_names(field.node):
            if name.casefold() in names:
                raise _is_live(found, f"the name of the live CA {name}")


def _is_live(found: FoundCertificate, mark: str) -> InputError:
    return InputError(
        "import.live",
        f"{found.label or found.source} carries {mark}: live material has no place in tests (R20).",
        "Leave it out; nothing was imported.",
    )


def _policies(view: View) -> Iterator[bytes]:
    """Every certificate policy, as an OBJECT IDENTIFIER in DER."""
    field = view.fields.get("extensions.certificatePolicies")
    for policy in () if field is None else field.node.children:
        for identifier in policy.children[:1]:
            yield identifier.encoded


def _common_names(name: Node) -> Iterator[str]:
    for attribute in (one for relative in name.children for one in relative.children):
        if len(attribute.children) == 2 and attribute.children[0].encoded == _COMMON_NAME:
            yield attribute.children[1].content.decode("utf-8", "replace").strip()
