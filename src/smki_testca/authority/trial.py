"""Compiles every profile once, without an estate: what an operator checks profiles with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smki_testca.authority.filling import Issuer, Setting
from smki_testca.authority.template import Template, compile_template
from smki_testca.der import encode
from smki_testca.profiles.model import Input, Tier
from smki_testca.x509.names import ECDSA_WITH_SHA256, SHA256_WITH_RSA, KeyType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Profile


def compile_all(library: Library) -> list[Template]:
    """Every profile in the default environment, bare and with all its optional inputs.

    Raises:
        InputError: for the first profile that contradicts itself.
    """
    return [
        compile_template(setting(library, profile), present, library.roles)
        for profile in library.profiles
        for present in _presences(profile)
    ]


def setting(library: Library, profile: Profile) -> Setting:
    """A setting to try a profile in: its issuer's key type, a stand-in for its issuer."""
    environment = library.default_environment
    above = Tier.ISSUING if profile.tier is Tier.END_ENTITY else Tier.ROOT
    issuing = library.profile_for(profile.hierarchy, above)
    algorithm = ECDSA_WITH_SHA256 if issuing.key_type is KeyType.P256 else SHA256_WITH_RSA
    identifier = issuing.field_of("key-identifier-method-1")
    stand_in = Issuer(encode.sequence(), bytes(8 if identifier is None else 20))
    return Setting(profile, environment, algorithm, None if profile.tier is Tier.ROOT else stand_in)


def _presences(profile: Profile) -> Iterator[frozenset[str]]:
    yield frozenset()
    optional = {
        row.fill.name for row in profile.rows if isinstance(row.fill, Input) and row.fill.optional
    }
    if optional:
        yield frozenset(optional)
