"""The one door to an estate: make it, open it, ask the gate, issue, sign, and look things up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from smki_testca.authority import csr as requests
from smki_testca.authority import keys
from smki_testca.authority.filling import policy
from smki_testca.clock import SystemClock
from smki_testca.entropy import SystemEntropy
from smki_testca.errors import EstateError, InputError, Refusal
from smki_testca.estate.audit import AuditLog
from smki_testca.estate.authorities import AuthorityStore
from smki_testca.estate.certificates import (
    CertificateStore,
    Record,
    Selection,
    digests,
    usage_of,
)
from smki_testca.estate.database import Database
from smki_testca.estate.keystore import KeyStore, key_id
from smki_testca.estate.registry import RegisterStore
from smki_testca.estate.runs import RunStore
from smki_testca.profiles import Library
from smki_testca.register.gate import Gate
from smki_testca.register.requests import Delivery, DeviceSubject, OrganisationSubject, Request
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from smki_testca.authority.issuing import Certificate
    from smki_testca.clock import Clock
    from smki_testca.entropy import Entropy
    from smki_testca.identifiers import Eui64, SerialNumber
    from smki_testca.profiles.model import Environment, Hierarchy, Tier
    from smki_testca.register.gate import Authorisation
    from smki_testca.register.requests import Subject
    from smki_testca.roles import KeyUsage
    from smki_testca.x509.names import KeyType

FILE_NAME = "estate.sqlite"


class Estate:
    """An open estate.

    Attributes:
        directory: where it lies.
        library: the profiles, an operator's before the estate's before the shipped ones.
        audit: the audit log.
        register: participants and agreements.
        certificates: those issued one by one, CAs included.
        authorities: the CAs, able to sign.
        runs: those issued many at a time.
    """

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
        self.runs = RunStore(directory, database, self.audit, self._keys, library)

    @classmethod
    def create(
        cls,
        directory: Path,
        passphrase: Callable[[], str],
        *,
        profiles: Path | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
    ) -> Self:
        """Make an estate without CAs in a directory that is new or empty.

        Args:
            directory: made with mode 0700.
            passphrase: asked once; wraps the estate key.
            profiles: the operator's profile directory, if there is one.
            clock: tells the time; the system's by default.
            entropy: gives keys and serials; the system's by default.

        Raises:
            EstateError: if the directory holds anything, or cannot be made.
        """
        library = _library(directory, profiles)
        entropy = entropy or SystemEntropy()
        _make_directory(directory)
        phrase = passphrase()
        database = Database.create(directory / FILE_NAME)
        estate = cls(directory, database, library, passphrase, clock or SystemClock(), entropy)
        with database.transaction():
            estate._keys.prepare(phrase)
            estate.audit.append(estate._clock.now(), "estate.create", {})
        return estate

    @classmethod
    def open(
        cls,
        directory: Path,
        passphrase: Callable[[], str],
        *,
        profiles: Path | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
    ) -> Self:
        """Open an estate; the passphrase is asked only when a private key is needed.

        Raises:
            EstateError: if there is none, or it is damaged or newer.
        """
        database = Database.open(directory / FILE_NAME)
        return cls(
            directory,
            database,
            _library(directory, profiles),
            passphrase,
            clock or SystemClock(),
            entropy or SystemEntropy(),
        )

    def unlock_meanwhile(self) -> None:
        """Begin to unlock the private keys beside other work, where they are sure to be needed.

        A passphrase that is wrong is told of when a key is needed.

        Raises:
            EstateError: if the estate was never finished.
        """
        self._keys.unlock_meanwhile()

    def close(self) -> None:
        """Let go of the estate's file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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

    def add_environment(
        self, name: str, ca_keys: Mapping[tuple[Hierarchy, Tier], bytes] | None = None
    ) -> list[Record]:
        """Make the four hierarchies of an environment's family.

        Args:
            name: of the environment.
            ca_keys: PEM private keys to use instead of fresh ones.

        Returns:
            The CAs made, roots first.

        Raises:
            InputError: if the environment is unknown or passes for live, the estate has its
                CAs, or a key is not of the profile's type.
        """
        environment = self.library.environment(name)
        live = set(environment.ca_names.values()) & set(self.library.live.ca_names)
        if live:
            raise InputError(
                "live.ca_name", f"A CA named {min(live)} would pass for the live one (R20)."
            )
        with self._database.transaction():
            self._database.execute(
                "INSERT OR IGNORE INTO meta VALUES ('environment', ?)", (environment.name,)
            )
            return self.authorities.make(environment, ca_keys or {})

    def check(self, request: Request) -> Authorisation:
        """Ask the gate alone; the decision is in the audit log all the same.

        Raises:
            Refusal: with every reason.
        """
        with self._database.transaction():
            decision = self._decide(request)
            self.audit.append(self._clock.now(), "check", _told(decision, request))
        if isinstance(decision, Refusal):
            raise decision
        return decision

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
        """A request as the gate takes it, the policy it would carry worked out."""
        name = self.environment(environment)
        known = self.library.environments.get(name)
        profile = self.library.profile(subject.profile)
        carried = None if known is None else policy(profile, known)
        return Request(participant, purpose, name, subject, usages, delivery, carried)

    def issue(
        self, request: Request, *, label: str | None = None, csr: requests.Csr | None = None
    ) -> tuple[list[Record], tuple[str, ...]]:
        """Pass the gate and issue one certificate for each usage asked for.

        Args:
            request: what is asked for.
            label: a name to find the certificates by.
            csr: whose public key is certified; without one the estate makes fresh key pairs
                and keeps their private keys sealed.

        Returns:
            The certificates, and what the participant should know all the same.

        Raises:
            Refusal: with every reason of the gate.
            InputError: if the profile's rows forbid a value of the request, or the certificate
                would not be what the CSR asks for.
        """
        records: list[Record] = []
        warnings: list[str] = []
        with self._database.transaction():
            decision = self._decide(request)
            told = _told(decision, request)
            certificates: list[Certificate] = []
            if not isinstance(decision, Refusal):
                profile = self.library.profile(request.subject.profile)
                issuer, authority = self.authorities.issuing(
                    decision.environment, profile.hierarchy
                )
                warnings += decision.warnings
                for usage in request.usages or (None,):
                    key = csr.public_key if csr else self._fresh_key(profile.key_type)
                    one = authority.issue(decision, usage, key, entropy=self._entropy)
                    if csr is not None:
                        _compare(csr, one)
                    certificates.append(one)
                    warnings += one.warnings
                told["certificates"] = digests(certificates)
            number = self.audit.append(self._clock.now(), "issue", told)
            if not isinstance(decision, Refusal):
                for one in certificates:
                    record = _record(one, decision, issuer, label, number)
                    self.certificates.add(record)
                    records.append(record)
        if isinstance(decision, Refusal):
            raise decision
        return records, tuple(dict.fromkeys(warnings))

    def sign(
        self,
        data: bytes,
        participant: str,
        purpose: str,
        *,
        environment: str | None = None,
        delivery: Delivery = Delivery.LOCAL,
        label: str | None = None,
    ) -> tuple[Record, tuple[str, ...]]:
        """Check a CSR in the order of SEC App. M 2.3.1, and issue what it asks for.

        Raises:
            CsrFaultsError: with every fault of the CSR.
            Refusal: with every reason of the gate.
        """
        csr = requests.parse(data, self.library.roles)
        usages = () if csr.usage is None else (csr.usage,)
        request = self.request(
            participant,
            purpose,
            csr.subject,
            usages,
            environment=environment,
            delivery=delivery,
        )
        (record,), warnings = self.issue(request, label=label, csr=csr)
        return record, warnings

    def private_key(self, record: Record) -> bytes | None:
        """The private key of a certificate, PKCS#8 DER; None where the estate has none.

        Raises:
            EstateError: if the passphrase is wrong.
        """
        if record.place is None:
            return self._keys.get(record.key_id)
        return self.runs.private_key(record)

    def select(self, selection: Selection) -> Iterator[Record]:
        """Every certificate that fits, those of runs after the others."""
        yield from self.certificates.select(selection)
        yield from self.runs.select(selection)

    def by_serial(self, serial: SerialNumber) -> Record | None:
        """The certificate of that serial number, however it was issued."""
        return self.certificates.by_serial(serial) or self.runs.by_serial(serial)

    def issued_for_device(self, device_id: Eui64) -> int:
        """Device Certificates under a Device ID, however they were issued (R21)."""
        return self.certificates.issued_for_device(device_id) + self.runs.issued_for_device(
            device_id
        )

    def most_issued_for_devices(self, first: Eui64, last: Eui64) -> int:
        """The most Device Certificates under one ID of a range; what runs issued counts in full."""
        return self.certificates.most_issued_for_devices(
            first, last
        ) + self.runs.most_issued_for_devices(first, last)

    def issued_for_devices(self, first: Eui64, last: Eui64) -> Counter[int]:
        """Device Certificates under each ID of a range that has any, however they were issued."""
        issued = self.certificates.issued_for_devices(first, last)
        issued.update(self.runs.issued_for_devices(first, last))
        return issued

    def issued_in_category(self, participant: str, category: str) -> int:
        """Certificates of a category issued to a participant, however they were issued."""
        return self.certificates.issued_in_category(
            participant, category
        ) + self.runs.issued_in_category(participant, category)

    def gate(self) -> Gate:
        """The gate, as the register and the certificates issued stand now."""
        return Gate(self.library, self.register.load(), self)

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside happens, or nothing does; other processes wait."""
        return self._database.transaction()

    def _decide(self, request: Request) -> Authorisation | Refusal:
        try:
            return self.gate().authorise(request, self._clock.now())
        except Refusal as refusal:
            return refusal

    def _fresh_key(self, key_type: KeyType) -> bytes:
        return self._keys.keep(keys.generate(key_type, self._entropy))


def _library(directory: Path, profiles: Path | None) -> Library:
    own = directory / "profiles"
    overrides = [] if profiles is None else [profiles]
    return Library(*overrides, *([own] if own.is_dir() else []))


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        stray = next((one for one in directory.iterdir() if one.name != "profiles"), None)
    except OSError as error:
        raise EstateError(
            "estate.unwritable", f"{directory} cannot be made: {error.strerror}."
        ) from error
    if stray is not None:
        raise InputError(
            "estate.not_empty",
            f"{directory} is not empty: it holds {stray.name}.",
            "Name a new directory.",
        )
    directory.chmod(0o700)


def _told(decision: Authorisation | Refusal, request: Request) -> dict[str, object]:
    """A decision as the audit log keeps it."""
    if isinstance(decision, Refusal):
        reasons = [reason.as_json() for reason in decision.reasons]
        return {"granted": False, "request": request.as_json(), "reasons": reasons}
    return decision.as_json()


def _compare(csr: requests.Csr, certificate: Certificate) -> None:
    """See that a certificate is what its CSR asked for, as its subscriber will (SEC L11.6)."""
    found = requests.differences(csr.view, view_certificate(certificate.der))
    if found:
        raise requests.CsrFaultsError(
            tuple(
                requests.Fault(
                    "csr.mismatch", f"In the certificate it asks for, {difference} from its own."
                )
                for difference in found
            )
        )


def _record(
    certificate: Certificate,
    authorisation: Authorisation,
    issuer: Record,
    label: str | None,
    audit: int,
) -> Record:
    subject = authorisation.request.subject
    eui64: Eui64 | None = None
    if isinstance(subject, OrganisationSubject):
        eui64 = subject.eui64
    elif isinstance(subject, DeviceSubject):
        eui64 = subject.device_id
    role = authorisation.request.role
    return Record(
        serial=certificate.serial,
        der=certificate.der,
        profile=certificate.profile.name,
        hierarchy=certificate.profile.hierarchy,
        tier=certificate.profile.tier,
        family=authorisation.environment.family,
        environment=authorisation.environment.name,
        category=authorisation.category.name,
        participant=authorisation.participant.id,
        eui64=eui64,
        role=None if role is None else role.code,
        usage=usage_of(certificate),
        label=label,
        key_id=key_id(certificate.public_key),
        issuer=issuer.serial,
        not_before=certificate.instant("notBefore"),
        not_after=certificate.instant("notAfter"),
        issued_at=certificate.issued_at,
        audit=audit,
    )
