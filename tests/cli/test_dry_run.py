"""``--dry-run``: every command that has it prints what it would do, and changes nothing at all."""

from __future__ import annotations

import json
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest

from estates import opened, unpacked
from smki_testca.api import Estate
from smki_testca.cli import cli
from smki_testca.errors import InputError
from smki_testca.estate.accounts import SignInError
from smki_testca.estate.certificates import Selection
from smki_testca.profiles.model import Hierarchy, Tier
from smki_testca.roles import KeyUsage

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
RANGE = (
    "--profile device --participant meters-one --purpose device-and-user-system-tests --hw-type"
    " 1.2.826.0.1.8641679.1.2.2.1 --usage digital-signature --first-id 00-DB-12-01-00-00-00-00"
)

CASES = {
    "account add": "bob --operator --password-file {password}",
    "account key": "ann",
    "account password": "ann --password-file {password}",
    "account remove": "ann",
    "account unlock": "ann",
    "agreement add": "{examples}/agreement.toml",
    "agreement end": "BIL-2020-001 --on 2020-06-30",
    "agreement replace": "{examples}/agreement-replacement.toml",
    "agreement resume": "SEC-2020-003",
    "agreement suspend": "BIL-2020-001",
    "batch cancel": "{run}",
    "batch issue": f"{RANGE} --count 3",
    "batch resume": "{run}",
    "batch sign": "{examples}/csrs --participant supplier-one --purpose uept --out {out}",
    "ca renew": "Z1",
    "ca roll-over": "organisation --name Z1b",
    "crl issue": "--all --also-current --out {out}",
    "delete": "--all-externals",
    "import": "{others}",
    "kit apply": "quickstart",
    "re-sign": "--purpose uept",
    "register allocate": "supplier-one --user-role 'Gas Supplier'",
    "register correct": "supplier-two --signifier TPTY-SUPPLIER-2",
    "register import": "{examples}/agreement.toml",
    "register notify": "--flow party",
    "register remove": "labs-one",
    "reject": "{serial}",
    "renew": "--participant supplier-one --out {out} --with-key",
    "revoke": "--participant supplier-one --reason superseded",
    "set-status": "not-in-use --participant meters-one",
}
"""What each command does in a test, in which it would change something."""

REFUSED = {
    "agreement end": "BIL-2020-001 --on 2000-01-01",
    "batch cancel": "7",
    "batch resume": "7",
    "ca roll-over": "organisation --name Z1",
    "delete": "--label Z1-supplier-ds",
    "re-sign": "--purpose uept --participant nobody --all-or-nothing",
    "register remove": "supplier-one",
    "renew": "--label Z1-supplier-ds --purpose nothing-known",
    "revoke": "--participant supplier-one --status revoked --reason superseded",
}
"""What commands refuse or fail at; where the gate refuses, the audit log would have an entry."""


def _with_dry_run(group, path=()):
    """The path of every command that has ``--dry-run``, found by walking the commands."""
    context = click.Context(group, **group.context_settings)
    for name in group.list_commands(context):
        found: Any = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from _with_dry_run(found, (*path, name))
        elif any("--dry-run" in parameter.opts for parameter in found.params):
            yield " ".join((*path, name))


WITH_TOKEN = {"ca move"}
"""They need a PKCS#11 token: tests/custody has their cases."""

COMMANDS = sorted(set(_with_dry_run(cli)) - WITH_TOKEN)


def _state(directory):
    """Every file below a directory, with its octets and times, and a dump of the database."""
    files = {}
    for path in directory.rglob("*"):
        state = path.lstat()
        content = (path.read_bytes(), state.st_mtime_ns) if path.is_file() else None
        files[path.relative_to(directory)] = (state.st_mode, state.st_uid, content)
    with closing(sqlite3.connect(directory / "estate" / "estate.sqlite")) as database:
        return files, list(database.iterdump())


def _interrupted(estate):
    """The number of a run that ended before anything was issued."""

    def stop(_issued, _total):
        raise InterruptedError

    first = estate.subject("device", device_id="00-DB-12-02-00-00-00-00", hw_type="1.2.3")
    purpose = "device-and-user-system-tests"
    request = estate.request("meters-one", purpose, first, [KeyUsage.KEY_AGREEMENT])
    with pytest.raises(InterruptedError):
        estate.batches.issue_range(request, 3, progress=stop)
    return estate.runs.last_unfinished().id


def _password_in(folder):
    path = folder / "password"
    path.write_text("correct horse\n")
    return path


