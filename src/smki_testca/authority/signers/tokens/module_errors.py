"""Turns the errors of a PKCS#11 module (CKR_…) into ours: what happened, and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pkcs11 import exceptions as ckr

from smki_testca.authority.signers.tokens.connection import token_failed
from smki_testca.errors import EstateError
from smki_testca.text import shown

if TYPE_CHECKING:
    from smki_testca.errors import SmkiTestcaError

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

_GONE = (ckr.DeviceRemoved, ckr.SlotIDInvalid, ckr.TokenNotPresent, ckr.TokenNotRecognised)
_TOLD = {
    ckr.PinIncorrect: (
        "token.pin",
        "does not accept the PIN",
        "Check the PIN. It was tried once; a token locks itself after a few wrong ones.",
    ),
    ckr.PinInvalid: (
        "token.pin",
        "says that the PIN has characters that no PIN of it has",
        "Check the PIN and its file.",
    ),
    ckr.PinLenRange: (
        "token.pin",
        "says that the PIN is too long or too short",
        "Check the PIN and its file.",
    ),
    ckr.PinExpired: (
        "token.pin",
        "says that its PIN has expired",
        "Set a new one with the token's own program.",
    ),
    ckr.UserPinNotInitialized: (
        "token.pin",
        "has no PIN of its user yet",
        "Set one with the token's own program.",
    ),
    ckr.PinLocked: (
        "token.pin_locked",
        "has locked its PIN, after too many wrong ones",
        "Unlock it with the token's own program and its security officer's PIN.",
    ),
    ckr.TokenWriteProtected: (
        "token.read_only",
        "is write-protected",
        "Make and remove keys where the token can be written, or use a key that is there.",
    ),
    ckr.SessionReadOnly: (
        "token.read_only",
        "gives only sessions that write nothing",
        "Make and remove keys where the token can be written, or use a key that is there.",
    ),
    ckr.DeviceMemory: (
        "token.full",
        "has no memory left",
        "Remove keys that nobody needs with the token's own program, or use another token.",
    ),
}
_IRREGULAR = {
    ckr.AnotherUserAlreadyLoggedIn: "CKR_USER_ANOTHER_ALREADY_LOGGED_IN",
    ckr.FunctionCancelled: "CKR_FUNCTION_CANCELED",
    ckr.TokenNotRecognised: "CKR_TOKEN_NOT_RECOGNIZED",
}


def explained(error: ckr.PKCS11Error, token: str, aim: str) -> SmkiTestcaError:
    """The error of this package for one of the module.

    Args:
        error: of the module.
        token: the token's label.
        aim: what was to be done, as in "to sign".
    """
    kind = type(error)
    if kind in _TOLD:
        code, what, remedy = _TOLD[kind]
        return EstateError(code, f"The token {shown(token)} {what}.", remedy)
    if kind in _GONE:
        return gone(token)
    return token_failed(f"The token {shown(token)} failed {aim}: {described(error)}.")


def gone(token: str) -> EstateError:
    """The error of a token that was there and is so no longer."""
    return EstateError(
        "token.gone",
        f"The token {shown(token)} was removed, or is lost, while it was in use.",
        "Connect it and run the command again; a batch continues with batch resume.",
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
