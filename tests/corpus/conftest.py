"""Fixtures that the tests of the corpus share: it is made once."""

import pytest

from smki_testca.corpus.build import corpus


@pytest.fixture(scope="session")
def cases():
    """Every case of the corpus."""
    return corpus()