@pytest.fixture
def living(command, quickstart, newcomer, tmp_path):
    """An estate in which every command has something to do."""
    newcomers = tmp_path / "newcomers"
    given = ("issue", "dccki", "--participant", "supplier-one", "--purpose", "uept")
    for name in ("one", "two"):
        command("--estate", newcomer, *given, "--common-name", name, "--label", name)
        exported = ("export", "--format", "pem", "--with-keys", "--out", newcomers / name)
        outcome = command("--estate", newcomer, *exported, "--label", name)
        assert outcome.code == 0, outcome.err
    for words in (
        ("import", newcomers / "one"),
        ("agreement", "suspend", "SEC-2020-003"),
        ("revoke", "--label", "dccki-rdp-one", "--reason", "superseded"),
    ):
        outcome = command("--estate", quickstart, *words)
        assert outcome.code == 0, outcome.err
    with opened(quickstart) as estate:
        (record,) = estate.select(Selection(label="Z1-supplier-ka"))
        run = _interrupted(estate)
        estate.accounts.add("ann", "a password")
        with pytest.raises(SignInError):
            estate.accounts.sign_in("ann", "another")
    names = {
        "password": _password_in(tmp_path),
        "examples": EXAMPLES,
        "others": newcomers / "two",
        "out": tmp_path / "out",
        "serial": record.serial,
        "run": run,
    }
    return quickstart, names


def _called(command, living, path, arguments, *more):
    directory, names = living
    words = shlex.split(arguments.format(**names))
    return command("--json", "--estate", directory, *path.split(), *words, *more)


def test_the_cases_name_commands_that_there_are():
    assert len(COMMANDS) > 15
    assert [path for path in COMMANDS if path not in CASES] == [], "write a case for each of these"


@pytest.mark.slow
@pytest.mark.parametrize("path", COMMANDS)
def test_a_dry_run_prints_what_would_be_done_and_changes_nothing(command, living, tmp_path, path):
    before = _state(tmp_path)
    tried = _called(command, living, path, CASES[path], "--dry-run")
    assert _state(tmp_path) == before
    done = _called(command, living, path, CASES[path])
    assert _state(tmp_path) != before
    assert tried.code == done.code, tried.out + tried.err
    assert tried.code in {0, 1}
    if path.startswith("batch "):
        return  # a line for each step of a run, which a dry run does not take
    document, expected = tried.json, done.json
    # A notification is a document for the DCC, the same whether it is counted as told or not.
    assert document.pop("dry_run", None) is (None if path == "register notify" else True)
    assert expected.pop("dry_run", False) is False
    assert document.keys() == expected.keys()
    for key, value in expected.items():
        assert type(document[key]) is type(value)
        if isinstance(value, list):
            assert len(document[key]) == len(value)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(REFUSED))
def test_a_dry_run_fails_as_the_command_does_and_leaves_no_entry(command, living, tmp_path, path):
    before = _state(tmp_path)
    tried = _called(command, living, path, REFUSED[path], "--dry-run")
    assert _state(tmp_path) == before
    done = _called(command, living, path, REFUSED[path])
    assert tried.code == done.code >= 3
    assert tried.json == done.json


@pytest.mark.slow
def test_a_run_that_is_resumed_for_a_trial_has_its_state_and_what_it_would_issue(command, living):
    directory, names = living
    tried = command("--estate", directory, "batch", "resume", "--last", "--dry-run")
    assert (tried.code, tried.err) == (
        0,
        f"run {names['run']}\nThis was a dry run: nothing was changed.\n",
    )
    assert "interrupted" in tried.out
    assert tried.out.endswith("3 certificates would be issued.\n")
    cancelled = command("--estate", directory, "batch", "cancel", names["run"], "--dry-run")
    assert "cancelled" in cancelled.out
    done = command("--estate", directory, "batch", "resume", names["run"])
    assert done.code == 0, done.err
    outcome = command("--estate", directory, "batch", "resume", names["run"], "--dry-run")
    assert (outcome.code, "done already" in outcome.err) == (4, True)


def test_a_dry_run_says_for_people_that_it_was_one(command, quickstart):
    words = ("revoke", "--label", "Z1-supplier-ds", "--reason", "superseded")
    tried = command("--estate", quickstart, *words, "--dry-run")
    done = command("--estate", quickstart, *words)
    assert tried.err == "This was a dry run: nothing was changed.\n"
    assert (tried.code, tried.out) == (done.code, done.out)
    assert "revoked" in tried.out


@pytest.mark.slow
def test_a_dry_run_that_ends_with_findings_says_so_too(command, living):
    directory, names = living
    assert command("--estate", directory, "import", names["others"]).code == 0
    # Of one alone the command would end as the gate does.
    words = ("re-sign", "--purpose", "uept", "--participant", "labs-one")
    tried = command("--estate", directory, *words, "--dry-run")
    assert tried.code == 1
    assert tried.err.endswith("This was a dry run: nothing was changed.\n")


