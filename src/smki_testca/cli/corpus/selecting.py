"""The options that select cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.numbers import number_from
from smki_testca.corpus.defect import Importance, Level, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smki_testca.corpus.case_selection import CaseSelection

_Command = Any


def _choice(kind: type[Stage | Importance | Verdict | Level]) -> click.Choice[str]:
    return click.Choice([each.value for each in kind])


_OPTIONS = (
    click.option(
        "--only", multiple=True, metavar="ID", help="Cases of this id; * and ? are wildcards."
    ),
    click.option(
        "--profile", "profiles", multiple=True, metavar="PROFILE", help="Cases of this profile."
    ),
    click.option(
        "--stage", "stages", multiple=True, type=_choice(Stage), help="Cases of this stage."
    ),
    click.option(
        "--importance", "importances", multiple=True, type=_choice(Importance),
        help="Cases of this importance; without it, all but the low ones.",
    ),
    click.option(
        "--verdict", "verdicts", multiple=True, type=_choice(Verdict),
        help="Cases with which a parser must do this, at the level.",
    ),
    click.option(
        "--level", type=_choice(Level), default=Level.RFC5280.value, show_default=True,
        help="The rules of any X.509 library, or of a meter besides.",
    ),
    click.option(
        "--good/--defective", "is_good", default=None,
        help="Cases that a parser must take, or the others.",
    ),
    click.option(
        "--max-octets", type=number_from(1), metavar="N", help="Cases no longer than this.",
    ),
    click.option(
        "--every-base", is_flag=True,
        help="Each defect on every document that it fits, not on its main ones only.",
    ),
)  # fmt: skip


def selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options; it gets them by name, for ``selection``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def selection(options: Mapping[str, Any]) -> CaseSelection:
    """The selection that the options make.

    Args:
        options: their values by name.
    """
    from smki_testca.corpus.case_selection import CaseSelection

    return CaseSelection(
        options["only"],
        options["profiles"],
        tuple(map(Stage, options["stages"])),
        tuple(map(Importance, options["importances"])),
        tuple(map(Verdict, options["verdicts"])),
        Level(options["level"]),
        options["is_good"],
        options["max_octets"],
        every_base=options["every_base"],
    )
