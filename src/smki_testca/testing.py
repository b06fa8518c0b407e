"""Certificates for tests: the values of the pytest plugin's fixtures.

A workshop has an estate and issues in it whatever a test asks for. The same request gives the same
certificate, and from a seed the same octets, whichever tests ran before.
"""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from smki_testca.api import Estate
from smki_testca.authority.filling import Validity
from smki_testca.authority.revocation import Revocation
from smki_testca.clock import FixedClock, SystemClock, iso
from smki_testca.entropy import KeyedEntropy, SystemEntropy
from smki_testca.errors import EstateError, InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate_files import PASSPHRASE_FILE
from smki_testca.exporters.credential import Credential
from smki_testca.files import create
from smki_testca.identifiers import Eui64
from smki_testca.lifecycle.crls import find_authority, profile_of_list
from smki_testca.lifecycle.revocation import parse_reason
from smki_testca.passphrases import (
    Passphrase,
    leave_passphrase,
    make_passphrase,
)
from smki_testca.profiles.model import Hierarchy, Identity, Tier
from smki_testca.profiles.typed_subjects import Particulars
from smki_testca.register.requests import Delivery
from smki_testca.register.whois import whois_device_id, whois_user_id
from smki_testca.roles import KeyUsage
from smki_testca.service.estate_access import EstateAccess
from smki_testca.shipped import shipped
from smki_testca.x509.pem import to_pem

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from smki_testca.clock import Clock
    from smki_testca.estate.certificates import Record
    from smki_testca.profiles.subject import Subject
    from smki_testca.register.requests import Request

PURPOSE = "device-and-user-system-tests"
"""The Testing Service that is asked for, unless a test says otherwise."""
HW_TYPE = "1.2.826.0.1.8641679.1.2.2.1"
"""The hwType of Devices, unless a test says otherwise."""
SEEDED_INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
"""The time of the estate if a seed is given, but no time."""
_CA_AGE = timedelta(days=730)
"""The age of the estate's CAs, so that they are older than the expired certificates they issue."""
_YEAR = timedelta(days=365)
_DAY = timedelta(days=1)
_BOTH = (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT)


@dataclass(frozen=True, slots=True)
class PluginOptions:
    """The values of the options.

    Attributes:
        environment: the test environment; the first one by default.
        seed: the seed of keys and serial numbers; the system's generator by default.
        instant: the time of the estate; the system's clock by default.
        profiles: a directory of an operator's own profiles.
        register: a file of participants and agreements in place of the examples.
        estate: a directory with an estate, in place of a new one.
    """

    environment: str | None = None
    seed: bytes | None = None
    instant: datetime | None = None
    profiles: Path | None = None
    register: Path | None = None
    estate: Path | None = None

    def clock(self) -> Clock:
        """Return the clock of the options; if a seed is given, it stands still."""
        instant = self.instant
        if instant is None and self.seed is not None:
            instant = SEEDED_INSTANT
        return SystemClock() if instant is None else FixedClock(instant)


class CertificateOptions(Particulars, total=False):
    """The options of a certificate: its subject, and more that has defaults.

    Attributes:
        participant: the participant that asks; by default the holder of the ID, by the register.
        purpose: the code of a Testing Service; ``PURPOSE`` by default.
        usage: the key usage of an Organisation or Device Certificate: ``digital-signature``, the
            default, or ``key-agreement``.
        environment: the test environment.
        delivery: ``local``, the default, or ``remote``.
        label: a name to find the certificate by.
        copy: 1 by default; another number asks for another certificate with the same options.
    """

    participant: str
    purpose: str
    usage: str
    environment: str
    delivery: str
    label: str
    copy: int


