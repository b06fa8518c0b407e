from __future__ import annotations

import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest

import smki_testca
from broken import CHANGES, chain_and_leaf
from findings_reference import manual
from judge import AT
from smki_testca.errors import InputError
from smki_testca.importers.sources import Source
from smki_testca.lint.catalogue import DECLARING, explain, rules
from smki_testca.lint.chain import gathered
from smki_testca.lint.engine import Linter
from smki_testca.lint.linted import LintSettings
from smki_testca.lint.row_checks import ASPECTS
from smki_testca.lint.rule import RULES
from smki_testca.lint.rule import rule as declare
from smki_testca.profiles import Library
from smki_testca.profiles.model import Severity
from smki_testca.roles import Basis
from smki_testca.x509.structures import STRUCTURES

FINDINGS = Path(__file__).parents[2] / "docs" / "findings.md"
LIMIT = "a limit of this program"
# Rows whose severity says otherwise, because readers fail on a breach.
STRICTER = {
    "extensions.subjectAltName.dNSName.form",
    "extensions.subjectAltName.hardwareModuleName.hwSerialNum.null",
    "extensions.subjectAltName.hardwareModuleName.hwType.form",
    "subject.x500UniqueIdentifier.null",
    "subject.x500UniqueIdentifier.order",
}


def test_the_document_of_findings_is_what_the_catalogue_says(library):
    assert FINDINGS.read_text("utf-8") == manual(library)


def test_every_rule_says_what_it_means_and_how_to_mend_it(library):
    for rule in rules(library):
        assert re.fullmatch(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)+", rule.code)
        for said in (rule.meaning, rule.remedy, rule.good, rule.bad, rule.source):
            assert said.strip() == said != ""
            assert "{path}" not in said
            assert "{rule}" not in said
        assert rule.meaning.endswith(".")
        assert rule.remedy.endswith(".")
        assert rule.good != rule.bad, rule.code


def test_no_rule_is_listed_twice(library):
    listed = [
        (rule.code, rule.severity, rule.basis, rule.source, rule.meaning) for rule in rules(library)
    ]
    assert len(listed) == len(set(listed))


def test_nothing_assumed_is_an_error_but_for_the_limits_of_the_program(library):
    wrong = [
        rule.code
        for rule in rules(library)
        if rule.basis is Basis.ASSUMED and rule.severity is Severity.ERROR and rule.source != LIMIT
    ]
    assert set(wrong) <= STRICTER


def test_an_observed_habit_is_never_an_error(library):
    assert {
        rule.code
        for rule in rules(library)
        if rule.basis is Basis.OBSERVED and rule.severity is Severity.ERROR
    } <= STRICTER


def test_what_time_does_to_a_certificate_is_never_an_error():
    certificate = ("validity.expired", "validity.not_yet_valid", "validity.ends_soon")
    for code in (*certificate, "validity.revoked", "crl.stale", "crl.future"):
        assert RULES[code].severity is not Severity.ERROR


SOURCE = Path(smki_testca.__file__).parent
# Functions that turn what is found below the linter into breaches, and where it is found.
BELOW = {
    "of_file": tuple(
        f"importers/{path.name}" for path in sorted((SOURCE / "importers").glob("*.py"))
    ),
    "of_error": ("der/read.py", "x509/view.py"),
    "of_anomaly": ("der/read.py",),
    "_problem": ("x509/entries.py",),
}
CODES = re.compile(r'"((?:crl|der|document)\.[a-z0-9_]+)"')


def calls(node, *names):
    return [
        one
        for one in ast.walk(node)
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id in names
    ]


def functions():
    """Each function of the modules with rules: its name, the codes above it, those within it."""
    for module in DECLARING:
        tree = ast.parse(Path(module.__file__).read_text("utf-8"))
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            above = [call for one in function.decorator_list for call in calls(one, "rule")]
            also = [call for one in function.decorator_list for call in calls(one, "detects")]
            declared = {call.args[0].value for call in above}
            declared |= {code.value for call in also for code in call.args}
            first = [call.args[0] for call in calls(function, "Breach")]
            yielded = {code.value for code in first if isinstance(code, ast.Constant)}
            yield f"{module.__name__.rsplit('.', 1)[1]}.{function.name}", declared, yielded


