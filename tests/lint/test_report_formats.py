"""Every report says the same findings, and nothing in a document can forge one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from urllib.parse import unquote
from xml.etree import ElementTree as ET  # reads only what this package wrote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smki_testca.lint.findings import Finding
from smki_testca.lint.linted import Linted
from smki_testca.lint.report_formats import GROUPED_FROM, REPORTS, as_full_text, as_junit, summary
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


def linted(*findings, file="a.pem", index=0, subject="00-DB-12-34-56-78-90-A4", name=None):
    return Linted(file, index, "device", subject, findings, name=name)


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
    assert REPORTS["text"](DOCUMENTS, 3).splitlines()[-1].endswith("; 3 other files skipped")
    assert "skipped" not in REPORTS["text"](DOCUMENTS)
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
        "3 documents in 2 files: 1 clean, 1 error, 1 warning, 1 notice",
    ]


def many(count, *findings, **changes):
    return [linted(*findings, file=f"{n}.pem", **changes) for n in range(count)]


def test_equal_findings_of_many_documents_are_one_line_that_names_the_first_few():
    unknown = finding(Severity.NOTICE, "The issuer is unknown.", code="issuer.unknown", offset=None)
    # The same finding at another octet is the same finding.
    documents = [linted(replace(unknown, offset=n), file=f"{n}.pem") for n in range(25)]
    documents[2] = linted(unknown, finding(), file="2.pem")
    lines = report("text", *documents).splitlines()
    assert lines == [
        "2.pem: device 00-DB-12-34-56-78-90-A4",
        "  error: It is wrong. [der.boolean at octet 17; specified, X.690 11.1]",
        "25 documents: notice: The issuer is unknown. [issuer.unknown; specified, X.690 11.1]",
        "  0.pem, 1.pem, 2.pem and 22 more; --all-findings names every one",
        "25 documents in 25 files: 0 clean, 1 error, 0 warnings, 25 notices",
    ]


def test_the_gravest_group_comes_first_and_other_words_are_another_group():
    errors = many(GROUPED_FROM, finding(message="A."), finding(Severity.NOTICE, "B."))
    others = many(GROUPED_FROM + 1, finding(Severity.WARNING, "C."), finding(message="D."))
    few = many(GROUPED_FROM - 1, finding(message="E."))
    text = report("text", *errors, *others, *few)
    groups = [line for line in text.splitlines() if " documents: " in line]
    assert [line.split(" [")[0] for line in groups] == [
        f"{GROUPED_FROM + 1} documents: error: D.",
        f"{GROUPED_FROM} documents: error: A.",
        f"{GROUPED_FROM + 1} documents: warning: C.",
        f"{GROUPED_FROM} documents: notice: B.",
    ]
    assert text.count("error: E.") == GROUPED_FROM - 1


def test_a_finding_that_one_document_has_many_times_is_no_group():
    text = report("text", linted(*(finding(offset=n) for n in range(100))))
    assert text.count("error: It is wrong.") == 100


def test_the_full_text_and_the_reports_for_programs_have_every_finding():
    documents = many(GROUPED_FROM + 5, finding(message="It is wrong."))
    full = as_full_text(documents)
    assert full.count("  error: It is wrong.") == len(documents)
    assert " documents: " not in full
    assert full.splitlines()[-1] == report("text", *documents).splitlines()[-1]
    files = json.loads(report("json", *documents))["files"]
    assert sum(len(one["findings"]) for one in files) == len(documents)
    assert len(json.loads(report("sarif", *documents))["runs"][0]["results"]) == len(documents)
    assert len(parsed(*documents).findall("testcase/failure")) == len(documents)


def test_an_entry_of_a_key_store_is_shown_by_its_name():
    one = linted(finding(), file="keystore.json", index=3, name="Z1-supplier-ds")
    assert report("text", one).startswith("keystore.json (3: Z1-supplier-ds): device ")
    assert json.loads(report("json", one))["files"][0]["name"] == "Z1-supplier-ds"
    result = json.loads(report("sarif", one))["runs"][0]["results"][0]
    assert result["properties"]["name"] == "Z1-supplier-ds"
    assert parsed(one).find("testcase").get("name") == "keystore.json (3: Z1-supplier-ds)"


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


@pytest.mark.parametrize(
    ("fail_on", "failures"),
    [(Severity.ERROR, 1), (Severity.WARNING, 2), (Severity.NOTICE, 2)],
)
def test_junit_fails_the_documents_that_fail_the_run(fail_on, failures):
    suite = ET.fromstring(as_junit(DOCUMENTS, fail_on=fail_on))  # noqa: S314
    assert suite.get("failures") == str(failures)
    assert len(suite.findall(".//failure")) == failures
