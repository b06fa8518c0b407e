"""Finds the one private key in a token that a URI names."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from pkcs11 import Attribute, ObjectClass
from pkcs11 import KeyType as TokenKeyType
from pkcs11 import exceptions as ckr

from smki_testca.errors import EstateError
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    from smki_testca.authority.signers.tokens.token_session import TokenSession
    from smki_testca.authority.signers.tokens.uri import TokenUri

MOST_READ = 20
"""The most objects that are looked at where one is meant, and that an error names."""


@dataclass(frozen=True, slots=True)
class PrivateKeyObject:
    """A private key in a token that can sign.

    Attributes:
        handle: the object of the library, of one session.
        uri: names it.
        is_rsa: whether it is RSA; else it is on an elliptic curve.
        asks_each_time: whether it takes the PIN anew for each signature.
    """

    handle: Any
    uri: TokenUri
    is_rsa: bool
    asks_each_time: bool


def private_key(session: Any, token: TokenSession, uri: TokenUri) -> PrivateKeyObject:
    """The one private key that a URI names: by its CKA_ID, its label, or both.

    Raises:
        EstateError: if there is none or several, or it cannot sign.
    """
    attributes = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    fitting = _fitting(session, attributes | _named(uri))
    if not fitting:
        raise EstateError(
            "token.key_missing",
            f"The token {shown(token.label)} has no private key{_stated(uri)}.",
            "List its keys with the token's own program, such as pkcs11-tool --list-objects.",
        )
    if len(fitting) > 1:
        raise _several(token, uri, fitting)
    return _described(fitting[0], token)


def objects(
    session: Any, kind: ObjectClass, uri: TokenUri, key_type: TokenKeyType | None = None
) -> list[Any]:
    """The first objects of a class that have the CKA_ID of a URI, or its label if it has no id.

    What belongs to a private key has its CKA_ID, and may have a label of its own.
    """
    attributes = {Attribute.CLASS: kind} | _named(
        uri if uri.id is None else replace(uri, object=None)
    )
    if key_type is not None:
        attributes[Attribute.KEY_TYPE] = key_type
    return _fitting(session, attributes)


def is_empty(session: Any) -> bool:
    """Whether a token has no object at all."""
    return not _fitting(session, {})


def _named(uri: TokenUri) -> dict[Attribute, Any]:
    """The attributes that a URI states of a key."""
    stated = ((Attribute.ID, uri.id), (Attribute.LABEL, uri.object))
    return {attribute: value for attribute, value in stated if value is not None}


def _fitting(session: Any, attributes: dict[Attribute, Any]) -> list[Any]:
    """The first objects that have some attributes."""
    with contextlib.closing(session.get_objects(attributes)) as objects:
        return list(islice(objects, MOST_READ + 1))


def value(item: Any, attribute: Any) -> Any:
    """The value of an attribute; None where the object has none, or does not tell."""
    try:
        return item[attribute]
    except (ckr.AttributeTypeInvalid, ckr.AttributeSensitive, ckr.FunctionFailed):
        return None


def wrong_type(uri: TokenUri, why: str) -> EstateError:
    """The error of a key that cannot be used, whatever it is for."""
    return EstateError(
        "token.key_type",
        f"The key {uri} {why}.",
        "Use a key of P-256, or RSA with 2048 bits, that can sign.",
    )


def uri_of(key: Any, token: TokenSession) -> TokenUri:
    """The URI of a private key; an empty id or label names nothing, nor does what is no text."""
    label = value(key, Attribute.LABEL) or None
    return replace(
        token.uri,
        id=value(key, Attribute.ID) or None,
        object=None if label is not None and "\N{REPLACEMENT CHARACTER}" in label else label,
    )


def _several(token: TokenSession, uri: TokenUri, fitting: list[Any]) -> EstateError:
    number = str(len(fitting)) if len(fitting) <= MOST_READ else f"more than {MOST_READ}"
    return EstateError(
        "token.key_ambiguous",
        f"The token {shown(token.label)} has {number} private keys{_stated(uri)}.",
        use_one_of((uri_of(key, token) for key in fitting[:MOST_READ]), "key"),
    )


def _stated(uri: TokenUri) -> str:
    """A URI's words on a key, the end of a sentence."""
    stated = [
        *([] if uri.id is None else [f"the CKA_ID {uri.id.hex()}"]),
        *([] if uri.object is None else [f"the label {shown(uri.object)}"]),
    ]
    return f" with {' and '.join(stated)}" if stated else ""


def _described(key: Any, token: TokenSession) -> PrivateKeyObject:
    uri = uri_of(key, token)
    kind = value(key, Attribute.KEY_TYPE)
    if kind not in (TokenKeyType.EC, TokenKeyType.RSA):
        raise wrong_type(uri, "is neither RSA nor on an elliptic curve")
    if not value(key, Attribute.SIGN):
        raise wrong_type(uri, "may not sign: its CKA_SIGN is false")
    if uri.id is None and uri.object is None:
        raise wrong_type(uri, "has neither a CKA_ID nor a label, by which it is found again")
    asks = bool(value(key, Attribute.ALWAYS_AUTHENTICATE))
    return PrivateKeyObject(key, uri, kind == TokenKeyType.RSA, asks)
