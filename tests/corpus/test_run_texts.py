"""Texts of others in ``corpus run``: of targets, of saved reports, of expectations."""

import json
import sys
from xml.etree import ElementTree as ET

import pytest

import small_corpus

HOSTILE = "\ud800 \x1b[2J\x00 | <b> `x`\n# second"
"""A lone surrogate, control characters, markup and a second line."""


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return small_corpus.write(tmp_path / "corpus")


@pytest.fixture
def hostile_target(tmp_path):
    """A target of JSON that says hostile text wherever it can say any."""
    program = tmp_path / "target.py"
    program.write_text(
        "import json, sys\n"
        f"text = {HOSTILE!r} + 5000 * 'x'\n"
        "for line in sys.stdin:\n"
        "    asked = json.loads(line)\n"
        "    if 'hello' in asked:\n"
        "        said = {'hello': text, 'codes': {'1': text}, 'capabilities': ['crl']}\n"
        "    else:\n"
        "        code = '1' if asked['id'] == 'good-one' else text\n"
        "        said = {'id': asked['id'], 'verdict': 'accept', 'code': code, 'reason': text,\n"
        "                'facts': {'eui64': text, text: text}}\n"
        "    print(json.dumps(said), flush=True)\n"
    )
    return f"jsonl:{sys.executable} -S -E {program}"


def test_each_report_says_which_verdicts_are_assumed(command, corpus, tmp_path):
    index = corpus / "corpus.json"
    document = json.loads(index.read_text())
    for case in document["cases"]:
        if case["id"] == "one-short":
            case["expect"]["rfc5280"]["basis"] = "assumed"
    index.write_text(json.dumps(document))
    takes_all = tmp_path / "target.sh"
    takes_all.write_text("exit 0\n")
    options = [(f"--{form}", tmp_path / form) for form in ("html", "junit", "markdown", "save")]
    outcome = command(
        "corpus",
        "run",
        corpus,
        "--with",
        f"exec:sh {takes_all} {{der}}",
        *(x for each in options for x in each),
    )
    marked = [line for line in outcome.out.splitlines() if "(assumed)" in line]
    assert [line.split() for line in marked] == [["high", "one-short", "(assumed)"]]
    saved = json.loads((tmp_path / "save").read_text())
    assumed = {case["id"] for case in saved["cases"] if case["basis"] == "assumed"}
    assert assumed == {"one-short"}
    for form in ("html", "markdown"):
        assert (tmp_path / form).read_text().count("reject (assumed)") == 1, form
    junit = (tmp_path / "junit").read_text()
    assert junit.count("(what is expected is assumed)") == 1
    assert "Expected: reject (assumed)." in junit


def _check_texts(folder):
    """Every report is there, in text that shows as it is."""
    ET.parse(folder / "r.xml")  # noqa: S314 - of our own run
    for name in ("r.html", "r.md", "r.json", "r.xml"):
        text = (folder / name).read_text("utf-8")
        assert all(each == "\n" or each.isprintable() for each in text), name
        assert not any(line.startswith("# second") for line in text.splitlines())


def test_what_a_target_says_spoils_no_report(command, corpus, tmp_path, hostile_target):
    outcome = command(
        *("corpus", "run", corpus, "--with", hostile_target),
        *("--html", "r.html", "--junit", "r.xml", "--markdown", "r.md", "--save", "r.json"),
    )
    assert outcome.code == 1, outcome.err
    _check_texts(tmp_path)
    assert "<b>" not in (tmp_path / "r.md").read_text().replace("\\<b\\>", "")
    made = json.loads((tmp_path / "r.json").read_text())
    assert len(made["name"]) <= 100
    asked = [case for case in made["cases"] if case["seen"]]
    assert asked
    for case in asked:
        assert len(case["code"]) <= 100
        assert len(case["reason"]) <= 300
        assert all(len(name) <= 100 and len(text) <= 300 for name, text in case["facts"].items())


def test_a_saved_report_and_expectations_bring_no_markup(command, corpus, tmp_path):
    saved = tmp_path / "saved.json"
    (tmp_path / "known.toml").write_text(
        'level = "rfc5280"\n[[known]]\nseen = "accepted"\n'
        'reason = "a\\u001b[2J\\u0000 | <b>\\n# second"\ncases = ["one-short"]\n'
    )
    run = ("corpus", "run", corpus, "--with", "exec:true {der}")
    files = ("--html", "r.html", "--junit", "r.xml", "--markdown", "r.md", "--save", "r.json")
    assert command(*run, "--expectations", "known.toml", *files).code == 1
    _check_texts(tmp_path)
    document = json.loads((tmp_path / "r.json").read_text())
    document["name"] = "a\n# second\x1b"
    for case in document["cases"]:
        case.update(
            dict.fromkeys(("title", "profile", "code", "reason", "note"), "a\n# second\x1b")
        )
    saved.write_text(json.dumps(document))
    assert command("corpus", "compare", saved, "--html", "r.html", "--markdown", "r.md", "--force")
    _check_texts(tmp_path)
    document["cases"][0]["id"] = "one\n# second | `x`"
    saved.write_text(json.dumps(document))
    for outcome in (
        command("corpus", "compare", saved),
        command(*run, "--last", saved),
    ):
        assert outcome.code == 4
        assert "is not a report of a run" in outcome.err
