"""``batch sign -``: answers lines of JSON on standard input, one by one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.batch.reports import signed_text
from smki_testca.cli.output import print_json_line, say
from smki_testca.errors import ExitCode, InputError, SmkiTestcaError, UsageError

if TYPE_CHECKING:
    from smki_testca.cli.session import Session


def first_line_of_input(requests: str) -> bytes | None:
    """Return the first line of standard input, or its beginning; None for another source.

    Raises:
        InputError: if standard input is closed.
    """
    from smki_testca.issuance.batch.line_signing import MAX_LINE_OCTETS

    if requests != "-":
        return None
    if sys.stdin is None:
        raise InputError("input.unreadable", "Standard input cannot be read: it is closed.")
    return sys.stdin.buffer.readline(MAX_LINE_OCTETS + 1)


def sign_lines(session: Session, first: bytes, options: dict[str, Any]) -> None:
    """Answer each line of standard input; end with 1 where one was not signed.

    Raises:
        UsageError: if an option does not go with lines.
    """
    from smki_testca.authority.csr import TakenAs
    from smki_testca.issuance.batch import line_signing

    if options["out"] is not None or options["engine"] != "local" or options["workers"] is not None:
        raise UsageError(
            "usage",
            "JSON lines are answered on standard output, one by one.",
            "Leave out --out, --engine and --workers.",
        )
    answered = signed = 0
    with session.open(needs_keys=True) as estate:
        signer = line_signing.LineSigner(
            estate,
            options["participant"],
            options["purpose"],
            options["environment"],
            TakenAs(options["taken_as"]),
            is_dry_run=options["dry_run"],
        )
        for number, line in line_signing.lines(sys.stdin.buffer, first):
            answer: dict[str, Any] = {"line": number}
            fatal: SmkiTestcaError | None = None
            try:
                if line is None:
                    raise line_signing.too_long()
                answer |= line_signing.identified(line)
                answer |= signer.answer(line, number)
                signed += 1
            except SmkiTestcaError as error:
                answer |= error.as_json()
                fatal = None if isinstance(error, line_signing.ANSWERED) else error
            answered += 1
            print_json_line(answer)
            if fatal is not None:
                say(*fatal.lines(), err=True)
                click.get_current_context().exit(fatal.exit_code)
    say(f"{signed_text(signed, answered, is_dry_run=options['dry_run'])}.", err=True)
    if signed < answered:
        click.get_current_context().exit(ExitCode.FINDINGS)
