"""Reads the public key of a private key in a token, wherever the token states it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import rsa
from pkcs11 import Attribute, ObjectClass
from pkcs11 import KeyType as TokenKeyType

from smki_testca.authority.signers.tokens.key_search import objects, value, wrong_type
from smki_testca.authority.signers.tokens.token_session import PUBLIC_KEY_INFO
from smki_testca.der import encode
from smki_testca.der.read import DerError
from smki_testca.errors import InputError
from smki_testca.x509 import untrusted
from smki_testca.x509.keys import (
    P256_HEAD,
    P256_POINT_OCTETS,
    key_type_of,
    load_public_key,
    public_key_octets,
)
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smki_testca.authority.signers.tokens.key_search import PrivateKeyObject

P256_PARAMETERS = encode.oid("1.2.840.10045.3.1.7")
"""CKA_EC_PARAMS of P-256, by its name."""


def public_keys(session: Any, key: PrivateKeyObject) -> list[bytes]:
    """The public keys that a token states for a private key: SubjectPublicKeyInfo, DER.

    There is one, as a rule; none if the token keeps the private key alone.

    Raises:
        EstateError: if the token states some, and none is of a type that the profiles have.
    """
    values: dict[bytes, None] = {}
    has_other = False
    for octets in _stated(session, key):
        loaded = load_public_key(octets)
        if loaded is not None and key_type_of(loaded) is not None:
            values[public_key_octets(loaded)] = None
        else:
            has_other = True
    if has_other and not values:
        raise wrong_type(key.uri, "is neither on P-256 nor RSA with 2048 bits")
    return list(values)


def _stated(session: Any, key: PrivateKeyObject) -> Iterator[bytes]:
    kind = TokenKeyType.RSA if key.is_rsa else TokenKeyType.EC
    for item in (*objects(session, ObjectClass.PUBLIC_KEY, key.uri, kind), key.handle):
        yield from _info_of(item, is_rsa=key.is_rsa)
    for item in objects(session, ObjectClass.CERTIFICATE, key.uri):
        with contextlib.suppress(DerError):
            view = view_certificate(value(item, Attribute.VALUE) or b"")
            if info := view.octets("subjectPublicKeyInfo"):
                yield info


def _info_of(item: Any, *, is_rsa: bool) -> Iterator[bytes]:
    """The SubjectPublicKeyInfo that an object states, in whatever way; not one that it lacks."""
    if info := value(item, PUBLIC_KEY_INFO):
        yield info
    elif is_rsa:
        numbers = [
            value(item, attribute) for attribute in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT)
        ]
        if all(numbers):
            yield _rsa_info(*map(int.from_bytes, numbers))
    elif point := value(item, Attribute.EC_POINT):
        is_p256 = value(item, Attribute.EC_PARAMS) == P256_PARAMETERS
        yield P256_HEAD[:-1] + _point(point) if is_p256 else b""


def _rsa_info(modulus: int, exponent: int) -> bytes:
    """The SubjectPublicKeyInfo of an RSA key; empty for numbers that make none."""
    with contextlib.suppress(InputError):
        numbers = rsa.RSAPublicNumbers(exponent, modulus)
        return public_key_octets(untrusted.call(numbers.public_key))
    return b""


def _point(octets: bytes) -> bytes:
    """A CKA_EC_POINT without the OCTET STRING around it, which some tokens leave out."""
    return octets.removeprefix(encode.header(encode.OCTET_STRING, P256_POINT_OCTETS))
