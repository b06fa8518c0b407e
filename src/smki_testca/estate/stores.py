"""The stores of an open estate, put together, and look-ups that go over several of them.

The operations that change an estate are in packages above this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from smki_testca.authority.filling import policy
from smki_testca.estate.audit import AuditLog
from smki_testca.estate.authorities import AuthorityStore
from smki_testca.estate.certificates import CertificateStore, Record, Selection
from smki_testca.estate.externals import ExternalStore
from smki_testca.estate.issued import IssuedCounts
from smki_testca.estate.key_store import KeyStore
from smki_testca.estate.register import RegisterStore
from smki_testca.estate.renewal_links import RenewalLinkStore
from smki_testca.estate.revocations import RevocationStore
from smki_testca.estate.run_certificates import RunCertificates
from smki_testca.estate.runs import RunStore
from smki_testca.estate.status import Status
from smki_testca.estate.status_changes import StatusStore
from smki_testca.estate.tiles import TileStore
from smki_testca.profiles.model import Tier
from smki_testca.register.gate import Gate
from smki_testca.register.requests import Delivery, Request, subject_from

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Collection, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from smki_testca.clock import Clock
    from smki_testca.entropy import Entropy
    from smki_testca.estate.database import Database
    from smki_testca.estate.revocations import RevocationListRecord
    from smki_testca.estate.status_changes import StandingChange
    from smki_testca.exporters.credential import Credential
    from smki_testca.identifiers import Eui64, SerialNumber
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Environment
    from smki_testca.register.requests import Particulars, Subject
    from smki_testca.roles import KeyUsage


class Stores:
    """The parts of one open estate; ``Estate`` tells what each is."""

    def __init__(  # the parts of one estate, put together by create and open only
        self,
        directory: Path,
        database: Database,
        library: Library,
        passphrase: Callable[[], str],
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self.directory = directory
        self.library = library
        self._database = database
        self._clock = clock
        self._entropy = entropy
        self.audit = AuditLog(database)
        self.register = RegisterStore(database, self.audit, library, clock)
        self.certificates = CertificateStore(database)
        self._keys = KeyStore(database, passphrase, entropy)
        self.authorities = AuthorityStore(
            self.certificates, self._keys, self.audit, library, clock, entropy
        )
        self.tiles = TileStore(directory, database, self.audit)
        self.runs = RunStore(database, self.audit, self._keys, self.tiles)
        self.run_certificates = RunCertificates(self.runs, self.tiles, library)
        self.issued = IssuedCounts(database, self.tiles)
        self.statuses = StatusStore(database)
        self.renewal_links = RenewalLinkStore(database)
        self.revocations = RevocationStore(database)
        self.externals = ExternalStore(database, self._keys, library)
        self.audit.account_for(
            self.certificates.audited(),
            self.tiles.audited(),
            *self.revocations.audited(),
            self.externals.audited(),
        )

    @property
    def clock(self) -> Clock:
        """Tells the time."""
        return self._clock

    def environments(self) -> list[Environment]:
        """The environments whose CAs the estate has, those it was made for first."""
        families = dict.fromkeys(record.family for record in self.certificates.authorities())
        known = self.library.environments.values()
        return [one for family in families for one in known if one.family == family]

    def environment(self, name: str | None) -> str:
        """The environment named, or the first the estate was made for."""
        if name is not None:
            return name
        kept = self._database.value("SELECT value FROM meta WHERE name = 'environment'")
        return self.library.default_environment.name if kept is None else str(kept)

    def request(
        self,
        participant: str,
        purpose: str,
        subject: Subject,
        usages: tuple[KeyUsage, ...] = (),
        *,
        environment: str | None = None,
        delivery: Delivery = Delivery.LOCAL,
    ) -> Request:
        """A request as the gate takes it, the policy it would carry worked out.

        Args:
            participant: who asks: its id in the register.
            purpose: the code of a Testing Service, such as ``uept`` (R3).
            subject: whose certificate it shall be.
            usages: one certificate is issued for each; none where the profile fixes the usage.
            environment: the test environment; the estate's first by default.
            delivery: how the certificates reach their holder (R6).
        """
        name = self.environment(environment)
        known = self.library.environments.get(name)
        profile = self.library.profile(subject.profile)
        carried = None if known is None else policy(profile, known)
        return Request(participant, purpose, name, subject, usages, delivery, carried)

    def subject(self, profile: str, **particulars: Unpack[Particulars]) -> Subject:
        """The subject of a request, told as on the command line.

        Args:
            profile: ``organisation``, ``device``, ``dccki`` or ``iki``.
            particulars: the options of ``smki-testca issue``, with underscores.

        Raises:
            InputError: if one is missing, or is no identifier.
            TypeError: for one that the profile does not take.
        """
        return subject_from(profile, particulars, self.library.roles)

    def gate(self) -> Gate:
        """The gate, as the register and the certificates issued stand now."""
        return Gate(self.library, self.register.load(), self)

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside happens, or nothing does; other processes wait."""
        return self._database.transaction()

    def private_key(self, record: Record) -> bytes | None:
        """The private key of a certificate, PKCS#8 DER; None where the estate has none.

        Raises:
            EstateError: if the passphrase is wrong.
        """
        return self.private_keys([record]).get(record.serial)

    def private_keys(self, records: Collection[Record]) -> dict[SerialNumber, bytes]:
        """The private keys of certificates, PKCS#8 DER, as far as the estate has them.

        For many certificates this is much quicker than one by one.

        Raises:
            EstateError: if the passphrase is wrong.
        """
        keys = self.run_certificates.private_keys(records)
        for record in records:
            if record.place is None and (key := self._keys.get(record.key_id)) is not None:
                keys[record.serial] = key
        return keys

    def credential(self, record: Record) -> Credential:
        """A certificate with its private key and the CAs above it, as PEM or objects.

        Raises:
            EstateError: if the passphrase is wrong.
        """
        # Loading keys takes imports that issuing can do without.
        from smki_testca.exporters.credential import Credential  # noqa: PLC0415

        key = self.private_key(record) if record.tier is Tier.END_ENTITY else None
        return Credential(record, tuple(self.certificates.chain(record)), key)

    def select(self, selection: Selection) -> Iterator[Record]:
        """Every certificate that fits, those of runs after the others."""
        return self.statuses.select(
            selection, self._clock.now(), self.certificates, self.run_certificates
        )

    def by_serial(self, serial: SerialNumber) -> Record | None:
        """The certificate of that serial number, however it was issued."""
        return self.certificates.by_serial(serial) or self.run_certificates.by_serial(serial)

    def status(self, record: Record) -> Status:
        """The status of a certificate now, as the repository states it."""
        return self.statuses.status(record, self._clock.now())

    def remarks(self, issuer: Record) -> tuple[str, ...]:
        """What to know of a CA that signs all the same: that it has run out, or is revoked."""
        status = self.status(issuer)
        if status is Status.EXPIRED:
            remedy = f"Renew it: smki-testca ca renew {issuer.label}"
        elif status is Status.REVOKED:
            remedy = "Make the next generation: smki-testca ca roll-over"
        else:
            return ()
        return (f"The CA {issuer.label} is {status.word}: nobody trusts what it signs. {remedy}",)

    def history(self, record: Record) -> list[StandingChange]:
        """The steps of a certificate from its issue on; the last one is its status now."""
        return self.statuses.history(record, self._clock.now())

    def revocation_lists(self, *, current_only: bool = True) -> list[RevocationListRecord]:
        """The newest revocation list of each CA, or all that were issued, the oldest first."""
        return self.revocations.lists(current_only=current_only)

    def issued_for_device(self, device_id: Eui64) -> int:
        """Device Certificates under a Device ID, however they were issued (R21)."""
        return self.issued.for_device(device_id)

    def most_issued_for_devices(self, first: Eui64, last: Eui64) -> int:
        """At most how many Device Certificates there are under one ID of a range."""
        return self.issued.most_for_devices(first, last)

    def issued_for_devices(self, first: Eui64, last: Eui64) -> Counter[int]:
        """Device Certificates under each ID of a range that has any, however they were issued."""
        return self.issued.for_devices(first, last)

    def issued_in_category(self, participant: str, category: str) -> int:
        """Certificates of a category issued to a participant, however they were issued."""
        return self.issued.in_category(participant, category)
