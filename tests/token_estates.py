"""Estates whose CAs have their keys in a trial token, for tests of what signs through it.

A conftest.py imports the fixtures that its folder's tests use, beside those of ``tokens``.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from smki_testca.api import Estate
from smki_testca.lifecycle.ca_keys import MadeInToken
from smki_testca.profiles.model import Hierarchy, Tier
from tokens import PIN, TrialToken

ROOT = Path(__file__).parent.parent
PHRASE = "phrase"


@dataclass(frozen=True)
class TokenEstate:
    """An estate and the token that its CAs' keys are in."""

    directory: Path
    token: TrialToken

    def open(self, pin: str = PIN) -> Estate:
        return Estate.open(self.directory, PHRASE, token_access=self.token.access(pin))


@pytest.fixture(scope="session")
def token_estate_original(
    softhsm: TrialToken, tmp_path_factory: pytest.TempPathFactory
) -> TokenEstate:
    """An estate with CAs and the example participants, which has issued nothing.

    The keys of the CAs of Devices, IKI and DCCKI are in a token; those of Organisations are sealed
    in the estate. Not to be changed.
    """
    folder = tmp_path_factory.mktemp("token-estate")
    token = softhsm.copy(folder)
    directory = folder / "estate"
    with pytest.MonkeyPatch.context() as patch:
        token.use(patch)
        in_token = (Hierarchy("device"), Hierarchy("iki"), Hierarchy("dccki"))
        made_in_token = {
            (hierarchy, tier): MadeInToken(token.uri())
            for hierarchy in in_token
            for tier in (Tier.ROOT, Tier.ISSUING)
        }
        with Estate.create(directory, PHRASE, token_access=token.access()) as made:
            made.add_environment("ZAZ1", made_in_token)
            participants = (ROOT / "examples" / "participants.toml").read_bytes()
            made.register.import_file(participants, "-")
    (directory / "passphrase").write_text(f"{PHRASE}\n")
    return TokenEstate(directory, token)


@pytest.fixture
def token_estate(
    token_estate_original: TokenEstate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TokenEstate:
    """A copy of it and of its token, to do with as a test likes; commands reach the token."""
    folder = tmp_path / "token"
    folder.mkdir()
    token = token_estate_original.token.copy(folder).use(monkeypatch)
    directory = tmp_path / "estate"
    shutil.copytree(token_estate_original.directory, directory)
    monkeypatch.setenv("SMKI_TESTCA_PKCS11_MODULE", str(token.module))
    monkeypatch.setenv("SMKI_TESTCA_TOKEN_PIN", PIN)
    return TokenEstate(directory, token)
