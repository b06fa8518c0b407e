"""Estates whose Organisation and IKI CAs have their keys in a trial token; as fixtures.

The conftest.py of a folder imports those that its tests use. Such tests are marked ``interop``.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smki_testca.api import Estate
from smki_testca.lifecycle.ca_keys import MadeInToken
from smki_testca.profiles.model import Hierarchy, Tier
from tokens import PIN, TrialToken

if TYPE_CHECKING:
    from conftest import Command

EXAMPLES = Path(__file__).parents[1] / "examples"
IN_TOKEN = (Hierarchy.ORGANISATION, Hierarchy.IKI)


@dataclass(frozen=True)
class Custody:
    """An estate, the token that keys of it are in, and the command on that estate."""

    estate: Path
    token: TrialToken
    command: Command

    def __call__(self, *words, stdin=b""):
        return self.command("--estate", self.estate, *words, stdin=stdin)

    def open(self, **options):
        given: dict[str, Any] = {"token_access": self.token.access()} | options
        return Estate.open(self.estate, "phrase", **given)

    def audited(self):
        """Whether the audit log is whole, and every key fits, those in the token included."""
        return self("audit", "verify", "--keys", "--json")


def issue(profile, *words):
    """The words that issue a certificate of a supplier."""
    purpose = ("--participant", "supplier-one", "--purpose", "uept")
    kinds = {
        "organisation": (
            *("--id", "90-B3-D5-1F-30-01-00-00", "--role", "supplier"),
            *("--usage", "digital-signature"),
        ),
        "iki": ("--system-name", "lab", "--role", "supplier"),
        "dccki": ("--common-name", "lab.example"),
    }
    return ("issue", profile, *purpose, *kinds[profile], *words)


@pytest.fixture(scope="session")
def custody_original(softhsm, tmp_path_factory):
    """The estate and the token; not to be changed."""
    folder = tmp_path_factory.mktemp("custody")
    (folder / "softhsm").mkdir()
    made = softhsm.copy(folder / "softhsm")
    places = [(each, tier) for each in IN_TOKEN for tier in (Tier.ROOT, Tier.ISSUING)]
    with pytest.MonkeyPatch.context() as patch:
        made.use(patch)
        with Estate.create(folder / "estate", "phrase", token_access=made.access()) as estate:
            keys = {place: MadeInToken(made.uri()) for place in places}
            estate.add_environment("ZAZ1", keys)
            estate.register.import_file((EXAMPLES / "participants.toml").read_bytes(), "-")
    return folder / "estate", made


@pytest.fixture
def custody(custody_original, command, tmp_path, monkeypatch):
    """A copy of both, to do with as a test likes; the passphrase and the PIN are in variables."""
    estate, original = custody_original
    shutil.copytree(estate, tmp_path / "custody")
    (tmp_path / "softhsm").mkdir()
    copied = original.copy(tmp_path / "softhsm").use(monkeypatch)
    monkeypatch.setenv("SMKI_TESTCA_PKCS11_MODULE", str(copied.module))
    monkeypatch.setenv("SMKI_TESTCA_TOKEN_PIN", PIN)
    monkeypatch.setenv("SMKI_TESTCA_PASSPHRASE", "phrase")
    return Custody(tmp_path / "custody", copied, command)


@pytest.fixture
def keys_in(custody):
    """The CKA_IDs of the private keys in the token, as another program lists them."""

    def listed():
        text = custody.token.tool("--list-objects", "--type", "privkey")
        return sorted(line.split()[1] for line in text.splitlines() if line.strip()[:3] == "ID:")

    return listed