@pytest.mark.slow
def test_a_function_yields_the_codes_that_are_declared_above_it_and_no_others():
    different = [
        (name, declared ^ yielded)
        for name, declared, yielded in functions()
        if declared != yielded and name.rsplit(".", 1)[1] not in BELOW
    ]
    assert different == []


def test_codes_found_below_the_linter_are_declared_and_no_others():
    declared = {
        code for name, codes, _ in functions() if name.rsplit(".", 1)[1] in BELOW for code in codes
    }
    files = {file for files in BELOW.values() for file in files}
    found = {code for file in files for code in CODES.findall((SOURCE / file).read_text("utf-8"))}
    # Files are bounded before they are read as DER; octets of no kind are found by the engine.
    assert found - declared == {"der.too_long"}
    assert declared <= found


@pytest.mark.slow
def test_every_rule_is_declared_above_a_function():
    of_structures = {structure.code for structure in STRUCTURES.values()}
    declared = {code for _, declared, _ in functions() for code in declared}
    assert declared | of_structures == set(RULES)
    assert not declared & of_structures


def test_two_rules_cannot_have_one_code():
    known = RULES["validity.order"]
    with pytest.raises(ValueError, match=r"validity\.order"):
        declare(
            known.code,
            known.severity,
            known.basis,
            known.source,
            meaning=known.meaning,
            remedy=known.remedy,
            good=known.good,
            bad=known.bad,
        )
    assert RULES["validity.order"] is known


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["organisation", "device"])
def test_every_finding_has_the_severity_basis_and_source_of_its_rule(
    library, quickstart_original, kind
):
    listed = {(rule.code, rule.severity, rule.basis, rule.source) for rule in rules(library)}
    chain, der = chain_and_leaf(quickstart_original, kind)
    linter = Linter(LintSettings(AT + timedelta(days=30)), gathered([chain.root, chain.issuing]))
    for change in CHANGES.values():
        for finding in linter.lint(Source("-", 0, chain.issue(der, change))).findings:
            assert (finding.code, finding.severity, finding.basis, finding.source) in listed


def test_explaining_a_code_gives_every_rule_of_it(library):
    found = explain(library, "subject.commonName.encoding")
    assert len(found) > 1
    assert {rule.code for rule in found} == {"subject.commonName.encoding"}
    profiles = [name for rule in found for name in rule.profiles]
    assert len(profiles) == len(set(profiles))


@pytest.mark.parametrize("code", ["", "der", "der.booleans", "DER.BOOLEAN", "no such\x1b[31m"])
def test_explaining_a_code_that_there_is_not_is_an_error_on_one_line(library, code):
    with pytest.raises(InputError) as caught:
        explain(library, code)
    assert caught.value.code == "rule.unknown"
    assert caught.value.message.isprintable()


def test_a_rule_follows_the_profile_that_an_operator_overrides(library, tmp_path):
    (tmp_path / "certificates").mkdir()
    text = Path(library.profile("device").origin).read_text("utf-8")
    assert text.count("GBCS v0.8.1 s.12") > 3
    text = text.replace("GBCS v0.8.1 s.12", "an operator's own policy")
    (tmp_path / "certificates" / "device.toml").write_text(text, "utf-8")
    sources = {rule.source for rule in rules(Library(tmp_path)) if "device" in rule.profiles}
    assert any("an operator's own policy" in source for source in sources)
    assert not any("GBCS" in source for source in sources)


def test_every_aspect_is_one_that_some_profile_checks(library):
    used = {rule.code.rsplit(".", 1)[1] for rule in rules(library) if rule.profiles}
    assert used == set(ASPECTS)
