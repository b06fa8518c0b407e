"""The test CAs of an estate: four hierarchies of two tiers for each family of environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.authority import keys
from smki_testca.authority.issuing import Certificate, CertificationAuthority
from smki_testca.errors import EstateError, InputError
from smki_testca.estate.certificates import Record, digests, usage_of
from smki_testca.estate.keystore import key_id
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.x509.keys import key_type_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smki_testca.clock import Clock
    from smki_testca.entropy import Entropy
    from smki_testca.estate.audit import AuditLog
    from smki_testca.estate.certificates import CertificateStore
    from smki_testca.estate.keystore import KeyStore
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Environment

Authority = tuple[Record, CertificationAuthority]
"""A CA's own certificate, and the CA able to sign."""


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
        """The issuing CA of a hierarchy.

        Raises:
            EstateError: if the estate was not made for that environment.
        """
        place = (environment.family, hierarchy)
        if place not in self._open:
            record = self._certificates.authority(environment.family, hierarchy, Tier.ISSUING)
            if record is None:
                raise EstateError(
                    "estate.no_authority",
                    f"The estate has no CAs for {environment.name}.",
                    f"Make them: smki-testca init DIR --environment {environment.name}",
                )
            pkcs8 = self._keys.get(record.key_id)
            if pkcs8 is None:
                raise EstateError(
                    "estate.damaged", f"The key of the CA {record.serial} is missing."
                )
            signer = keys.SoftwareSigner(keys.from_pkcs8(pkcs8))
            authority = CertificationAuthority(record.der, signer, environment, self._library)
            self._open[place] = (record, authority)
        return self._open[place]

    def make(
        self, environment: Environment, given: Mapping[tuple[Hierarchy, Tier], bytes]
    ) -> list[Record]:
        """Make every CA of an environment's family, within a transaction.

        Args:
            environment: whose CA names and policies they get.
            given: PEM private keys to use instead of fresh ones.

        Raises:
            InputError: if the family has its CAs, or a key is not of the profile's type.
        """
        if any(one.family == environment.family for one in self._certificates.authorities()):
            raise InputError(
                "environment.present",
                f"The estate has the CAs of {environment.name} (family {environment.family})"
                " already.",
            )
        made: list[Record] = []
        for hierarchy in Hierarchy:
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
            private = keys.generate(profile.key_type, self._entropy)
        else:
            private = keys.from_pem(pem, f"the key given for {profile.name}")
            if key_type_of(private) is not profile.key_type:
                raise InputError(
                    "key.type", f"The key given for {profile.name} is not {profile.key_type}."
                )
        public = self._keys.keep(private)
        signer = keys.SoftwareSigner(private)
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
