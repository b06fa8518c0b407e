"""PKCS#11 tokens on the command line: their URIs, and what has to be typed before they are used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from smki_testca.errors import SmkiTestcaError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smki_testca.api import Estate
    from smki_testca.authority.signers.tokens.tokens import FoundKey
    from smki_testca.authority.signers.tokens.uri import TokenUri
    from smki_testca.cli.session import Session
    from smki_testca.estate.certificates import Record


class TokenUriType(click.ParamType[Any]):
    """The PKCS#11 URI of a token, or of a key in one (RFC 7512).

    Args:
        is_token: whether a token is meant in which a key is to be made.
    """

    name = "uri"

    def __init__(self, *, is_token: bool = False) -> None:
        self._is_token = is_token

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the URI.

        Raises:
            InputError: if it is none, states a PIN, or names a key where a token is meant.
        """
        del param, ctx
        from smki_testca.authority.signers.tokens.uri import TokenUri

        if isinstance(value, TokenUri):
            return value
        return TokenUri.of_token(value) if self._is_token else TokenUri.parse(value)


def token_option(help_text: str) -> Callable[[Any], Any]:
    """Return the option ``--token`` with a help of the command's own."""
    return click.option("--token", metavar="URI", type=TokenUriType(is_token=True), help=help_text)


def remarks_on_key(name: str, key: FoundKey) -> list[str]:
    """Return a line for each thing that is unusual about a key that was found in a token.

    Args:
        name: of the CA whose key it is.
        key: as it was found in the token.
    """
    return [f"About the key of the CA {name}: {remark}." for remark in key.remarks]


@dataclass(frozen=True, slots=True)
class Needs:
    """The keys of an estate that a command needs.

    Attributes:
        authorities: the CAs that it signs with.
        sealing: whether private keys are sealed or opened besides.
        tokens: in which keys are made, or looked for; None is no token.
    """

    authorities: Sequence[Record] = ()
    sealing: bool = True
    tokens: Sequence[TokenUri | None] = ()


def ask_first(session: Session, estate: Estate, needs: Callable[[], Needs]) -> None:
    """Have typed now what a command needs, and log in: later, others would wait as long.

    The passphrase is asked for only if a sealed key is used, a PIN only if one in a token is. Also
    where both are ready, a module may take its time, or hang.

    Args:
        session: of the command.
        estate: that the command opened.
        needs: of the command. If it fails, the command reports that itself, where the gate would
            refuse before.
    """
    try:
        needed = needs()
    except SmkiTestcaError:
        needed = Needs(sealing=False)
    in_tokens = [
        record
        for record in needed.authorities
        if estate.key_store.in_tokens.uri(record.key_id) is not None
    ]
    is_sealed_key_used = needed.sealing or len(in_tokens) < len(needed.authorities)
    if is_sealed_key_used and not session.has_passphrase_ready(estate.directory):
        estate.unlock()
    for record in in_tokens:
        estate.authorities.signer(record)
    for uri in filter(None, needed.tokens):
        estate.tokens.log_in(uri)