@dataclass(frozen=True, repr=False)
class Issued(Credential):
    """A certificate with its private key and the CAs above it, also as files.

    Attributes:
        folder: the folder of the files; each is written when it is first asked for.
    """

    folder: Path = Path()

    @property
    def certificate_file(self) -> Path:
        """The certificate, PEM."""
        return _written(self.folder / "certificate.pem", self.pem)

    @property
    def key_file(self) -> Path:
        """The private key, unencrypted PKCS#8 PEM.

        Raises:
            InputError: if the estate has none.
        """
        return _written(self.folder / "key.pem", self.key_pem)

    @property
    def chain_file(self) -> Path:
        """The certificate and the CAs above it without the root, PEM, as a server presents them."""
        return _written(self.folder / "chain.pem", self.chain_pem)

    @property
    def root_file(self) -> Path:
        """The root, PEM, as a client trusts it."""
        return _written(self.folder / "root.pem", self.root_pem)


@dataclass(frozen=True, repr=False)
class Revoked(Issued):
    """A certificate that was revoked.

    Attributes:
        revocation_lists: the CRL of its CA, which lists it alone, and the ARL of the root, DER.
    """

    revocation_lists: tuple[bytes, ...] = ()

    @property
    def revocation_list(self) -> bytes:
        """The CRL of its CA, DER. It lists this certificate alone."""
        return self.revocation_lists[0]

    @property
    def revocation_lists_file(self) -> Path:
        """The CRL and the ARL, PEM."""
        return _lists_file(self.folder, self.revocation_lists)


@dataclass(frozen=True, slots=True)
class Device:
    """A Device with its two certificates."""

    device_id: Eui64
    digital_signature: Issued
    key_agreement: Issued


@dataclass(frozen=True)
class Trust:
    """The CAs of a hierarchy, for whoever verifies its certificates.

    Attributes:
        root: the certificate of the root.
        issuing: the certificate of the issuing CA.
        folder: the folder of the files; each is written when it is first asked for.
    """

    root: Record
    issuing: Record
    folder: Path
    _lists: Callable[[], tuple[bytes, ...]]

    @property
    def root_file(self) -> Path:
        """The root, PEM."""
        return _written(self.folder / "root.pem", to_pem(self.root.der))

    @property
    def authorities_file(self) -> Path:
        """Both CAs, PEM, the issuing one first."""
        both = to_pem(self.issuing.der) + to_pem(self.root.der)
        return _written(self.folder / "authorities.pem", both)

    @property
    def revocation_lists(self) -> tuple[bytes, ...]:
        """A CRL and an ARL without entries, DER.

        Raises:
            InputError: for the Device hierarchy, which has none.
        """
        return self._lists()

    @property
    def revocation_lists_file(self) -> Path:
        """The CRL and the ARL, PEM.

        Raises:
            InputError: for the Device hierarchy, which has none.
        """
        return _lists_file(self.folder, self.revocation_lists)


