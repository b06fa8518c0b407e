"""Fixtures that the tests of the corpus share: it is made once."""

import pytest

from corpora import main_cases


@pytest.fixture(scope="session")
def cases():
    """The cases of the corpus as it is made by default."""
    return main_cases()
