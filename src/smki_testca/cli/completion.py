"""Completes options and arguments in a shell: names of the estate, of the library, paths.

It goes by an option's name, and by what usage lines call an argument, so that each new command
completes as the others do.
"""

from __future__ import annotations

import copy
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from smki_testca.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from smki_testca.profiles import Library

    Names = Callable[[Session, str], Iterable[str]]


def _of_estate(kind: str) -> Names:
    def names(session: Session, beginning: str) -> list[str]:
        from smki_testca.estate.known_names import KnownNames, known_names

        if session.estate is None:
            return []
        # What is typed has not been expanded by the shell.
        directory = Path(session.estate).expanduser()
        return known_names(directory / "estate.sqlite", KnownNames[kind], beginning)

    return names


def _of_library(read: Callable[[Library], Iterable[str]]) -> Names:
    return lambda session, _: read(session.library())


def _statuses(_: Session, __: str) -> list[str]:
    from smki_testca.estate.status import Status

    return [status.word for status in Status]


def _usages(session: Session, _: str) -> list[str]:
    from smki_testca.cli.selection import usages

    return usages(session.library())


def _reasons(_: Session, __: str) -> list[str]:
    from smki_testca.authority.revocation import Reason

    return [reason.value for reason in Reason]


def _formats(_: Session, __: str) -> list[str]:
    from smki_testca.exporters.registry import FORMATS

    return list(FORMATS)


_PARTICIPANTS = _of_estate("PARTICIPANT")
_ENVIRONMENTS = _of_library(lambda library: library.environments)
_PROFILES = _of_library(
    lambda library: [*library.names("certificates"), *library.names("revocation-lists")]
)
_TYPES = _of_library(lambda library: (each.name for each in library.end_entity_profiles))
_KITS = _of_library(lambda library: library.names("kits"))
_AUTHORITIES = _of_estate("AUTHORITY")
_RUNS = _of_estate("RUN")

_OPTIONS: dict[str, Names] = {
    "--participant": _PARTICIPANTS,
    "--environment": _ENVIRONMENTS,
    "--label": _of_estate("LABEL"),
    "--profile": _of_library(lambda library: library.profile_names),
    "--purpose": _of_library(lambda library: library.testing_services),
    "--role": _of_library(lambda library: (r.name for r in library.roles.remote_party_roles)),
    "--usage": _usages,
    "--status": _statuses,
    "--reason": _reasons,
    "--format": _formats,
    "--ca": _AUTHORITIES,
    "--type": _of_library(lambda library: library.device_types),
}
_PROFILES_BY_OPTION = {("batch", "--profile"): _TYPES, ("lint", "--as"): _PROFILES}
_ARGUMENTS: dict[tuple[str, str], Names] = {
    ("register", "ID"): _PARTICIPANTS,
    ("agreement", "REFERENCE"): _of_estate("AGREEMENT"),
    ("account", "ACCOUNT"): _of_estate("ACCOUNT"),
    ("batch", "ID"): _RUNS,
    ("batch", "RUN"): _RUNS,
    ("kit", "NAME"): _KITS,
    ("kit", "KIT"): _KITS,
    ("profiles", "NAME"): _PROFILES,
    ("ca", "CA"): _AUTHORITIES,
    ("", "STATUS"): _statuses,
}
"""By the group of the command, if any, and what its usage line calls the argument."""
_PLACES = {
    **dict.fromkeys(("CORPUS", "DIR", "ESTATE", "FOLDER", "KEYS"), "dir"),
    **dict.fromkeys(("FILE", "PATH", "CSR", "CERT", "MANIFEST", "REPLACEMENT"), "file"),
    **dict.fromkeys(("EARLIER", "REPORT", "REQUESTS", "TERM"), "file"),
}
_NAME_OR_FILE = (_KITS,)
"""Names in whose place a path is taken, too."""
_ENDING = re.compile(r".+\.(?:zip|csv|toml)", re.IGNORECASE)
_BARE = re.compile(r"[\w.:+@/](?:[\w.:+@/%,=-]*[\w.:+@/%=-])?", re.ASCII)
"""A name that no shell reads as anything else.

The script for bash puts a name unquoted into the line, where the shell would run what is in it, and
loses a comma at its end. Names are other people's: they come with manifests, CSRs and files. What
is an option, or zsh and fish expand at the beginning of a word (``=``, ``%``), is none.
"""


class Completed(click.ParamType[Any]):
    """Another type, and what its values complete to."""

    def __init__(
        self, inner: click.ParamType[Any], complete: Callable[[str], Iterable[CompletionItem[Any]]]
    ) -> None:
        self.name = inner.name
        self._inner = inner
        self._complete = complete

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert as the other type does."""
        return self._inner.convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[Any]]:
        """Return what begins as the incomplete value does; nothing where that cannot be known."""
        del ctx, param
        try:
            return list(self._complete(incomplete))
        except Exception:  # noqa: BLE001 - a shell shows no errors while somebody types
            return []


def completing(param: click.Parameter, ctx: click.Context) -> click.Parameter:
    """Return a parameter that completes; itself, if its own type does, or nothing is known.

    Args:
        param: of a command.
        ctx: of that command.
    """
    if isinstance(param.type, click.Choice | click.types.BoolParamType):
        return param
    group = (ctx.parent.command.name or "") if ctx.parent and ctx.parent.parent else ""
    names = _names(param, group)
    if names is not None:
        session = ctx.find_object(Session) or Session()

        def items(incomplete: str) -> Iterator[CompletionItem[Any]]:
            fitting = [
                name
                for name in names(session, incomplete)
                if name.startswith(incomplete) and _BARE.fullmatch(name)
            ]
            if names in _NAME_OR_FILE:
                # Before the names: bash forgets what comes before a kind of path.
                yield CompletionItem(incomplete, type="file")
                if fitting and _in_bash():
                    # It completes no paths beside names, so the files are names, too.
                    yield from map(CompletionItem, _kit_files(incomplete))
            yield from map(CompletionItem, fitting)

        return _typed(param, items)
    place = _place(param)
    if place is not None:
        return _typed(param, lambda incomplete: [CompletionItem(incomplete, type=place)])
    return param


def _in_bash() -> bool:
    return os.environ.get("_SMKI_TESTCA_COMPLETE", "").startswith("bash")


def _kit_files(incomplete: str) -> list[str]:
    """The TOML files in the working directory that begin as the incomplete value does."""
    names = sorted(path.name for path in Path().glob("*.toml"))
    return [name for name in names if name.startswith(incomplete) and _BARE.fullmatch(name)]


def _typed(
    param: click.Parameter, complete: Callable[[str], Iterable[CompletionItem[Any]]]
) -> click.Parameter:
    typed = copy.copy(param)
    typed.type = Completed(param.type, complete)
    return typed


def _names(param: click.Parameter, group: str) -> Names | None:
    if isinstance(param, click.Argument):
        return _ARGUMENTS.get((group, (param.metavar or "").strip("[]…")))
    for option in param.opts:
        if names := _PROFILES_BY_OPTION.get((group, option)) or _OPTIONS.get(option):
            return names
    return None


def _place(param: click.Parameter) -> str | None:
    """Return whether a parameter is a ``file`` or a ``dir``; None for anything else."""
    for word in (param.metavar or "").strip("[]…").split("|"):
        if _ENDING.fullmatch(word):
            return "file"
        if word in _PLACES:
            return _PLACES[word]
    return None
