"""Certificates with and without their private keys."""

from __future__ import annotations

import pytest

from material import pairs_in
from smki_testca.importers.sources import sources


@pytest.fixture(scope="session")
def pairs(quickstart_original):
    """Certificates of a supplier, each with its private key: by the names of their files."""
    return pairs_in(quickstart_original)


@pytest.fixture
def pair(pairs):
    return next(iter(pairs.values()))


@pytest.fixture(scope="session")
def ders(quickstart_original):
    """Three certificates."""
    folder = quickstart_original / "export" / "pem" / "ZAZ1" / "device" / "meters-one"
    found = [one.data for one in sources([str(folder)])]
    assert len(found) >= 3
    return found[:3]
