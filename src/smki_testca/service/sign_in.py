"""Signs people and programs in to the services with an account: a name and password, or an API key.

Whoever guesses at names learns nothing. A guess takes as long for a name that nobody has, one
guess is made at a time, and a refusal takes half a second or more: so the time that it takes to
write a failure does not tell it from one that is not written.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from smki_testca.estate.accounts import PasswordProof, SignInError

if TYPE_CHECKING:
    from smki_testca.estate.accounts import Account
    from smki_testca.service.desk import Desk

REFUSAL_SECONDS = 0.5
"""The least time that a refusal takes."""


async def refuse_late(began: float) -> None:
    """Wait until a refusal may be told.

    Args:
        began: when the request came, by ``time.monotonic``.
    """
    await asyncio.sleep(began + REFUSAL_SECONDS - time.monotonic())


class SignIn:
    """The sign-ins of one application.

    Args:
        desk: does the work on the estate.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        # A guess takes 16 MiB, and a thread that is none of the desk's: others go on meanwhile.
        self._one_at_a_time = asyncio.Semaphore(1)

    async def with_password(self, name: str, password: str, address: str) -> Account:
        """The account of a name and password.

        Args:
            name: of the account.
            password: of the account.
            address: that the guess comes from, for the audit log.

        Raises:
            SignInError: if they are not those of an account, or it is locked.
        """
        began = time.monotonic()
        async with self._one_at_a_time:
            digest = await self._desk.read(lambda estate: estate.accounts.digest_of(name))
            proof = await asyncio.to_thread(PasswordProof.of, name, password, digest)
        details = {"peer": {"address": address}}
        try:
            return await self._desk.write(lambda estate: estate.accounts.settle(proof, details))
        except SignInError:
            await refuse_late(began)
            raise

    async def with_api_key(self, api_key: str) -> Account:
        """The account of an API key.

        Raises:
            SignInError: if no account has it, or the account is locked.
        """
        return await self._desk.read(lambda estate: estate.accounts.by_api_key(api_key))

    async def is_possible(self) -> bool:
        """Whether the estate has accounts."""
        return await self._desk.read(lambda estate: estate.accounts.exist())
