"""Tells from a certificate's own fields which profile it is meant to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.profiles.model import Constant, Input, Tier
from smki_testca.x509.names import RSA_ENCRYPTION_OID, KeyType

if TYPE_CHECKING:
    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Profile
    from smki_testca.x509.fields import Value
    from smki_testca.x509.view import View


class Recogniser:
    """Knows the profiles of a library apart."""

    def __init__(self, library: Library) -> None:
        self._profiles = library.profiles
        self._fields = {one.name: _fields(one) for one in self._profiles}
        self._constants = {one.name: _constants(one) for one in self._profiles}
        self._ca_names = {
            one.name: {
                environment.ca_name(one.hierarchy, one.tier)
                for environment in library.environments.values()
            }
            for one in self._profiles
        }

    def __call__(self, view: View) -> Profile:
        """The profile whose fields a certificate has, with the fewest missing or strange.

        Whether it is a CA, and whether it names itself as issuer, decide the tier; a
        certificate with many defects is still nearer to its own kind than to any other.
        """
        tier = _tier(view)
        candidates = [one for one in self._profiles if one.tier is tier]
        present = {path for path in view.fields if path.startswith(("subject.", "extensions."))}
        return min(candidates, key=lambda profile: self._distance(view, present, profile))

    def _distance(self, view: View, present: set[str], profile: Profile) -> int:
        needed, allowed = self._fields[profile.name]
        distance = 4 * len(needed - present) + len(present - allowed)
        distance += sum(view.value(path) != value for path, value in self._constants[profile.name])
        key = view.octets("subjectPublicKeyInfo") or b""
        if (RSA_ENCRYPTION_OID in key[:32]) != (profile.key_type is KeyType.RSA2048):
            distance += 4
        if profile.tier is not Tier.END_ENTITY:
            known = view.text("subject.commonName") in self._ca_names[profile.name]
            distance += 0 if known else 2
        return distance


def _tier(view: View) -> Tier:
    if view.value("extensions.basicConstraints.cA") is not True:
        return Tier.END_ENTITY
    return Tier.ROOT if view.octets("issuer") == view.octets("subject") else Tier.ISSUING


def _constants(profile: Profile) -> list[tuple[str, Value]]:
    """The extension fields that a profile always fills alike."""
    return [
        (row.field.path, row.fill.value)
        for row in profile.filling_rows
        if isinstance(row.fill, Constant) and row.field.extension is not None
    ]


def _fields(profile: Profile) -> tuple[frozenset[str], frozenset[str]]:
    """The subject and extension fields that a profile fills always, and those it may."""
    needed, allowed = set(), set()
    for row in profile.filling_rows:
        path = row.field.path
        if path.startswith(("subject.", "extensions.")):
            allowed |= {path, f"extensions.{row.field.extension}"}
            if not (isinstance(row.fill, Input) and row.fill.optional):
                needed.add(path)
    return frozenset(needed), frozenset(allowed)
