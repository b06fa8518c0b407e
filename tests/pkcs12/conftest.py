"""Certificates with their private keys."""

from __future__ import annotations

import pytest

from material import pairs_in


@pytest.fixture(scope="session")
def pairs(quickstart_original):
    """Certificates of a supplier, each with its private key: by the names of their files."""
    return pairs_in(quickstart_original)


@pytest.fixture
def pair(pairs):
    return next(iter(pairs.values()))
