"""The PKCS#11 module: it is loaded once, and the tokens that it knows are found by URI."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pkcs11
from pkcs11 import TokenFlag
from pkcs11 import exceptions as ckr

from smki_testca.authority.signers.tokens.connection import token_failed
from smki_testca.authority.signers.tokens.module_errors import described
from smki_testca.authority.signers.tokens.token_session import TokenSession
from smki_testca.authority.signers.tokens.uri import TokenUri
from smki_testca.errors import EstateError, UsageError
from smki_testca.text import use_one_of

if TYPE_CHECKING:
    from smki_testca.authority.signers.tokens.watch import Watch
    from smki_testca.errors import SmkiTestcaError


@dataclass(frozen=True, slots=True)
class _Present:
    """A token that is there."""

    token: Any
    uri: TokenUri


class Module:
    """A PKCS#11 module and the tokens that are in use.

    Raises:
        SmkiTestcaError: if the module cannot be loaded.
    """

    def __init__(self, path: str, watch: Watch) -> None:
        self._path = path
        self._watch = watch
        self._sessions: dict[TokenUri, TokenSession] = {}
        self._resolved: dict[TokenUri, TokenSession] = {}
        self._unreadable = ""
        try:
            self._library = pkcs11.lib(path)
        except ckr.PKCS11Error as error:
            raise _not_loaded(path, error) from error

    def session(self, uri: TokenUri) -> TokenSession:
        """The session with the one token that a URI names.

        Raises:
            EstateError: if there is none or several.
        """
        known = self._resolved.get(uri.token_only)
        if known is not None:
            return known
        present = self._present()
        fitting = [slot for slot in present if _fits(slot, uri)]
        if not fitting:
            raise self._missing(uri, present)
        if len(fitting) > 1:
            raise EstateError(
                "token.ambiguous",
                f"{len(fitting)} tokens fit {uri.token_only}.",
                use_one_of((slot.uri for slot in fitting), "token"),
            )
        chosen = fitting[0]
        session = self._sessions.setdefault(
            chosen.uri,
            TokenSession(chosen.uri, chosen.token.label, self._find_again, self._watch),
        )
        self._resolved[uri.token_only] = session
        return session

    def close(self) -> None:
        """Log out of every token."""
        for session in self._sessions.values():
            session.close()

    def _find_again(self, uri: TokenUri) -> Any:
        return next((slot.token for slot in self._present() if slot.uri == uri), None)

    def _present(self) -> list[_Present]:
        """The tokens that are there and can be used."""
        tokens = []
        self._unreadable = ""
        with self._watch.calling():
            for slot in self._slots():
                self._watch.another()
                try:
                    token = slot.get_token()
                except ckr.PKCS11Error as error:
                    # It hides no token in another slot.
                    self._unreadable = f"; slot {slot.slot_id} failed: {described(error)}"
                    continue
                if token.flags & TokenFlag.TOKEN_INITIALIZED:
                    tokens.append(_Present(token, _uri_of(token)))
        return tokens

    def _slots(self) -> Any:
        try:
            return self._library.get_slots(token_present=True)
        except ckr.PKCS11Error as error:
            raise token_failed(
                f"The PKCS#11 module {self._path} failed to list its tokens: {described(error)}."
            ) from error

    def _missing(self, uri: TokenUri, present: list[_Present]) -> EstateError:
        there = use_one_of((slot.uri for slot in present), "token")
        return EstateError(
            "token.missing",
            f"There is no token {uri.token_only}{self._unreadable}.",
            there or self._remedy(),
        )

    def _remedy(self) -> str:
        if self._unreadable:
            return "Check the token in that slot with the vendor's programs, or connect it again."
        return f"Connect it: the module {Path(self._path).name} sees no token that is set up."


def _uri_of(token: Any) -> TokenUri:
    """The URI by which a token is found again, in whatever slot it is."""
    if serial := _serial(token):
        return TokenUri(token=token.label, serial=serial)
    return TokenUri(token=token.label, manufacturer=token.manufacturer_id, model=token.model)


def _serial(token: Any) -> str:
    text: str = token.serial.rstrip(b"\0 ").decode("utf-8", "replace")
    return text


def _fits(present: _Present, uri: TokenUri) -> bool:
    token = present.token
    stated = (
        (uri.token, token.label),
        (uri.manufacturer, token.manufacturer_id),
        (uri.model, token.model),
        (uri.serial, _serial(token)),
        (uri.slot_id, token.slot.slot_id),
    )
    return all(expected is None or expected == actual for expected, actual in stated)


def _not_loaded(path: str, error: ckr.PKCS11Error) -> SmkiTestcaError:
    _, is_loader, reason = str(error).partition(f" while loading {path}")
    if is_loader:  # of the system: the module itself was not asked yet
        return UsageError(
            "token.module",
            f"The PKCS#11 module {path} cannot be loaded{reason.replace(f'{path}: ', '')}.",
            "Name the module that the token's vendor has for this kind of machine, such as"
            " /usr/lib/softhsm/libsofthsm2.so.",
        )
    return token_failed(f"The PKCS#11 module {path} does not start: {described(error)}.")
