"""IDs in certificates are compared with the SEC's Registry Entries."""

from __future__ import annotations

import pytest

from corpora import document, good_settings
from smki_testca import lint_documents


def told(case_id):
    settings = good_settings()
    (linted,) = lint_documents(
        document(case_id),
        at=settings.at,
        environment=settings.environment,
        trusted=list(settings.trusted),
    )
    return {finding.code: finding.severity.value for finding in linted.findings}


@pytest.mark.parametrize("case", ["device-device-id-of-the-sec", "device-device-id-look-alike"])
@pytest.mark.shows("¶33", "R11")
def test_a_device_id_under_a_registry_entry_of_the_sec_is_an_error(case):
    assert told(case)["device_id.central"] == "error"


@pytest.mark.parametrize("case", ["organisation-id-of-a-device", "organisation-id-reversed"])
@pytest.mark.shows("¶31", "R10")
def test_a_user_id_under_no_registry_entry_of_the_sec_is_a_notice(case):
    findings = told(case)
    assert findings["eui64.not_central"] == "notice"
    assert "device_id.central" not in findings
