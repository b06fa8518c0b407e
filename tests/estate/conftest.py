"""Fixtures of the estate's tests."""

from __future__ import annotations

import hashlib

import pytest


@pytest.fixture
def issue(command, quickstart):
    """Issues a Device Certificate in the quickstart estate."""

    def run(*more, device="00-DB-12-00-00-00-00-05", **options):
        participant = options.get("participant", "meters-one")
        return command(
            *("--json", "--estate", options.get("estate", quickstart)),
            *("issue", "device", "--participant", participant),
            *("--purpose", "device-and-user-system-tests", "--device-id", device),
            *("--hw-type", "1.2.826.0.1.8641679.1.2.2.1", "--usage", "digital-signature"),
            *more,
        )

    return run


@pytest.fixture
def digest(quickstart):
    """Tells the SHA-256 of the quickstart estate's file."""
    return lambda: hashlib.sha256((quickstart / "estate.sqlite").read_bytes()).hexdigest()
