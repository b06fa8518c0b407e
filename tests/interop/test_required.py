"""Tests of the switch that lets no test of other parties' programs be skipped unseen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

@pytest.mark.skipif(True, reason="node is not installed")
def test_marked(): ...

def test_inside():
    pytest.skip("npm is out of reach")

@pytest.mark.xfail(reason="known")
def test_known():
    assert False

def test_passes(): ...
"""
MODULE = 'import pytest\npytest.skip("pkilint is not installed", allow_module_level=True)\n'
REASONS = ("node is not installed", "npm is out of reach", "pkilint is not installed")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "code", "summary"),
    [
        ("required", 1, "1 failed, 1 passed, 1 xfailed, 2 errors"),
        ("", 0, "1 passed, 3 skipped, 1 xfailed"),
    ],
)
def test_a_skip_is_a_failure_with_its_reason_where_nothing_may_be_skipped(
    tmp_path, value, code, summary
):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "test_whole.py").write_text(MODULE)
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    options = ("-rs", "-p", "required", "-p", "no:randomly", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--continue-on-collection-errors", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path, "SMKI_TESTCA_INTEROP": value},
    )
    assert done.returncode == code, done.stdout
    assert summary in done.stdout
    for reason in REASONS:
        assert reason in done.stdout
