"""Finds the test CAs of an estate: a root and an issuing CA for each hierarchy and family."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, TypeVar

from smki_testca.authority.certificates import CertificationAuthority
from smki_testca.errors import EstateError, InputError
from smki_testca.estate.certificates import Record
from smki_testca.estate.database import RESTORE
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.text import shown
from smki_testca.x509.keys import key_id
from smki_testca.x509.name_text import subject_text
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smki_testca.authority.signers import KeyReference, Signer
    from smki_testca.estate.certificates import CertificateStore
    from smki_testca.estate.key_store import KeyStore
    from smki_testca.estate.sealing import TransportKey
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Environment

T = TypeVar("T")

Authority = tuple[Record, CertificationAuthority]
"""A CA's own certificate, and the CA able to sign."""


@dataclass(frozen=True, slots=True)
class AuthorityState:
    """One certificate of a CA, and its generation among those of its tier.

    Attributes:
        record: the certificate.
        generation: of the CA, from 1. Each generation has a name and key of its own.
        issues_now: whether the CA issues new certificates with it.
    """

    record: Record
    generation: int
    issues_now: bool

    @property
    def subject(self) -> str:
        """The subject on one line."""
        return subject_text(view_certificate(self.record.der))

    def as_json(self) -> dict[str, Any]:
        """The record with ``generation``, ``subject`` and ``issues_now``."""
        return {
            **self.record.as_json(),
            "subject": self.subject,
            "generation": self.generation,
            "issues_now": self.issues_now,
        }


def no_authority(environment: Environment) -> EstateError:
    """The error where an estate was not made for an environment."""
    return EstateError(
        "estate.no_authority",
        f"The estate has no CAs for {environment.name}.",
        f"Make them: smki-testca init DIR --environment {environment.name}",
    )


class AuthorityStore:
    """The CAs of one estate."""

    def __init__(
        self, certificates: CertificateStore, key_store: KeyStore, library: Library
    ) -> None:
        self._certificates = certificates
        self._keys = key_store
        self._library = library
        self._open: dict[tuple[str, Hierarchy], Authority] = {}

    def issuing(self, environment: Environment, hierarchy: Hierarchy) -> Authority:
        """The issuing CA of a hierarchy now; another process may have rolled it over.

        A key in a token is opened each time: the token may have been removed meanwhile, and may
        be there again.

        Raises:
            EstateError: if the estate was not made for that environment, or the CA's key cannot
                be used.
        """
        key = (environment.family, hierarchy)
        record = self.newest(environment, hierarchy, Tier.ISSUING)
        if self._keys.in_tokens.uri(record.key_id) is not None:
            return record, self.able(record)
        if key not in self._open or self._open[key][0].serial != record.serial:
            self._open[key] = (record, self.able(record))
        return self._open[key]

    def issuing_in_tokens(self) -> list[Record]:
        """The newest certificates of issuing CAs whose keys are in tokens."""
        newest = [state.record for state in self.states() if state.issues_now]
        return [
            record
            for record in newest
            if record.tier is Tier.ISSUING and self._keys.in_tokens.uri(record.key_id) is not None
        ]

    def forget(self) -> None:
        """Open CAs anew when they next sign: a key of theirs was moved."""
        self._open.clear()

    def newest(self, environment: Environment, hierarchy: Hierarchy, tier: Tier) -> Record:
        """The newest certificate of the last generation of a tier's CA.

        Raises:
            EstateError: if the estate was not made for that environment.
        """
        return self.generations(environment, hierarchy, tier)[-1][-1]

    def generations(
        self, environment: Environment, hierarchy: Hierarchy, tier: Tier
    ) -> list[list[Record]]:
        """The generations of a tier's CA, oldest first, each with its certificates in order.

        Raises:
            EstateError: if the estate was not made for that environment.
        """
        generations = self._certificates.generations(environment.family, hierarchy, tier)
        if not generations:
            raise no_authority(environment)
        return generations

    def able(
        self, record: Record, environment: Environment | None = None
    ) -> CertificationAuthority:
        """The CA of a CA certificate, able to sign.

        Args:
            record: the CA's certificate.
            environment: gives the names of CAs in certificates that it signs; by default the
                environment of the record.

        Raises:
            EstateError: if its key is missing, or the passphrase is wrong.
        """
        environment = environment or self._library.environment(record.environment)
        return CertificationAuthority(record.der, self.signer(record), environment, self._library)

    def signer(self, record: Record) -> Signer:
        """The signer for a CA's key.

        Raises:
            EstateError: if the key is missing, or the passphrase is wrong.
        """
        return self._keys.signer(self._reference(record))

    def keys_for_workers(
        self, records: Mapping[T, Record]
    ) -> tuple[dict[T, KeyReference], TransportKey]:
        """References to the keys of CAs, and the key with which worker processes open them.

        Raises:
            EstateError: if a key is missing, or the passphrase is wrong.
        """
        references = {name: self._reference(record) for name, record in records.items()}
        return self._keys.for_workers(references)

    def states(self) -> list[AuthorityState]:
        """Every CA certificate, by family, hierarchy, tier and generation."""
        states: list[AuthorityState] = []
        records = self._certificates.authorities()
        families = dict.fromkeys(record.family for record in records)
        # Those come last whose hierarchy the library lacks: whoever opens an estate without its
        # profiles is to learn that it has them.
        hierarchies = dict.fromkeys(
            [*self._library.hierarchies, *(record.hierarchy for record in records)]
        )
        tiers = (Tier.ROOT, Tier.ISSUING)
        for family, hierarchy, tier in product(families, hierarchies, tiers):
            generations = self._certificates.generations(family, hierarchy, tier)
            states += (
                AuthorityState(record, number, record is generations[-1][-1])
                for number, generation in enumerate(generations, 1)
                for record in generation
            )
        return states

    def named(self, name: str, environment: Environment | None = None) -> Record:
        """The newest certificate of the CA with a name, or the CA certificate with a serial.

        Args:
            name: the CN, or a serial number.
            environment: of the CA, if several CAs have that name.

        Raises:
            InputError: if there is no such CA, or there are several.
        """
        records = [
            state.record
            for state in self.states()
            if environment is None or state.record.family == environment.family
        ]
        newest = {(ca.family, ca.hierarchy, ca.tier, ca.key_id): ca for ca in records}
        matches = [record for record in newest.values() if record.label == name]
        matches += [record for record in records if str(record.serial) == name.upper()]
        if not matches:
            raise InputError(
                "ca.unknown",
                f"The estate has no CA {shown(name)}.",
                "See: smki-testca ca list",
            )
        if len(matches) > 1:
            raise InputError(
                "ca.ambiguous",
                f"The estate has {len(matches)} CAs named {shown(name)}.",
                "Name its certificate by the serial number that smki-testca ca list shows.",
            )
        return matches[0]

    def _reference(self, record: Record) -> KeyReference:
        public_key = view_certificate(record.der).octets("subjectPublicKeyInfo")
        if public_key is None or key_id(public_key) != record.key_id:
            raise EstateError(
                "estate.damaged",
                f"The key of the CA {record.serial} is not that of its certificate.",
                RESTORE,
            )
        return self._keys.reference(record.key_id, f"the CA {record.serial}")