@pytest.mark.slow
def test_a_dry_run_fails_where_a_file_is_in_the_way_and_removes_no_stale_one(
    command, quickstart, tmp_path
):
    out = tmp_path / "out"
    words = ("--json", "--estate", quickstart, "renew", "--label", "Z1-supplier-ds", "--out", out)
    assert command(*words, "--with-key").code == 0
    before = _state(tmp_path)
    tried = command(*words, "--dry-run")
    assert tried.code == 4
    assert tried.json["error"]["code"] == "export.exists"
    forced = command(*words, "--with-key", "--force", "--dry-run")
    assert forced.code == 0, forced.out
    assert str(out / "Z1-supplier-ds.pem") in forced.json["files"]
    assert _state(tmp_path) == before
    in_the_way = tmp_path / "file"
    in_the_way.write_text("a file")
    tried = command(*words[:-1], in_the_way, "--dry-run")
    done = command(*words[:-1], in_the_way)
    assert tried.code == done.code == 4
    assert tried.json["error"]["code"] == done.json["error"]["code"]


@pytest.mark.slow
@pytest.mark.parametrize("version", [1, 2])
def test_an_estate_of_an_older_format_is_not_upgraded_by_a_dry_run(command, tmp_path, version):
    directory = unpacked(version, tmp_path / "estate")
    before = _state(tmp_path)
    tried = command("--estate", directory, "ca", "renew", "Z1", "--dry-run")
    assert _state(tmp_path) == before
    assert (tried.code, tried.err) == (0, "This was a dry run: nothing was changed.\n")
    assert "Z1" in tried.out


@pytest.mark.slow
@pytest.mark.parametrize("path", COMMANDS)
def test_no_command_upgrades_an_estate_in_a_dry_run(command, tmp_path, path):
    directory = unpacked(3, tmp_path / "estate")
    with closing(sqlite3.connect(directory / "estate.sqlite")) as database:
        (serial,) = database.execute(
            "SELECT serial FROM certificates WHERE label = 'Z1-supplier-ka'"
        ).fetchone()
    names = {
        "password": _password_in(tmp_path),
        "examples": EXAMPLES,
        "others": EXAMPLES / "csrs",
        "out": tmp_path / "out",
        "serial": serial.hex(),
        "run": 1,
    }
    before = _state(tmp_path)
    tried = _called(command, (directory, names), path, CASES[path], "--dry-run")
    assert tried.code < 5, tried.out + tried.err
    assert _state(tmp_path) == before
    # It was opened, and not refused before that: in earnest, the same words upgrade it.
    _called(command, (directory, names), path, CASES[path])
    assert _state(tmp_path) != before


@pytest.mark.slow
def test_lines_of_json_that_are_tried_upgrade_no_estate(command, tmp_path):
    directory = unpacked(3, tmp_path / "estate")
    csr = next((EXAMPLES / "csrs").glob("*.csr")).read_text("ascii")
    before = _state(tmp_path)
    words = ("batch", "sign", "-", "--participant", "supplier-one", "--purpose", "uept")
    command("--estate", directory, *words, "--dry-run", stdin=json.dumps({"csr": csr}).encode())
    assert _state(tmp_path) == before


def test_a_file_that_somebody_gave_another_mode_of_journal_keeps_it(command, quickstart, digest):
    with closing(sqlite3.connect(quickstart / "estate.sqlite")) as database:
        database.execute("PRAGMA journal_mode = WAL")
    before = digest(), sorted(quickstart.iterdir())
    tried = command("--estate", quickstart, "ca", "renew", "Z1", "--dry-run")
    assert tried.code == 0, tried.err
    assert (digest(), sorted(quickstart.iterdir())) == before


def test_the_library_tries_several_things_in_turn_and_takes_them_back(quickstart, digest):
    before = digest()
    with opened(quickstart) as estate:
        entries = len(estate.audit.entries())
    phrase = (quickstart / "passphrase").read_text().strip()
    with Estate.open(quickstart, phrase, dry_run=True) as estate:
        estate.roll_over(Hierarchy.ORGANISATION, "Z1b")
        record = estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING)
        assert estate.by_serial(record.authority).label == "Z1b"
        assert len(estate.audit.entries()) == entries + 2
        estate.audit.verify()
        # What fails in between takes only its own changes back.
        with pytest.raises(InputError, match="Z1b"):
            estate.roll_over(Hierarchy.ORGANISATION, "Z1b")
        assert len(estate.audit.entries()) == entries + 2
    assert digest() == before
    with opened(quickstart) as estate:
        assert len(estate.audit.entries()) == entries
        estate.audit.verify()
