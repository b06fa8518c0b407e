"""Makes an estate's CAs, renews their certificates, and rolls them over."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from smki_testca.authority.certificates import Certificate, CertificationAuthority
from smki_testca.errors import AlreadySoError, EstateError, InputError
from smki_testca.estate.certificates import digests, record_of
from smki_testca.lifecycle.ca_keys import MadeInToken, has_key, key_for
from smki_testca.lint.row_checks import value_breaches
from smki_testca.profiles.file_digests import profile_digests, profiles_of_ca
from smki_testca.profiles.model import POLICY, Hierarchy, Tier
from smki_testca.text import shown
from smki_testca.x509.fields import check_characters
from smki_testca.x509.keys import key_id
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from smki_testca.authority.signers.tokens.tokens import FoundKey
    from smki_testca.authority.signers.tokens.uri import TokenUri
    from smki_testca.estate.authorities import Authority
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.lifecycle.ca_keys import CaKey
    from smki_testca.profiles.model import Environment, LiveMarks, Profile
    from smki_testca.x509.view import View


def check_not_live(live: LiveMarks, view: View) -> None:
    """Check that the certificate of a CA has no mark of a live one (R20).

    Raises:
        InputError: naming the mark.
    """
    name = view.text("subject.commonName")
    if live.names_ca(name):
        raise InputError(
            "live.ca_name", f"A CA named {shown(name or '')} would pass for the live one (R20)."
        )
    policy = view.value(POLICY)
    if isinstance(policy, str) and policy in live.policies:
        raise InputError(
            "live.policy", f"A CA with the policy {policy} would pass for a live one (R20)."
        )


def _check_complete(
    ca_keys: Mapping[tuple[Hierarchy, Tier], CaKey],
    certificates: Mapping[tuple[Hierarchy, Tier], bytes],
) -> None:
    """Check that each certificate given has its key, and that of an issuing CA its root's.

    Raises:
        InputError: if one has not.
    """
    for hierarchy, tier in certificates:
        if (hierarchy, tier) not in ca_keys:
            raise InputError(
                "ca_keys.certificate",
                f"There is a certificate of the {hierarchy} {tier.value} CA without its key.",
                "Give both, as export ca-keys writes them.",
            )
        if (hierarchy, Tier.ROOT) not in certificates:
            raise InputError(
                "ca_keys.certificate",
                f"There is a certificate of the {hierarchy} issuing CA without that of its root.",
                "Give the root's key and certificate, too, or leave this certificate out and have"
                " one made for its key by a new root.",
            )


class AuthorityMaker:
    """Makes CAs and their certificates. Each call must be within a transaction of the estate.

    Args:
        estate: the estate that has the CAs.
    """

    def __init__(self, estate: Stores) -> None:
        self._estate = estate

    def make(
        self,
        environment: Environment,
        ca_keys: Mapping[tuple[Hierarchy, Tier], CaKey],
        hierarchies: Collection[Hierarchy],
        certificates: Mapping[tuple[Hierarchy, Tier], bytes] = MappingProxyType({}),
    ) -> list[Record]:
        """Make the CAs of an environment's family.

        Args:
            environment: gives the CAs their names and policies.
            ca_keys: where the keys come from that are not made in the estate.
            hierarchies: for which to make a root and an issuing CA.
            certificates: for such keys, DER, to take over instead of making new ones.

        Returns:
            Each hierarchy's root and issuing CA.

        Raises:
            InputError: if the family has CAs of such a hierarchy already, or a key is not of the
                profile's type.
        """
        present = [
            record
            for record in self._estate.certificates.authorities()
            if record.family == environment.family and record.hierarchy in hierarchies
        ]
        if present:
            has = f"The estate has the CAs of {environment.name} (family {environment.family})"
            if not self._have_keys(present, ca_keys):
                raise InputError(
                    "environment.present", f"{has} already, with other keys than those given."
                )
            raise AlreadySoError("environment.present", f"{has} already.")
        _check_complete(ca_keys, certificates)
        records = []
        for hierarchy in hierarchies:
            root = self._make(environment, hierarchy, Tier.ROOT, None, ca_keys, certificates)
            issuing = self._make(environment, hierarchy, Tier.ISSUING, root, ca_keys, certificates)
            records += [root[0], issuing[0]]
        return records

    def _make(
        self,
        environment: Environment,
        hierarchy: Hierarchy,
        tier: Tier,
        parent: Authority | None,
        ca_keys: Mapping[tuple[Hierarchy, Tier], CaKey],
        certificates: Mapping[tuple[Hierarchy, Tier], bytes],
    ) -> Authority:
        estate = self._estate
        profile = estate.library.profile_for(hierarchy, tier)
        source = ca_keys.get((hierarchy, tier))
        label = f"{environment.name} {environment.ca_name(hierarchy, tier)}"
        public_key = key_for(estate, profile, source, label)
        signer = estate.key_store.signer(estate.key_store.reference(key_id(public_key)))
        issuer = (
            parent[1]
            if parent
            else CertificationAuthority(None, signer, environment, estate.library)
        )
        taken = certificates.get((hierarchy, tier))
        if taken is not None:
            record = self._take_over(environment, profile, parent and parent[0], taken, public_key)
            return record, estate.authorities.able(record)
        certificate = self._certificate(issuer, profile, public_key)
        record = self._add(
            certificate,
            environment,
            parent and parent[0],
            "authority.create",
            imported_key=isinstance(source, bytes),
            **self._place_of(public_key),
        )
        return record, CertificationAuthority(record.der, signer, environment, estate.library)

    def _take_over(
        self,
        environment: Environment,
        profile: Profile,
        issuer: Record | None,
        der: bytes,
        public_key: bytes,
    ) -> Record:
        """Store the certificate of a CA that another estate has, too."""
        # It brings the linter, and few estates share their CAs.
        from smki_testca.lifecycle import taken_certificate  # noqa: PLC0415 - quick start

        certificate = taken_certificate.read_taken(
            self._estate, der, profile, environment, issuer, public_key
        )
        place = (profile.hierarchy, profile.tier)
        name = taken_certificate.common_name(certificate) or ""
        if name != environment.ca_name(*place):
            whose = self._owner_of_name(name)
            if whose is not None:
                raise taken_certificate.refused(profile, f"is of the CA {shown(name)} of {whose}")
            self._check_name(profile, name)
        named = replace(environment, ca_names={**environment.ca_names, place: name})
        return self._add(certificate, named, issuer, "authority.take-over", ca=name)

    def _have_keys(
        self, authorities: Collection[Record], ca_keys: Mapping[tuple[Hierarchy, Tier], CaKey]
    ) -> bool:
        """Whether each key given is that of a CA of its hierarchy and tier."""
        return all(
            any(
                has_key(self._estate, record, source)
                for record in authorities
                if (record.hierarchy, record.tier) == place
            )
            for place, source in ca_keys.items()
        )

    def _place_of(self, public_key: bytes) -> dict[str, str]:
        """The place of a key, for an audit entry; nothing for one that is in the estate."""
        uri = self._estate.key_store.in_tokens.uri(key_id(public_key))
        return {} if uri is None else {"key_place": str(uri)}

    def renew(self, record: Record) -> Record:
        """Give a CA a new certificate for its own name and key.

        Args:
            record: the CA's newest certificate. An issuing CA's new one is signed by its root.

        Raises:
            InputError: if the profile was changed so that it would not be the same CA.
        """
        estate = self._estate
        environment = self._environment_naming(record)
        issuer = None
        if record.tier is Tier.ROOT:
            signer = estate.authorities.signer(record)
            authority = CertificationAuthority(None, signer, environment, estate.library)
        else:
            issuer = estate.certificates.newest(self._issuer_of(record))
            authority = estate.authorities.able(issuer, environment)
        view = view_certificate(record.der)
        certificate = self._certificate(
            authority,
            estate.library.profile(record.profile),
            view.octets("subjectPublicKeyInfo") or b"",
        )
        if view_certificate(certificate.der).octets("subject") != view.octets("subject"):
            raise InputError(
                "ca.profile_changed",
                f"Its profile has changed: the renewed CA {record.label} would have another"
                " subject, and what it signed would not verify.",
                "Change the profile back, or roll the CA over.",
            )
        return self._add(
            certificate,
            environment,
            issuer,
            "authority.renew",
            ca=record.label,
            predecessor=str(record.serial),
        )

    def roll_over(
        self,
        environment: Environment,
        hierarchy: Hierarchy,
        name: str,
        token: TokenUri | None = None,
    ) -> Record:
        """Make the next generation of an issuing CA under the same root.

        From then on it issues. What earlier generations signed stays valid.

        Args:
            environment: of the CA's family.
            hierarchy: of the CA.
            name: the new CA's CN, which no other CA may have.
            token: in which the new key is made; by default it is made where the last
                generation's is.

        Raises:
            InputError: if another CA or a live one has the name, or the profile forbids it.
            EstateError: if the estate was not made for that environment.
        """
        estate = self._estate
        root = estate.authorities.newest(environment, hierarchy, Tier.ROOT)
        before = estate.authorities.newest(environment, hierarchy, Tier.ISSUING)
        profile = estate.library.profile_for(hierarchy, Tier.ISSUING)
        self._check_name(profile, name)
        named = replace(
            estate.library.environment(root.environment),
            ca_names={**environment.ca_names, (hierarchy, Tier.ISSUING): name},
        )
        last = estate.key_store.in_tokens.uri(before.key_id)
        if token is None and last is not None:
            token = last.token_only
        source = None if token is None else MadeInToken(token)
        public_key = key_for(estate, profile, source, f"{environment.name} {name}")
        certificate = self._certificate(estate.authorities.able(root, named), profile, public_key)
        return self._add(
            certificate,
            named,
            root,
            "authority.roll-over",
            ca=name,
            before=before.label,
            **self._place_of(public_key),
        )

    def move_key(self, record: Record, uri: TokenUri) -> FoundKey:
        """Use a CA's key in a token from now on; the sealed one is deleted.

        The token has it already: its own tools put it there. One signature is checked with the
        CA's certificate first.

        Args:
            record: a certificate of the CA.
            uri: of the key in the token.

        Returns:
            The key in the token.

        Raises:
            AlreadySoError: if the estate uses that key in that place already.
            EstateError: if the token has no such key, or it is not that of the certificate.
        """
        estate = self._estate
        token_key = estate.tokens.find(uri)
        if key_id(token_key.public_key) != record.key_id:
            raise EstateError(
                "token.key_other",
                f"The key in the token is not that of the CA {record.label}: its public key is not"
                " the one of the CA's certificate.",
                "Name the right key with object=LABEL or id=%… in the URI.",
            )
        before = estate.key_store.place(record.key_id)
        if before == str(token_key.uri):
            raise AlreadySoError(
                "ca.moved", f"The key of the CA {record.label} is in that token already."
            )
        estate.tokens.signer(token_key.uri, token_key.public_key).sign(b"smki-testca ca move")
        estate.key_store.move(record.key_id, token_key)
        estate.authorities.forget()
        body = {
            "ca": record.label,
            "family": record.family,
            "hierarchy": str(record.hierarchy),
            "tier": record.tier.value,
            "key": record.key_id.hex(),
            "from": before,
            "to": str(token_key.uri),
        }
        estate.audit.append(estate.clock.now(), "authority.move", body)
        return token_key

    def _certificate(
        self, issuer: CertificationAuthority, profile: Profile, public_key: bytes
    ) -> Certificate:
        return issuer.issue_authority(
            profile, public_key, at=self._estate.clock.now(), entropy=self._estate.entropy
        )

    def _add(
        self,
        certificate: Certificate,
        environment: Environment,
        issuer: Record | None,
        action: str,
        **details: object,
    ) -> Record:
        """Store a CA's certificate with its audit entry.

        Args:
            certificate: of the CA.
            environment: gives the CA its name.
            issuer: the certificate of the CA that signed it; None for a root.
            action: of the audit entry.
            details: of the audit entry, beside those that every such entry has.
        """
        profile = certificate.profile
        check_not_live(self._estate.library.live, view_certificate(certificate.der))
        weaknesses = self._estate.library.weaknesses(profile)
        if weaknesses and not environment.experimental:
            raise InputError(
                "profile.weakened",
                f"The profile {profile.name} {weaknesses[0]}: its CA could pass for another (R20).",
                f"Restore the rule, or set experimental = true for {environment.name} in"
                " environments.toml; then the certificates are marked.",
            )
        body = {
            "profile": profile.name,
            "environment": environment.name,
            **({"experimental": True} if weaknesses else {}),
            **details,
            "profiles": profile_digests(
                self._estate.library,
                profiles_of_ca(self._estate.library, profile.hierarchy, profile.tier),
            ),
            "certificates": digests([certificate]),
        }
        record = record_of(
            certificate,
            environment,
            certificate.serial if issuer is None else issuer.serial,
            self._estate.audit.append(certificate.issued_at, action, body),
            label=environment.ca_name(profile.hierarchy, profile.tier),
            experimental=bool(weaknesses),
        )
        return self._estate.certificates.add(record)

    def _issuer_of(self, record: Record) -> Record:
        issuer = self._estate.certificates.by_serial(record.issuer)
        if issuer is None:
            raise EstateError("estate.damaged", f"The root of the CA {record.serial} is missing.")
        return issuer

    def _environment_naming(self, record: Record) -> Environment:
        """A CA's environment, with the CA's name in place of the first generation's."""
        environment = self._estate.library.environment(record.environment)
        name = {(record.hierarchy, record.tier): record.label or ""}
        return replace(environment, ca_names={**environment.ca_names, **name})

    def _owner_of_name(self, name: str) -> str | None:
        """The environment, or the estate, that has a CA of a name; None if none has."""
        for environment in self._estate.library.environments.values():
            if name in environment.ca_names.values():
                return environment.name
        labels = {record.label for record in self._estate.certificates.authorities()}
        return "this estate" if name in labels else None

    def _check_name(self, profile: Profile, name: str) -> None:
        """Check that a new CA may have a name."""
        library = self._estate.library
        if library.live.names_ca(name):
            raise InputError(
                "live.ca_name", f"A CA named {shown(name)} would pass for the live one (R20)."
            )
        if self._owner_of_name(name) is not None:
            raise InputError(
                "ca.name_taken",
                f"A CA is named {shown(name)} already.",
                "Choose another name; see: smki-testca ca list",
            )
        for row in profile.rows:
            if row.field.path != "subject.commonName":
                continue
            check_characters(row.field, profile.encoding(row.field), name)
            for breach in value_breaches(row, name, library.roles):
                raise InputError(
                    "ca.name",
                    f"{shown(name)} cannot name a CA of profile {profile.name}:"
                    f" {row.field.path} {breach.message} ({row.basis}, {row.source}).",
                    "Choose another name.",
                )
