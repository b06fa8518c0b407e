"""Exports through the command, as a user asks for them."""

from __future__ import annotations

import pytest
from exported import PHRASE


@pytest.fixture
def export(command, quickstart, tmp_path):
    """Exports from the quickstart estate to a new folder."""
    phrase = tmp_path / "phrase"
    phrase.write_text(PHRASE + "\n")

    def run(form, *more, out="out", encrypted=False):
        protected = ("--export-passphrase-file", phrase) if encrypted else ()
        folder = tmp_path / out
        outcome = command(
            *("--json", "--estate", quickstart, "export", "--format", form, "--out", folder),
            *protected,
            *more,
        )
        return outcome, folder

    return run
