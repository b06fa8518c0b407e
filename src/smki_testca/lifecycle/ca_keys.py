"""Sources of the key of a new CA: made in the estate or a token, given, or found there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.estate.key_holders import AUTHORITY
from smki_testca.x509 import private_keys
from smki_testca.x509.keys import key_id, key_type_of

if TYPE_CHECKING:
    from smki_testca.authority.signers.tokens.tokens import FoundKey
    from smki_testca.authority.signers.tokens.uri import TokenUri
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.stores import Stores
    from smki_testca.profiles.model import Profile


@dataclass(frozen=True, slots=True)
class MadeInToken:
    """The key pair is to be made in a PKCS#11 token.

    Attributes:
        token: the URI of the token.
    """

    token: TokenUri


@dataclass(frozen=True, slots=True)
class FoundInToken:
    """The key pair is in a PKCS#11 token already.

    Attributes:
        key: the URI of the key; exactly one private key must fit it.
    """

    key: TokenUri


CaKey = bytes | MadeInToken | FoundInToken
"""A private key in PEM, or where in a token the key pair is or is to be made."""


def key_for(estate: Stores, profile: Profile, source: CaKey | None, label: str) -> bytes:
    """Have the key of a new CA, within the transaction that makes the CA.

    Args:
        estate: the estate that has the CA.
        profile: of the CA.
        source: of the key; None to make it in the estate.
        label: the name that a key gets that is made in a token.

    Returns:
        The SubjectPublicKeyInfo, DER.

    Raises:
        InputError: if the key is not of the profile's type, or another holds it.
        EstateError: if the token cannot be used.
    """
    keys = estate.key_store
    if source is None:
        return keys.generate(profile.key_type, AUTHORITY)
    if isinstance(source, MadeInToken):
        return keys.generate_in_token(source.token, profile.key_type, AUTHORITY, label)
    if isinstance(source, FoundInToken):
        token_key = find_key(estate, source.key, profile)
        return keys.adopt(token_key, AUTHORITY)
    private = private_keys.from_pem(source, f"the key given for {profile.name}")
    if key_type_of(private) is not profile.key_type:
        raise InputError("key.type", f"The key given for {profile.name} is not {profile.key_type}.")
    return keys.keep(private, AUTHORITY)


def find_key(estate: Stores, uri: TokenUri, profile: Profile) -> FoundKey:
    """The one key pair in a token that a URI names, for a CA.

    Args:
        estate: whose tokens are asked.
        uri: of the key.
        profile: of the CA.

    Raises:
        InputError: if it is not of the profile's type.
        EstateError: if the token cannot be used, or none or several fit.
    """
    token_key = estate.tokens.find(uri)
    if token_key.key_type is not profile.key_type:
        raise InputError(
            "key.type", f"The key in the token for {profile.name} is not {profile.key_type}."
        )
    return token_key


def has_key(estate: Stores, record: Record, source: CaKey) -> bool:
    """Whether a CA's key is the one that a source gives, or is where the source makes it."""
    if isinstance(source, bytes):
        public = private_keys.public_key_info(private_keys.from_pem(source, "the key given"))
        return key_id(public) == record.key_id
    uri = estate.key_store.in_tokens.uri(record.key_id)
    if uri is None:
        return False
    if isinstance(source, FoundInToken):
        return key_id(estate.tokens.find(source.key).public_key) == record.key_id
    return source.token.token in {None, uri.token}
