"""Viewers of the portal, and what they may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smki_testca.errors import InputError
from smki_testca.service.callers import holder_of
from smki_testca.service.portal.sessions import token_of
from smki_testca.service.tls import peer_certificate

if TYPE_CHECKING:
    from aiohttp import web

    from smki_testca.api import Estate
    from smki_testca.service.context import Context
    from smki_testca.service.portal.sessions import Sessions, SignedIn


@dataclass(frozen=True, slots=True)
class Viewer:
    """The viewer.

    Attributes:
        participant: whose certificates, batches, requests and agreements are shown; None for the
            operator, who sees all.
        how: how this is known, in words, such as ``account alice``.
        account: the account that has signed in, if one has.
    """

    participant: str | None
    how: str
    account: str | None = None

    @property
    def is_operator(self) -> bool:
        """Whether everything is shown."""
        return self.participant is None

    @property
    def name(self) -> str:
        """The name of the viewer, in words."""
        return "operator" if self.participant is None else f"participant {self.participant}"

    def sees(self, owner: str | None) -> bool:
        """Whether something is shown that belongs to a participant.

        Every page asks this before it shows anything of anybody.

        Args:
            owner: the id of the participant; None for what is the operator's alone.
        """
        return self.participant is None or owner == self.participant

    def sees_entry(self, owners: frozenset[str]) -> bool:
        """Whether an entry of the audit log about some participants is shown.

        A participant sees one that is about it and about nobody else.
        """
        return all(map(self.sees, owners or {None}))


async def viewer_of(request: web.Request, context: Context, sessions: Sessions) -> Viewer | None:
    """The viewer; None for somebody who has to sign in first.

    An IKI certificate says who it is, or else the account that has signed in. Where the portal is
    reached from this machine alone, anybody else is the operator.

    Raises:
        AccessDeniedError: if a client presented a certificate that does not open the portal now.
    """
    der = peer_certificate(request)
    if der is not None:
        return await context.desk.read(lambda estate: _of_certificate(estate, der))
    token = token_of(request)
    signed_in = None if token is None else sessions.signed_in(token)
    if signed_in is not None:
        viewer = await context.desk.read(lambda estate: _of_account(estate, signed_in))
        if viewer is not None:
            return viewer
    return Viewer(None, "this machine") if context.settings.is_local else None


def _of_certificate(estate: Estate, der: bytes) -> Viewer:
    record = holder_of(estate, der)
    return Viewer(record.participant or "", f"IKI certificate {record.serial}")


def _of_account(estate: Estate, signed_in: SignedIn) -> Viewer | None:
    """The viewer of an account as it is now; None if it was removed or has another password."""
    name = signed_in.account
    try:
        account = estate.accounts.get(name)
    except InputError:
        return None
    if not estate.accounts.has_password(name, signed_in.password):
        return None
    return Viewer(account.participant, f"account {name}", name)
