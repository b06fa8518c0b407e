"""Carries out the requests to the token process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pkcs11 import Attribute

from smki_testca.authority.signers.tokens import making
from smki_testca.authority.signers.tokens.key_search import (
    PrivateKeyObject,
    is_empty,
    private_key,
    value,
)
from smki_testca.authority.signers.tokens.mechanism import SigningMechanism
from smki_testca.authority.signers.tokens.messages import (
    Answer,
    Done,
    Find,
    Generate,
    Identified,
    Identify,
    Key,
    LogIn,
    NotOpen,
    Opened,
    OpenKey,
    Remove,
    Request,
    Sign,
    Signed,
    StoreCertificate,
)
from smki_testca.authority.signers.tokens.module_errors import emptied
from smki_testca.authority.signers.tokens.public_info import public_keys
from smki_testca.authority.signers.tokens.uri import TokenUri
from smki_testca.errors import EstateError, is_of_missing_key
from smki_testca.x509.keys import key_type_of, load_public_key
from smki_testca.x509.names import KeyType

if TYPE_CHECKING:
    from smki_testca.authority.signers.tokens.module import Module
    from smki_testca.authority.signers.tokens.token_session import TokenSession


@dataclass(slots=True)
class _OpenKey:
    """A key that signs: its object is found anew in each session."""

    token: TokenSession
    uri: TokenUri
    public_key: bytes
    mechanism: SigningMechanism
    key: PrivateKeyObject
    generation: int


class RequestHandler:
    """Carries out the requests to the token process, one at a time."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._open: dict[bytes, _OpenKey] = {}

    def answer(self, request: Request) -> Answer:
        """The answer to a request.

        Raises:
            SmkiTestcaError: if it cannot be done.
        """
        match request:
            case Sign(name, items):
                opened = self._open.get(name)
                return NotOpen() if opened is None else self._sign(opened, items)
            case Identify(uri):
                token = self._module.session(TokenUri.parse(uri))
                return Identified(str(token.uri), token.label, token.needs_pin)
            case LogIn(uri, pin):
                self._module.session(TokenUri.parse(uri)).log_in(pin)
                return Done()
            case OpenKey(uri, public_key):
                return self._open_key(TokenUri.parse(uri), public_key)
            case Find(uri):
                return self._find(TokenUri.parse(uri))
            case Generate(uri, key_type, label):
                return self._generate(TokenUri.parse(uri), KeyType(key_type), label)
            case StoreCertificate(uri, der):
                return self._store_certificate(TokenUri.parse(uri), der)
            case Remove(uri):
                return self._remove(TokenUri.parse(uri))

    def _find(self, uri: TokenUri) -> Key:
        token = self._module.session(uri)

        def find(session: Any) -> Key:
            key = private_key(session, token, uri)
            mechanism = SigningMechanism.of(token, key)
            stated = public_keys(session, key)
            for public_key in stated:
                if mechanism.fits(token, key, public_key):
                    return _key(key, public_key)
            raise _without_public_key(key, has_others=bool(stated))

        return token.use("to find a key", find)

    def _open_key(self, uri: TokenUri, public_key: bytes) -> Opened:
        token = self._module.session(uri)
        key, mechanism = token.use("to find a key", partial(_checked, token, uri, public_key))
        # The name is made from the key, so that no other one can be taken for it. Whoever opened
        # it before continues with the object that was found last.
        name = hashlib.sha256(str(uri).encode() + public_key).digest()
        self._open[name] = _OpenKey(token, uri, public_key, mechanism, key, token.generation)
        return Opened(name, mechanism.takes_data)

    def _sign(self, opened: _OpenKey, items: list[bytes]) -> Signed:
        token = opened.token

        def sign(session: Any) -> list[bytes]:
            if opened.generation != token.generation:
                opened.key, opened.mechanism = _checked(
                    token, opened.uri, opened.public_key, session
                )
                opened.generation = token.generation
            return opened.mechanism.sign(token, opened.key, items)

        return Signed(token.use("to sign", sign))

    def _generate(self, uri: TokenUri, key_type: KeyType, label: str) -> Key:
        token = self._module.session(uri)

        def generate(session: Any) -> Key:
            return _key(*making.generate(session, token, key_type, label))

        return token.write("to make a key pair", generate)

    def _store_certificate(self, uri: TokenUri, der: bytes) -> Done:
        token = self._module.session(uri)
        key = token.use("to find a key", lambda session: private_key(session, token, uri))
        token.write(
            "to store a certificate",
            lambda session: making.store_certificate(session, key, der),
        )
        return Done()

    def _remove(self, uri: TokenUri) -> Done:
        if uri.id is None:
            raise ValueError("a key pair is removed by its CKA_ID")
        token = self._module.session(uri)
        token.write("to remove a key pair", lambda session: making.remove(session, uri))
        return Done()


