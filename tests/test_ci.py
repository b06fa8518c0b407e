"""Holds what ``.ci/run`` names to what is there."""

import re
import subprocess
from pathlib import Path
from shutil import which

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(which("bash") is None, reason="bash is not installed")
def test_the_files_of_tests_that_are_measured_exist():
    """pytest runs none of the files that it is given if one of them is absent."""
    text = (ROOT / ".ci" / "run").read_text("utf-8")
    words = re.findall(r"(?<![\w./-])tests/[\w{},/]+\.py", text)
    call = ["bash", "-c", f"printf '%s\\n' {' '.join(words)}"]
    files = subprocess.run(call, capture_output=True, text=True, check=True).stdout.split()
    assert len(files) > 10
    assert [file for file in files if not (ROOT / file).is_file()] == []
