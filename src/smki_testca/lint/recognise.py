"""Recognises the profile that a certificate or CRL is meant to follow, from its fields.

A certificate of none of the PKIs in the library follows no profile: it is reported as such, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.lint.findings import Breach
from smki_testca.lint.rule import rule
from smki_testca.profiles.model import POLICY, Constant, Input, Severity, Tier
from smki_testca.roles import Basis
from smki_testca.x509.fields import FieldKind
from smki_testca.x509.names import RSA_ENCRYPTION_OID, KeyType
from smki_testca.x509.values import oid_of
from smki_testca.x509.view import attribute_texts, common_name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.der import Node
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Hierarchy, Profile
    from smki_testca.x509.fields import Field, Value
    from smki_testca.x509.view import View


_OTHER_ISSUER = 5
"""The distance added for a profile of another hierarchy than its issuer's."""
_OTHER_HOLDER = 4
"""The distance added for a profile without the EUI-64 that says who the holder is."""
_OF_HOLDER = ("eui64", "device-id")
"""The inputs that bring the EUI-64 of a certificate's holder."""


class Recogniser:
    """Finds the profile in a library that fits a certificate best."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._profiles = library.profiles
        self._fields = {profile.name: _fields(profile) for profile in self._profiles}
        self._constants = {profile.name: _constants(profile) for profile in self._profiles}
        self._ordinary = {hierarchy.end_entity for hierarchy in library.hierarchies.values()}
        self._owners: dict[str, set[str]] = {}
        self._policies = set(library.live.policies)
        for profile in self._profiles:
            for environment in library.environments.values():
                name = environment.ca_name(profile.hierarchy, profile.tier)
                if name is not None:
                    self._owners.setdefault(name, set()).add(profile.name)
                self._policies.update(environment.policies[profile.hierarchy].allowed)
            self._policies.update(
                str(value) for path, value in self._constants[profile.name] if path == POLICY
            )
        self._authorities = {
            profile.name: _ca_name_rows(profile)
            for profile in self._profiles
            if profile.tier is not Tier.END_ENTITY
        }
        self._of_holder = {
            field.path for profile in self._profiles for field in _identifying_fields(profile)
        }

    def __call__(self, view: View, hierarchy: Hierarchy | None = None) -> Profile:
        """Find the profile that fits a certificate best: with the fewest fields missing or foreign.

        Whether it is a CA, and whether it names itself as issuer, show the tier. Either may be
        the certificate's defect, so that the profiles of other tiers are compared, too.

        Args:
            view: the certificate.
            hierarchy: the hierarchy of the CA that issued it, where that is known.
        """
        tier = _tier(view)
        present = {path for path in view.fields if path.startswith(("subject.", "extensions."))}
        profiles = [profile for profile in self._profiles if hierarchy in {None, profile.hierarchy}]
        named = self._hierarchies_of_issuer(view)
        likely = [profile for profile in profiles if profile.tier is tier]
        for candidates in (likely, profiles):
            distances = [
                self._distance(view, present, profile)
                + (_OTHER_ISSUER if named and profile.hierarchy not in named else 0)
                for profile in candidates
            ]
            nearest = min(distances)
            if nearest == 0 or candidates is profiles:
                alike = [
                    profile
                    for profile, distance in zip(candidates, distances, strict=True)
                    if distance == nearest
                ]
                # The ordinary type of certificate of a hierarchy comes before its others.
                return min(alike, key=lambda profile: profile.name not in self._ordinary)
        raise AssertionError  # the second pass always returns

    def signer_of(self, view: View, issuer: View | None) -> Profile | None:
        """The profile of the CA that signs a CRL.

        Args:
            view: the CRL.
            issuer: the certificate that its signature fits; without one the CA is known by its
                name, where a CA of one profile only has it.
        """
        if issuer is not None:
            return self(issuer)
        named = view.fields.get("issuer")
        name = None if named is None else common_name_of(named.node)
        owners = self._owners.get(name or "", set())
        return self._library.profile(next(iter(owners))) if len(owners) == 1 else None

    def knows(self, view: View, issuer: View | None = None) -> bool:
        """Whether a certificate is of a PKI in the library, however broken it is.

        One mark is enough: a CA's name in the issuer or the subject, a policy of an environment,
        the EUI-64 of a holder where a profile has it, or a signature by a certificate of such a
        PKI. Without any of these, two habits of SMKI are, which each occur elsewhere, but not
        together: key identifiers of 8 octets, and critical certificatePolicies.

        Args:
            view: the certificate.
            issuer: the certificate that its signature fits, where one is at hand.
        """
        return (
            self._names_a_ca(view)
            or bool(self._policies.intersection(_policies_of(view)))
            or any(_holds_an_eui64(view, path) for path in self._of_holder)
            or (issuer is not None and self.knows(issuer))
            or (_has_short_key_identifier(view) and _has_critical_policies(view))
        )

    def _names_a_ca(self, view: View) -> bool:
        """Whether the issuer or the subject is a CA's: by its name, or by the constants in it."""
        for path in ("issuer", "subject"):
            field = view.fields.get(path)
            if field is None:
                continue
            name = common_name_of(field.node)
            if name in self._owners or self._library.live.names_ca(name):
                return True
            if any(self._authorities[ca].constants for ca in self._authorities_like(field.node)):
                return True
        return False

    def _authorities_like(self, name: Node) -> list[str]:
        """The profiles of the CAs that could have this name, whatever the environment."""
        texts = attribute_texts(name)
        return [ca for ca, rows in self._authorities.items() if rows.fit(texts)]

    def _hierarchies_of_issuer(self, view: View) -> set[Hierarchy]:
        """The hierarchies that have a CA of the issuer's name, or of a name like it; or none.

        Certificates of two hierarchies may differ in their issuers' names only.
        """
        issuer = view.fields.get("issuer")
        if issuer is None:
            return set()
        name = common_name_of(issuer.node)
        owners = self._owners.get(name or "") or self._authorities_like(issuer.node)
        return {self._library.profile(profile).hierarchy for profile in owners}

    def _distance(self, view: View, present: set[str], profile: Profile) -> int:
        needed, allowed = self._fields[profile.name]
        missing = {needed[path] for path in needed.keys() - present}
        if not view.subject_order:
            # An empty subject is one fault, however many attributes are missing from it.
            missing = {"subject" if name.startswith("subject.") else name for name in missing}
        distance = 4 * len(missing)
        distance += len(present - allowed)
        foreign_ids = self._of_holder - allowed
        distance += _OTHER_HOLDER * any(_holds_an_eui64(view, path) for path in foreign_ids)
        distance += sum(
            path in view.fields and view.value(path) != value
            for path, value in self._constants[profile.name]
        )
        key = view.octets("subjectPublicKeyInfo") or b""
        if (RSA_ENCRYPTION_OID in key[:32]) != (profile.key_type is KeyType.RSA2048):
            distance += 4
        owners = self._owners.get(view.text("subject.commonName") or "")
        if owners and profile.name not in owners:
            distance += 5
        authority = self._authorities.get(profile.name)
        if authority is not None and not authority.has_constants_of(view):
            distance += 5
        if profile.tier is Tier.END_ENTITY:
            usage = view.value("extensions.keyUsage")
            return distance + 2 * (isinstance(usage, tuple) and "keyCertSign" in usage)
        names_itself = view.octets("issuer") == view.octets("subject")
        return distance + 4 * (names_itself != (profile.tier is Tier.ROOT))