def _checked(
    token: TokenSession, uri: TokenUri, public_key: bytes, session: Any
) -> tuple[PrivateKeyObject, SigningMechanism]:
    """The private key that a URI names, held against the public key that it must have.

    What the token states of its public key proves nothing: one signature over a fixed text does.

    Raises:
        EstateError: if there is none or several, or it is another one.
    """
    try:
        key = private_key(session, token, uri)
    except EstateError as error:
        if is_of_missing_key(error) and is_empty(session):
            raise emptied(token.label) from error
        raise
    mechanism = SigningMechanism.of(token, key)
    stated = public_keys(session, key)
    if stated and public_key not in stated:
        raise _other(key, "its public key is not that of the certificate")
    if not mechanism.fits(token, key, public_key):
        raise _other(key, "the public key of the certificate does not verify its signature")
    return key, mechanism


def _other(key: PrivateKeyObject, why: str) -> EstateError:
    return EstateError(
        "token.key_other",
        f"The key {key.uri} is another one: {why}.",
        "Put the right key into the token, or name the token that has it.",
    )


def _without_public_key(key: PrivateKeyObject, *, has_others: bool) -> EstateError:
    if has_others:
        return EstateError(
            "token.key_other",
            f"The public key that the token has for {key.uri} does not verify its signature.",
            "Give each key pair in the token a CKA_ID of its own.",
        )
    return EstateError(
        "token.key_missing",
        f"The token has no public key of {key.uri}.",
        "Write the public key, or a certificate of it, into the token with the same CKA_ID,"
        " such as with pkcs11-tool --write-object.",
    )


def _key(key: PrivateKeyObject, public_key: bytes) -> Key:
    loaded = load_public_key(public_key)
    key_type = None if loaded is None else key_type_of(loaded)
    if key_type is None:
        raise TypeError("its type was looked at before")
    return Key(str(key.uri), public_key, key_type.value, _remarks(key))


def _remarks(key: PrivateKeyObject) -> tuple[str, ...]:
    """Tells all that is unusual about a private key: each the end of a sentence about it."""
    unusual = (
        (Attribute.EXTRACTABLE, True, "it can be extracted from the token (CKA_EXTRACTABLE)"),
        (Attribute.SENSITIVE, False, "its octets can be read (CKA_SENSITIVE is false)"),
        (Attribute.PRIVATE, False, "it is used without the PIN (CKA_PRIVATE is false)"),
        (Attribute.NEVER_EXTRACTABLE, False, "it was made elsewhere, or could be extracted once"),
        (Attribute.DECRYPT, True, "it may decrypt, too (CKA_DECRYPT)"),
        (Attribute.DERIVE, True, "it may derive keys, too (CKA_DERIVE)"),
        (Attribute.UNWRAP, True, "it may unwrap keys, too (CKA_UNWRAP)"),
        (Attribute.SIGN_RECOVER, True, "it may sign with recovery, too (CKA_SIGN_RECOVER)"),
    )
    return tuple(
        words for attribute, is_so, words in unusual if value(key.handle, attribute) is is_so
    )
