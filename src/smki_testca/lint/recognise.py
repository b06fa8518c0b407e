"""Recognises the profile that a certificate or CRL is meant to follow, from its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.profiles.model import Constant, Input, Tier
from smki_testca.x509.names import RSA_ENCRYPTION_OID, KeyType
from smki_testca.x509.view import common_name_of

if TYPE_CHECKING:
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Hierarchy, Profile
    from smki_testca.x509.fields import Value
    from smki_testca.x509.view import View


_OTHER_ISSUER = 5
"""The distance added for a profile of another hierarchy than its issuer's."""


class Recogniser:
    """Finds the profile in a library that fits a certificate best."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._profiles = library.profiles
        self._fields = {profile.name: _fields(profile) for profile in self._profiles}
        self._constants = {profile.name: _constants(profile) for profile in self._profiles}
        self._ordinary = {hierarchy.end_entity for hierarchy in library.hierarchies.values()}
        self._owners: dict[str, set[str]] = {}
        for profile in self._profiles:
            for environment in library.environments.values():
                name = environment.ca_name(profile.hierarchy, profile.tier)
                if name is not None:
                    self._owners.setdefault(name, set()).add(profile.name)

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

    def _hierarchies_of_issuer(self, view: View) -> set[Hierarchy]:
        """The hierarchies that have a CA of the issuer's name; none for an unknown name.

        Certificates of two hierarchies may differ in their issuers' names only.
        """
        issuer = view.fields.get("issuer")
        name = None if issuer is None else common_name_of(issuer.node)
        owners = self._owners.get(name or "", set())
        return {self._library.profile(profile).hierarchy for profile in owners}

    def _distance(self, view: View, present: set[str], profile: Profile) -> int:
        needed, allowed = self._fields[profile.name]
        distance = 4 * len({needed[path] for path in needed.keys() - present})
        distance += len(present - allowed)
        distance += sum(
            path in present and view.value(path) != value
            for path, value in self._constants[profile.name]
        )
        key = view.octets("subjectPublicKeyInfo") or b""
        if (RSA_ENCRYPTION_OID in key[:32]) != (profile.key_type is KeyType.RSA2048):
            distance += 4
        owners = self._owners.get(view.text("subject.commonName") or "")
        if owners and profile.name not in owners:
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
    """The extension fields that a profile fills with a constant."""
    return [
        (row.field.path, row.fill.value)
        for row in profile.filling_rows
        if isinstance(row.fill, Constant) and row.field.extension is not None
    ]


def _fields(profile: Profile) -> tuple[dict[str, str], frozenset[str]]:
    """The subject and extension fields that a profile requires, and those that it allows.

    A required field has its extension as value, so that a missing extension counts once.
    """
    needed: dict[str, str] = {}
    allowed: set[str] = set()
    for row in profile.filling_rows:
        path = row.field.path
        if path.startswith(("subject.", "extensions.")):
            allowed |= {path, f"extensions.{row.field.extension}"}
            if not (isinstance(row.fill, Input) and row.fill.optional):
                needed[path] = row.field.extension or path
    return needed, frozenset(allowed)
