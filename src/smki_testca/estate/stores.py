"""The stores of an open estate, and look-ups in several of them.

The operations that change an estate are in packages that import this one.
"""

from __future__ import annotations

import shlex
from functools import cached_property
from typing import TYPE_CHECKING, Unpack

from smki_testca.clock import iso
from smki_testca.errors import InputError, UsageError
from smki_testca.estate.accounts import AccountStore
from smki_testca.estate.anchor_store import AnchorStore
from smki_testca.estate.audit import AuditLog
from smki_testca.estate.authorities import AuthorityStore
from smki_testca.estate.batch_requests import BatchRequestStore
from smki_testca.estate.certificate_pages import CertificatePages
from smki_testca.estate.certificates import CertificateStore, Record, Selection
from smki_testca.estate.changes import ChangeStore
from smki_testca.estate.device_certificates import DeviceCertificates
from smki_testca.estate.estate_key_store import EstateKeyStore
from smki_testca.estate.externals import ExternalStore
from smki_testca.estate.inventory import Inventory
from smki_testca.estate.issued import IssuedCounts
from smki_testca.estate.key_holders import KeyHolders, participant_holder
from smki_testca.estate.key_store import KeyStore
from smki_testca.estate.register import RegisterStore
from smki_testca.estate.renewal_links import RenewalLinkStore
from smki_testca.estate.revocations import RevocationStore
from smki_testca.estate.run_certificates import RunCertificates
from smki_testca.estate.runs import RunStore
from smki_testca.estate.service_certificates import ServiceCertificateStore
from smki_testca.estate.status import Status
from smki_testca.estate.status_changes import StatusStore
from smki_testca.estate.tiles import TileStore
from smki_testca.identifiers import Eui64
from smki_testca.profiles.subject import Subject, in_python
from smki_testca.register.requests import Delivery, Request
from smki_testca.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from smki_testca.authority.signers.tokens.access import TokenAccess
    from smki_testca.authority.signers.tokens.tokens import Tokens
    from smki_testca.clock import Clock
    from smki_testca.entropy import Entropy
    from smki_testca.estate.database import Database
    from smki_testca.estate.revocations import RevocationListRecord
    from smki_testca.estate.status_changes import StandingChange
    from smki_testca.identifiers import SerialNumber
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Environment
    from smki_testca.profiles.typed_subjects import Particulars
    from smki_testca.roles import KeyUsage


