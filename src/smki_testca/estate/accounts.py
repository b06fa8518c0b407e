"""Stores accounts: who may use the services with a name and a password, or with an API key.

Five failures within an hour lock an account for an hour (SEC App. P). It is locked as a whole: its
API key is not taken either.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from smki_testca.clock import earlier, from_iso, iso, later
from smki_testca.errors import AlreadySoError, InputError
from smki_testca.estate.passwords import (
    api_key_digest,
    check_password,
    checked_digest,
    make_api_key,
    nobodys_digest,
    password_digest,
    password_fits,
)
from smki_testca.text import shown, use_one_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from datetime import datetime

    from smki_testca.clock import Clock
    from smki_testca.estate.audit import AuditLog
    from smki_testca.estate.database import Database
    from smki_testca.estate.register import RegisterStore

MAX_FAILURES = 5
"""So many failures within ``LOCK_TIME`` lock an account (SEC App. P)."""
LOCK_TIME = timedelta(hours=1)
"""The time for which an account stays locked, and in which its failures count (SEC App. P)."""
# HTTP Basic cannot carry a colon in a name (RFC 7617 2), and the log shows each name as it is.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)


class SignInError(InputError):
    """Somebody has not shown to be the holder of an account.

    It does not say why: whoever guesses learns nothing of names and locks.
    """


@dataclass(frozen=True, slots=True)
class Account:
    """An account.

    Attributes:
        name: with which its holder signs in.
        participant: whose it is; None for the operator.
        created: when it was added, UTC.
        failures: how many failures to sign in count against it.
        locked_until: when its lock ends, UTC; None if it is not locked.
    """

    name: str
    participant: str | None
    created: datetime
    failures: int
    locked_until: datetime | None

    def as_json(self) -> dict[str, Any]:
        """The account as a JSON object."""
        return {
            "name": self.name,
            "participant": self.participant,
            "created": iso(self.created),
            "failures": self.failures,
            "locked_until": None if self.locked_until is None else iso(self.locked_until),
        }


@dataclass(frozen=True, slots=True)
class PasswordProof:
    """The result of a guess at a password.

    Attributes:
        name: that was given.
        fitted: the digest that the password fitted; None if it did not fit.
    """

    name: str
    fitted: bytes | None

    @classmethod
    def of(cls, name: str, password: str, digest: bytes) -> Self:
        """Guess: slow on purpose. The estate is not needed for that.

        Args:
            name: that was given.
            password: the guess.
            digest: of the account; see ``AccountStore.digest_of``.
        """
        return cls(name, digest if password_fits(password, digest) else None)


class AccountStore:
    """The accounts of one estate.

    Args:
        database: of the estate.
        audit: records each change, each failure of an account and each lock.
        register: has the participants.
        clock: tells the time.
    """

    def __init__(
        self, database: Database, audit: AuditLog, register: RegisterStore, clock: Clock
    ) -> None:
        self._database = database
        self._audit = audit
        self._register = register
        self._clock = clock

    def add(self, name: str, password: str, participant: str | None = None) -> str:
        """Add an account.

        Args:
            name: 1 to 64 letters, digits, dots, hyphens, underscores or ``@``.
            password: of the account.
            participant: whose it is: its id in the register; None for the operator.

        Returns:
            Its API key, which nobody can read again.

        Raises:
            InputError: for another name, one that is taken, a password too short or long, or if
                there is no such participant.
        """
        if not _NAME.fullmatch(name):
            raise InputError(
                "account.name",
                f"{shown(name)} cannot be the name of an account.",
                "Use 1 to 64 ASCII letters, digits, dots, hyphens, underscores or @, the first a"
                " letter or digit.",
            )
        check_password(password)
        digest, api_key = password_digest(password), make_api_key()
        with self._database.transaction():
            if participant is not None:
                self._register.load().participant(participant)
            if self._find(name) is not None:
                raise InputError(
                    "account.taken",
                    f"There is an account {name} already.",
                    f"Choose another name, or change it: smki-testca account password {name}",
                )
            self._database.insert(
                "accounts",
                {
                    "name": name,
                    "participant": participant,
                    "password": digest,
                    "api_key": api_key_digest(api_key),
                    "created": iso(self._clock.now()),
                },
            )
            self._record("add", name, participant=participant)
        return api_key

    def remove(self, name: str) -> Account:
        """Remove an account, and return it as it was.

        Raises:
            InputError: if there is none of that name.
        """
        with self._database.transaction():
            account = self.get(name)
            self._forgive(name)
            self._database.execute("DELETE FROM accounts WHERE name = ?", (name,))
            self._record("remove", name, participant=account.participant)
        return account

    def set_password(self, name: str, password: str) -> None:
        """Give an account another password; failures with the old one are forgiven.

        Raises:
            InputError: if there is none of that name, or the password is too short or long.
        """
        check_password(password)
        digest = password_digest(password)
        with self._database.transaction():
            self.get(name)
            self._forgive(name)
            self._database.execute(
                "UPDATE accounts SET password = ? WHERE name = ?", (digest, name)
            )
            self._record("password", name)

    def new_key(self, name: str) -> str:
        """Give an account another API key, and return it; the old one is not taken any more.

        Raises:
            InputError: if there is none of that name.
        """
        api_key = make_api_key()
        with self._database.transaction():
            self.get(name)
            self._database.execute(
                "UPDATE accounts SET api_key = ? WHERE name = ?", (api_key_digest(api_key), name)
            )
            self._record("key", name)
        return api_key

    def unlock(self, name: str) -> None:
        """Forgive the failures of an account, and so take its lock away.

        Raises:
            InputError: if there is none of that name, or it has no failures.
        """
        with self._database.transaction():
            account = self.get(name)
            if not account.failures:
                raise AlreadySoError(
                    "account.unlocked",
                    f"Account {name} is not locked, and no failure counts against it.",
                    "See: smki-testca account list",
                )
            self._forgive(name)
            self._record("unlock", name, failures=account.failures)

    def all(self) -> list[Account]:
        """Every account, by name."""
        accounts = self._database.records(_account, f"{_ACCOUNTS} ORDER BY name")
        return [self._with_failures(*account) for account in accounts]

    def exist(self) -> bool:
        """Whether there is any account."""
        return self._database.value("SELECT 1 FROM accounts LIMIT 1") is not None

    def get(self, name: str) -> Account:
        """The account of a name.

        Raises:
            InputError: if there is none.
        """
        account = self._find(name)
        if account is None:
            names = [row["name"] for row in self._database.rows("SELECT name FROM accounts")]
            raise InputError(
                "account.unknown",
                f"There is no account {shown(name)}.",
                use_one_of(sorted(names), given=name) or "Add it with: smki-testca account add",
            )
        return account

    def of_participant(self, participant: str) -> list[str]:
        """The names of a participant's accounts."""
        return [
            row["name"]
            for row in self._database.rows(
                "SELECT name FROM accounts WHERE participant = ? ORDER BY name", (participant,)
            )
        ]

    def sign_in(
        self, name: str, password: str, details: Mapping[str, Any] = MappingProxyType({})
    ) -> Account:
        """Check a name and a password; see ``prove`` and ``settle``, which are its halves.

        Raises:
            SignInError: if they do not fit, or the account is locked.
        """
        return self.settle(self.prove(name, password), details)

    def prove(self, name: str, password: str) -> PasswordProof:
        """Guess at a password: slow on purpose, as slow for a name that nobody has.

        Nothing is changed, so that many guesses do not wait for each other.
        """
        return PasswordProof.of(name, password, self.digest_of(name))

    def digest_of(self, name: str) -> bytes:
        """The digest to compare a guess with; one that never fits for a name that nobody has."""
        account = self._database.record(
            lambda row: checked_digest(row["password"]),
            "SELECT name, password FROM accounts WHERE name = ?",
            (_possible(name),),
        )
        return account or nobodys_digest()

    def has_password(self, name: str, fitted: bytes) -> bool:
        """Whether an account still has the password whose digest a proof has as ``fitted``."""
        digest = self._password(name)
        return digest is not None and hmac.compare_digest(digest, fitted)

    def settle(
        self, proof: PasswordProof, details: Mapping[str, Any] = MappingProxyType({})
    ) -> Account:
        """Count what a guess has shown: a failure may lock the account, a success clears them.

        A locked account and a name that nobody has are refused, and nothing is written of them:
        whoever guesses does not flood the audit log.

        Args:
            proof: of the guess.
            details: of the entry in the audit log, such as the address of who guessed.

        Raises:
            SignInError: if the password did not fit, or the account is locked or gone.
        """
        # An error within would take the failure back.
        with self._database.transaction():
            account = self._settled(proof, details)
        if account is None:
            raise _refused()
        return account

    def _settled(self, proof: PasswordProof, details: Mapping[str, Any]) -> Account | None:
        account, digest = self._find(proof.name), self._password(proof.name)
        if account is None or digest is None or account.locked_until is not None:
            return None
        if proof.fitted is None or not hmac.compare_digest(proof.fitted, digest):
            self._count_failure(account, details)
            return None
        if account.failures:
            self._forgive(account.name)
            self._record("sign-in", account.name, failures=account.failures, **details)
        return self.get(account.name)

    def by_api_key(self, api_key: str) -> Account:
        """The account of an API key; nothing is counted, for nobody guesses one.

        Raises:
            SignInError: if no account has it, or the account is locked.
        """
        digest = api_key_digest(api_key)
        name_and_digest = self._database.record(
            lambda row: (row["name"], row["api_key"]),
            "SELECT name, api_key FROM accounts WHERE api_key = ?",
            (digest,),
        )
        # The index finds by digest, of which a guesser chooses no part.
        if name_and_digest is None or not hmac.compare_digest(name_and_digest[1], digest):
            raise _refused()
        account = self.get(name_and_digest[0])
        if account.locked_until is not None:
            raise _refused()
        return account

    # Failures.

    def _count_failure(self, account: Account, details: Mapping[str, Any]) -> None:
        now = self._clock.now()
        self._database.execute(
            "DELETE FROM account_failures WHERE account = ? AND at <= ?",
            (account.name, iso(earlier(now, LOCK_TIME))),
        )
        number = self._database.value(
            "SELECT coalesce(max(number), 0) + 1 FROM account_failures WHERE account = ?",
            (account.name,),
        )
        self._database.insert(
            "account_failures", {"account": account.name, "number": number, "at": iso(now)}
        )
        after = self.get(account.name)
        if after.locked_until is None:
            self._record("failure", account.name, failures=after.failures, **details)
        else:
            until = iso(after.locked_until)
            self._record("lock", account.name, failures=after.failures, until=until, **details)

    def _forgive(self, name: str) -> None:
        self._database.execute("DELETE FROM account_failures WHERE account = ?", (name,))

    def _with_failures(self, name: str, participant: str | None, created: datetime) -> Account:
        now = self._clock.now()
        times = self._database.records(
            lambda row: from_iso(row["at"]),
            "SELECT account, number, at FROM account_failures WHERE account = ? ORDER BY number",
            (name,),
        )
        ends = later(times[-1], LOCK_TIME) if len(times) >= MAX_FAILURES else None
        locked_until = ends if ends is not None and now < ends else None
        # Those that locked it count until the lock ends, whenever they were.
        counting = [at for at in times if locked_until is not None or now < later(at, LOCK_TIME)]
        return Account(name, participant, created, len(counting), locked_until)

    # The rows.

    def _find(self, name: str) -> Account | None:
        account = self._database.record(_account, f"{_ACCOUNTS} WHERE name = ?", (_possible(name),))
        return None if account is None else self._with_failures(*account)

    def _password(self, name: str) -> bytes | None:
        password: bytes | None = self._database.value(
            "SELECT password FROM accounts WHERE name = ?", (_possible(name),)
        )
        return password

    def _record(self, change: str, name: str, **body: Any) -> None:
        self._audit.append(self._clock.now(), f"account.{change}", {"account": name, **body})


def _possible(name: str) -> str:
    """The name, or one that no account has where it cannot be one: SQLite takes no surrogates."""
    return name if _NAME.fullmatch(name) else ""


_ACCOUNTS = "SELECT name, participant, created FROM accounts"


def _account(row: sqlite3.Row) -> tuple[str, str | None, datetime]:
    return row["name"], row["participant"], from_iso(row["created"])


def _refused() -> SignInError:
    return SignInError(
        "account.refused",
        "The name and the password, or the API key, are not those of an account, or the account"
        f" is locked, as it is for an hour after {MAX_FAILURES} failures within an hour.",
        "Ask the operator to look: smki-testca account list",
    )
