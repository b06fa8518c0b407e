"""What the tests of the command share: seeing that an estate is as it was."""

from __future__ import annotations

import hashlib

import pytest


@pytest.fixture
def file_digest():
    """The SHA-256 of an estate's file."""
    return lambda directory: hashlib.sha256((directory / "estate.sqlite").read_bytes()).hexdigest()


@pytest.fixture
def files_of():
    """Every file below a directory and its octets."""

    def files(directory):
        return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}

    return files


@pytest.fixture
def one_line():
    """See that an outcome is one clear line on standard error and nothing else."""

    def check(outcome):
        assert outcome.out == ""
        assert outcome.err.endswith("\n")
        assert outcome.err.count("\n") == 1
        assert outcome.err.removesuffix("\n").isprintable()
        assert outcome.err.startswith("error: ")
        assert "Traceback" not in outcome.err
        assert len(outcome.err) < 600
        return outcome.err

    return check
