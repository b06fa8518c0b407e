"""Tries out every profile without an estate, to check the profiles of an operator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from smki_testca.authority import crl
from smki_testca.authority.filling import Issuer, TemplateSetting
from smki_testca.authority.revocation import Revocation
from smki_testca.authority.template import Template, compile_template
from smki_testca.der import encode
from smki_testca.errors import InputError
from smki_testca.identifiers import SerialNumber
from smki_testca.profiles.model import Input, Tier
from smki_testca.x509.names import ECDSA_WITH_SHA256, SHA256_WITH_RSA, KeyType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.profiles import Library
    from smki_testca.profiles.model import Profile, RevocationListProfile
    from smki_testca.x509.names import SignatureAlgorithm


def compile_all(library: Library) -> list[Template]:
    """Compile every profile in the default environment, without and with its optional inputs.

    Also build a CRL of each CRL profile, and check it against its rows.

    Raises:
        InputError: for the first profile that contradicts itself.
    """
    for profile in library.revocation_list_profiles:
        _try_revocation_list(library, profile)
    return [
        compile_template(setting(library, profile), present, library.roles)
        for profile in library.profiles
        for present in _presences(profile)
    ]


def setting(library: Library, profile: Profile) -> TemplateSetting:
    """A setting to try out a profile: its issuer's key type, and a placeholder for its issuer."""
    environment = library.default_environment
    above = Tier.ISSUING if profile.tier is Tier.END_ENTITY else Tier.ROOT
    issuing = library.profile_for(profile.hierarchy, above)
    placeholder = None if profile.tier is Tier.ROOT else _placeholder(issuing)
    return TemplateSetting(profile, environment, _algorithm(issuing), placeholder)


def _algorithm(issuing: Profile) -> SignatureAlgorithm:
    return ECDSA_WITH_SHA256 if issuing.key_type is KeyType.P256 else SHA256_WITH_RSA


def _placeholder(issuing: Profile) -> Issuer:
    identifier = issuing.field_of("key-identifier-method-1")
    return Issuer(encode.sequence(), bytes(8 if identifier is None else 20))


def _try_revocation_list(library: Library, profile: RevocationListProfile) -> None:
    signed_by = library.profile_for(profile.hierarchy, profile.tier)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    # The sample has no reason: a row may forbid any reason chosen here.
    sample = [Revocation(SerialNumber(0x5A << 120), at)]
    document, values = crl.unsigned(
        profile, _placeholder(signed_by), _algorithm(signed_by), sample, 1, at
    )
    try:
        messages = crl.check_unsigned(profile, document, values, sample, None)
    except InputError as error:
        messages = [error.message]
    if messages:
        raise InputError(
            "profile.contradiction",
            f"{profile.origin} contradicts itself: in its sample, {messages[0]}",
            "Correct the row of that field, or the row that fills it.",
        )


def _presences(profile: Profile) -> Iterator[frozenset[str]]:
    yield frozenset()
    optional = {
        row.fill.name for row in profile.rows if isinstance(row.fill, Input) and row.fill.optional
    }
    if optional:
        yield frozenset(optional)
