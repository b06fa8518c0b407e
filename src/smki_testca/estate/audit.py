"""The audit log: every decision and change, append-only, each entry chained to the one before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.errors import EstateError

if TYPE_CHECKING:
    from datetime import datetime

    from smki_testca.estate.database import Database

_FIRST = bytes(32)
_HEAD = "audit-head"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Attributes:
        number: counts from 1.
        at: UTC, ISO 8601.
        action: what was done, such as ``issue``.
        body: the details.
        digest: SHA-256 over the digest before it and this entry, hexadecimal.
    """

    number: int
    at: str
    action: str
    body: dict[str, Any]
    digest: str

    def as_json(self) -> dict[str, Any]:
        """The entry as a JSON object."""
        return {
            "number": self.number,
            "at": self.at,
            "action": self.action,
            "body": self.body,
            "digest": self.digest,
        }


class AuditLog:
    """The log of one estate."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, at: datetime, action: str, body: dict[str, Any]) -> int:
        """Add an entry, within the transaction of what it tells of.

        Returns:
            Its number.
        """
        last = self._database.rows("SELECT number, digest FROM audit ORDER BY number DESC LIMIT 1")
        number, previous = (last[0][0] + 1, last[0][1]) if last else (1, _FIRST)
        text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        instant = at.isoformat().replace("+00:00", "Z")
        digest = _digest(previous, number, instant, action, text)
        self._database.execute(
            "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?)",
            (number, instant, action, text, previous, digest),
        )
        self._database.execute(
            "INSERT INTO meta VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (_HEAD, digest),
        )
        return int(number)

    def entries(self, last: int | None = None) -> list[Entry]:
        """The entries in order; only the last so many, if a number is given."""
        rows = self._database.rows(
            "SELECT * FROM (SELECT number, at, action, body, digest FROM audit"
            " ORDER BY number DESC LIMIT ?) ORDER BY number",
            (-1 if last is None else last,),
        )
        return [
            Entry(number, at, action, json.loads(body), digest.hex())
            for number, at, action, body, digest in rows
        ]

    def entry(self, number: int) -> Entry:
        """The entry of that number.

        Raises:
            EstateError: if there is none.
        """
        rows = self._database.rows(
            "SELECT number, at, action, body, digest FROM audit WHERE number = ?", (number,)
        )
        if not rows:
            raise EstateError("audit.broken", f"The audit log is broken at entry {number}.")
        ((number, at, action, body, digest),) = rows
        return Entry(number, at, action, json.loads(body), digest.hex())

    def verify(self) -> int:
        """See that the chain is whole, and that it and what the estate keeps tell the same.

        Returns:
            How many entries there are.

        Raises:
            EstateError: naming the first entry, certificate, tile, revocation, revocation list or
                external certificate that does not fit.
        """
        previous, expected = _FIRST, 1
        told: dict[str, tuple[int, str]] = {}
        tiles: dict[tuple[int, int], tuple[int, str]] = {}
        revoked: dict[str, int] = {}
        lists: dict[int, tuple[int, str]] = {}
        externals: dict[str, int] = {}
        rows = self._database.rows("SELECT * FROM audit ORDER BY number")
        for number, at, action, body, chained, digest in rows:
            fits = number == expected and chained == previous
            if not fits or digest != _digest(previous, number, at, action, body):
                raise EstateError("audit.broken", f"The audit log is broken at entry {expected}.")
            previous, expected = digest, expected + 1
            for one in json.loads(body).get("certificates", ()):
                told[one["serial"]] = (number, one["sha256"])
            if action == "batch.tile":
                tile = json.loads(body)
                tiles[tile["run"], tile["tile"]] = (number, tile["sha256"])
            elif action == "import":
                imported = json.loads(body)["externals"]
                externals |= {one["sha256"]: number for one in imported}
            elif action == "crl.issue":
                issued = json.loads(body)
                lists[number] = (issued["number"], issued["sha256"])
            elif action in {"revoke", "reject"}:
                revoked |= dict.fromkeys(json.loads(body).get("revoked", ()), number)
        if previous != self._database.value("SELECT value FROM meta WHERE name = ?", (_HEAD,)):
            raise EstateError(
                "audit.broken", f"The audit log is cut off after entry {expected - 1}."
            )
        for serial, der, entry in self._database.rows(
            "SELECT serial, der, audit FROM certificates"
        ):
            text = serial.hex().upper()
            if told.pop(text, None) != (entry, hashlib.sha256(der).hexdigest()):
                raise EstateError(
                    "audit.certificate", f"The audit log does not tell of certificate {text}."
                )
        if told:
            raise EstateError(
                "audit.certificate",
                f"The audit log tells of certificate {min(told)}, which the estate lacks.",
            )
        self._verify_tiles(tiles)
        self._verify_revocations(revoked)
        self._verify_lists(lists)
        self._verify_externals(externals)
        return expected - 1

    def _verify_revocations(self, told: dict[str, int]) -> None:
        """See that the revocations are those that the log tells of."""
        for serial, entry in self._database.rows("SELECT serial, audit FROM revocations"):
            text = serial.hex().upper()
            if told.pop(text, None) != entry:
                raise EstateError(
                    "audit.revocation",
                    f"The audit log does not tell of the revocation of {text}.",
                )
        if told:
            raise EstateError(
                "audit.revocation",
                f"The audit log tells of the revocation of {min(told)}, which the estate lacks.",
            )

    def _verify_lists(self, told: dict[int, tuple[int, str]]) -> None:
        """See that the revocation lists are those that the log tells of."""
        for number, der, entry in self._database.rows(
            "SELECT number, der, audit FROM revocation_lists"
        ):
            if told.pop(entry, None) != (number, hashlib.sha256(der).hexdigest()):
                raise EstateError(
                    "audit.revocation_list",
                    f"The audit log does not tell of revocation list {number}.",
                )
        if told:
            raise EstateError(
                "audit.revocation_list",
                f"Entry {min(told)} of the audit log tells of a revocation list, which the estate"
                " lacks.",
            )

    def _verify_externals(self, told: dict[str, int]) -> None:
        """See that the external certificates are those that the log tells of."""
        for der, entry in self._database.rows("SELECT der, audit FROM externals"):
            digest = hashlib.sha256(der).hexdigest()
            if told.pop(digest, None) != entry:
                raise EstateError(
                    "audit.external",
                    f"The audit log does not tell of external certificate {digest}.",
                )
        if told:
            raise EstateError(
                "audit.external",
                f"The audit log tells of external certificate {min(told)}, which the estate lacks.",
            )

    def _verify_tiles(self, told: dict[tuple[int, int], tuple[int, str]]) -> None:
        """See that the finished tiles are those that the log tells of."""
        for run, number, digest, entry in self._database.rows(
            "SELECT run, number, digest, audit FROM tiles WHERE digest <> x''"
        ):
            if told.pop((run, number), None) != (entry, digest.hex()):
                raise EstateError(
                    "audit.tile", f"The audit log does not tell of tile {number} of run {run}."
                )
        if told:
            run, number = min(told)
            raise EstateError(
                "audit.tile",
                f"The audit log tells of tile {number} of run {run}, which the estate lacks.",
            )


def _digest(previous: bytes, number: int, at: str, action: str, body: str) -> bytes:
    text = json.dumps([number, at, action, body], ensure_ascii=False)
    return hashlib.sha256(previous + text.encode("utf-8")).digest()
