"""Fixtures that the tests of the corpus share: it is made once."""

from pathlib import Path

import pytest

from corpora import main_cases


@pytest.fixture(scope="session")
def cases():
    """The cases of the corpus as it is made by default. Each test that needs them is slow."""
    return main_cases()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    folder = Path(__file__).parent
    for item in items:
        if "cases" in getattr(item, "fixturenames", ()) and folder in item.path.parents:
            item.add_marker(pytest.mark.slow)
