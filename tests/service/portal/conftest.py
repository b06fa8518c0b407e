"""Services with a portal that the tests of its pages share, and visitors of it."""

from __future__ import annotations

import shutil

import pytest

from estates import opened
from smki_testca.service.estate_access import EstateAccess
from smki_testca.service.in_thread import ServicesInThread
from smki_testca.service.settings import Settings
from visitors import ACCOUNTS, PASSWORD, Shared, visitor_of


@pytest.fixture(scope="session")
def portal_original(tmp_path_factory, quickstart_original):
    """An estate with ``ACCOUNTS``; not to be changed."""
    directory = tmp_path_factory.mktemp("portal") / "original"
    shutil.copytree(quickstart_original, directory)
    with opened(directory) as estate:
        for name, participant in ACCOUNTS.items():
            estate.accounts.add(name, PASSWORD, participant)
    # The certificates of servers and clients are made with the first start: its copies have them.
    with _running(directory, []):
        pass
    return directory


@pytest.fixture(scope="session")
def portal(tmp_path_factory, portal_original):
    """Services with ``ACCOUNTS`` that the tests of a session share, bound to this machine."""
    directory = tmp_path_factory.mktemp("portal") / "estate"
    shutil.copytree(portal_original, directory)
    told = []
    with _running(directory, told) as running:
        yield Shared(directory, running, told)


def _running(directory, told):
    passphrase = (directory / "passphrase").read_text("utf-8").strip()
    access = EstateAccess(directory, passphrase)
    return ServicesInThread(access, Settings(port_base=0), told.append)


@pytest.fixture
def operator(portal):
    """The operator, at the machine that serves."""
    return visitor_of(portal)


@pytest.fixture(scope="session")
def _signed_in(portal):
    visitors = {}
    for name in ACCOUNTS:
        visitors[name] = visitor_of(portal)
        assert visitors[name].sign_in(name).status == 303
    return visitors


@pytest.fixture
def one(_signed_in):
    """A visitor who has signed in for supplier-one."""
    return _signed_in["one"]


@pytest.fixture
def two(_signed_in):
    """A visitor who has signed in for meters-one."""
    return _signed_in["two"]


@pytest.fixture
def beyond(portal_original, tmp_path, serve):
    """Services of the same accounts that are bound beyond this machine, as it were."""
    directory = tmp_path / "beyond"
    shutil.copytree(portal_original, directory)
    # It leads to this machine alone, and is none of the addresses that are known to.
    return serve(directory, bind="127.0.0.2")
