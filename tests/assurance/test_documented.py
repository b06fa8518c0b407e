"""docs/assurance.md says what the code does: its rules, terms, keys and limits."""

import re
from pathlib import Path

import msgspec
import pytest

from records import shipped_terms
from smki_testca.assurance import documents, record_file
from smki_testca.assurance.assessment_record import OrganisationKind, Outcome
from smki_testca.assurance.judgement import MOST_OF_A_RULE
from smki_testca.assurance.record_rules import REPORT_RULES, ReportVerdict, rules
from smki_testca.profiles.assurance_terms import AssuranceTerms
from smki_testca.roles import Basis

DOCS = Path(__file__).parent.parent.parent / "docs"
TEXT = (DOCS / "assurance.md").read_text("utf-8")


def _section(heading):
    return re.split(r"(?m)^##+ ", TEXT.split(f"# {heading}\n", 1)[1])[0]


def _rows(text):
    lines = re.findall(r"(?m)^\| (.*) \|$", text)
    return [[cell.strip() for cell in line.split(" | ")] for line in lines[1:] if "---" not in line]


@pytest.mark.parametrize(
    ("heading", "verdict"),
    [
        ("Who must not have influence", ReportVerdict.NOT_INDEPENDENT),
        ("What must be known", ReportVerdict.NOT_SHOWN),
        ("What a record must agree on", ReportVerdict.INDEPENDENT),
    ],
)
def test_each_rule_is_documented_with_its_basis_and_source(heading, verdict):
    expected = [
        [f"`{rule.code}`", rule.severity, rule.basis, rule.source, rule.meaning]
        for rule in rules()
        if (
            REPORT_RULES[rule.code].tells
            if rule.code in REPORT_RULES
            else ReportVerdict.INDEPENDENT
        )
        is verdict
    ]
    assert _rows(_section(heading)) == expected


def test_each_term_is_documented_with_its_basis():
    terms = shipped_terms()
    tables = {}
    for name, _, *lists in _rows(_section("What counts, as data"))[: len(_fields())]:
        tables[name.strip("`[]")] = [set(re.findall("`([a-z0-9-]+)`", one)) for one in lists]
    assert tables == {
        table: [
            {term.name for term in getattr(terms, table).values() if term.basis is basis}
            for basis in (Basis.SPECIFIED, Basis.ASSUMED)
        ]
        for table in _fields()
    }


def _fields():
    return list(AssuranceTerms.__dataclass_fields__)


def test_each_key_of_a_record_is_documented_and_no_other():
    shapes: dict[str, type[msgspec.Struct]] = {
        "scheme": documents.SchemeTable,
        "organisation": documents.OrganisationTable,
        "organisation.parent": documents.ParentTable,
        "person": documents.PersonTable,
        "person.post": documents.PostTable,
        "person.reports-to": documents.ManagerTable,
        "board": documents.BoardTable,
        "oversight": documents.OversightTable,
        "report": documents.ReportTable,
        "report.decision": documents.DecisionTable,
        "report.recusal": documents.RecusalTable,
    }
    words = {*OrganisationKind, *Outcome, "appointed", "paid", "supervised", "how", "[[post]]"}
    documented = {
        table.strip("`[]"): set(re.findall(r"`([^`]+)`", keys))
        for table, keys in _rows(_section("Its tables"))
    }
    bold = {
        table.strip("`[]"): set(re.findall(r"\*\*`([^`]+)`\*\*", keys))
        for table, keys in _rows(_section("Its tables"))
    }
    assert set(documented) == set(shapes)
    for table, shape in shapes.items():
        keys = {field.encode_name for field in msgspec.structs.fields(shape)}
        assert keys - documented[table] == set(), table
        assert documented[table] - keys - words - {"person"} == set(), table
        required = {field.encode_name for field in msgspec.structs.fields(shape) if field.required}
        assert bold[table] - required == ({"person", "how"} if "part" in keys else set()), table
        assert required - bold[table] == set(), table


def test_the_days_of_windows_are_documented():
    section = _section("How days are judged")
    windows = shipped_terms().window
    assert f"up to {windows['left'].days} days before" in section
    assert f"up to {windows['joins'].days} days later" in section
    assert windows["offer"].days is None


def test_the_limits_are_documented():
    section = _section("Limits")
    for number in (
        f"{record_file.MAX_ORGANISATIONS} organisations",
        f"{record_file.MAX_PERSONS} persons",
        f"{record_file.MAX_REPORTS} reports",
        f"{record_file.MAX_DECISIONS} decisions",
        f"{record_file.MAX_LINKS:,} parents",
        "at most 200 characters",
        "1 MiB",
        f"the first {MOST_OF_A_RULE:,} findings",
    ):
        assert number in section
