"""Every report says the same findings, and nothing in a document can forge one."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote
from xml.etree import ElementTree as ET  # reads only what this package wrote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.lint.findings import Finding
from smki_testca.lint.linted import Linted
from smki_testca.lint.reports import REPORTS, summary
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis


def finding(severity=Severity.ERROR, message="It is wrong.", **changes):
    said = {
        "code": "der.boolean",
        "severity": severity,
        "path": "extensions.keyUsage",
        "offset": 17,
        "message": message,
        "basis": Basis.SPECIFIED,
        "source": "X.690 11.1",
        "remedy": "Encode it again.",
    }
    return Finding(**{**said, **changes})


def linted(*findings, file="a.pem", index=0, kind="device", subject="00-DB-12-34-56-78-90-A4"):
    return Linted(file, index, kind, subject, findings)


def report(form, *documents):
    return REPORTS[form](documents)


def parsed(*documents):
    return ET.fromstring(report("junit", *documents))  # noqa: S314


DOCUMENTS = (
    linted(finding(), finding(Severity.NOTICE), file="a.pem"),
    linted(finding(Severity.WARNING, offset=None), file="a.pem", index=1),
    linted(file="b.pem"),
)


def test_the_summary_counts_files_documents_and_findings():
    assert summary(DOCUMENTS) == {
        "files": 2,
        "documents": 3,
        "clean": 1,
        "errors": 1,
        "warnings": 1,
        "notices": 1,
        "passed_over": 0,
    }


@pytest.mark.parametrize("form", REPORTS)
def test_a_report_of_no_document_is_whole(form):
    assert REPORTS[form]([], 3).endswith("\n")


def test_files_that_were_passed_over_are_counted():
    assert REPORTS["text"](DOCUMENTS, 3).splitlines()[-1].endswith("; 3 other files passed over")
    assert "passed over" not in REPORTS["text"](DOCUMENTS)
    assert json.loads(REPORTS["json"](DOCUMENTS, 3))["summary"]["passed_over"] == 3


def test_json_has_every_document_and_every_attribute_of_its_findings():
    document = json.loads(report("json", *DOCUMENTS))
    assert list(document) == ["files", "summary"]
    assert document["summary"] == summary(DOCUMENTS)
    first = document["files"][0]
    assert list(first) == ["file", "index", "kind", "subject", "findings"]
    assert first["findings"][0] == {
        "code": "der.boolean",
        "severity": "error",
        "path": "extensions.keyUsage",
        "offset": 17,
        "message": "It is wrong.",
        "basis": "specified",
        "source": "X.690 11.1",
        "remedy": "Encode it again.",
    }
    assert document["files"][1]["findings"][0]["offset"] is None
    assert document["files"][2]["findings"] == []


def test_text_has_a_line_for_each_finding_and_counts_the_clean_ones():
    lines = report("text", *DOCUMENTS).splitlines()
    assert lines == [
        "a.pem: device 00-DB-12-34-56-78-90-A4",
        "  error: It is wrong. [der.boolean at octet 17; specified, X.690 11.1]",
        "  notice: It is wrong. [der.boolean at octet 17; specified, X.690 11.1]",
        "a.pem (1): device 00-DB-12-34-56-78-90-A4",
        "  warning: It is wrong. [der.boolean; specified, X.690 11.1]",
        "3 documents in 2 files: 1 clean, 1 errors, 1 warnings, 1 notices",
    ]


def test_sarif_has_a_result_for_each_finding_and_each_rule_once():
    run = json.loads(report("sarif", *DOCUMENTS))["runs"][0]
    driver = run["tool"]["driver"]
    assert driver["name"] == "smki-testca"
    assert [rule["id"] for rule in driver["rules"]] == ["der.boolean"]
    assert [result["level"] for result in run["results"]] == ["error", "note", "warning"]
    assert {result["ruleId"] for result in run["results"]} == {"der.boolean"}
    place = run["results"][0]["locations"][0]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "a.pem"},
        "region": {"byteOffset": 17},
    }
    assert place["logicalLocations"] == [{"fullyQualifiedName": "extensions.keyUsage"}]
    assert "region" not in run["results"][2]["locations"][0]["physicalLocation"]


def test_sarif_has_what_its_schema_requires():
    document = json.loads(report("sarif", *DOCUMENTS))
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-2.1.0.json")
    for result in document["runs"][0]["results"]:
        assert result["message"]["text"]
        assert result["level"] in {"none", "note", "warning", "error"}
        for location in result["locations"]:
            region = location["physicalLocation"].get("region")
            assert region is None or region["byteOffset"] >= 0
    for rule in document["runs"][0]["tool"]["driver"]["rules"]:
        assert rule["help"]["text"]


@pytest.mark.parametrize("file", ["a b.pem", "ä.pem", "batch.zip!1.csr", "a%20b#c?.pem", "a\udc80"])
def test_sarif_writes_the_name_of_a_file_as_an_uri(file):
    run = json.loads(report("sarif", linted(finding(), file=file)))["runs"][0]
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert re.fullmatch(r"[A-Za-z0-9\-._~:/!%]*", uri)
    assert unquote(uri, errors="surrogateescape") == file


def test_junit_has_a_test_case_for_each_document_and_fails_those_with_errors():
    suite = parsed(*DOCUMENTS)
    assert suite.attrib == {
        "name": "smki-testca lint",
        "tests": "3",
        "failures": "1",
        "errors": "0",
    }
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == ["a.pem", "a.pem (1)", "b.pem"]
    assert [case.get("classname") for case in cases] == ["device"] * 3
    failure = cases[0].find("failure")
    assert failure.get("type") == "der.boolean"
    assert "error: It is wrong." in failure.text
    assert "notice: It is wrong." in cases[0].find("system-out").text
    assert cases[1].find("failure") is None
    assert "warning: It is wrong." in cases[1].find("system-out").text
    assert list(cases[2]) == []


@pytest.mark.parametrize("form", REPORTS)
def test_a_report_of_nothing_is_whole(form):
    assert report(form).endswith("\n")


STEERING = ["\x1b[2J", "\x9b31m", "\r", "\x07", "\x00", "\u202e", "\u2028", "\u0085", "\udc80"]


@pytest.mark.parametrize("form", REPORTS)
@pytest.mark.parametrize("steering", STEERING, ids=[repr(one) for one in STEERING])
def test_nothing_in_a_document_or_a_file_name_steers_the_terminal(form, steering):
    text = f"A{steering}B"
    hostile = linted(finding(message=text, path=text), file=text, subject=text)
    out = report(form, hostile)
    assert steering not in out
    assert all(one.isprintable() for one in out.split("\n"))


def test_a_line_break_in_a_name_does_not_make_a_line_of_its_own():
    forged = "x\n  error: forged [der.boolean; specified, X]"
    hostile = linted(finding(message=forged), file=forged, subject=forged)
    lines = report("text", hostile).splitlines()
    assert len(lines) == 3
    assert not any(line.startswith("  error: forged") for line in lines)


@given(text=st.text(max_size=60))
def test_any_text_gives_json_sarif_and_junit_that_can_be_read(text):
    hostile = linted(finding(message=text, path=text), file=text or "-", subject=text)
    assert json.loads(report("json", hostile))["files"][0]["subject"] == text
    sarif = json.loads(report("sarif", hostile))
    assert sarif["runs"][0]["results"][0]["message"]["text"] == text
    assert parsed(hostile).find("testcase") is not None


@pytest.mark.parametrize("text", ["\uffff", "\ufffe", "\x0b", "]]>", "<&>\"'", "\ud800"])
def test_junit_can_be_read_whatever_characters_a_name_holds(text):
    hostile = linted(finding(message=text), finding(Severity.NOTICE, message=text), file=text)
    assert parsed(hostile).get("tests") == "1"
