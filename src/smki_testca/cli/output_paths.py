"""Files and folders that the command line names to be written, ``-`` for standard output."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smki_testca.errors import UsageError
from smki_testca.estate_files import check_outside
from smki_testca.streams import STANDARD_OUTPUT, is_standard_output, is_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smki_testca.cli.session import Session

FILE_HELP = "The file to write, - for standard output."


class _Output(click.ParamType[Path]):
    """The path of an output, which is no estate's own file; ``-`` is standard output."""

    name = "path"

    def convert(self, value: Any, param: Any, ctx: Any) -> Path:
        if value == "-":
            return STANDARD_OUTPUT
        if not value:
            # As a path, it would be the current directory.
            self.fail("its name is empty. Name a file or a folder.", param, ctx)
        path = Path(value)
        # Before anything is done: what is issued stays issued where its output is refused.
        if not is_stream(path):
            check_outside(path)
        return path


OUTPUT = _Output()


def place_of(out: Path, preposition: str = "") -> str:
    """Return where an output is, for messages: ``on standard output``, or its path.

    Args:
        out: the output.
        preposition: before a path.
    """
    return "on standard output" if is_standard_output(out) else f"{preposition} {out}".lstrip()


class _Folder(_Output):
    """The path of a folder to write; it cannot be standard output."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Path:
        path = super().convert(value, param, ctx)
        if is_standard_output(path):
            self.fail("standard output is not a folder. Name a folder.", param, ctx)
        return path


FOLDER = _Folder()


def check_distinct(outputs: Mapping[str, Path | None]) -> None:
    """Check that no two outputs of a command are one file.

    Args:
        outputs: by option; None for one that is not asked for.

    Raises:
        UsageError: if two are.
    """
    seen: dict[str, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        place = os.path.normcase(os.path.realpath(path))
        if place in seen:
            raise UsageError(
                "usage",
                f"{seen[place]} and {option} both name {place_of(path)}.",
                "Name another file for one of them.",
            )
        seen[place] = option


def check_alone(session: Session, out: Path) -> None:
    """Check that an output does not share standard output with JSON.

    Raises:
        UsageError: if it does.
    """
    if session.as_json and is_standard_output(out):
        raise UsageError(
            "usage", "With --json, standard output takes the JSON alone.", "Name a file with --out."
        )
