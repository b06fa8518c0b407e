"""The test CAs of an estate: four hierarchies of two tiers for each family of environments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from smki_testca.authority.certificates import Certificate, CertificationAuthority
from smki_testca.authority.signers import SoftwareSigner
from smki_testca.errors import EstateError, InputError
from smki_testca.estate.certificates import Record, digests, usage_of
from smki_testca.lint.rows import value_breaches
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.text import shown
from smki_testca.x509 import private_keys
from smki_testca.x509.fields import check_characters
from smki_testca.x509.keys import key_id, key_type_of
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from smki_testca.clock import Clock
    from smki_testca.entropy import Entropy
    from smki_testca.estate.audit import AuditLog
    from smki_testca.estate.certificates import CertificateStore
    from smki_testca.estate.key_store import KeyStore
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Environment, Profile

Authority = tuple[Record, CertificationAuthority]
"""A CA's own certificate, and the CA able to sign."""


@dataclass(frozen=True, slots=True)
class AuthorityState:
    """One certificate of a CA, and where it stands among those of its tier.

    Attributes:
        record: the certificate.
        generation: of the CA, from 1: a new name and key each.
        issues_now: whether new certificates are signed under it.
    """

    record: Record
    generation: int
    issues_now: bool

    @property
    def subject(self) -> str:
        """The subject on one line."""
        # The linter takes a while to import, and this alone needs it.
        from smki_testca.x509.name_text import subject_text  # noqa: PLC0415

        return subject_text(view_certificate(self.record.der))

    def as_json(self) -> dict[str, Any]:
        """The record with ``generation``, ``subject`` and ``issues_now``."""
        return {
            **self.record.as_json(),
            "subject": self.subject,
            "generation": self.generation,
            "issues_now": self.issues_now,
        }


