"""Sums up what an estate is and has: from its tables, without reading its tiles through."""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smki_testca.estate.row_counts import RowCounts
from smki_testca.estate.runs import State
from smki_testca.estate_files import BULK_FOLDER, FILES
from smki_testca.lifecycle.due_lists import due_lists
from smki_testca.profiles.file_digests import PROFILE_FOLDERS, Owner, file_digests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from smki_testca.estate.authorities import AuthorityState
    from smki_testca.estate.status import Status
    from smki_testca.estate.stores import Stores
    from smki_testca.lifecycle.due_lists import DueList
    from smki_testca.lifecycle.looking import Look
    from smki_testca.profiles.file_digests import FileDigest
    from smki_testca.profiles.model import Environment


@dataclass(frozen=True, slots=True)
class AuthorityKey:
    """A certificate of a CA, and where the CA's key is.

    Attributes:
        state: the certificate, and its generation.
        place: ``estate``, the URI of a key in a token, or None if it is nowhere.
    """

    state: AuthorityState
    place: str | None

    def as_json(self) -> dict[str, Any]:
        """The CA as a JSON object."""
        record = self.state.record
        return {
            "name": record.label,
            "serial": str(record.serial),
            "family": record.family,
            "hierarchy": str(record.hierarchy),
            "tier": record.tier.value,
            "generation": self.state.generation,
            "issues_now": self.state.issues_now,
            "key": self.place,
        }


@dataclass(frozen=True, slots=True)
class DiskUse:
    """The octets that an estate takes.

    Attributes:
        file: its file, with what SQLite leaves beside it.
        tiles: the tiles of its runs.
    """

    file: int
    tiles: int

    def as_json(self) -> dict[str, int]:
        """The octets as a JSON object."""
        return {"file": self.file, "tiles": self.tiles, "all": self.file + self.tiles}


@dataclass(frozen=True, slots=True, kw_only=True)
class EstateSummary:
    """The facts and numbers of an estate.

    Attributes:
        directory: of the estate.
        format: of its file.
        environments: for which it has CAs.
        files: of the profiles, each with its digest.
        created_by: the digests of the certificate and CRL profiles when the estate was made, by
            the profiles' names; empty where the log does not record them.
        certificates: their number by profile and status, those of CAs included.
        rows: the number of ``participants``, ``agreements``, ``externals``, ``accounts`` and
            ``audit`` entries.
        runs: their number by state; every state is there.
        due: the revocation lists that are due.
        sealed, imported: the number of private keys that are sealed in the estate, beside those of
            runs, and of those that were imported.
        in_tokens: the number of keys in each token.
        authorities: the certificates of the CAs, and where the keys are.
        disk: the octets that it takes.
    """

    directory: Path
    format: int
    environments: tuple[Environment, ...]
    files: tuple[FileDigest, ...]
    created_by: Mapping[str, str]
    certificates: Mapping[tuple[str, Status], int]
    rows: Mapping[str, int]
    runs: Mapping[State, int]
    due: tuple[DueList, ...]
    sealed: int
    imported: int
    in_tokens: Mapping[str, int]
    authorities: tuple[AuthorityKey, ...]
    disk: DiskUse

    @property
    def own_files(self) -> list[FileDigest]:
        """The files of the profiles that are not shipped."""
        return [file for file in self.files if file.owner is not Owner.SHIPPED]

    def is_as_created(self, file: FileDigest) -> bool | None:
        """Whether a profile is as it was when the estate was made; None if that is not known."""
        folder, _, name = file.name.removesuffix(".toml").partition("/")
        digest = self.created_by.get(name) if folder in PROFILE_FOLDERS else None
        return None if digest is None else digest == file.sha256

    def as_json(self) -> dict[str, Any]:
        """The summary as a JSON object."""
        return {
            "estate": str(self.directory),
            "format": self.format,
            "environments": [
                {"name": environment.name, "family": environment.family}
                for environment in self.environments
            ],
            "profiles": [
                {
                    "name": file.name,
                    "file": str(file.path),
                    "from": file.owner.value,
                    "sha256": file.sha256,
                    "as_created": self.is_as_created(file),
                }
                for file in self.files
            ],
            "certificates": [
                {"profile": profile, "status": status.word, "count": count}
                for (profile, status), count in self.certificates.items()
            ],
            "counts": {
                "certificates": sum(self.certificates.values()),
                "participants": self.rows["participants"],
                "agreements": self.rows["agreements"],
                "externals": self.rows["externals"],
                "accounts": self.rows["accounts"],
                "audit_entries": self.rows["audit"],
            },
            "runs": {state.value: count for state, count in self.runs.items()},
            "revocation_lists_due": [due.as_json() for due in self.due],
            "keys": {
                "estate": self.sealed,
                "imported": self.imported,
                "tokens": [
                    {"token": token, "keys": count} for token, count in self.in_tokens.items()
                ],
            },
            "authorities": [authority.as_json() for authority in self.authorities],
            "octets": self.disk.as_json(),
        }


def sum_up(look: Look) -> EstateSummary:
    """Sum up an estate that is open to be looked at.

    Of each section of a run, one tile is read, for the end of the certificates; no other is.

    Raises:
        EstateError: if the estate is damaged.
        InputError: if a profile is invalid.
    """
    estate = look.estate
    row_counts = RowCounts(look.database)
    rows = row_counts.by_table()
    runs = Counter(run.state for run in estate.runs.all())
    return EstateSummary(
        directory=estate.directory,
        format=look.format,
        environments=tuple(estate.environments()),
        files=tuple(file_digests(estate.library, estate.directory / "profiles")),
        created_by=_created_by(estate),
        certificates=_certificates(estate),
        rows={**rows, "audit": rows["audit"] - look.added},
        runs={state: runs[state] for state in State},
        due=tuple(due_lists(estate)),
        sealed=row_counts.sealed_keys(),
        imported=row_counts.imported_keys(),
        in_tokens=Counter(
            row.key.uri.token or str(row.key.uri) for row in estate.key_store.in_tokens.rows()
        ),
        authorities=tuple(
            AuthorityKey(state, estate.key_store.place(state.record.key_id))
            for state in estate.authorities.states()
        ),
        disk=DiskUse(
            sum(map(_octets, (estate.directory / name for name in FILES if name != BULK_FOLDER))),
            sum(_octets_below(estate.directory / BULK_FOLDER)),
        ),
    )


def _created_by(estate: Stores) -> dict[str, str]:
    created = estate.audit.entries_of("estate.create")
    return dict(created[0].body.get("profiles", {})) if created else {}


def _certificates(estate: Stores) -> dict[tuple[str, Status], int]:
    counts: Counter[tuple[str, Status]] = Counter()
    for kind, count in estate.inventory.counts(estate.clock.now()).items():
        counts[kind.profile, kind.status] += count
    return dict(sorted(counts.items()))


def _octets(path: Path) -> int:
    """The octets of a regular file; none of what is no such file."""
    try:
        status = path.lstat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _octets_below(folder: Path) -> Iterator[int]:
    """The octets of each file below a folder."""
    for where, _, files in os.walk(folder):
        for name in files:
            yield _octets(Path(where, name))
