"""``examples``: writes the examples that ship with the package."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import click

from smki_testca.cli.output import print_json, say
from smki_testca.cli.output_paths import FOLDER
from smki_testca.folders import OutputFile, write
from smki_testca.shipped import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smki_testca.cli.session import Session


@click.command()
@click.argument("directory", metavar="DIR", type=FOLDER)
@click.option("--force", is_flag=True, help="Overwrite files that are there already.")
@click.pass_obj
def examples(session: Session, directory: Path, *, force: bool) -> None:
    """Write the examples to DIR: participants, agreements, CSRs, profiles, a script, a test suite.

    The documentation names their files as they are below a folder `examples`.

    \b
    Example:
      smki-testca examples examples
    """
    paths = write(_files(), directory, force=force)
    if session.as_json:
        print_json({"files": [str(path) for path in paths]})
        return
    say(f"{len(paths)} files are below {directory}.")


def _files() -> Iterator[OutputFile]:
    folder = shipped("examples")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        # What Python and test runs leave in a checkout is no example.
        if path.is_file() and not any(part.startswith((".", "__")) for part in name.parts):
            yield OutputFile(PurePosixPath(name.as_posix()), path.read_bytes())
