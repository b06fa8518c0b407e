"""``client``: calls the Device CSR services and the repository, and says how each step went."""

from __future__ import annotations

import click

from smki_testca.cli.client.adhoc import adhoc
from smki_testca.cli.client.batch import batch
from smki_testca.cli.client.crl import crl
from smki_testca.cli.client.repository import retrieve, search


@click.group()
def client() -> None:
    """Call a Device CSR service or a repository: your own of `serve`, or a real one for tests.

    Each step (resolve, connect, tls, request, answer, check) is shown on standard error, and each
    way in which it can fail has an error code of its own: see docs/client.md. The extra [service]
    is needed: pip install 'smki-testca[service]'

    \b
    Example:
      smki-testca client adhoc meter.csr --url https://localhost:8081
      --ca server-ca.pem --cert adhoc.pem --key adhoc.key
    """


for _command in (adhoc, batch, search, retrieve, crl):
    client.add_command(_command)
