"""Issues two certificates from Python and writes them, with their keys, below a folder.

    python examples/issue_from_python.py OUT

It makes an estate of its own in a temporary directory: nothing else is touched.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from smki_testca.errors import Refusal
from smki_testca.estate import Estate
from smki_testca.exchange import FORMATS, items, write
from smki_testca.identifiers import Eui64
from smki_testca.register.requests import OrganisationSubject
from smki_testca.roles import KeyUsage

PARTICIPANTS = Path(__file__).with_name("participants.toml")


def main(out: Path) -> None:
    """Issue, be refused once, and export."""
    passphrase = secrets.token_urlsafe()
    with (
        TemporaryDirectory() as directory,
        Estate.create(Path(directory), lambda: passphrase) as estate,
    ):
        estate.add_environment("ZAZ1")
        estate.register.import_file(PARTICIPANTS.read_bytes(), PARTICIPANTS.name)

        supplier = estate.library.roles.remote_party_role("supplier")
        request = estate.request(
            "supplier-one",
            "uept",
            OrganisationSubject(Eui64.parse("90-B3-D5-1F-30-01-00-00"), supplier),
            (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT),
        )
        records, warnings = estate.issue(request)
        for warning in warnings:
            print("warning:", warning)

        not_its_own = OrganisationSubject(Eui64.parse("90-B3-D5-1F-30-03-00-00"), supplier)
        try:
            estate.check(estate.request("supplier-one", "uept", not_its_own))
        except Refusal as refusal:
            for reason in refusal.reasons:
                print(f"refused [{reason.code}, {reason.rule}]: {reason.reason}")

        selected = items(estate, records, with_keys=True)
        for path in write(FORMATS["pem"].files(selected, None), out, force=False):
            print(path.relative_to(out))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