def _tier(view: View) -> Tier:
    if view.value("extensions.basicConstraints.cA") is not True:
        return Tier.END_ENTITY
    return Tier.ROOT if view.octets("issuer") == view.octets("subject") else Tier.ISSUING


def _constants(profile: Profile) -> list[tuple[str, Value]]:
    """The extension fields that a profile fills with a constant, and the end of its validity.

    Of an end entity also the attributes of its subject: those of a CA are its name's.
    """
    is_end_entity = profile.tier is Tier.END_ENTITY
    return [
        (row.field.path, row.fill.value)
        for row in profile.filling_rows
        if isinstance(row.fill, Constant)
        and (
            row.field.extension is not None
            or row.field.path == _NOT_AFTER
            or (is_end_entity and row.field.attribute is not None)
        )
    ]


@dataclass(frozen=True, slots=True)
class _CaName:
    """A CA's name, as a profile states it.

    Attributes:
        attributes: in the subject, by name; the value is the longest text, where one is known.
        constants: the attributes whose text is the same for every such CA.
    """

    attributes: dict[str, int | None]
    constants: dict[str, str]

    def fit(self, texts: list[tuple[str, str | None]]) -> bool:
        """Whether a name has exactly these attributes, with such texts."""
        if sorted(label for label, _ in texts) != sorted(self.attributes):
            return False
        return all(
            text is not None
            and self.constants.get(label, text) == text
            and len(text) <= (self.attributes[label] or len(text))
            for label, text in texts
        )

    def has_constants_of(self, view: View) -> bool:
        """Whether the subject of a certificate says nothing else where the profile is constant."""
        return all(
            view.text(f"subject.{label}") in {None, text} for label, text in self.constants.items()
        )