class Workshop:
    """An estate, and the certificates that tests asked for.

    Attributes:
        estate: open until the session ends.
        environment: the default test environment of certificates.
        folder: the folder of the files.
    """

    def __init__(
        self,
        estate: Estate,
        environment: str,
        folder: Path,
        entropy: KeyedEntropy | None,
        profiles: Path | None = None,
    ) -> None:
        self.estate = estate
        self._profiles = profiles
        self._without_authorities: list[Hierarchy] = []
        self.environment = environment
        self.folder = folder
        self._entropy = entropy
        self._issued: dict[str, Issued] = {}

    @classmethod
    def open(cls, options: PluginOptions, folder: Path) -> Self:
        """Make the estate that the options ask for, or open the one that they name.

        Args:
            options: the options.
            folder: an empty folder, for files and for a new estate.

        Raises:
            InputError: if a file or name that was given cannot be used.
            EstateError: if the estate named cannot be opened.
        """
        if options.estate is not None:
            return cls._open(options, options.estate, folder)
        return cls._make(options, folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.estate.close()

    def access(self) -> EstateAccess:
        """The access by which the threads of its services open the estate again."""
        directory = self.estate.directory
        return EstateAccess(directory, _passphrase(directory), self._profiles, self.estate.clock)

    @classmethod
    def _open(cls, options: PluginOptions, directory: Path, folder: Path) -> Self:
        estate = Estate.open(
            directory,
            lambda: _passphrase(directory),
            profiles=options.profiles,
            clock=options.clock(),
        )
        environment = estate.environment(options.environment)
        return cls(estate, environment, folder, None, options.profiles)

    @classmethod
    def _make(cls, options: PluginOptions, folder: Path) -> Self:
        clock = _BackdatedClock(options.clock())
        entropy = None if options.seed is None else KeyedEntropy(options.seed)
        passphrase = make_passphrase(SystemEntropy())
        register, origin = _register(options)
        clock.back = _CA_AGE
        estate = Estate.create(
            folder / "estate",
            passphrase,
            profiles=options.profiles,
            clock=clock,
            entropy=entropy,
        )
        try:
            name = options.environment or estate.library.default_environment.name
            workshop = cls(estate, name, folder, entropy, options.profiles)
            workshop._make_authorities()
            estate.register.import_file(register, origin)
        except BaseException:  # Ctrl-C, too: the estate's file is not left open
            estate.close()
            raise
        # The command can open it, too.
        leave_passphrase(estate.directory, passphrase)
        clock.back = timedelta()
        return workshop

    def issue(
        self,
        profile: str,
        *,
        validity: Validity | None = None,
        **options: Unpack[CertificateOptions],
    ) -> Issued:
        """Issue a certificate; the same options again give the same certificate.

        Args:
            profile: ``organisation``, ``device``, ``dccki`` or ``iki``.
            validity: dates in place of those that the profile's rows work out.
            options: its subject, as on the command line, and the other options.

        Raises:
            Refusal: with every reason of the gate.
            InputError: if something is missing or cannot be used, or nobody in the register has
                the ID.
            TypeError: for an option that the profile does not take.
        """
        dates = () if validity is None else (validity.not_before, validity.not_after)
        variant = ["valid", *(None if date is None else iso(date) for date in dates)]
        return self._once(self._ask(profile, options), variant, validity)

    def expired(
        self, profile: str, *, ago: timedelta = _DAY, **options: Unpack[CertificateOptions]
    ) -> Issued:
        """Issue a certificate that was valid for a year and ended some time ago.

        Args:
            profile: ``organisation``, ``dccki`` or ``iki``.
            ago: the time since its last second.
            options: as for ``issue``.

        Raises:
            InputError: for a Device Certificate, which never expires; or as ``issue`` does.
        """
        end = self.now() - ago
        variant = ["expired", ago.total_seconds()]
        return self._once(self._ask(profile, options), variant, Validity(end - _YEAR, end))

    def not_yet_valid(
        self, profile: str, *, ahead: timedelta = _DAY, **options: Unpack[CertificateOptions]
    ) -> Issued:
        """Issue a certificate that begins some time from now.

        Args:
            profile: ``organisation``, ``device``, ``dccki`` or ``iki``.
            ahead: the time until its first second.
            options: as for ``issue``.
        """
        variant = ["not yet valid", ahead.total_seconds()]
        return self._once(self._ask(profile, options), variant, Validity(self.now() + ahead))

    def revoked(
        self, profile: str, *, reason: str = "key-compromise", **options: Unpack[CertificateOptions]
    ) -> Revoked:
        """Issue and revoke a certificate, with a CRL that lists it alone.

        No other test gets the certificate, unless it asks for the same one revoked. The
        estate's own CRLs come from ``estate.issue_revocation_list``.

        Args:
            profile: ``organisation``, ``dccki`` or ``iki``.
            reason: a reason of ``smki-testca revoke``.
            options: as for ``issue``.

        Raises:
            InputError: for a Device Certificate, of which there is no CRL, or a reason for which
                nothing is revoked; or as ``issue`` does.
        """
        parsed = parse_reason(reason)
        ask = self._ask(profile, options)
        profile_of_list(self.estate, ask.hierarchy, Tier.ISSUING)
        key = ask.key(["revoked", parsed.value])
        revoked = self._issued.get(key)
        if isinstance(revoked, Revoked):
            return revoked
        parts = self._issue(ask, key, None)
        record: Record = parts["record"]
        self.estate.revoke(Selection(serial=record.serial), parsed)
        issuing, root = parts["chain"]
        revocation = Revocation(record.serial, self.now(), parsed)
        lists = (self._list(issuing, [revocation]), self._list(root, []))
        revoked = self._issued[key] = Revoked(**parts, revocation_lists=lists)
        return revoked

    def devices(
        self,
        first_id: str | Eui64,
        count: int,
        *,
        profile: str = "device",
        **options: Unpack[CertificateOptions],
    ) -> list[Device]:
        """Issue Devices with consecutive IDs, each with a certificate of either usage.

        Args:
            first_id: the first Device ID.
            count: the number of Devices.
            profile: a certificate type with a Device ID and either usage.
            options: as for ``issue``.

        Raises:
            ValueError: if there are not so many IDs.
            Refusal: with every reason of the gate; the Devices before it stay issued.
        """
        first = Eui64.parse(str(first_id))
        if not 0 < count <= (1 << 64) - first.value:
            raise ValueError(f"there are no {count} Device IDs from {first} on")
        devices = []
        for value in range(first.value, first.value + count):
            device_id = Eui64(value)
            pair = []
            for usage in _BOTH:
                each: CertificateOptions = {**options, "device_id": device_id, "usage": usage.value}
                pair.append(self.issue(profile, **each))
            devices.append(Device(device_id, *pair))
        return devices

    def trust(self, hierarchy: str = "organisation", environment: str | None = None) -> Trust:
        """Return the CAs of a hierarchy.

        Args:
            hierarchy: ``organisation``, ``device``, ``dccki`` or ``iki``.
            environment: the test environment.

        Raises:
            EstateError: if the estate has none.
        """
        place = Hierarchy(hierarchy)
        self._add_authorities(place)
        name = environment or self.environment
        root, issuing = (
            find_authority(self.estate, place, tier, name) for tier in (Tier.ROOT, Tier.ISSUING)
        )
        # A CA may be renewed or rolled over in a session: its files are then others.
        serials = "-".join(str(authority.serial)[:8] for authority in (issuing, root))
        folder = self.folder / f"trust-{root.family}-{place.value}-{serials}"
        return Trust(root, issuing, folder, lambda: self._lists(issuing, root))

    def now(self) -> datetime:
        """Return the time of the estate, UTC."""
        return self.estate.clock.now()

    def _once(self, ask: _Ask, variant: list[Any], validity: Validity | None) -> Issued:
        key = ask.key(variant)
        if key not in self._issued:
            self._issued[key] = Issued(**self._issue(ask, key, validity))
        return self._issued[key]

    def _ask(self, profile: str, options: CertificateOptions) -> _Ask:
        particulars: Any = dict(options)
        rest = {
            name: particulars.pop(name)
            for name in CertificateOptions.__annotations__
            if name not in Particulars.__annotations__ and name in particulars
        }
        known = self.estate.library.end_entity_profile(profile)
        if "hw-type" in known.inputs:
            particulars.setdefault("hw_type", HW_TYPE)
        subject = self.estate.subject(profile, **particulars)
        usages: tuple[KeyUsage, ...] = ()
        if known.takes_usage:
            usages = (KeyUsage(rest.get("usage", "digital-signature")),)
        elif "usage" in rest:
            raise TypeError(f"a certificate of profile {profile} takes no 'usage'")
        request = self.estate.request(
            rest.get("participant") or self._holder(subject),
            rest.get("purpose", PURPOSE),
            subject,
            usages,
            environment=rest.get("environment", self.environment),
            delivery=Delivery(rest.get("delivery", "local")),
        )
        return _Ask(request, known.hierarchy, rest.get("label"), rest.get("copy", 1))

    def _holder(self, subject: Subject) -> str:
        """Return the participant that has the ID in a subject, by the register."""
        if subject.embedded_id is not None:
            embedded = self.estate.library.profile(subject.profile).embedded
            find = whois_device_id if embedded is Identity.DEVICE_ID else whois_user_id
            return find(self.estate.register.load(), subject.embedded_id).participant.id
        raise InputError(
            "request.incomplete",
            f"A certificate of profile {subject.profile} needs participant: its subject does not"
            " say whose it is.",
        )

    def _issue(self, ask: _Ask, key: str, validity: Validity | None) -> dict[str, Any]:
        self._add_authorities(ask.hierarchy)
        with self._keyed(key):
            (record,), _ = self.estate.issue(ask.request, label=ask.label, validity=validity)
        credential = self.estate.credential(record)
        folder = self.folder / str(record.serial)
        return {
            "record": record,
            "chain": credential.chain,
            "pkcs8": credential.pkcs8,
            "folder": folder,
        }

    def _make_authorities(self) -> None:
        """Make the CAs of a new estate; from a seed, those with RSA keys when they are needed.

        An RSA key from a seed takes half a second and more.
        """
        hierarchies = list(self.estate.library.hierarchies)
        if self._entropy is not None:
            has_rsa_keys = self.estate.library.has_rsa_keys
            self._without_authorities = [name for name in hierarchies if has_rsa_keys(name)]
            hierarchies = [name for name in hierarchies if name not in self._without_authorities]
        with self._keyed(f"authorities {self.environment}"):
            self.estate.add_environment(self.environment, hierarchies=hierarchies)

    def _add_authorities(self, hierarchy: Hierarchy) -> None:
        """Make the CAs of a hierarchy that were not made with the others."""
        clock = self.estate.clock
        if hierarchy not in self._without_authorities or not isinstance(clock, _BackdatedClock):
            return
        clock.back, before = _CA_AGE, clock.back
        try:
            with self._keyed(f"authorities {self.environment} {hierarchy}"):
                self.estate.add_environment(self.environment, hierarchies=[hierarchy])
        finally:
            clock.back = before
        self._without_authorities.remove(hierarchy)

    def _keyed(self, label: str) -> AbstractContextManager[None]:
        return nullcontext() if self._entropy is None else self._entropy.keyed(label.encode())

    def _lists(self, issuing: Record, root: Record) -> tuple[bytes, ...]:
        return (self._list(issuing, []), self._list(root, []))

    def _list(self, authority: Record, revocations: list[Revocation]) -> bytes:
        """Sign a list of these revocations alone, whatever other tests revoke; it is not stored."""
        profile = profile_of_list(self.estate, authority.hierarchy, authority.tier)
        number = 1 + len(revocations)
        able = self.estate.authorities.able(authority)
        return able.issue_revocation_list(profile, revocations, number, at=self.now()).der


@dataclass(frozen=True, slots=True)
class _Ask:
    """The request for a certificate that a test asked for."""

    request: Request
    hierarchy: Hierarchy
    label: str | None
    copy: int

    def key(self, variant: list[Any]) -> str:
        """Return the key of the certificate and of its entropy: everything that was asked for.

        Args:
            variant: how the certificate shall be, such as expired or revoked, with the details.
        """
        parts = (self.request.as_json(), self.label, self.copy, variant)
        return json.dumps(parts, sort_keys=True)


class _BackdatedClock:
    """A clock that can be set back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.back = timedelta()

    def now(self) -> datetime:
        return self._clock.now() - self.back


def _register(options: PluginOptions) -> tuple[bytes, str]:
    """Return the octets of the file of participants and agreements, and its name."""
    file = options.register or shipped("examples") / "participants.toml"
    try:
        return file.read_bytes(), str(file)
    except OSError as error:
        raise InputError("input.unreadable", f"{file} cannot be read: {error.strerror}.") from error


def _passphrase(directory: Path) -> str:
    """Return the passphrase of an existing estate: from the environment, or from its file."""
    if given := os.environ.get("SMKI_TESTCA_PASSPHRASE"):
        return given
    path = directory / PASSPHRASE_FILE
    try:
        return Passphrase.of_file(path.read_bytes(), str(path))
    except (OSError, InputError) as error:
        raise EstateError(
            "estate.passphrase",
            f"The passphrase of the estate in {directory} is needed.",
            "Give it with SMKI_TESTCA_PASSPHRASE.",
        ) from error


def _written(path: Path, data: bytes) -> Path:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        create(path, data)
    return path


def _lists_file(folder: Path, lists: tuple[bytes, ...]) -> Path:
    return _written(
        folder / "revocation-lists.pem", b"".join(to_pem(der, "X509 CRL") for der in lists)
    )
