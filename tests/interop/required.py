"""Turns a skipped test into a failed one where SMKI_TESTCA_INTEROP is ``required``.

Other parties' programs may be absent from a developer's machine, and then their tests are skipped
with the reason. Where they were installed for the tests, a skip would hide that nothing was tested.
"""

from __future__ import annotations

import os

import pytest


def _insist(report):
    if (
        os.environ.get("SMKI_TESTCA_INTEROP") == "required"
        and report.skipped
        and not hasattr(report, "wasxfail")
    ):
        *_, reason = report.longrepr
        report.outcome = "failed"
        report.longrepr = f"SMKI_TESTCA_INTEROP is required, and this was skipped: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return _insist((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return _insist((yield))
