"""``corpus``: defective and good documents for those who test parsers."""

from __future__ import annotations

import click

from smki_testca.cli.corpus import compare, fuzz, listing, make, run


@click.group()
def corpus() -> None:
    """Make a corpus of defective certificates, and run parsers under test against it.

    \b
    Example:
      smki-testca corpus make corpus
      smki-testca corpus run corpus --with 'exec:./verify {der}'
    """


for _command in (make.make, listing.list_, listing.explain, run.run, compare.compare, fuzz.fuzz):
    corpus.add_command(_command)
