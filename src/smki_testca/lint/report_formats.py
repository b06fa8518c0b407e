"""Reports of a run of the linter: text for people; JSON, SARIF and JUnit for programs."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote
from xml.etree import ElementTree as ET  # only written here, never read

import smki_testca
from smki_testca.profiles.model import SEVERITY_RANK, Severity
from smki_testca.text import counted, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from smki_testca.lint.findings import Finding
    from smki_testca.lint.linted import Linted

_SARIF_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}


def summary(linted: Sequence[Linted], passed_over: int = 0) -> dict[str, int]:
    """Count the files, documents, clean documents, and findings of each severity.

    Args:
        linted: the documents.
        passed_over: how many files were come across that hold no document.
    """
    counts = Counter(finding.severity for document in linted for finding in document.findings)
    return {
        "files": len({document.file for document in linted}),
        "documents": len(linted),
        "clean": sum(not document.findings for document in linted),
        **{f"{severity}s": counts[severity] for severity in Severity},
        "passed_over": passed_over,
    }


def as_document(linted: Sequence[Linted], passed_over: int = 0) -> dict[str, Any]:
    """``{"files": [{"file", "index", "kind", "subject", "findings"}], "summary"}``."""
    files = [document.as_json() for document in linted]
    return {"files": files, "summary": summary(linted, passed_over)}


def as_json(linted: Sequence[Linted], passed_over: int = 0) -> str:
    """The same as text."""
    return json.dumps(as_document(linted, passed_over), indent=2) + "\n"


GROUPED_FROM = 5
"""The number of documents from which equal findings are one line of the text."""
NAMED_IN_GROUP = 3
"""The number of those documents that are named."""


def as_text(linted: Sequence[Linted], passed_over: int = 0) -> str:
    """One line for each finding below its document, and one for equal ones of many documents.

    Documents without findings are only counted.
    """
    return _text(linted, _groups(linted), passed_over)


def as_full_text(linted: Sequence[Linted], passed_over: int = 0) -> str:
    """The same with every finding below its document."""
    return _text(linted, {}, passed_over)


def _groups(linted: Sequence[Linted]) -> dict[Finding, list[Linted]]:
    """The documents of each finding that at least ``GROUPED_FROM`` have, the gravest first."""
    documents: dict[Finding, list[Linted]] = {}
    for document in linted:
        for kind in dict.fromkeys(map(_kind, document.findings)):
            documents.setdefault(kind, []).append(document)
    ranked = sorted(
        documents.items(),
        key=lambda group: (SEVERITY_RANK[group[0].severity], -len(group[1])),
    )
    return {kind: affected for kind, affected in ranked if len(affected) >= GROUPED_FROM}


def _kind(finding: Finding) -> Finding:
    """A finding without its place in the document."""
    return replace(finding, offset=None)


def _text(linted: Sequence[Linted], groups: dict[Finding, list[Linted]], passed_over: int) -> str:
    lines = []
    for document in linted:
        findings = [finding for finding in document.findings if _kind(finding) not in groups]
        if findings:
            heading = f"{document.place}: {document.kind} {document.subject}"
            lines.append(plain(heading.rstrip()))
            lines += [f"  {text_line(finding)}" for finding in findings]
    for kind, documents in groups.items():
        more = len(documents) - NAMED_IN_GROUP
        named = ", ".join(document.place for document in documents[:NAMED_IN_GROUP])
        lines.append(f"{len(documents)} documents: {text_line(kind)}")
        lines.append(plain(f"  {named} and {more} more; --all-findings names every one"))
    counts = summary(linted, passed_over)
    others = f"; {counted(passed_over, 'other file')} skipped" if passed_over else ""
    documents_in_files = (
        f"{counted(counts['documents'], 'document')} in {counted(counts['files'], 'file')}"
    )
    by_severity = ", ".join(
        counted(counts[f"{noun}s"], noun) for noun in ("error", "warning", "notice")
    )
    lines.append(f"{documents_in_files}: {counts['clean']} clean, {by_severity}{others}")
    return "\n".join(lines) + "\n"


def text_line(finding: Finding) -> str:
    """Write a finding on one line of text."""
    where = f" at {finding.where}" if finding.where else ""
    return plain(
        f"{finding.severity}: {finding.message} [{finding.code}{where}; {finding.basis},"
        f" {finding.source}]"
    )


def as_sarif(
    linted: Sequence[Linted],
    passed_over: int = 0,
    *,
    properties: Mapping[str, str] | None = None,
) -> str:
    """SARIF 2.1.0, one result for each finding, its offset in octets.

    Args:
        linted: the documents.
        passed_over: is not in this report.
        properties: of the run, if it has any.
    """
    del passed_over
    every = [(document, finding) for document in linted for finding in document.findings]
    rules = {finding.code: finding for _, finding in every}
    log: dict[str, Any] = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "smki-testca",
                        "version": smki_testca.__version__,
                        "rules": [
                            {
                                "id": code,
                                "help": {"text": finding.remedy or finding.message},
                                "properties": {"basis": finding.basis, "source": finding.source},
                            }
                            for code, finding in sorted(rules.items())
                        ],
                    }
                },
                "results": [_sarif_result(document, finding) for document, finding in every],
                **({"properties": dict(properties)} if properties else {}),
            }
        ],
    }
    return json.dumps(log, indent=2) + "\n"


def failing(fail_on: Severity) -> list[Severity]:
    """The severities that fail a run: one, and those that are graver."""
    worst_first = list(Severity)
    return worst_first[: worst_first.index(fail_on) + 1]


def as_junit(
    linted: Sequence[Linted],
    passed_over: int = 0,
    *,
    command: str = "smki-testca lint",
    fail_on: Severity = Severity.ERROR,
) -> str:
    """JUnit XML: each document a test case, failed where it has a finding that fails the run.

    Args:
        linted: the documents.
        passed_over: is not in this report.
        command: the name of the suite: the command that checked the documents.
        fail_on: the least grave severity that fails the run.
    """
    del passed_over
    suite = ET.Element("testsuite", name=command, tests=str(len(linted)))
    failures = 0
    for document in linted:
        name = plain(document.place)
        case = ET.SubElement(suite, "testcase", classname=document.kind, name=name)
        errors = [each for each in document.findings if each.severity in failing(fail_on)]
        others = [each for each in document.findings if each.severity not in failing(fail_on)]
        if errors:
            failures += 1
            failure = ET.SubElement(
                case, "failure", message=plain(errors[0].message), type=errors[0].code
            )
            failure.text = "\n".join(map(_with_remedy, errors))
        if others:
            out = ET.SubElement(case, "system-out")
            out.text = "\n".join(map(_with_remedy, others))
    suite.set("failures", str(failures))
    suite.set("errors", "0")
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _with_remedy(finding: Finding) -> str:
    """The finding on one line, with what to do about it."""
    return f"{text_line(finding)} {plain(finding.remedy)}".rstrip()


class ReportWriter(Protocol):
    """A function that writes a report."""

    def __call__(self, linted: Sequence[Linted], passed_over: int = 0) -> str:
        """Write the report of documents, and of files that were passed over where it has them."""


REPORTS: dict[str, ReportWriter] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "junit": as_junit,
}
"""The functions that write a report, by its name on the command line."""


def _sarif_result(document: Linted, finding: Finding) -> dict[str, Any]:
    uri = quote(os.fsencode(document.file.replace("\\", "/")), safe="/:!")
    location: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if finding.region:
        location["region"] = finding.region
    return {
        "ruleId": finding.code,
        "level": _SARIF_LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [
            {
                "physicalLocation": location,
                "logicalLocations": [{"fullyQualifiedName": finding.path or document.kind}],
            }
        ],
        "properties": {
            "index": document.index,
            "kind": document.kind,
            **finding.properties,
            **({} if document.name is None else {"name": document.name}),
        },
    }