class AuthorityStore:
    """The CAs of one estate."""

    def __init__(  # the stores a CA is made of
        self,
        certificates: CertificateStore,
        key_store: KeyStore,
        audit: AuditLog,
        library: Library,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._certificates = certificates
        self._keys = key_store
        self._audit = audit
        self._library = library
        self._clock = clock
        self._entropy = entropy
        self._open: dict[tuple[str, Hierarchy], Authority] = {}

    def issuing(self, environment: Environment, hierarchy: Hierarchy) -> Authority:
        """The issuing CA of a hierarchy, as it is now: another process may have rolled it over.

        Raises:
            EstateError: if the estate was not made for that environment.
        """
        place = (environment.family, hierarchy)
        record = self._now(environment, hierarchy, Tier.ISSUING)
        if place not in self._open or self._open[place][0].serial != record.serial:
            self._open[place] = (record, self.able(record))
        return self._open[place]

    def states(self) -> list[AuthorityState]:
        """Every CA with its certificates: those of a family together, each hierarchy's in turn."""
        found: list[AuthorityState] = []
        for family in dict.fromkeys(one.family for one in self._certificates.authorities()):
            for hierarchy, tier in product(Hierarchy, (Tier.ROOT, Tier.ISSUING)):
                generations = self._certificates.generations(family, hierarchy, tier)
                found += (
                    AuthorityState(record, number, record is generations[-1][-1])
                    for number, generation in enumerate(generations, 1)
                    for record in generation
                )
        return found

    def named(self, name: str, environment: Environment | None = None) -> Record:
        """The newest certificate of the CA with a name, or the CA certificate with a serial.

        Args:
            name: the CN, or a serial number.
            environment: where the CA belongs, if names should not be unique.

        Raises:
            InputError: if there is none, or are several.
        """
        known = [
            one.record
            for one in self.states()
            if environment is None or one.record.family == environment.family
        ]
        newest = {(one.family, one.hierarchy, one.tier, one.key_id): one for one in known}
        found = [one for one in newest.values() if one.label == name]
        found += [one for one in known if str(one.serial) == name.upper()]
        if not found:
            raise InputError(
                "ca.unknown",
                f"The estate has no CA {shown(name)}.",
                "See: smki-testca ca list",
            )
        if len(found) > 1:
            raise InputError(
                "ca.ambiguous",
                f"The estate has {len(found)} CAs named {shown(name)}.",
                "Name its certificate by the serial number that smki-testca ca list shows.",
            )
        return found[0]

    def renew(self, record: Record) -> Record:
        """A new certificate for a CA: its own name and key, within a transaction.

        Args:
            record: the CA's newest certificate; an issuing CA's new one is signed by its root.

        Raises:
            InputError: if the profile was changed so that it would not be the same CA.
        """
        environment = self._naming(record.environment, record)
        signer = self._signer(record)
        parent = None
        if record.tier is not Tier.ROOT:
            root = self._certificates.newest(self._issuer_of(record))
            issuer = CertificationAuthority(
                root.der, self._signer(root), environment, self._library
            )
            parent = (root, issuer)
        own = CertificationAuthority(None, signer, environment, self._library)
        view = view_certificate(record.der)
        public_key = view.octets("subjectPublicKeyInfo") or b""
        profile = self._library.profile(record.profile)
        at = self._clock.now()
        certificate = (parent[1] if parent else own).issue_authority(
            profile, public_key, at=at, entropy=self._entropy
        )
        if view_certificate(certificate.der).octets("subject") != view.octets("subject"):
            raise InputError(
                "ca.profile_changed",
                f"By its profile now, the CA {record.label} would have another subject: what it"
                " signed would not verify.",
                "Take the profile back to what it was, or roll the CA over.",
            )
        number = self._audit.append(
            at,
            "authority.renew",
            {
                "profile": profile.name,
                "environment": environment.name,
                "ca": record.label,
                "predecessor": str(record.serial),
                "certificates": digests([certificate]),
            },
        )
        return self._certificates.add(_record(certificate, environment, parent, number))

    def roll_over(self, environment: Environment, hierarchy: Hierarchy, name: str) -> Record:
        """Make the next generation of an issuing CA under the same root, within a transaction.

        From then on it issues; those before it keep what they signed.

        Args:
            environment: whose family it belongs to.
            hierarchy: whose issuing CA it is.
            name: its own CN, which no other CA has.

        Raises:
            InputError: if the name is taken, a live CA's, or not what the profile allows.
            EstateError: if the estate was not made for that environment.
        """
        root = self._now(environment, hierarchy, Tier.ROOT)
        before = self._now(environment, hierarchy, Tier.ISSUING)
        profile = self._library.profile_for(hierarchy, Tier.ISSUING)
        self._check_name(profile, name)
        named = replace(
            self._library.environment(root.environment),
            ca_names={**environment.ca_names, (hierarchy, Tier.ISSUING): name},
        )
        private = private_keys.generate(profile.key_type, self._entropy)
        public = self._keys.keep(private)
        issuer = CertificationAuthority(root.der, self._signer(root), named, self._library)
        at = self._clock.now()
        certificate = issuer.issue_authority(profile, public, at=at, entropy=self._entropy)
        number = self._audit.append(
            at,
            "authority.roll-over",
            {
                "profile": profile.name,
                "environment": named.name,
                "ca": name,
                "before": before.label,
                "certificates": digests([certificate]),
            },
        )
        return self._certificates.add(_record(certificate, named, (root, issuer), number))

    def _now(self, environment: Environment, hierarchy: Hierarchy, tier: Tier) -> Record:
        record = self._certificates.authority(environment.family, hierarchy, tier)
        if record is None:
            raise EstateError(
                "estate.no_authority",
                f"The estate has no CAs for {environment.name}.",
                f"Make them: smki-testca init DIR --environment {environment.name}",
            )
        return record

    def _issuer_of(self, record: Record) -> Record:
        issuer = self._certificates.by_serial(record.issuer)
        if issuer is None:
            raise EstateError("estate.damaged", f"The root of the CA {record.serial} is missing.")
        return issuer

    def _naming(self, environment: str, record: Record) -> Environment:
        """An environment in which a CA has the name that it has, whatever its generation."""
        known = self._library.environment(environment)
        own = {(record.hierarchy, record.tier): record.label or ""}
        return replace(known, ca_names={**known.ca_names, **own})

    def _check_name(self, profile: Profile, name: str) -> None:
        """See that a new CA may have a name."""
        if name in self._library.live.ca_names:
            raise InputError(
                "live.ca_name", f"A CA named {shown(name)} would pass for the live one (R20)."
            )
        taken = {one.label for one in self._certificates.authorities()}
        for environment in self._library.environments.values():
            taken |= set(environment.ca_names.values())
        if name in taken:
            raise InputError(
                "ca.name_taken",
                f"A CA is named {shown(name)} already.",
                "Choose another name; see: smki-testca ca list",
            )
        for row in profile.rows:
            if row.field.path != "subject.commonName":
                continue
            check_characters(row.field, profile.encoding(row.field), name)
            for breach in value_breaches(row, name, self._library.roles):
                raise InputError(
                    "ca.name",
                    f"{shown(name)} cannot name a CA of profile {profile.name}:"
                    f" {row.field.path} {breach.message} ({row.basis}, {row.source}).",
                    "Choose another name.",
                )

    def able(self, record: Record) -> CertificationAuthority:
        """The CA of a CA certificate, able to sign.

        Raises:
            EstateError: if its key is missing, or the passphrase is wrong.
        """
        environment = self._library.environment(record.environment)
        return CertificationAuthority(record.der, self._signer(record), environment, self._library)

    def _signer(self, record: Record) -> SoftwareSigner:
        pkcs8 = self._keys.get(record.key_id)
        if pkcs8 is None:
            raise EstateError("estate.damaged", f"The key of the CA {record.serial} is missing.")
        return SoftwareSigner(private_keys.from_pkcs8(pkcs8))

    def make(
        self,
        environment: Environment,
        given: Mapping[tuple[Hierarchy, Tier], bytes],
        hierarchies: Collection[Hierarchy] = tuple(Hierarchy),
    ) -> list[Record]:
        """Make the CAs of an environment's family, within a transaction.

        Args:
            environment: whose CA names and policies they get.
            given: PEM private keys to use instead of fresh ones.
            hierarchies: which of the four.

        Raises:
            InputError: if the family has CAs of those, or a key is not of the profile's type.
        """
        if any(
            one.family == environment.family and one.hierarchy in hierarchies
            for one in self._certificates.authorities()
        ):
            raise InputError(
                "environment.present",
                f"The estate has the CAs of {environment.name} (family {environment.family})"
                " already.",
            )
        made: list[Record] = []
        for hierarchy in hierarchies:
            root = self._make(environment, hierarchy, Tier.ROOT, None, given)
            issuing = self._make(environment, hierarchy, Tier.ISSUING, root, given)
            made += [root[0], issuing[0]]
        return made

    def _make(
        self,
        environment: Environment,
        hierarchy: Hierarchy,
        tier: Tier,
        parent: Authority | None,
        given: Mapping[tuple[Hierarchy, Tier], bytes],
    ) -> Authority:
        profile = self._library.profile_for(hierarchy, tier)
        pem = given.get((hierarchy, tier))
        if pem is None:
            private = private_keys.generate(profile.key_type, self._entropy)
        else:
            private = private_keys.from_pem(pem, f"the key given for {profile.name}")
            if key_type_of(private) is not profile.key_type:
                raise InputError(
                    "key.type", f"The key given for {profile.name} is not {profile.key_type}."
                )
        public = self._keys.keep(private)
        signer = SoftwareSigner(private)
        own = CertificationAuthority(None, signer, environment, self._library)
        issuer = own if parent is None else parent[1]
        at = self._clock.now()
        certificate = issuer.issue_authority(profile, public, at=at, entropy=self._entropy)
        number = self._audit.append(
            at,
            "authority.create",
            {
                "profile": profile.name,
                "environment": environment.name,
                "imported_key": pem is not None,
                "certificates": digests([certificate]),
            },
        )
        record = _record(certificate, environment, parent, number)
        self._certificates.add(record)
        return record, CertificationAuthority(certificate.der, signer, environment, self._library)


def _record(
    certificate: Certificate, environment: Environment, parent: Authority | None, audit: int
) -> Record:
    profile = certificate.profile
    return Record(
        serial=certificate.serial,
        der=certificate.der,
        profile=profile.name,
        hierarchy=profile.hierarchy,
        tier=profile.tier,
        family=environment.family,
        environment=environment.name,
        category=None,
        participant=None,
        eui64=None,
        role=None,
        usage=usage_of(certificate),
        label=environment.ca_name(profile.hierarchy, profile.tier),
        key_id=key_id(certificate.public_key),
        issuer=certificate.serial if parent is None else parent[0].serial,
        not_before=certificate.instant("notBefore"),
        not_after=certificate.instant("notAfter"),
        issued_at=certificate.issued_at,
        audit=audit,
    )
