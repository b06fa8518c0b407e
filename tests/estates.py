"""Opens estates that the quickstart made, for tests of what happens to them later."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from smki_testca.api import Estate
from smki_testca.clock import FixedClock
from smki_testca.profiles.model import Tier


def opened(directory, at=None):
    """An estate by the passphrase that lies in it; where a time is given, it is that time."""
    clock = None if at is None else FixedClock(at)
    return Estate.open(directory, (directory / "passphrase").read_text().strip, clock=clock)


def ca_key(estate, record):
    """The private key of a CA, PKCS#8 DER, which an estate gives nobody."""
    reference = estate.key_store.reference(record.key_id)
    return estate.estate_key.key().open(reference.sealed, reference.label)


def any_key(estate, record):
    """The private key of a certificate, a CA's too, PKCS#8 DER."""
    is_ca = record.tier is not Tier.END_ENTITY
    return ca_key(estate, record) if is_ca else estate.private_key(record)


def copied_with_run(original, directory, *words):
    """A copy of an estate with a run of ``batch issue`` in it."""
    shutil.copytree(original, directory)
    call = [sys.executable, "-m", "smki_testca", "--estate", directory, "batch", "issue", *words]
    subprocess.run([*map(str, call)], check=True, capture_output=True)
    return directory


def unpacked(version, directory):
    """An estate that the program of an older format made; see tests/estate/old/README.md."""
    path = Path(__file__).parent / "estate" / "old" / f"format-{version}.zip"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(directory)
    return directory


def certificates_in(folder, suffix=".pem"):
    """The files of single certificates below an exported folder, or their keys: no chains."""
    chains = ("-chain", "-fullchain")
    return sorted(path for path in folder.rglob(f"*{suffix}") if not path.stem.endswith(chains))
