"""``assurance``: the verdict, the reports, and what the examples and the draft are said to be."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET  # reads only what this package wrote

import pytest

from records import CASES, GOOD, changed
from smki_testca.cli.terminal_cells import width_of
from smki_testca.errors import ExitCode

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples" / "assurance"


@pytest.fixture
def record(tmp_path):
    def write(text):
        path = tmp_path / "record.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def test_the_text_begins_with_the_verdict_in_one_sentence(command):
    outcome = command("assurance", "check", EXAMPLES / "good.toml")
    assert outcome.code == 0
    assert " ".join(outcome.out.split()) == (
        "The SMKI Assessment Report smki-2015 (stage-1, approved with caveats) was independent."
    )
    assert outcome.err == ""


@pytest.mark.parametrize(
    ("name", "verdict", "code"),
    [
        ("part", "was not independent: 1 error.", ExitCode.FINDINGS),
        ("employer", "cannot be shown to be independent: 1 error.", ExitCode.FINDINGS),
        ("group", "was independent as far as is specified: 1 warning.", ExitCode.DONE),
        ("gap", "was independent.", ExitCode.DONE),
        (
            "presence-observed",
            "was independent as far as is specified: 1 notice.",
            ExitCode.DONE,
        ),
    ],
)
def test_each_verdict_has_its_words_and_exit_code(command, name, verdict, code):
    outcome = command("assurance", "check", CASES / f"{name}.toml")
    sentence = outcome.out.split("\n\n")[0]
    assert " ".join(sentence.split()).endswith(verdict)
    assert outcome.code == code


@pytest.mark.parametrize(
    ("name", "fail_on", "code"),
    [("group", "warning", 1), ("gap", "warning", 0), ("gap", "notice", 1), ("good", "notice", 0)],
)
def test_less_grave_findings_fail_on_demand(command, name, fail_on, code):
    path = CASES / f"{name}.toml"
    assert command("assurance", "check", "--fail-on", fail_on, path).code == code


def test_a_finding_tells_person_decision_rule_basis_remedy_and_line(command):
    outcome = command("assurance", "check", CASES / "part.toml")
    text = " ".join(outcome.out.split())
    assert text.endswith(
        "error: Ada Assessor took part (reviewed) in review (review of 2015-05-11), and was an"
        " employee of The DCC (the DCC) that day (from 2012-01-01)."
        " [independence.part; line 56; specified, seed ch. 5 (R19)]"
        " Let somebody without such a tie take the decision again."
    )


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(CASES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_text_fits_80_columns(command, path):
    outcome = command("assurance", "check", path)
    assert max(map(len, outcome.out.splitlines())) <= 80


@pytest.mark.parametrize("name", ["x" * 200, "\u4e2d" * 200, "long " * 40])
def test_long_names_of_any_width_fit_80_columns(command, record, name):
    text = (CASES / "employer.toml").read_text("utf-8")
    outcome = command("assurance", "check", record(changed(("Ada Assessor", name), text=text)))
    assert outcome.code == ExitCode.FINDINGS
    assert outcome.out.count(name[0]) >= 40
    assert max(map(width_of, outcome.out.splitlines())) <= 80


CONTROL = "\\u001b[31mRed\\u0007\\u202e\\u0085"


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit"])
def test_control_characters_never_reach_the_terminal(command, record, form):
    text = (CASES / "part.toml").read_text("utf-8")
    text = changed(("Ada Assessor", CONTROL), ("Example Assurance Scheme", CONTROL), text=text)
    outcome = command("assurance", "check", "--format", form, record(text))
    assert outcome.code == ExitCode.FINDINGS
    assert outcome.out.replace("\n", "").isprintable()


def test_json_has_the_verdicts_and_the_findings_of_lint(command):
    outcome = command("--json", "assurance", "check", CASES / "part.toml")
    assert outcome.code == ExitCode.FINDINGS
    document = outcome.json
    assert document["verdict"] == "not-independent"
    assert [one["report"] for one in document["reports"]] == ["r"]
    assert document["summary"]["errors"] == 1
    whole, report = document["files"]
    assert (whole["kind"], report["kind"]) == ("assurance-record", "smki-assessment-report")
    (finding,) = report["findings"]
    assert finding["line"] == 56
    assert finding["path"] == "report[0].decision[0].part[0]"
    assert (finding["report"], finding["decision"], finding["person"]) == ("r", "review", "a")
    assert (finding["rule"], finding["offset"]) == ("R19", None)


def test_changed_terms_are_told(command, tmp_path):
    shipped = (ROOT / "profiles" / "assurance-terms.toml").read_text("utf-8")
    mine = shipped.replace("days = 365", "days = 30")
    (tmp_path / "assurance-terms.toml").write_text(mine, "utf-8")
    words = ("assurance", "check", CASES / "good.toml")
    changed_terms = ("--profiles", tmp_path, *words)
    note = "What counts is not as shipped: your assurance-terms.toml changes it."
    assert (note in command(*changed_terms).out, note in command(*words).out) == (True, False)
    assert command("--json", *changed_terms).json["terms"] == "changed"
    assert command("--json", *words).json["terms"] == "shipped"
    sarif = json.loads(command(*changed_terms, "--format", "sarif").out)
    assert sarif["runs"][0]["properties"] == {"terms": "changed"}


@pytest.mark.parametrize(("fail_on", "failures"), [("error", "0"), ("warning", "1")])
def test_junit_fails_what_fails_the_run(command, fail_on, failures):
    outcome = command(
        *("assurance", "check", "--format", "junit", "--fail-on", fail_on),
        CASES / "group.toml",
    )
    suite = ET.fromstring(outcome.out)  # noqa: S314
    assert suite.get("failures") == failures
    assert len(suite.findall(".//failure")) == int(failures)
    assert outcome.code == int(failures)


def test_the_format_json_is_the_same_as_the_global_option(command):
    path = CASES / "part.toml"
    asked = command("assurance", "check", "--format", "json", path)
    assert asked.json == command("--json", "assurance", "check", path).json


def test_every_key_of_the_json_is_documented(command):
    text = (ROOT / "docs" / "json.md").read_text("utf-8")
    section = text.split("\n## assurance\n")[1].split("\n## ")[0]
    lint = text.split("\n## lint, compare\n")[1].split("\n## ")[0]
    described = set(re.findall(r"`([a-z_]+)`", section + lint))

    def keys(value):
        if isinstance(value, dict):
            return set(value).union(*map(keys, value.values()))
        return set().union(*map(keys, value)) if isinstance(value, list) else set()

    for words in (("check", CASES / "part.toml"), ("rules",)):
        assert keys(command("--json", "assurance", *words).json) - described == set()


def test_sarif_has_the_line_of_each_finding(command):
    outcome = command("assurance", "check", "--format", "sarif", CASES / "part.toml")
    (run,) = json.loads(outcome.out)["runs"]
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("independence.part", "error")
    assert {"decision": "review", "person": "a", "rule": "R19"}.items() <= result[
        "properties"
    ].items()
    (location,) = result["locations"]
    assert location["physicalLocation"]["region"] == {"startLine": 56}
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["independence.part"]


def test_junit_has_a_test_case_for_the_record_and_each_report(command):
    outcome = command("assurance", "check", "--format", "junit", CASES / "part.toml")
    suite = ET.fromstring(outcome.out)  # noqa: S314
    assert suite.attrib["name"] == "smki-testca assurance check"
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("2", "1")
    (failure,) = suite.iter("failure")
    assert failure.attrib["type"] == "independence.part"
    assert "at line 56" in failure.text
    assert failure.text.endswith("Let somebody without such a tie take the decision again.")


def test_several_reports_have_a_verdict_each_and_one_together(command, record):
    text = (CASES / "part.toml").read_text("utf-8")
    second = GOOD[GOOD.index("[[report]]") :].replace('id = "r"', 'id = "s"')
    second = second.replace('person = "a", how = "reviewed"', 'person = "b", how = "reviewed"')
    outcome = command("assurance", "check", record(f"{text}\n{second}"))
    sentences = [" ".join(part.split()) for part in outcome.out.split("\n\n")]
    assert sentences[0] == (
        "Of 2 SMKI Assessment Reports, 1 was independent, 1 was not, and 0 cannot be shown to be."
    )
    assert "The SMKI Assessment Report s (stage-1, approved) was independent." in sentences
    assert outcome.code == ExitCode.FINDINGS


def test_a_record_is_read_from_standard_input(command):
    outcome = command("assurance", "check", "-", stdin=GOOD.encode())
    assert outcome.code == 0
    assert "was independent" in " ".join(outcome.out.split())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(('id = "b"', 'id = "a"')), "line 34, person[1].id: a is the id of another person"),
        (changed(('person = "b"\nfrom', 'person = "z"\nfrom')), "there is no person 'z'"),
        ("x", "is not TOML"),
    ],
)
def test_a_record_that_cannot_be_used_is_one_line(command, record, text, message):
    path = record(text)
    outcome = command("assurance", "check", path)
    assert (outcome.code, outcome.out) == (ExitCode.INPUT, "")
    assert outcome.err.startswith(f"error: {path}")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_record_that_is_not_there_is_an_input_that_cannot_be_read(command, tmp_path):
    outcome = command("assurance", "check", tmp_path / "none.toml")
    assert outcome.code == ExitCode.INPUT
    assert "none.toml" in outcome.err


def test_the_terms_of_an_operator_are_used(command, tmp_path):
    profiles = tmp_path / "profiles"
    assert command("profiles", "copy", "assurance-terms", profiles).code == 0
    path = profiles / "assurance-terms.toml"
    text = path.read_text("utf-8")
    path.write_text(text.replace('name = "parent"\nbasis = "assumed"', SPECIFIED), "utf-8")
    assert command("--profiles", profiles, "profiles", "check").code == 0
    arguments = ("assurance", "check", CASES / "group.toml")
    assert command(*arguments).code == ExitCode.DONE
    assert command("--profiles", profiles, *arguments).code == ExitCode.FINDINGS


SPECIFIED = 'name = "parent"\nbasis = "specified"'


def test_the_rules_are_listed(command):
    listed = command("--json", "assurance", "rules").json["rules"]
    assert [one["code"] for one in listed][:2] == ["independence.part", "independence.board"]
    assert "independence.part" in command("assurance", "rules").out
    assert not {one["code"] for one in listed} & {
        one["code"] for one in command("--json", "lint", "rules").json["rules"]
    }


def _options_on(text):
    return re.sub(r"(?m)^#(?=[^ #\n])", "", text)


def test_the_draft_is_a_record_as_it_stands(command, tmp_path):
    path = tmp_path / "record.toml"
    outcome = command("assurance", "new", "--out", path)
    assert outcome.code == 0
    assert "Fill it in" in outcome.err
    assert command("assurance", "check", "--fail-on", "notice", path).code == 0
    text = path.read_text("utf-8")
    assert "$" not in text
    # With each of its options in use, it is a record, too; one of them recuses from less.
    path.write_text(_options_on(text), "utf-8")
    assert command("assurance", "check", path).code == ExitCode.FINDINGS


def test_the_draft_names_every_term_of_the_library(command, library):
    text = " ".join(command("assurance", "new").out.replace("#", "").split())
    terms = library.assurance_terms
    for table in (terms.stage, terms.post, terms.part, terms.decision, terms.oversight):
        assert ", ".join(table) in text


def test_the_draft_overwrites_nothing(command, record):
    path = record(GOOD)
    assert command("assurance", "new", "--out", path).code == ExitCode.INPUT
    assert path.read_text("utf-8") == GOOD
    assert command("assurance", "new", "--out", path, "--force").code == 0
    assert command("--json", "assurance", "new").code == ExitCode.USAGE


def _examples():
    """The rows of the README of the examples: file, codes and the exit codes."""
    text = (EXAMPLES / "README.md").read_text("utf-8")
    for line in re.findall(r"(?m)^\| `.*", text):
        name, _, found, ends = (cell.strip() for cell in line.strip("|").split("|"))
        yield name.strip("`"), set(re.findall(r"`([a-z_.]+)`", found)), ends


ROWS = list(_examples())


@pytest.mark.parametrize(("name", "found", "ends"), ROWS, ids=[name for name, *_ in ROWS])
def test_an_example_shows_what_its_readme_says(command, name, found, ends):
    outcome = command("--json", "assurance", "check", EXAMPLES / name)
    codes = {finding["code"] for one in outcome.json["files"] for finding in one["findings"]}
    assert codes == found
    assert outcome.code == int(ends[0])
    strict = command("assurance", "check", "--fail-on", "warning", EXAMPLES / name)
    assert strict.code == int(ends[0] if len(ends) == 1 else "1")


def test_the_examples_are_one_good_record_and_five_bad_ones():
    names = {name for name, *_ in ROWS}
    assert names == {path.name for path in EXAMPLES.glob("*.toml")}
    assert [name for name, found, _ in ROWS if not found] == ["good.toml"]
    assert len(names) == 6
