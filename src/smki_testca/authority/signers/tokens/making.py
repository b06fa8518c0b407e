"""Makes key pairs in a token, stores their certificates, and removes both again."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pkcs11 import Attribute, CertificateType, MechanismFlag, ObjectClass
from pkcs11 import KeyType as TokenKeyType
from pkcs11 import exceptions as ckr

from smki_testca.authority.signers.tokens.connection import token_failed
from smki_testca.authority.signers.tokens.key_search import PrivateKeyObject, objects, uri_of, value
from smki_testca.authority.signers.tokens.public_info import P256_PARAMETERS, public_keys
from smki_testca.errors import EstateError
from smki_testca.text import shown
from smki_testca.x509.names import KeyType
from smki_testca.x509.view import view_certificate

if TYPE_CHECKING:
    from smki_testca.authority.signers.tokens.token_session import TokenSession
    from smki_testca.authority.signers.tokens.uri import TokenUri

ID_OCTETS = 20
"""The length of the CKA_ID of a key pair that is made."""

_PRIVATE = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.SIGN: True,
    Attribute.SIGN_RECOVER: False,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}
_TOLD_BY_ALL = {Attribute.SENSITIVE, Attribute.EXTRACTABLE, Attribute.SIGN}
_PUBLIC = {
    Attribute.PRIVATE: False,
    Attribute.VERIFY: True,
    Attribute.VERIFY_RECOVER: False,
    Attribute.ENCRYPT: False,
    Attribute.WRAP: False,
}


def generate(
    session: Any, token: TokenSession, key_type: KeyType, label: str
) -> tuple[PrivateKeyObject, bytes]:
    """Make a key pair that signs and cannot leave the token; nothing is left if that fails.

    Returns:
        The private key, and the public one: SubjectPublicKeyInfo, DER.

    Raises:
        EstateError: if the token made one that can leave it.
    """
    ids = [os.urandom(ID_OCTETS)]
    try:
        public, private = _pair(session, key_type, ids[0], label)
        _check_kept(token, private)
        is_rsa = key_type is KeyType.RSA2048
        key = PrivateKeyObject(private, uri_of(private, token), is_rsa, asks_each_time=False)
        public_key = _public_key(session, token, key)
        ids.append(hashlib.sha256(public_key).digest()[:ID_OCTETS])
        _name_by(ids[1], public, private)
        return replace(key, uri=uri_of(private, token)), public_key
    except BaseException:
        # Also after Ctrl-C. The library may have failed when the pair was made and its objects
        # were not known yet.
        for key_id in ids:
            with contextlib.suppress(ckr.PKCS11Error):
                remove(session, token.uri.with_key(key_id, ""))
        raise


def _pair(session: Any, key_type: KeyType, key_id: bytes, label: str) -> Any:
    """A new public and private key."""
    options = {
        "id": key_id,
        "label": label,
        "store": True,
        "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
        "public_template": _PUBLIC,
        "private_template": _PRIVATE,
    }
    if key_type is KeyType.RSA2048:
        return session.generate_keypair(TokenKeyType.RSA, 2048, **options)
    parameters = session.create_domain_parameters(
        TokenKeyType.EC, {Attribute.EC_PARAMS: P256_PARAMETERS}, local=True
    )
    return parameters.generate_keypair(**options)


def _public_key(session: Any, token: TokenSession, key: PrivateKeyObject) -> bytes:
    stated = public_keys(session, key)
    if len(stated) != 1:
        raise token_failed(f"The token {shown(token.label)} made a key pair without a public key.")
    return stated[0]


def _check_kept(token: TokenSession, private: Any) -> None:
    """Check that a private key that was made stays in the token, needs the PIN, and only signs.

    A token may leave out a use that it does not know, and nothing that keeps the key in it.
    """
    for attribute, expected in _PRIVATE.items():
        stated = value(private, attribute)
        if stated is None and attribute not in _TOLD_BY_ALL:
            continue
        if stated is not expected:
            raise EstateError(
                "token.key_exposed",
                f"The token {shown(token.label)} made a key that is not as was asked for: its"
                f" CKA_{attribute.name} is not {expected}. The key was removed again.",
                "Use a token that keeps its private keys, and lets them only sign.",
            )


def _name_by(key_id: bytes, public: Any, private: Any) -> None:
    """Name a key pair by its public key; where the token does not allow it, its name stays."""
    before = value(private, Attribute.ID)
    try:
        public[Attribute.ID] = key_id
        private[Attribute.ID] = key_id
    except ckr.PKCS11Error:
        for item in (public, private):
            if value(item, Attribute.ID) != before:
                item[Attribute.ID] = before


def store_certificate(session: Any, key: PrivateKeyObject, der: bytes) -> None:
    """Store a certificate beside its key, in the place of others of the same key."""
    view = view_certificate(der)
    older = objects(session, ObjectClass.CERTIFICATE, key.uri)
    session.create_object(
        {
            Attribute.CLASS: ObjectClass.CERTIFICATE,
            Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
            Attribute.TOKEN: True,
            Attribute.PRIVATE: False,
            Attribute.ID: key.uri.id or b"",
            Attribute.LABEL: key.uri.object or "",
            Attribute.SUBJECT: view.fields["subject"].node.encoded,
            Attribute.ISSUER: view.fields["issuer"].node.encoded,
            Attribute.SERIAL_NUMBER: view.fields["serialNumber"].node.encoded,
            Attribute.VALUE: der,
        }
    )
    for item in older:
        item.destroy()


def remove(session: Any, uri: TokenUri) -> None:
    """Remove a key pair, and its certificates, by its CKA_ID; nothing happens if it is not there.

    The private key goes last: as long as it is there, the rest can be found and removed.
    """
    for kind in (ObjectClass.CERTIFICATE, ObjectClass.PUBLIC_KEY, ObjectClass.PRIVATE_KEY):
        for item in objects(session, kind, uri):
            item.destroy()
