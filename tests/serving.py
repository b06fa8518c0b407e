"""Estates whose services run in this process, shared by the tests of all services."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from smki_testca.api import Estate
from smki_testca.service.estate_access import EstateAccess
from smki_testca.service.in_thread import ServicesInThread
from smki_testca.service.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Serving:
    """Running services, and the estate behind them."""

    estate: Path
    passphrase: str
    running: ServicesInThread
    told: list[str]

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        """What ``serve --json`` prints as ``services``."""
        return self.running.served

    def open(self) -> Estate:
        """The estate, for the thread of the test; close it."""
        return Estate.open(self.estate, self.passphrase)

    def curl(self, name: str, *words: str, path: str = "") -> subprocess.CompletedProcess[bytes]:
        """Call a service with curl, with the client's certificate where it has one."""
        service = self.services[name]
        call = ["curl", "--silent", "--show-error", "--max-time", "20"]
        for option, key in (
            ("--cacert", "ca"),
            ("--cert", "client_certificate"),
            ("--key", "client_key"),
        ):
            if key in service:
                call += [option, service[key]]
        return subprocess.run(
            [*call, *words, service["url"] + path], check=False, capture_output=True
        )


@pytest.fixture
def serve(quickstart):
    """Starts the services of a copy of the quickstart's estate, with settings of one's own."""
    running: list[ServicesInThread] = []

    def start(directory: Path = quickstart, **settings: Any) -> Serving:
        told: list[str] = []
        passphrase = (directory / "passphrase").read_text("utf-8").strip()
        thread = ServicesInThread(
            EstateAccess(directory, passphrase), Settings(port_base=0, **settings), told.append
        )
        thread.__enter__()
        running.append(thread)
        return Serving(directory, passphrase, thread, told)

    yield start
    for each in running:
        each.__exit__()


@pytest.fixture(scope="session")
def serving(tmp_path_factory, quickstart_original):
    """Services that the tests of a session share: what one issues, the others see."""
    directory = tmp_path_factory.mktemp("serving") / "estate"
    shutil.copytree(quickstart_original, directory)
    passphrase = (directory / "passphrase").read_text("utf-8").strip()
    told: list[str] = []
    access = EstateAccess(directory, passphrase)
    with ServicesInThread(access, Settings(port_base=0), told.append) as running:
        yield Serving(directory, passphrase, running, told)
