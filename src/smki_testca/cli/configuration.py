"""``smki-testca.toml``: values that stand in for options and variables that are not given."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError
from smki_testca.text import is_one_line, use_one_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from smki_testca.toml_places import Place

FILE_NAME = "smki-testca.toml"
VARIABLE = "SMKI_TESTCA_CONFIG"
"""Names another file; empty, it says that there is none."""

MAX_CHARACTERS = 4096
"""The longest value: that of a path on Linux."""
KEYS = {
    "estate": "the estate to use",
    "profiles": "profiles that come before the estate's",
    "passphrase-file": "holds the estate's passphrase",
    "token-module": "the PKCS#11 module that reaches tokens",
    "token-pin-file": "holds the PIN of tokens",
    "environment": "the test environment of requests and of CAs",
    "participant": "the participant that asks",
    "purpose": "the Testing Service of requests",
    "hw-type": "the hwType of Devices",
    "export-format": "the format of export",
    "audit.anchor": "gets an anchor of the audit log after each command",
}
"""The keys that may be configured, with their meanings."""
_PATHS = frozenset(
    {"estate", "profiles", "passphrase-file", "token-module", "token-pin-file", "audit.anchor"}
)
_SECRETS = ("pass", "pwd", "secret", "pin", "token", "credential", "private", "seed")


class SettingSource(StrEnum):
    """The sources of a value, the strongest first."""

    OPTION = "option"
    VARIABLE = "variable"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it comes from.

    Attributes:
        value: None where nothing is given.
        place: the option, the variable, or the file and its line; empty for a default.
        written: what stands in the file, where the value is the path that is made of it.
    """

    value: str | None
    source: SettingSource
    place: str = ""
    written: str = ""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The content of a configuration file.

    Attributes:
        path: of the file; None if there is none.
        settings: by key; those that the file does not have are missing.
    """

    path: Path | None = None
    settings: Mapping[str, Setting] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes, path: Path) -> Configuration:
        """Read the octets of a file; paths in it are relative to its folder.

        Raises:
            InputError: if it is no TOML, or a key or a value is none of ours.
        """
        from smki_testca import toml
        from smki_testca.toml_places import Place

        settings = {}
        for keys, value in _values(toml.parse(data, str(path))):
            key = ".".join(keys)
            place = Place(str(path), keys, data=data)
            _check_key(key, place)
            if not isinstance(value, str) or not value.strip() or not is_one_line(value):
                raise InputError(
                    "config.value",
                    f"{place}: the value is not a text of one line.",
                    f'Write it as {key} = "…".',
                )
            if len(value) > MAX_CHARACTERS:
                raise InputError(
                    "config.value",
                    f"{place}: the value has {len(value)} characters.",
                    f"It may have {MAX_CHARACTERS}.",
                )
            text = str(path.parent / _expanded(value)) if key in _PATHS else value
            settings[key] = Setting(text, SettingSource.FILE, f"{path}:{place.line}", value)
        return cls(path, settings)


def _values(table: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each value with its keys: a key with a dot in it is one of a table."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from (((key, inner), each) for inner, each in value.items())
        else:
            yield (key,), value


def _check_key(key: str, place: Place) -> None:
    if key in KEYS:
        return
    is_path = key.lower().endswith(("file", "path")) or get_close_matches(key.lower(), KEYS, 1, 0.9)
    if any(word in key.lower() for word in _SECRETS) and not is_path:
        raise InputError(
            "config.secret",
            f"{place}: a secret does not belong in this file, which others may read.",
            "Write it into a file that only you can read, and name that with passphrase-file or"
            " token-pin-file.",
        )
    raise InputError("config.key", f"{place}: there is no such key.", use_one_of(KEYS, given=key))


def is_named() -> bool:
    """Whether the variable names the file to read, so that none is looked for."""
    return VARIABLE in os.environ


def locate() -> Path | None:
    """Return the file to read: the one that the variable names, or else the nearest one upward.

    The search begins in the working directory. It ends at the home directory, or else at the root.

    Raises:
        InputError: if the nearest one may be another user's.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named).absolute() if named else None
    for folder in _folders():
        path = folder / FILE_NAME
        if os.path.lexists(path):
            _check_trusted(path)
            return path
    return None


def _folders() -> Iterator[Path]:
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        return
    home = Path(os.path.realpath(_expanded("~")))
    for folder in (here, *here.parents):
        yield folder
        if folder == home:
            return


def _expanded(path: str) -> str:
    """Return a path with ``~`` as the home directory; as it is where there is none."""
    return os.path.expanduser(path)  # noqa: PTH111 - Path.expanduser raises there


def _check_trusted(path: Path) -> None:
    """Check that nobody but this user and the administrator can have put a file where it was found.

    Git does the same for a repository that it finds (``safe.directory``).

    Raises:
        InputError: if somebody else can, or the file cannot be read.
    """
    try:
        why = why_untrusted(path)
    except OSError as error:
        raise InputError("input.unreadable", f"{path} cannot be read: {error.strerror}.") from error
    if why:
        raise InputError(
            "config.untrusted",
            f"{path} is not used: {why}.",
            f"If you trust it, set {VARIABLE} to its path. To go without it, add --no-config.",
        )


def why_untrusted(path: Path) -> str:
    """Return how somebody but this user and the administrator can have put a file there.

    Empty if nobody can, or nobody tells, as on Windows.

    Raises:
        OSError: if the file cannot be looked at.
    """
    if not hasattr(os, "geteuid"):
        return ""
    users = {os.geteuid(), 0}
    for place, state in _writable_at(path):
        if state.st_uid not in users:
            return f"{place} belongs to another user"
        if state.st_mode & stat.S_IWOTH and not stat.S_ISLNK(state.st_mode):
            return f"everybody may write to {place}"
    return ""


def why_shared(path: Path) -> str:
    """Return how the members of a group can have put a file there.

    Empty if no group may write there but the administrator's and the user's own, which many
    systems give to each user, with the user's name and no other member; or nobody tells.

    Raises:
        OSError: if the file cannot be looked at.
    """
    if not hasattr(os, "geteuid"):
        return ""
    for place, state in _writable_at(path):
        is_writable = state.st_mode & stat.S_IWGRP and not stat.S_ISLNK(state.st_mode)
        if is_writable and state.st_gid != 0 and not _is_own_group(state.st_gid):
            return f"a group may write to {place}"
    return ""


def _is_own_group(number: int) -> bool:
    """Whether a group is the user's own, by its name, and has no other member."""
    import grp  # not on Windows
    import pwd  # not on Windows

    try:
        group, user = grp.getgrgid(number), pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # it has no name
        return False
    return group.gr_name == user and set(group.gr_mem) <= {user}


def _writable_at(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield what decides who can put a file there: the file, its folder, and both of a link."""
    yield path, path.lstat()
    yield path, path.stat()
    # Of a link also where the file is: who writes to that folder can put another into its place.
    for folder in dict.fromkeys((path.parent, Path(os.path.realpath(path)).parent)):
        yield folder, folder.stat()
