"""``doctor``: looks for what is wrong with an estate, and mends what is safe to mend."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smki_testca.cli.configuration import SettingSource
from smki_testca.cli.output import Progress, print_json, say, say_folded
from smki_testca.errors import ExitCode
from smki_testca.lifecycle.doctor import examination
from smki_testca.lifecycle.doctor.patient import Patient
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.cli.session import Session
    from smki_testca.lifecycle.doctor.examination import Examination
    from smki_testca.lifecycle.doctor.observation import Observation

MOST_OF_A_KIND = 10
"""The most lines of one code; --json has all."""


@click.command()
@click.option(
    "--fix", is_flag=True, help="Mend what is safe to mend, then look again and say what is left."
)
@click.option(
    "--keys",
    is_flag=True,
    help="Also open every private key, and check that it fits its public key. Tokens are asked if"
    " a PKCS#11 module is configured.",
)
@click.pass_context
def doctor(context: click.Context, *, fix: bool, keys: bool) -> None:
    """Look for what is wrong with an estate, and say what to do about it.

    Problems end the command with 1; notes do not. Without --fix, nothing is changed. The passphrase
    is needed with --keys only.

    \b
    Example:
      smki-testca --estate estate doctor
      smki-testca --estate estate doctor --fix
    """
    session: Session = context.obj
    patient = _patient(session, with_keys=keys)
    outcome = examination.examine(patient)
    mended: list[Observation] = []
    failed: list[Observation] = []
    if fix:
        mended, failed = examination.mend(outcome)
        outcome = examination.examine(patient).with_failed(failed)
    if session.as_json:
        print_json(
            {
                "estate": str(patient.directory),
                "opened": outcome.is_open,
                "problems": [each.as_json() for each in outcome.problems],
                "notes": [each.as_json() for each in outcome.notes],
                "fixed": [{"code": each.kind.code, "message": each.message} for each in mended],
            }
        )
    else:
        _print(patient.directory, outcome, mended)
    if not outcome.is_open:
        context.exit(ExitCode.ESTATE)
    if outcome.problems:
        context.exit(ExitCode.FINDINGS)


def _patient(session: Session, *, with_keys: bool) -> Patient:
    directory = session.estate_directory()
    return Patient(
        directory=directory,
        passphrase=lambda: session.passphrase(directory),
        library=session.library,
        clock=session.clock_or_system(),
        writable=partial(session.open, must_continue=True),
        passphrase_files=_passphrase_files(session),
        with_keys=with_keys,
        token_access=session.token_access() if session.has_token_module else None,
        anchors=session.anchor_file,
        progress=Progress,
    )


def _passphrase_files(session: Session) -> dict[str, Path]:
    """Return the passphrase file that is named, by what names it."""
    setting = session.setting("passphrase-file")
    if setting.value is None or setting.source is SettingSource.DEFAULT:
        return {}
    return {setting.place: Path(setting.value)}


def _print(directory: Path, outcome: Examination, mended: Iterable[Observation]) -> None:
    for each in mended:
        say_folded(f"fixed [{each.kind.code}]: {each.message}", whole_words=True)
    numbers: Counter[str] = Counter()
    for each in (*outcome.problems, *outcome.notes):
        numbers[each.kind.code] += 1
        if numbers[each.kind.code] <= MOST_OF_A_KIND:
            problem = f"{each.kind.level} [{each.kind.code}]: {each.message}"
            say_folded(problem, whole_words=True)
            say_folded(each.remedy, indented=True, whole_words=True)
    for code, number in numbers.items():
        if number > MOST_OF_A_KIND:
            say_folded(
                f"{number - MOST_OF_A_KIND} more of {code} are not shown: --json has all of them."
            )
    problems, notes = len(outcome.problems), len(outcome.notes)
    say(f"{directory}: {counted(problems, 'problem')}, {counted(notes, 'note')}.")
    mendable = sum(each.mend is not None for each in outcome.observations)
    if mendable:
        say(f"doctor --fix mends {mendable} of them.")
