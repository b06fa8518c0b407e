"""Issues two certificates from Python and writes them, with their keys, below a folder.

    python examples/issue_from_python.py OUT

It makes an estate of its own in a temporary directory: nothing else is touched.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from smki_testca import Estate, KeyUsage, Refusal, SmkiTestcaError, export

PARTICIPANTS = Path(__file__).with_name("participants.toml")
BOTH = (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_AGREEMENT)


def main(out: Path) -> None:
    """Issue, look at what was issued, be refused once, and export."""
    with (
        TemporaryDirectory() as directory,
        Estate.create(directory, secrets.token_urlsafe()) as estate,
    ):
        estate.add_environment("ZAZ1")
        estate.register.import_file(PARTICIPANTS.read_bytes(), PARTICIPANTS.name)

        supplier = estate.subject("organisation", id="90-B3-D5-1F-30-01-00-00", role="supplier")
        records, warnings = estate.issue(estate.request("supplier-one", "uept", supplier, BOTH))
        for warning in warnings:
            print("warning:", warning)

        # As objects of the cryptography library; credential.pem, .key_pem and .chain_pem are PEM.
        credential = estate.credential(records[0])
        print(credential.certificate.subject.rfc4514_string())
        print("its key has", credential.private_key.key_size, "bits")

        another = estate.subject("organisation", id="90-B3-D5-1F-30-03-00-00", role="supplier")
        try:
            estate.check(estate.request("supplier-one", "uept", another))
        except Refusal as refusal:
            for reason in refusal.reasons:
                print(f"refused [{reason.code}, {reason.rule}]: {reason.reason}")

        for path in export(estate, records, "pem", out, with_keys=True):
            print(path.relative_to(out))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except SmkiTestcaError as error:
        sys.exit("\n".join(error.lines()))
