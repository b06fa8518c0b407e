"""``batch verify``: checks the certificates and keys of a run before they are delivered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from smki_testca.cli.numbers import NUMBER, number_from
from smki_testca.cli.output import Progress, print_json, say
from smki_testca.errors import ExitCode, UsageError
from smki_testca.text import counted

if TYPE_CHECKING:
    from smki_testca.cli.session import Session


@click.command()
@click.argument("run", metavar="[ID]", type=number_from(0), required=False)
@click.option("--last", is_flag=True, help="Check the newest run.")
@click.option(
    "--against",
    metavar="LIST.csv",
    help="Compare with a CSV that has a column device-id, id or eui64, and usage if you like.",
)
@click.option(
    "--workers", metavar="N", type=NUMBER, help="The number of processes; all cores by default."
)
@click.pass_obj
def verify(
    session: Session, run: int | None, against: str | None, workers: int | None, *, last: bool
) -> None:
    """Check the certificates and private keys of a run.

    Each certificate verifies under its CA, and each stored private key fits. Serial numbers, public
    keys, and IDs with their usage are unique in the whole estate, apart from certificates that are
    not in use. With --against: what is in the list without a certificate, and the other way round.

    The command ends with 1 where something is wrong.

    \b
    Example:
      smki-testca --estate estate batch verify 1 --against devices.csv
      smki-testca --estate estate batch verify --last
    """
    if (run is None) is not last:
        raise UsageError(
            "usage", "Give the number of a run, or --last.", "See: smki-testca batch list"
        )
    from smki_testca.issuance.batch import verification
    from smki_testca.issuance.batch.id_list import IdList
    from smki_testca.workers import how_many

    processes = how_many(workers)
    listed = None if against is None else IdList.of_file(Path(against))
    with session.open() as estate:
        stored_run = estate.runs.last() if run is None else estate.runs.get(run)
        run = stored_run.id
        estate.unlock()
        result = verification.verify(estate, stored_run, processes, listed, Progress("verifying"))
    unlisted = result.finding_count - len(result.findings)
    if session.as_json:
        document = {
            "run": run,
            "state": stored_run.state.value,
            "certificates": result.certificates,
            "keys": result.keys,
            "others": result.others,
            "findings": [finding.as_json() for finding in result.findings],
        }
        document |= {} if result.listed is None else {"listed": result.listed}
        document |= {"findings_not_listed": unlisted} if unlisted else {}
        print_json(document | result.out_of_use.as_json())
    else:
        say(*(f"{finding.code}: {finding.message}" for finding in result.findings))
        if unlisted:
            say(f"{counted(unlisted, 'more finding')} not listed here.")
        say(*(f"remark: {remark}" for remark in result.out_of_use.remarks(run)))
        compared = f", compared with {counted(result.others, 'other')} in the estate"
        if result.listed is not None:
            compared += f" and {counted(result.listed, 'line')} of a list"
        say(
            f"Run {run}: {counted(result.certificates, 'certificate')} and"
            f" {counted(result.keys, 'private key')} checked{compared};"
            f" {counted(result.finding_count, 'finding')}."
        )
    if result.finding_count:
        click.get_current_context().exit(ExitCode.FINDINGS)