class Stores:
    """The stores of one open estate; ``Estate`` describes each."""

    def __init__(
        self,
        directory: Path,
        database: Database,
        library: Library,
        passphrase: Callable[[], str],
        clock: Clock,
        entropy: Entropy,
        token_access: TokenAccess | None = None,
    ) -> None:
        self.directory = directory
        self.library = library
        self._database = database
        self._clock = clock
        self.entropy = entropy
        self._token_access = token_access
        self.audit = AuditLog(database, clock)
        self.register = RegisterStore(database, self.audit, library, clock, self._issued_to)
        self.accounts = AccountStore(database, self.audit, self.register, clock)
        self.certificates = CertificateStore(database)
        self.key_holders = KeyHolders(database)
        self.estate_key = EstateKeyStore(database, passphrase)
        self.key_store = KeyStore(database, self.estate_key, entropy, lambda: self.tokens)
        self.anchors = AnchorStore(database, self.audit, self.key_store, clock)
        self.authorities = AuthorityStore(self.certificates, self.key_store, library)
        self.tiles = TileStore(directory, database, self.audit)
        self.runs = RunStore(database, self.audit, self.estate_key, self.tiles)
        self.batch_requests = BatchRequestStore(database, self.audit)
        self.run_certificates = RunCertificates(self.runs, self.tiles, self.key_holders, library)
        self.issued = IssuedCounts(database, self.tiles)
        self.changes = ChangeStore(database)
        self.statuses = StatusStore(database)
        self.certificate_pages = CertificatePages(
            self.certificates, self.runs, self.tiles, self.run_certificates, self.statuses
        )
        self.inventory = Inventory(database, self.runs, self.tiles, self.run_certificates, library)
        self.renewal_links = RenewalLinkStore(database)
        self.revocations = RevocationStore(database)
        self.externals = ExternalStore(database, self.estate_key, self.key_holders, library)
        self.service_certificates = ServiceCertificateStore(database, self.estate_key)
        self.audit.account_for(
            self.certificates.audited(),
            self.tiles.audited(),
            *self.revocations.audited(),
            self.externals.audited(),
            suspects={"certificates": self.certificates.suspects},
        )

    @cached_property
    def tokens(self) -> Tokens:
        """The PKCS#11 tokens that keys of the estate are in; none is used before it is needed.

        Raises:
            UsageError: if the estate was opened without access to tokens.
        """
        from smki_testca.authority.signers.tokens.tokens import Tokens  # noqa: PLC0415 - an extra

        if self._token_access is None:
            raise UsageError(
                "token.module",
                "The key is in a PKCS#11 token, and no PKCS#11 module is configured.",
                "Open the estate with token_access.",
            )
        return Tokens(self._token_access)

    def leave_tokens(self) -> None:
        """End what was begun with tokens; they can be used again."""
        tokens = self.__dict__.pop("tokens", None)
        if tokens is not None:
            tokens.close()

    @property
    def clock(self) -> Clock:
        """Tells the time."""
        return self._clock

    @property
    def dry_run(self) -> bool:
        """Whether everything is taken back when the estate is closed."""
        return self._database.dry_run

    def environments(self) -> list[Environment]:
        """The environments for which the estate has CAs, in the order of their making."""
        families = dict.fromkeys(record.family for record in self.certificates.authorities())
        known = self.library.environments.values()
        return [
            environment
            for family in families
            for environment in known
            if environment.family == family
        ]

    def environment(self, name: str | None) -> str:
        """The name of an environment: the one given, or the first that the estate was made for."""
        if name is not None:
            return name
        first = self._database.value("SELECT value FROM meta WHERE name = 'environment'")
        return self.library.default_environment.name if first is None else str(first)

    def _issued_to(self, eui64: Eui64) -> frozenset[str]:
        """The participants to which certificates were issued for an ID."""
        records = self.select(Selection(eui64=eui64))
        return frozenset(record.participant for record in records if record.participant)

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
        """A request for the gate.

        Args:
            participant: the id of the requester in the register.
            purpose: the code of a Testing Service, such as ``uept`` (R3).
            subject: of the certificate.
            usages: one certificate is issued for each; none if the profile fixes the usage.
            environment: the test environment; the estate's first by default.
            delivery: how the certificates reach their holder (R6).

        Raises:
            InputError: if a usage is stated and the profile fixes it.
        """
        name = self.environment(environment)
        profile = self.library.profile(subject.profile)
        if usages and not profile.takes_usage:
            raise InputError(
                "request.usage",
                f"A certificate of profile {profile.name} takes no usage: its profile fixes it.",
                "Leave the usage out.",
            )
        return Request(participant, purpose, name, subject, usages, delivery)

    def subject(self, profile: str, **particulars: Unpack[Particulars]) -> Subject:
        """The subject of a request, from the same inputs as on the command line.

        Args:
            profile: the certificate type, such as ``organisation``.
            particulars: the options of ``smki-testca issue``, with underscores.

        Raises:
            InputError: if nothing is issued from the profile, or an input is missing or not of
                its type.
            TypeError: for an input that the profile does not have.
        """
        known = self.library.end_entity_profile(profile)
        options = {input_type.option for input_type in known.input_types}
        inputs = {}
        for name, value in particulars.items():
            option = name.replace("_", "-")
            if option not in options:
                raise TypeError(f"a certificate of profile {profile} takes no {name!r}")
            if not isinstance(value, str | Eui64):
                raise InputError(
                    "request.input", f"The {option} is {shown(str(value))}: give it as text."
                )
            inputs[option] = str(value)
        return Subject.parse(known, inputs, self.library.roles, in_python)

    def copy_file(self, path: Path) -> None:
        """Copy the estate's file as it is at one moment; others wait before they commit.

        Args:
            path: of the copy, which must not exist yet.

        Raises:
            EstateError: if another process holds the estate too long, or the disk is full.
        """
        self._database.copy(path)

    def transaction(self) -> AbstractContextManager[None]:
        """A transaction: all changes within it happen, or none; other processes wait."""
        return self._database.transaction()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is going on."""
        return self._database.in_transaction

    def private_key(self, record: Record) -> bytes | None:
        """The private key of a certificate, PKCS#8 DER; None if the estate does not have it.

        None also for a CA's certificate: a CA's key only signs and is never given out.

        Raises:
            EstateError: if the passphrase is wrong.
        """
        return self.private_keys([record]).get(record.serial)

    def private_keys(self, records: Collection[Record]) -> dict[SerialNumber, bytes]:
        """The private keys of certificates, PKCS#8 DER, by serial number.

        Keys that the estate does not have, and those of CAs, are left out. For many certificates,
        this is much quicker than one by one.

        Raises:
            EstateError: if the passphrase is wrong.
        """
        keys = self.run_certificates.private_keys(records)
        for record in records:
            if record.place is not None or record.participant is None:
                continue
            key = self.key_store.get(record.key_id, participant_holder(record.participant))
            if key is not None:
                keys[record.serial] = key
        return keys

    def verify_keys(self, progress: Callable[[int], None] = lambda _done: None) -> int:
        """Unseal every private key of the estate, and pair it with its public key.

        Keys in PKCS#11 tokens are not among them: see ``verify_token_keys``.

        Args:
            progress: called with the number of keys of runs that were paired.

        Returns:
            The number of keys, those in tiles and imported ones included.

        Raises:
            EstateError: if the passphrase is wrong, or for the first key that does not fit.
        """
        return (
            self.key_store.verify()
            + self.externals.verify_keys()
            + self.run_certificates.verify_keys(progress)
        )

    def verify_token_keys(self) -> int:
        """Have the PKCS#11 tokens show that they have every key that the estate has there.

        Returns:
            The number of these keys.

        Raises:
            EstateError: if a token cannot be used, or for the first key that does not fit.
        """
        return self.key_store.in_tokens.verify()

    def device_certificates(self) -> DeviceCertificates:
        """The certificates of Devices by their IDs, as they are now."""
        return DeviceCertificates(
            self._database, self.tiles, self.run_certificates, self._clock.now()
        )

    def select(self, selection: Selection) -> Iterator[Record]:
        """Every certificate that fits, those of runs after the others."""
        return self.statuses.select(
            selection, self._clock.now(), self.certificates, self.run_certificates
        )

    def with_statuses(self, records: Iterable[Record]) -> Iterator[tuple[Record, Status]]:
        """Yield certificates with their statuses now: much quicker than one by one."""
        return self.statuses.with_statuses(records, self._clock.now())

    def by_serial(self, serial: SerialNumber) -> Record | None:
        """The certificate with a serial number, issued alone or by a run."""
        return self.certificates.by_serial(serial) or self.run_certificates.by_serial(serial)

    def status(self, record: Record) -> Status:
        """The status of a certificate now, as the repository states it."""
        return self.statuses.status(record, self._clock.now())

    def remarks(self, issuer: Record, ends: datetime | None = None) -> tuple[str, ...]:
        """The warnings about a CA that signs although nobody will trust what it signs.

        There is a line for each CA, that one or one above it, that is expired or revoked, and for
        the first of the others that runs out before what is signed does.

        Args:
            issuer: the certificate of the CA.
            ends: the end of what it signs, UTC; None where that is meant to outlive every CA.
        """
        lines = []
        sound = []
        for record in (issuer, *self.certificates.chain(issuer)):
            status = self.status(record)
            if status is Status.EXPIRED:
                remedy = renewal_remedy(record)
            elif status is Status.REVOKED:
                remedy = f"Make the next generation: {roll_over_command(record)}"
            else:
                sound.append(record)
                continue
            lines.append(
                f"The CA {record.label} is {status.word}: nobody trusts what it signs. {remedy}"
            )
        first = min(sound, key=lambda record: record.not_after, default=None)
        if first is not None and ends is not None and first.not_after < ends:
            lines.append(
                f"The CA {first.label} expires at {iso(first.not_after)}, before what is signed"
                f" under it: nobody trusts that from then on. {renewal_remedy(first)}"
            )
        return tuple(lines)

    def history(self, record: Record) -> list[StandingChange]:
        """The changes of a certificate's status, from its issue to now."""
        return self.statuses.history(record, self._clock.now())

    def revocation_lists(self, *, current_only: bool = True) -> list[RevocationListRecord]:
        """The newest revocation list of each CA, or all, the oldest first."""
        return self.revocations.lists(current_only=current_only)


def roll_over_command(authority: Record) -> str:
    """The command that makes the generation of a CA after this one; its name is still to choose."""
    return (
        f"smki-testca ca roll-over {authority.hierarchy} --environment {authority.environment}"
        " --name NAME"
    )


def renew_command(authority: Record) -> str:
    """The command that renews a CA's certificate."""
    return f"smki-testca ca renew {shlex.quote(authority.label or str(authority.serial))}"


def renewal_remedy(authority: Record) -> str:
    """The remedy for a CA's certificate that ends too early."""
    return f"Renew it: {renew_command(authority)}"
