"""Reads and writes PKCS#11 URIs (RFC 7512), which name a token and a key in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import quote, unquote_to_bytes

from smki_testca.errors import InputError
from smki_testca.text import shown, use_one_of

MAX_CHARACTERS = 2048
"""The longest URI."""
MAX_ID_OCTETS = 255
"""The longest CKA_ID that a URI states."""
MAX_SLOT_ID = (1 << 64) - 1
"""The largest number of a slot: a CK_ULONG of 64 bits."""

_SCHEME = "pkcs11:"
_TEXTS = ("token", "manufacturer", "serial", "model", "object")
_NAMES = (*_TEXTS, "id", "slot-id", "type")
_PRIVATE = "private"
# Unreserved characters, and those of pk11-res-avail and "&" (RFC 7512 2.3), beside %XX.
_VALUE = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2})*")
_UNESCAPED = ":[]@!$'()*+,=&"
_REMEDY = (
    "Write it as in RFC 7512, such as pkcs11:token=NAME;object=LABEL: with percent-encoding, and"
    " each attribute once."
)
_QUERY_REMEDIES = {
    "pin-value": "Leave it out and give a file with the PIN: --token-pin-file.",
    "pin-source": "Leave it out and give the file with --token-pin-file.",
    "module-name": "Leave it out and give the module with --token-module.",
    "module-path": "Leave it out and give the module with --token-module.",
}


@dataclass(frozen=True, slots=True)
class TokenUri:
    """The URI of a token, or of a private key in one. What is None may have any value.

    A URI is kept in the estate, so it names neither a PIN, nor where one is, nor a program to load.

    Attributes:
        token: the label of the token.
        manufacturer: of the token.
        serial: the serial number of the token.
        model: of the token.
        object: the CKA_LABEL of the key.
        id: the CKA_ID of the key.
        slot_id: the number of the slot, which a module may give anew each time.
    """

    token: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None
    object: str | None = None
    id: bytes | None = None
    slot_id: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URI.

        Raises:
            InputError: if it is none, has an attribute that is not taken, or states a PIN.
        """
        if len(text) > MAX_CHARACTERS:
            raise _error(f"The PKCS#11 URI is longer than {MAX_CHARACTERS} characters.")
        if text[: len(_SCHEME)].lower() != _SCHEME:
            # What was given may be anything, such as a PIN.
            raise _error("A URI of a token begins with pkcs11:, and this one does not.")
        path, has_query, query = text[len(_SCHEME) :].partition("?")
        if has_query:
            _refuse_query(query)
        values = _attributes(path)
        if values.pop("type", _PRIVATE) != _PRIVATE:
            raise _error("The PKCS#11 URI is of another object than a private key.")
        uri_id = values.pop("id", None)
        if uri_id is not None and len(unquote_to_bytes(uri_id)) > MAX_ID_OCTETS:
            raise _error(f"The id of the PKCS#11 URI is longer than {MAX_ID_OCTETS} octets.")
        slot = values.pop("slot-id", None)
        return cls(
            **{name: _text(name, value) for name, value in values.items()},
            id=None if uri_id is None else unquote_to_bytes(uri_id),
            slot_id=None if slot is None else _slot_id(slot),
        )

    @classmethod
    def of_token(cls, text: str) -> Self:
        """Read the URI of a token in which a key is to be made.

        Raises:
            InputError: if it is none, or names a key, too, which would count for nothing.
        """
        uri = cls.parse(text)
        stated = _attributes(text[len(_SCHEME) :])
        for name in ("object", "id", "type"):
            if name in stated:
                raise InputError(
                    "token.uri",
                    f"The PKCS#11 URI names a key ({name}=), where a token is meant to make a key"
                    " in.",
                    f"Name the token alone: {uri.token_only}. For the key of a CA that is in the"
                    " token already, there is --ca-key of init.",
                )
        return uri

    def __str__(self) -> str:
        parts = [
            f"{name}={quote(value, safe=_UNESCAPED)}"
            for name in _TEXTS
            if (value := getattr(self, name)) is not None
        ]
        if self.id is not None:
            parts.append("id=" + "".join(f"%{octet:02X}" for octet in self.id))
        if self.slot_id is not None:
            parts.append(f"slot-id={self.slot_id}")
        return _SCHEME + ";".join(parts)

    def with_key(self, id: bytes, label: str) -> Self:  # noqa: A002 - the name in RFC 7512
        """The URI of a key in the token that this one names.

        Args:
            id: the CKA_ID of the key.
            label: the CKA_LABEL of the key; empty for one without.
        """
        return replace(self, id=id, object=label or None)

    @property
    def token_only(self) -> Self:
        """The URI of the token alone."""
        return replace(self, id=None, object=None)


def _attributes(path: str) -> dict[str, str]:
    """The values of the attributes by name, still encoded."""
    values: dict[str, str] = {}
    for part in path.split(";") if path else ():
        if not part:
            raise _error("The PKCS#11 URI has a semicolon with nothing behind or before it.")
        name, equals, value = part.partition("=")
        if name not in _NAMES:
            raise InputError(
                "token.uri",
                f"The PKCS#11 URI has an attribute {shown(name)}, which is not taken.",
                use_one_of(_NAMES, "attribute", given=name),
            )
        if name in values:
            raise _error(f"The PKCS#11 URI has the attribute {name} twice.")
        if not equals or not _VALUE.fullmatch(value):
            raise _error(f"The value of {name} in the PKCS#11 URI is not as RFC 7512 says.")
        values[name] = value
    return values


def _text(name: str, value: str) -> str:
    try:
        return unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _error(f"The value of {name} in the PKCS#11 URI is not UTF-8.") from error


def _slot_id(value: str) -> int:
    if not re.fullmatch("[0-9]{1,20}", value) or int(value) > MAX_SLOT_ID:
        raise _error("The slot-id of the PKCS#11 URI is not the number of a slot.")
    return int(value)


def _refuse_query(query: str) -> None:
    """Refuse a query: it says how to get a PIN or a module, and is no part of what is kept."""
    names = [part.partition("=")[0] for part in query.split("&")]
    if "pin-value" in names:
        raise InputError(
            "token.pin_in_uri",
            "The PKCS#11 URI states a PIN, which others see in lists of processes and in logs.",
            _QUERY_REMEDIES["pin-value"],
        )
    name = names[0]
    raise InputError(
        "token.uri",
        f"The PKCS#11 URI has a query, {shown(name)}, which is not taken.",
        _QUERY_REMEDIES.get(name, "Leave out the question mark and what follows it."),
    )


def _error(message: str) -> InputError:
    return InputError("token.uri", message, _REMEDY)
