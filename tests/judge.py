"""Lints octets as the command would, and insists on a report of every kind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET  # reads only what this package wrote

from smki_testca.importers.sources import sources
from smki_testca.lint.chain import gathered
from smki_testca.lint.drawing import asn1_lines, draw
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.lint.report_formats import REPORTS
from smki_testca.lint.whole_input import set_findings
from smki_testca.profiles.model import Severity

AT = datetime.now(UTC) + timedelta(days=1)
"""An instant at which everything in an estate that a test makes is valid."""


@dataclass(frozen=True)
class Judged:
    """What became of one input."""

    findings: int
    codes: frozenset[str]


class Judge:
    """Says what the linter makes of octets.

    Args:
        trusted: the certificates of the CAs at hand, DER.
    """

    def __init__(self, trusted):
        self._linter = Linter(LintSettings(AT, trusted=tuple(trusted)), gathered(trusted))

    def __call__(self, data):
        found = list(sources(["-"], data))
        linted = [self._linter.lint(one, position) for position, one in enumerate(found)]
        set_findings(self._linter, linted, found)
        for one, source in zip(linted, found, strict=True):
            assert all(0 <= (f.offset or 0) <= len(source.data) for f in one.findings)
            draw(source.data, one, self._linter)
            assert all(isinstance(line["text"], str) for line in asn1_lines(source.data))
        assert REPORTS["text"](linted).isprintable() or "\n" in REPORTS["text"](linted)
        assert len(json.loads(REPORTS["json"](linted))["files"]) == len(found)
        assert json.loads(REPORTS["sarif"](linted))["version"] == "2.1.0"
        assert ET.fromstring(REPORTS["junit"](linted)).tag == "testsuite"  # noqa: S314
        every = [finding for one in linted for finding in one.findings]
        assert all(isinstance(finding.severity, Severity) for finding in every)
        return Judged(len(every), frozenset(finding.code for finding in every))
