"""Opens the estate behind the services: in each thread, and in a child process."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from smki_testca.api import Estate
from smki_testca.authority.signers.tokens.access import TokenAccess
from smki_testca.errors import EstateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smki_testca.clock import Clock


@dataclass(frozen=True, slots=True)
class TokenSecrets:
    """The PKCS#11 module and the PINs of an estate's tokens: nobody can be asked for them later.

    Attributes:
        module: the path of the module; None if no key is in a token.
        pins: by the label of the token.
    """

    module: Path | None = None
    pins: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def ask(cls, estate: Estate, access: TokenAccess) -> Self:
        """Ask for what the keys of issuing CAs need that are in tokens; nothing where none is.

        Raises:
            UsageError: if no module is configured.
            EstateError: if there is no PIN for a token.
        """
        in_tokens = estate.key_store.in_tokens
        uris = [in_tokens.uri(record.key_id) for record in estate.authorities.issuing_in_tokens()]
        if not uris:
            return cls()
        labels = dict.fromkeys(
            uri.token for uri in uris if uri is not None and uri.token is not None
        )
        return cls(access.module().absolute(), {label: access.pin(label) for label in labels})

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Self:
        """The secrets that ``as_json`` gave."""
        module = document["module"]
        return cls(None if module is None else Path(module), document["pins"])

    def as_json(self) -> dict[str, Any]:
        """As a JSON object, for a process that needs them, too. It holds the PINs."""
        return {"module": None if self.module is None else str(self.module), "pins": self.pins}

    def access(self) -> TokenAccess:
        """The access of an estate to its tokens."""
        return TokenAccess(self._known_module, self._known_pin)

    def _known_module(self) -> Path:
        if self.module is None:
            raise EstateError(
                "token.unprepared",
                "No key of the estate was in a token when the services started.",
                "Start the services again, with the PKCS#11 module.",
            )
        return self.module

    def _known_pin(self, label: str) -> str:
        pin = self.pins.get(label)
        if pin is None:
            raise EstateError(
                "token.pin",
                f"The PIN of the token {label} was not asked for when the services started.",
                "Start the services again.",
            )
        return pin


@dataclass(frozen=True, slots=True)
class EstateAccess:
    """An estate, and what opens its keys.

    Attributes:
        directory: of the estate.
        passphrase: asked for once, before the services start.
        wrapped: the estate key as that passphrase wraps it: it opens for these services also after
            a change of the passphrase. By default, as the estate has it.
        profiles: the operator's profile directory, if there is one.
        clock: a fixed clock; the system's by default.
        tokens: for keys that are in tokens.
    """

    directory: Path
    passphrase: str = field(repr=False)
    profiles: Path | None = None
    clock: Clock | None = None
    wrapped: bytes | None = field(default=None, repr=False)
    tokens: TokenSecrets = field(default_factory=TokenSecrets)

    def open(self) -> Estate:
        """Open the estate, for the thread that calls.

        Raises:
            EstateError: if it cannot be opened.
        """
        estate = Estate.open(
            self.directory,
            self.passphrase,
            profiles=self.profiles,
            clock=self.clock,
            token_access=self.tokens.access(),
        )
        if self.wrapped is not None:
            estate.estate_key.open_by(self.wrapped)
        return estate
