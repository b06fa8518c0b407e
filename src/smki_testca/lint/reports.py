"""Reports of a run of the linter: text for people; JSON, SARIF and JUnit for programs."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree as ET  # only written here, never read

import smki_testca
from smki_testca.profiles.model import Severity
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smki_testca.lint.findings import Finding
    from smki_testca.lint.linted import Linted

_SARIF_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}


def summary(linted: Sequence[Linted]) -> dict[str, int]:
    """How many files, documents, clean documents, and findings of each severity."""
    counts = Counter(finding.severity for one in linted for finding in one.findings)
    return {
        "files": len({one.file for one in linted}),
        "documents": len(linted),
        "clean": sum(1 for one in linted if not one.findings),
        **{f"{severity}s": counts[severity] for severity in Severity},
    }


def as_json(linted: Sequence[Linted]) -> str:
    """``{"files": [{"file", "index", "kind", "subject", "findings"}], "summary"}``."""
    document = {"files": [one.as_json() for one in linted], "summary": summary(linted)}
    return json.dumps(document, indent=2) + "\n"


def as_text(linted: Sequence[Linted]) -> str:
    """One line for each finding below its document; documents without any are only counted."""
    lines = []
    for one in linted:
        if not one.findings:
            continue
        lines.append(plain(f"{_place(one)}: {one.kind} {one.subject}".rstrip()))
        lines += [f"  {text_line(finding)}" for finding in one.findings]
    counts = summary(linted)
    lines.append(
        f"{counts['documents']} documents in {counts['files']} files: {counts['clean']} clean,"
        f" {counts['errors']} errors, {counts['warnings']} warnings, {counts['notices']} notices"
    )
    return "\n".join(lines) + "\n"


def text_line(finding: Finding) -> str:
    """A finding as a person reads it, on one line."""
    where = "" if finding.offset is None else f" at octet {finding.offset}"
    return plain(
        f"{finding.severity}: {finding.message} [{finding.code}{where}; {finding.basis},"
        f" {finding.source}]"
    )


def as_sarif(linted: Sequence[Linted]) -> str:
    """SARIF 2.1.0, one result for each finding, its offset in octets."""
    every = [(one, finding) for one in linted for finding in one.findings]
    rules = {finding.code: finding for _, finding in every}
    document: dict[str, Any] = {
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
                "results": [_sarif_result(one, finding) for one, finding in every],
            }
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def as_junit(linted: Sequence[Linted]) -> str:
    """JUnit XML: each document a test case, failed where it has an error."""
    suite = ET.Element("testsuite", name="smki-testca lint", tests=str(len(linted)))
    failures = 0
    for one in linted:
        case = ET.SubElement(suite, "testcase", classname=one.kind, name=plain(_place(one)))
        errors = [f for f in one.findings if f.severity is Severity.ERROR]
        others = [f for f in one.findings if f.severity is not Severity.ERROR]
        if errors:
            failures += 1
            failure = ET.SubElement(
                case, "failure", message=plain(errors[0].message), type=errors[0].code
            )
            failure.text = "\n".join(text_line(finding) for finding in errors)
        if others:
            out = ET.SubElement(case, "system-out")
            out.text = "\n".join(text_line(finding) for finding in others)
    suite.set("failures", str(failures))
    suite.set("errors", "0")
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


REPORTS: dict[str, Callable[[Sequence[Linted]], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "junit": as_junit,
}
"""Every report, by the name it has on the command line."""


def _place(one: Linted) -> str:
    return one.file if one.index == 0 else f"{one.file} ({one.index})"


def _sarif_result(one: Linted, finding: Finding) -> dict[str, Any]:
    uri = quote(os.fsencode(one.file.replace("\\", "/")), safe="/:!")
    location: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if finding.offset is not None:
        location["region"] = {"byteOffset": finding.offset}
    return {
        "ruleId": finding.code,
        "level": _SARIF_LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [
            {
                "physicalLocation": location,
                "logicalLocations": [{"fullyQualifiedName": finding.path or one.kind}],
            }
        ],
        "properties": {"index": one.index, "kind": one.kind, "basis": finding.basis},
    }