def _ca_name_rows(profile: Profile) -> _CaName:
    attributes: dict[str, int | None] = {}
    constants: dict[str, str] = {}
    for row in profile.rows:
        name = row.field.attribute
        if name is None or row.holds.absent:
            continue
        attributes[name] = row.holds.max_characters or attributes.get(name)
        if isinstance(row.fill, Constant):
            constants[name] = str(row.fill.value)
    return _CaName(attributes, constants)


def _identifying_fields(profile: Profile) -> list[Field]:
    """The fields that hold the EUI-64 of the holder, as octets."""
    return [
        row.field
        for row in profile.filling_rows
        if isinstance(row.fill, Input)
        and row.fill.name in _OF_HOLDER
        and row.field.kind in {FieldKind.BITS, FieldKind.OCTETS}
    ]


def _holds_an_eui64(view: View, path: str) -> bool:
    """Whether a field holds 8 octets; of the subject's identifier, whether it is there at all.

    Others name hardware modules, too, with serial numbers of any length (RFC 4108); nobody else
    has the identifier, so that a broken one is a mark as well.
    """
    return path in view.fields and (
        path.startswith("subject.") or len(view.octets(path) or b"") == 8
    )


def _policies_of(view: View) -> Iterator[str | None]:
    field = view.fields.get("extensions.certificatePolicies")
    for policy in () if field is None else field.node.children:
        for identifier in policy.children[:1]:
            yield oid_of(identifier)


def _has_critical_policies(view: View) -> bool:
    return view.criticality.get("certificatePolicies", False)


def _has_short_key_identifier(view: View) -> bool:
    """Whether a key identifier is one of RFC 5280 4.2.1.2 method (2): 0100 and 60 bits."""
    identifiers = (view.octets(path) or b"" for path in _KEY_IDENTIFIERS)
    return any(len(octets) == 8 and octets[0] >> 4 == 4 for octets in identifiers)


_NOT_AFTER = "validity.notAfter"
_KEY_IDENTIFIERS = (
    "extensions.subjectKeyIdentifier",
    "extensions.authorityKeyIdentifier.keyIdentifier",
)


@rule(
    "certificate.other_pki", Severity.ERROR, Basis.SPECIFIED, "GBCS v0.8.1 s.12; SEC App. M",
    meaning="It belongs to none of the PKIs that the profiles describe: it has no CA's"
    " name, policy or EUI-64 of theirs. It was not checked against a profile.",
    remedy="Leave it out. To check it against a profile anyway, give --as PROFILE; if it is"
    " of a PKI of yours, name its CAs and policies in environments.toml.",
    good="a Device Certificate", bad="a web site's certificate",
)  # fmt: skip
def other_pki(view: View) -> Breach:
    """State that a certificate is of none of the PKIs in the library."""
    issuer = view.fields.get("issuer")
    # Equal for all of them, so that a report can group the certificates of a whole trust store.
    message = (
        "it belongs to none of the PKIs that the profiles describe, so it was not checked further"
    )
    return Breach("certificate.other_pki", None if issuer is None else issuer.node.offset, message)


def _fields(profile: Profile) -> tuple[dict[str, str], frozenset[str]]:
    """The subject and extension fields that a profile requires, and those that it allows.

    A required field has its extension as value, so that a missing extension counts once.
    """
    needed: dict[str, str] = {}
    allowed: set[str] = set()
    for row in profile.rows:
        path = row.field.path
        if row.fill is None and not row.holds.optional:
            continue
        if path.startswith(("subject.", "extensions.")):
            allowed |= {path, f"extensions.{row.field.extension}"}
            if row.fill is not None and not (isinstance(row.fill, Input) and row.fill.optional):
                needed[path] = row.field.extension or path
    return needed, frozenset(allowed)
