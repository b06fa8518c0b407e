"""Reports as JUnit XML, which CI servers read: a test for each case, a suite for each stage."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from smki_testca.corpus.defect import Stage
from smki_testca.corpus.run.outcomes import CaseOutcome
from smki_testca.corpus.run.report import UNASKED
from smki_testca.corpus.run.target_answers import Behaviour
from smki_testca.roles import Basis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.corpus.run.report import CaseResult, RunReport

_BROKEN = frozenset({Behaviour.CRASHED, Behaviour.HUNG, Behaviour.ERROR})
"""The outcomes that are an error in JUnit rather than a failure."""


def as_junit(report: RunReport) -> str:
    """The report of a run as JUnit XML."""
    root = ET.Element("testsuites", {"name": report.title, **_counts(report.cases)})
    for stage in Stage:
        results = [result for result in report.cases if result.stage is stage]
        if results:
            suite = ET.SubElement(root, "testsuite", {"name": stage.value, **_counts(results)})
            for result in results:
                suite.append(_test(result))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _counts(results: Sequence[CaseResult]) -> dict[str, str]:
    kinds = [_kind(result) for result in results]
    return {
        "tests": str(len(results)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }


def _kind(result: CaseResult) -> str:
    """The element of JUnit for what came of a case; empty for a success."""
    if result.failed:
        return "error" if result.seen in _BROKEN and not result.stale else "failure"
    if result.outcome in UNASKED or result.outcome is CaseOutcome.KNOWN or result.is_wrong:
        return "skipped"
    return ""


def _test(result: CaseResult) -> ET.Element:
    test = ET.Element(
        "testcase",
        {
            "classname": f"{result.stage}.{result.profile}",
            "name": result.id,
            "time": f"{result.seconds:.3f}",
        },
    )
    kind = _kind(result)
    if kind == "skipped":
        message = result.known or result.note or f"{result.words}, of less importance"
        ET.SubElement(test, kind, {"message": f"{result.outcome}: {message}"})
    elif kind:
        mark = " (what is expected is assumed)" if result.basis is Basis.ASSUMED else ""
        element = ET.SubElement(
            test, kind, {"type": result.outcome.value, "message": f"{result.words}{mark}"}
        )
        element.text = (
            f"{result.title}. Importance: {result.importance}. Expected: {result.demand}."
        )
    return test
