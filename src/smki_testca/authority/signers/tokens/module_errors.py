"""Turns the errors of a PKCS#11 module (CKR_…) into ours: what happened, and what to do."""

from __future__ import annotations

import re

from pkcs11 import exceptions as ckr

from smki_testca.authority.signers.tokens.connection import token_failed
from smki_testca.errors import EstateError
from smki_testca.text import shown

LOST = (
    ckr.DeviceRemoved,
    ckr.KeyHandleInvalid,
    ckr.ObjectHandleInvalid,
    ckr.SessionClosed,
    ckr.SessionHandleInvalid,
    ckr.SlotIDInvalid,
    ckr.TokenNotPresent,
    ckr.TokenNotRecognised,
    ckr.UserNotLoggedIn,
)
"""The session is lost: worth one more try in a new one, if the token is there."""

_IRREGULAR = {
    ckr.AnotherUserAlreadyLoggedIn: "CKR_USER_ANOTHER_ALREADY_LOGGED_IN",
    ckr.FunctionCancelled: "CKR_FUNCTION_CANCELED",
    ckr.TokenNotRecognised: "CKR_TOKEN_NOT_RECOGNIZED",
}


def explained(error: ckr.PKCS11Error, token: str, aim: str) -> EstateError:
    """The error of this package for one of the module.

    Args:
        error: of the module.
        token: the token's label.
        aim: what was to be done, as in "to sign".
    """
    name = f"The token {shown(token)}"
    match error:
        case ckr.PinIncorrect():
            return EstateError(
                "token.pin",
                f"{name} does not accept the PIN.",
                "Check the PIN. It was tried once; a token locks itself after a few wrong ones.",
            )
        case ckr.PinInvalid() | ckr.PinLenRange():
            return EstateError(
                "token.pin",
                f"{name} has no PIN of such a length, or with such characters.",
                "Check the PIN and its file.",
            )
        case ckr.PinExpired() | ckr.UserPinNotInitialized():
            return EstateError(
                "token.pin",
                f"{name} has no PIN that is valid: {described(error)}.",
                "Set one with the token's own program.",
            )
        case ckr.PinLocked():
            return pin_locked(token)
        case ckr.TokenWriteProtected() | ckr.SessionReadOnly():
            return read_only(token)
        case ckr.DeviceMemory():
            return EstateError(
                "token.full",
                f"{name} has no memory left.",
                "Remove keys that are not needed with the token's own program, or use another one.",
            )
        case (
            ckr.DeviceRemoved()
            | ckr.SlotIDInvalid()
            | ckr.TokenNotPresent()
            | ckr.TokenNotRecognised()
        ):
            return gone(token)
    return token_failed(f"{name} failed {aim}: {described(error)}.")


def pin_locked(token: str) -> EstateError:
    """The error of a token whose PIN was wrong too often."""
    return EstateError(
        "token.pin_locked",
        f"The token {shown(token)} has locked its PIN, after too many wrong ones.",
        "Unlock it with the token's own program and the PIN of its security officer.",
    )


def read_only(token: str) -> EstateError:
    """The error of a token that cannot be written."""
    return EstateError(
        "token.read_only",
        f"The token {shown(token)} is write-protected: no key can be made in it or removed.",
        "Use a key that is in it already, or another token.",
    )


def gone(token: str) -> EstateError:
    """The error of a token that was there and is so no longer."""
    return EstateError(
        "token.gone",
        f"The token {shown(token)} was removed, or is lost, while it was in use.",
        "Connect it again.",
    )


def emptied(token: str) -> EstateError:
    """The error of a token that had a key and has nothing any more."""
    return EstateError(
        "token.gone",
        f"The token {shown(token)} has nothing in it any more.",
        "Connect the token that has the keys, or bring its content back.",
    )


def described(error: ckr.PKCS11Error) -> str:
    """An error of the module: its name in PKCS#11, and the same in words."""
    if type(error) is ckr.PKCS11Error:  # it has no name in the library, and a text instead
        return str(error)
    name = _IRREGULAR.get(type(error)) or "CKR_" + _snake(type(error).__name__)
    words = name.removeprefix("CKR_").replace("_", " ").lower()
    return f"{name} ({words})"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).upper()
