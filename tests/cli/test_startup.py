"""What the command loads: every module costs time at each start, and a count is the same anywhere.

``benchmarks/startup.py`` measures the time.
"""

import json
import os
import subprocess
import sys

import pytest

UNUSED = (
    *("smki_testca.assurance", "smki_testca.client", "smki_testca.corpus", "smki_testca.device"),
    *("smki_testca.kits", "smki_testca.lint.engine", "smki_testca.lint.sets"),
    *("smki_testca.issuance.batch", "smki_testca.service", "smki_testca.testing"),
    *("Cryptodome", "cryptography.x509", "distributed", "icalendar", "pyarrow", "pyasn1", "rich"),
)
"""Modules that issuing one certificate needs nothing of before its template is compiled."""

HELP = {
    *(
        "cli",
        "cli.terminal_cells",
        "cli.command_line",
        "cli.configuration",
        "cli.input_files",
        "cli.output",
    ),
    *("cli.secret", "cli.session", "collector", "errors", "estate_files", "input_files", "text"),
}


def _loaded(code):
    """The names of the modules that are loaded when some code has run."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return json.loads(done.stdout.splitlines()[-1])


def _run(*arguments):
    return (
        "from smki_testca.cli import main\nimport sys\n"
        f"sys.argv = ['smki-testca', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_nothing_but_the_reading_of_the_line(option):
    own = {name for name in _loaded(_run(option)) if name.startswith("smki_testca.")}
    assert own == {f"smki_testca.{name}" for name in HELP}


def test_issuing_loads_no_package_that_it_does_not_use():
    names = _loaded("import smki_testca.cli.issue, smki_testca.api")
    below = tuple(f"{package}." for package in UNUSED)
    assert [name for name in names if name in UNUSED or name.startswith(below)] == []
    assert "smki_testca.issuance.issuance" in names
    # Whoever adds one looks first whether a light module needs it for one name.
    assert sum(name.startswith("smki_testca.") for name in names) <= 173
