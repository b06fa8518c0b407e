"""``--fail-on``: the severity from which findings end a command with exit code 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from smki_testca.errors import ExitCode
from smki_testca.profiles.model import SEVERITY_RANK, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smki_testca.lint.findings import Finding

FAIL_ON = click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in Severity]),
    default=Severity.ERROR.value,
    help="End with exit code 1 if a finding is at least this severe.",
)


def end_if_failing(findings: Iterable[Finding], fail_on: str) -> None:
    """End the command with exit code 1 if a finding is at least as severe as ``--fail-on`` says."""
    least = SEVERITY_RANK[Severity(fail_on)]
    if any(SEVERITY_RANK[finding.severity] <= least for finding in findings):
        click.get_current_context().exit(ExitCode.FINDINGS)
