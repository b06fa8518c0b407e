"""Certificates for tests: what the pytest plugin's fixtures give.

A workshop has an estate and issues in it whatever a test asks for. The same question has the same
answer, and from a seed the same octets, whichever tests ran before.
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
from smki_testca.exporters.credential import Credential
from smki_testca.files import create
from smki_testca.identifiers import Eui64
from smki_testca.lifecycle.crls import find_authority, profile_of_list
from smki_testca.lifecycle.revocation import parse_reason
from smki_testca.passphrases import PASSPHRASE_FILE, leave_passphrase, make_passphrase
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.profiles.typed_subjects import Particulars
from smki_testca.register.requests import Delivery
from smki_testca.register.whois import whois_id
from smki_testca.roles import KeyUsage
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
"""What time it is where a seed was given and no time."""
_AGE = timedelta(days=730)
"""How long before its certificates the estate's CAs began, so that expired ones lie in between."""
_YEAR = timedelta(days=365)
_DAY = timedelta(days=1)
_BOTH = (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the options say.

    Attributes:
        environment: the test environment; the first that there is by default.
        seed: for keys and serial numbers; the system's generator by default.
        instant: what time it is; the system's clock by default.
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
        """Tells the time as the options say; where a seed was given, it stands still."""
        instant = self.instant
        if instant is None and self.seed is not None:
            instant = SEEDED_INSTANT
        return SystemClock() if instant is None else FixedClock(instant)


class Asked(Particulars, total=False):
    """What a test may ask of a certificate beside its subject; everything has a default.

    Attributes:
        participant: who asks; by default whoever has the ID, according to the register.
        purpose: the code of a Testing Service; ``PURPOSE`` by default.
        usage: of an Organisation or Device Certificate: ``digital-signature``, the default, or
            ``key-agreement``.
        environment: the test environment.
        delivery: ``local``, the default, or ``remote``.
        label: a name to find the certificate by.
        copy: 1 by default; another number asks for another certificate that is otherwise alike.
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
        folder: where the files are written, each when it is first asked for.
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
        """The certificate and the CAs above it without the root, PEM: what a server presents."""
        return _written(self.folder / "chain.pem", self.chain_pem)

    @property
    def root_file(self) -> Path:
        """The root, PEM: what a client trusts."""
        return _written(self.folder / "root.pem", self.root_pem)


@dataclass(frozen=True, repr=False)
class Revoked(Issued):
    """A certificate that was revoked.

    Attributes:
        revocation_lists: DER, the CRL of its CA, which names it alone, and the ARL of the root.
    """

    revocation_lists: tuple[bytes, ...] = ()

    @property
    def revocation_list(self) -> bytes:
        """The CRL of its CA, DER. It names this certificate alone."""
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
        root: its certificate.
        issuing: the certificate of the CA that issues.
        folder: where the files are written, each when it is first asked for.
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
        """DER: a CRL and an ARL that name nobody.

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
    """An estate, and what tests asked of it.

    Attributes:
        estate: open until the session ends.
        environment: in which certificates are issued.
        folder: where files are written.
    """

    def __init__(
        self, estate: Estate, environment: str, folder: Path, entropy: KeyedEntropy | None
    ) -> None:
        self.estate = estate
        self.environment = environment
        self.folder = folder
        self._entropy = entropy
        self._made: dict[str, Issued] = {}

    @classmethod
    def open(cls, settings: Settings, folder: Path) -> Self:
        """Make the estate that the options ask for, or open the one that they name.

        Args:
            settings: the options.
            folder: an empty one, for files and for an estate that is made.

        Raises:
            InputError: if a file or name that was given cannot be used.
            EstateError: if the estate named cannot be opened.
        """
        if settings.estate is not None:
            return cls._open(settings, settings.estate, folder)
        return cls._make(settings, folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.estate.close()

    @classmethod
    def _open(cls, settings: Settings, directory: Path, folder: Path) -> Self:
        estate = Estate.open(
            directory,
            lambda: _passphrase(directory),
            profiles=settings.profiles,
            clock=settings.clock(),
        )
        return cls(estate, estate.environment(settings.environment), folder, None)

    @classmethod
    def _make(cls, settings: Settings, folder: Path) -> Self:
        clock = _BackdatedClock(settings.clock())
        entropy = None if settings.seed is None else KeyedEntropy(settings.seed)
        passphrase = make_passphrase(SystemEntropy())
        register, origin = _register(settings)
        clock.back = _AGE
        estate = Estate.create(
            folder / "estate",
            passphrase,
            profiles=settings.profiles,
            clock=clock,
            entropy=entropy,
        )
        try:
            name = settings.environment or estate.library.default_environment.name
            workshop = cls(estate, name, folder, entropy)
            with workshop._keyed(f"authorities {name}"):
                estate.add_environment(name, hierarchies=workshop._hierarchies())
            estate.register.import_file(register, origin)
        except BaseException:
            estate.close()
            raise
        # The command can open it, too.
        leave_passphrase(estate.directory, passphrase)
        clock.back = timedelta()
        return workshop

    def issue(
        self, profile: str, *, validity: Validity | None = None, **asked: Unpack[Asked]
    ) -> Issued:
        """A certificate; asked for the same again, it gives the same.

        Args:
            profile: ``organisation``, ``device``, ``dccki`` or ``iki``.
            validity: dates in place of those that the profile's rows work out.
            asked: its subject, told as on the command line, and the rest.

        Raises:
            Refusal: with every reason of the gate.
            InputError: if something is missing or cannot be used, or nobody in the register has
                the ID; from a seed, if the profile's keys are RSA.
            TypeError: for a particular that the profile does not take.
        """
        dates = () if validity is None else (validity.not_before, validity.not_after)
        said = [None if one is None else iso(one) for one in dates]
        return self._once(self._ask(profile, asked), ["valid", *said], validity)

    def expired(self, profile: str, *, ago: timedelta = _DAY, **asked: Unpack[Asked]) -> Issued:
        """A certificate that was valid for a year and ended some time ago.

        Args:
            profile: ``organisation``, ``dccki`` or ``iki``.
            ago: how long ago its last second is.
            asked: as for ``issue``.

        Raises:
            InputError: for a Device Certificate, which never expires; or as ``issue`` does.
        """
        end = self.now() - ago
        said = ["expired", ago.total_seconds()]
        return self._once(self._ask(profile, asked), said, Validity(end - _YEAR, end))

    def not_yet_valid(
        self, profile: str, *, ahead: timedelta = _DAY, **asked: Unpack[Asked]
    ) -> Issued:
        """A certificate that begins some time from now.

        Args:
            profile: ``organisation``, ``device``, ``dccki`` or ``iki``.
            ahead: how far ahead its first second is.
            asked: as for ``issue``.
        """
        said = ["not yet valid", ahead.total_seconds()]
        return self._once(self._ask(profile, asked), said, Validity(self.now() + ahead))

    def revoked(
        self, profile: str, *, reason: str = "key-compromise", **asked: Unpack[Asked]
    ) -> Revoked:
        """A certificate that was revoked, with a CRL that names it alone.

        No other test gets the certificate, unless it asks for the same one revoked. The
        estate's own CRLs come from ``estate.issue_revocation_list``.

        Args:
            profile: ``organisation``, ``dccki`` or ``iki``.
            reason: a reason of ``smki-testca revoke``.
            asked: as for ``issue``.

        Raises:
            InputError: for a Device Certificate, of which there is no CRL, or a reason for which
                nothing is revoked; or as ``issue`` does.
        """
        why = parse_reason(reason)
        ask = self._ask(profile, asked)
        profile_of_list(self.estate, ask.hierarchy, Tier.ISSUING)
        key = ask.key(["revoked", why.value])
        made = self._made.get(key)
        if isinstance(made, Revoked):
            return made
        parts = self._issue(ask, key, None)
        record: Record = parts["record"]
        self.estate.revoke(Selection(serial=record.serial), why)
        issuing, root = parts["chain"]
        revocation = Revocation(record.serial, self.now(), why)
        lists = (self._list(issuing, [revocation]), self._list(root, []))
        revoked = self._made[key] = Revoked(**parts, revocation_lists=lists)
        return revoked

    def devices(self, first_id: str | Eui64, count: int, **asked: Unpack[Asked]) -> list[Device]:
        """Devices with IDs side by side, each with a certificate of either usage.

        Args:
            first_id: the first Device ID.
            count: how many Devices.
            asked: as for ``issue``.

        Raises:
            ValueError: if there are not so many IDs.
            Refusal: with every reason of the gate; the Devices before it stay issued.
        """
        first = Eui64.parse(str(first_id))
        if not 0 < count <= (1 << 64) - first.value:
            raise ValueError(f"there are no {count} Device IDs from {first} on")
        made = []
        for value in range(first.value, first.value + count):
            one = Eui64(value)
            pair = []
            for usage in _BOTH:
                each: Asked = {**asked, "device_id": one, "usage": usage.value}
                pair.append(self.issue("device", **each))
            made.append(Device(one, *pair))
        return made

    def trust(self, hierarchy: str = "organisation", environment: str | None = None) -> Trust:
        """The CAs of a hierarchy.

        Args:
            hierarchy: ``organisation``, ``device``, ``dccki`` or ``iki``.
            environment: the test environment.

        Raises:
            EstateError: if the estate has none.
        """
        place = Hierarchy(hierarchy)
        name = environment or self.environment
        root, issuing = (
            find_authority(self.estate, place, tier, name) for tier in (Tier.ROOT, Tier.ISSUING)
        )
        # A CA may be renewed or rolled over in a session: its files are then others.
        serials = "-".join(str(one.serial)[:8] for one in (issuing, root))
        folder = self.folder / f"trust-{root.family}-{place.value}-{serials}"
        return Trust(root, issuing, folder, lambda: self._lists(issuing, root))

    def now(self) -> datetime:
        """What time it is for the estate, UTC."""
        return self.estate.clock.now()

    def _once(self, ask: _Ask, said: list[Any], validity: Validity | None) -> Issued:
        key = ask.key(said)
        if key not in self._made:
            self._made[key] = Issued(**self._issue(ask, key, validity))
        return self._made[key]

    def _ask(self, profile: str, asked: Asked) -> _Ask:
        particulars: Any = dict(asked)
        rest = {
            name: particulars.pop(name)
            for name in Asked.__annotations__
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
        """Who has the ID in a subject, according to the register."""
        if subject.embedded_id is not None:
            return whois_id(self.estate.register.load(), subject.embedded_id).participant.id
        raise InputError(
            "request.incomplete",
            f"A certificate of profile {subject.profile} needs participant: its subject does not"
            " say whose it is.",
        )

    def _issue(self, ask: _Ask, key: str, validity: Validity | None) -> dict[str, Any]:
        self._check_seeded(ask)
        with self._keyed(key):
            (record,), _ = self.estate.issue(ask.request, label=ask.label, validity=validity)
        one = self.estate.credential(record)
        folder = self.folder / str(record.serial)
        return {"record": record, "chain": one.chain, "pkcs8": one.pkcs8, "folder": folder}

    def _check_seeded(self, ask: _Ask) -> None:
        profile = self.estate.library.profile(ask.request.subject.profile)
        if self._entropy is None or self.estate.library.is_seedable(profile):
            return
        raise InputError(
            "key.seeded_rsa",
            f"From a seed nothing is issued from the profile {ask.request.subject.profile}: it or"
            " its CAs have RSA keys, which cannot be made from a seed.",
            'Run these tests without --smki-seed, or with profiles of key-type = "p-256".',
        )

    def _hierarchies(self) -> list[Hierarchy]:
        """Those whose keys can be made: from a seed, no RSA keys."""
        seedable = self.estate.library.seedable
        return [
            one for one in self.estate.library.hierarchies if self._entropy is None or seedable(one)
        ]

    def _keyed(self, label: str) -> AbstractContextManager[None]:
        return nullcontext() if self._entropy is None else self._entropy.keyed(label.encode())

    def _lists(self, issuing: Record, root: Record) -> tuple[bytes, ...]:
        return (self._list(issuing, []), self._list(root, []))

    def _list(self, authority: Record, revocations: list[Revocation]) -> bytes:
        """A list of these alone, kept nowhere; what it names does not depend on other tests."""
        profile = profile_of_list(self.estate, authority.hierarchy, authority.tier)
        number = 1 + len(revocations)
        able = self.estate.authorities.able(authority)
        return able.issue_revocation_list(profile, revocations, number, at=self.now()).der


@dataclass(frozen=True, slots=True)
class _Ask:
    """What a test asked for, worked out."""

    request: Request
    hierarchy: Hierarchy
    label: str | None
    copy: int

    def key(self, said: list[Any]) -> str:
        """What the certificate is found by, and its entropy drawn under: all that was asked.

        Args:
            said: what shall be the matter with it.
        """
        parts = (self.request.as_json(), self.label, self.copy, said)
        return json.dumps(parts, sort_keys=True)


class _BackdatedClock:
    """A clock that can be set back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.back = timedelta()

    def now(self) -> datetime:
        return self._clock.now() - self.back


def _register(settings: Settings) -> tuple[bytes, str]:
    """Who takes part, as a file's octets, and the file's name."""
    file = settings.register or shipped("examples") / "participants.toml"
    try:
        return file.read_bytes(), str(file)
    except OSError as error:
        raise InputError("input.unreadable", f"{file} cannot be read: {error.strerror}.") from error


def _passphrase(directory: Path) -> str:
    """Of an estate that is there already: from the environment, or as ``quickstart`` left it."""
    if given := os.environ.get("SMKI_TESTCA_PASSPHRASE"):
        return given
    try:
        return (directory / PASSPHRASE_FILE).read_text("utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
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
        folder / "revocation-lists.pem", b"".join(to_pem(one, "X509 CRL") for one in lists)
    )
