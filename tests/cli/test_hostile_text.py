"""Text of others, wherever the command prints it: it adds no lines and controls no terminal."""

from __future__ import annotations

import ast
import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

import batches
import smki_testca.cli
from smki_testca.register.notifications import Flow, Notification
from source_trees import nodes

HOSTILE = "a\x1b[2J\r\nrefused [none, R1]: forged\x07\u2028b"
AGREEMENT = """
[[agreement]]
reference = "{reference}"
participant = "supplier-one"
kind = "sec-accession"
from = 2020-01-01
environments = ["ZAZ1"]
purposes = ["uept"]
categories = ["organisation-user"]
"""


def is_plain(text):
    return all(line.isprintable() for line in text.split("\n"))


@pytest.fixture
def hostile_agreement(command, quickstart, tmp_path):
    escaped = HOSTILE.encode("unicode_escape").decode().replace("\\x", "\\u00")
    path = tmp_path / "agreement.toml"
    path.write_text(AGREEMENT.format(reference=escaped), "utf-8")
    outcome = command("--estate", quickstart, "agreement", "add", path)
    assert outcome.code == 0, outcome.err
    return HOSTILE


def test_suspend_and_resume_print_a_hostile_reference_on_one_line(
    command, quickstart, hostile_agreement
):
    for verb in ("suspend", "resume"):
        outcome = command("--estate", quickstart, "agreement", verb, hostile_agreement)
        assert outcome.code == 0
        assert outcome.out.count("\n") == 1
        assert is_plain(outcome.out)


def test_a_refusal_prints_a_hostile_reference_on_one_line_for_each_reason(
    command, quickstart, hostile_agreement
):
    for reference in ("supplier-one-accession", hostile_agreement):
        command("--estate", quickstart, "agreement", "suspend", reference)
    outcome = command(
        *("--estate", quickstart, "issue", "organisation", "--participant", "supplier-one"),
        *("--purpose", "nothing", "--id", batches.SUPPLIER_ID, "--role", "supplier"),
        *("--usage", "key-agreement"),
    )
    assert outcome.code == 3
    assert is_plain(outcome.err)
    assert all(line.startswith("refused [") for line in outcome.err.splitlines())
    assert "\nrefused [none" not in outcome.err


def test_a_hostile_label_has_one_line_in_every_list(command, quickstart, issue):
    before = command("--estate", quickstart, "list").out.count("\n")
    assert issue("--label", HOSTILE).code == 0
    listed = command("--estate", quickstart, "list").out
    assert listed.count("\n") == before + 1
    assert is_plain(listed)
    assert is_plain(command("--estate", quickstart, "status", "--label", HOSTILE).out)


@pytest.mark.slow
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_no_formula_leaves_by_a_table(command, quickstart, tmp_path, sign):
    formula = f"{sign}cmd|' /C calc'!A0"
    manifest = batches.write(tmp_path / "rows.jsonl", [batches.device(label=formula)])
    issued = command("--estate", quickstart, "batch", "issue", manifest, "--workers", 1)
    assert issued.code == 0, issued.err
    out = tmp_path / "run.csv"
    call = ("batch", "export", 1, "--format", "csv", "--out", out)
    assert command("--estate", quickstart, *call).code == 0
    (row,) = csv.DictReader(io.StringIO(out.read_bytes().decode(), newline=""))
    assert row["label"] == f"'{formula}"


def test_no_formula_leaves_by_a_notification():
    entry = ("party-one", "=cmd", "00-DB-12-00-00-00-00-05", "@role")
    notification = Notification(Flow.PARTY, 1, datetime(2026, 1, 1, tzinfo=UTC), (entry,), ())
    (row,) = csv.reader(notification.as_csv().splitlines()[1:])
    assert row == ["added", "party-one", "'=cmd", "00-DB-12-00-00-00-00-05", "'@role"]


@pytest.mark.slow
def test_everything_is_printed_by_the_module_of_output():
    """What escapes text of others; whoever prints in another way would forget it."""
    folder = Path(smki_testca.cli.__file__).parent
    printing = set()
    for path in folder.glob("*.py"):
        for node in nodes(path):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name in {"click.echo", "click.secho", "print", "sys.stdout.write"}:
                    printing.add(path.name)
    assert printing == {"output.py"}
