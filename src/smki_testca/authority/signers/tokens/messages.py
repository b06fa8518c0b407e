"""The messages between a command and the token process: a struct for each request and answer.

They are sent as MessagePack, so that nothing of it is run, and read into these types.
"""

from __future__ import annotations

import msgspec


class _Message(msgspec.Struct, frozen=True, tag=True):
    """One message."""


class HandOver(_Message, frozen=True):
    """All that the token process is given when it starts, by its standard input.

    Attributes:
        module: the path of the PKCS#11 module.
        address: where to listen.
        authkey: what callers prove to know.
        call_seconds: the longest that one call of the module may take.
    """

    module: str
    address: str
    authkey: bytes
    call_seconds: float

    def __repr__(self) -> str:
        return f"HandOver({self.module!r})"


class Ready(_Message, frozen=True):
    """The module is loaded, and the process listens."""


class Working(_Message, frozen=True):
    """The answer takes time; the process lives."""


class Failure(_Message, frozen=True):
    """The request failed.

    Attributes:
        kind: the name of the error's class.
        code: its stable code.
        message: what happened.
        remedy: what to do.
    """

    kind: str
    code: str
    message: str
    remedy: str


class Identify(_Message, frozen=True):
    """Asks which token a URI names, and whether it needs a PIN."""

    uri: str


class Identified(_Message, frozen=True):
    """The token that a URI names.

    Attributes:
        uri: names this token, and no key.
        label: of the token.
        needs_pin: whether a PIN is needed and none is known yet.
    """

    uri: str
    label: str
    needs_pin: bool


class LogIn(_Message, frozen=True):
    """Hands over the PIN of a token. It is tried at once, and once."""

    uri: str
    pin: str

    def __repr__(self) -> str:
        return f"LogIn({self.uri!r})"


class Generate(_Message, frozen=True):
    """Asks for a new key pair in a token."""

    uri: str
    key_type: str
    label: str


class Find(_Message, frozen=True):
    """Asks for the one private key that a URI names."""

    uri: str


class Key(_Message, frozen=True):
    """A key pair in a token.

    Attributes:
        uri: of the key.
        public_key: its SubjectPublicKeyInfo, DER.
        key_type: of the profiles.
        remarks: what is unusual about it.
    """

    uri: str
    public_key: bytes
    key_type: str
    remarks: tuple[str, ...]


class OpenKey(_Message, frozen=True):
    """Asks for a key to sign with: found by its CKA_ID, and held against a public key."""

    uri: str
    public_key: bytes


class Opened(_Message, frozen=True):
    """The key was found, and is the right one.

    Attributes:
        name: by which the token process knows it: another process does not, until it is opened.
        takes_data: whether it signs data, and computes the digests itself.
    """

    name: bytes
    takes_data: bool


class Sign(_Message, frozen=True):
    """Asks for signatures over SHA-256 digests, or over data for a key that takes those."""

    name: bytes
    items: list[bytes]


class Signed(_Message, frozen=True):
    """The signatures: r and s, 32 octets each, or those of RSA."""

    signatures: list[bytes]


class NotOpen(_Message, frozen=True):
    """The key was opened in another token process than this one."""


class Remove(_Message, frozen=True):
    """Asks for a key pair and its certificate to be removed from a token."""

    uri: str


class StoreCertificate(_Message, frozen=True):
    """Asks for a certificate to be stored beside its key."""

    uri: str
    der: bytes


class Done(_Message, frozen=True):
    """The request was carried out."""


Request = Identify | LogIn | Generate | Find | OpenKey | Sign | Remove | StoreCertificate
Answer = Ready | Working | Failure | Identified | Key | Opened | NotOpen | Signed | Done


def encode(message: HandOver | Request | Answer) -> bytes:
    """The octets of a message."""
    return msgspec.msgpack.encode(message)


_hand_overs = msgspec.msgpack.Decoder(HandOver)
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def read_hand_over(data: bytes) -> HandOver:
    """Read what the token process gets first.

    Raises:
        msgspec.MsgspecError: if the octets are nothing of the kind.
    """
    return _hand_overs.decode(data)


def read_request(data: bytes) -> Request:
    """Read a request.

    Raises:
        msgspec.MsgspecError: if the octets are none.
    """
    return _requests.decode(data)


def read_answer(data: bytes) -> Answer:
    """Read an answer.

    Raises:
        msgspec.MsgspecError: if the octets are none.
    """
    return _answers.decode(data)
