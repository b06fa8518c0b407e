"""What the command says and how it ends when something is wrong, whichever command it was."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from smki_testca.estate import database
from smki_testca.estate.audit import AuditLog

ISSUE = (
    *("issue", "organisation", "--participant", "supplier-one", "--purpose", "uept"),
    *("--id", "90-B3-D5-1F-30-01-00-00", "--role", "supplier", "--usage", "digital-signature"),
)

PARTY = """
[[participant]]
id = "{id}"
name = "Somebody"
kind = "party"
signifier = "{signifier}"
ranges = [{{ registry-entry = "{entry}", organisation-number = "{number}" }}]
ids = [{{ eui64 = "{eui64}", user-roles = ["{role}"] }}]
"""
GOOD = {
    "id": "party-nine",
    "signifier": "TPTY-NINE",
    "entry": "90-B3-D5-1F-3",
    "number": "009",
    "eui64": "90-B3-D5-1F-30-09-00-00",
    "role": "Import Supplier",
}


def _run(*arguments, **environment):
    names = ("SMKI_TESTCA_ESTATE", "SMKI_TESTCA_PASSPHRASE", "NO_COLOR", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        [sys.executable, "-m", "smki_testca", *map(str, arguments)],
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


@pytest.fixture
def locked_away(quickstart):
    """The estate without the passphrase that quickstart left in it, and that passphrase."""
    path = quickstart / "passphrase"
    phrase = path.read_text().strip()
    path.unlink()
    return quickstart, phrase


def test_a_party_file_that_is_in_order_is_imported(command, quickstart, tmp_path):
    path = tmp_path / "party.toml"
    path.write_text(PARTY.format(**GOOD))
    assert command("--estate", quickstart, "register", "import", path).code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"signifier": "TPTY-SUPPLIER-ONE"}, "signifier.taken"),
        ({"signifier": ""}, "signifier.form"),
        ({"signifier": "x" * 65}, "signifier.form"),
        ({"signifier": "Zażółć"}, "signifier.form"),
        ({"number": "001", "eui64": "90-B3-D5-1F-30-01-00-50"}, "id_range.overlap"),
        ({"number": "1000"}, "id_range.organisation_number"),
        ({"number": "nine"}, "id_range.organisation_number"),
        ({"number": "-1"}, "id_range.organisation_number"),
        ({"entry": "00-DB-12"}, "participant.id_outside_range"),
        ({"entry": "90-B3-D5"}, "id_range.entry"),
        ({"entry": "90-B3-D5-1F"}, "registry_entry.form"),
        ({"eui64": "90-B3-D5-1F-30-0A-00-00"}, "participant.id_outside_range"),
        ({"eui64": "70-B3-D5-1F-30-09-00-00"}, "participant.id_outside_range"),
        ({"eui64": "90-B3-D5-1F-30-09-00"}, "eui64.form"),
        ({"eui64": "90-B3-D5-1F-30-09-00-00-00"}, "eui64.form"),
        ({"role": "Baker"}, "user_role.unknown"),
        ({"id": "Party Nine"}, "participant.id"),
        ({"id": "supplier-one"}, "participant.changed"),
        ({"id": "\\u001b[31m"}, "participant.id"),
    ],
    ids=lambda one: "-".join(f"{k}={v[:12]}" for k, v in one.items()) if type(one) is dict else one,
)
def test_a_participant_that_cannot_be_is_one_line_and_changes_nothing(
    command, quickstart, one_line, file_digest, tmp_path, changed, code
):
    path = tmp_path / "party.toml"
    given = {**GOOD, **changed}
    if changed.get("entry") == "90-B3-D5":
        given |= {"eui64": "90-B3-D5-00-90-00-00-00"}
    path.write_text(PARTY.format(**given), "utf-8")
    _is_refused_whole(command, quickstart, one_line, file_digest, path, code)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[[participant]]\n", "toml.shape"),
        ("[[particpant]]\n", "toml.shape"),
        ("participant = 3\n", "toml.shape"),
        ("[[participant]\n", "toml.syntax"),
        ("a = " + "[" * 5000, "toml.syntax"),
        ('[[participant]]\nid = "x"\nname = "X"\nkind = "baker"\n', "toml.shape"),
        ('[[participant]]\nid = "x"\nname = "X"\nkind = "party"\n', "participant.signifier"),
        (
            '[[participant]]\nid = "x"\nname = "X"\nkind = "other"\nsignifier = "S"\n',
            "participant.signifier",
        ),
        (
            (
                '[[participant]]\nid = "x"\nname = "X"\nkind = "manufacturer"\n'
                'ids = [{ eui64 = "90-B3-D5-1F-30-09-00-00" }]\n'
            ),
            "participant.ids",
        ),
        (
            (
                '[[participant]]\nid = "x"\nname = "X"\nkind = "manufacturer"\n'
                'registry-entries = ["70-B3-D5-1F-3"]\n'
            ),
            "registry_entry.central",
        ),
        (
            (
                '[[participant]]\nid = "x"\nname = "X"\nkind = "manufacturer"\n'
                'registry-entries = ["00-DB-12"]\n'
            ),
            "registry_entry.taken",
        ),
        (2 * '[[participant]]\nid = "x"\nname = "X"\nkind = "other"\n', "participant.twice"),
        (
            PARTY.format(**GOOD)
            + PARTY.format(
                **{**GOOD, "id": "ten", "number": "00A", "eui64": "90-B3-D5-1F-30-0A-00-00"}
            ),
            "signifier.taken",
        ),
        (
            PARTY.format(**GOOD).replace(
                '["Import Supplier"] }', '[] }, { eui64 = "90-B3-D5-1F-30-09-00-00" }'
            ),
            "participant.id_order",
        ),
        (
            PARTY.format(**GOOD)
            + '[[participant.market-participant-ids]]\nscheme = "MRA"\nidentifier = "A"\n'
            'role-code = "X"\nids = ["90-B3-D5-1F-30-09-00-01"]\n',
            "participant.market_id",
        ),
        (
            PARTY.format(**GOOD).replace('"009"', '"009", organisation-bits = 28'),
            "id_range.split",
        ),
    ],
    ids=range(16),
)
def test_a_register_file_that_cannot_be_is_one_line_and_changes_nothing(
    command, quickstart, one_line, file_digest, tmp_path, text, code
):
    path = tmp_path / "register.toml"
    path.write_text(text, "utf-8")
    _is_refused_whole(command, quickstart, one_line, file_digest, path, code)


def _is_refused_whole(command, quickstart, one_line, file_digest, path, code):
    before = file_digest(quickstart)
    outcome = command("--estate", quickstart, "register", "import", path)
    assert outcome.code == 4, outcome
    one_line(outcome)
    said = command("--estate", quickstart, "--json", "register", "import", path)
    assert said.code == 4
    assert set(said.json["error"]) == {"code", "message", "remedy"}
    assert said.json["error"]["code"] == code
    assert file_digest(quickstart) == before


def test_a_good_participant_beside_a_bad_one_is_not_imported_either(
    command, quickstart, file_digest, tmp_path
):
    path = tmp_path / "both.toml"
    bad = {**GOOD, "id": "ten", "number": "001", "eui64": "90-B3-D5-1F-30-01-00-50"}
    path.write_text(PARTY.format(**GOOD) + PARTY.format(**bad))
    before = file_digest(quickstart)
    assert command("--estate", quickstart, "register", "import", path).code == 4
    assert file_digest(quickstart) == before
    assert command("--estate", quickstart, "register", "show", "party-nine").code == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("register", "import"),
        ("agreement", "add"),
        ("register", "whois"),
        ("show",),
        ("sign",),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("kind", ["noise", "zeros", "text", "huge", "directory", "missing"])
def test_any_file_in_place_of_the_right_one_is_one_line_and_changes_nothing(
    command, quickstart, one_line, file_digest, tmp_path, arguments, kind
):
    path = tmp_path / "given"
    if kind == "directory":
        path.mkdir()
    elif kind != "missing":
        content = {
            "noise": os.urandom(4096),
            "zeros": bytes(10_000_000),
            "text": b"Dear Sir or Madam,\n",
            "huge": b"#" * 20_000_000,
        }
        path.write_bytes(content[kind])
    more = ("--participant", "meters-one", "--purpose", "uept") if arguments == ("sign",) else ()
    before = file_digest(quickstart)
    outcome = command("--estate", quickstart, *arguments, path, *more)
    assert outcome.code == 4
    one_line(outcome)
    said = command("--estate", quickstart, "--json", *arguments, path, *more)
    assert said.code == 4
    assert said.err == ""
    assert set(said.json["error"]) >= {"code", "message", "remedy"}
    assert file_digest(quickstart) == before


def test_a_name_with_control_characters_still_makes_one_line(command, quickstart, one_line):
    outcome = command("--estate", quickstart, "register", "import", "a\nb\x1b[31m")
    assert r"a\nb\x1b[31m" in one_line(outcome)


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
@pytest.mark.parametrize("arguments", [("--estate", "{}", "list"), ("show", "{}")])
def test_a_name_that_is_not_utf_8_is_told_all_the_same(command, one_line, arguments):
    given = [one.format(os.fsdecode(b"a\xff")) for one in arguments]
    outcome = command(*given)
    assert outcome.code in {4, 5}
    one_line(outcome)
    assert command("--json", *given).json["error"]["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("register", "show"),
        ("agreement", "show"),
        ("audit", "verify"),
        ("audit", "show"),
        ISSUE,
        ("sign", "-", "--participant", "p", "--purpose", "uept"),
        ("export", "--format", "pem", "--out", "x"),
        ("show", "0123456789ABCDEF"),
    ],
    ids=lambda one: one[0],
)
def test_a_command_without_an_estate_is_wrong_usage(command, one_line, arguments):
    outcome = command(*arguments)
    assert outcome.code == 2
    assert "--estate DIR" in one_line(outcome)
    assert command("--json", *arguments).json["error"]["code"] == "usage"


@pytest.mark.slow
def test_the_variable_stands_in_for_the_option_and_the_option_comes_first(
    command, quickstart, tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    done = _run("--json", "audit", "verify", SMKI_TESTCA_ESTATE=str(quickstart))
    assert done.returncode == 0
    done = _run("--estate", quickstart, "audit", "verify", SMKI_TESTCA_ESTATE=str(tmp_path))
    assert done.returncode == 0
    done = _run("--json", "audit", "verify", SMKI_TESTCA_ESTATE=str(tmp_path / "none"))
    assert done.returncode == 5
    assert command("audit", "verify").code == 2


def _missing(path):
    (path / "estate.sqlite").unlink()


def _noise(path):
    (path / "estate.sqlite").write_bytes(os.urandom(8192))


def _empty(path):
    (path / "estate.sqlite").write_bytes(b"")


def _cut(path):
    file = path / "estate.sqlite"
    file.write_bytes(file.read_bytes()[:6000])


def _directory(path):
    (path / "estate.sqlite").unlink()
    (path / "estate.sqlite").mkdir()


def _statement(text):
    def change(path):
        with closing(sqlite3.connect(path / "estate.sqlite")) as connection, connection:
            connection.execute(text)

    return change


@pytest.mark.parametrize(
    ("spoil", "codes"),
    [
        (_missing, {"estate.missing"}),
        (_directory, {"estate.missing"}),
        (_noise, {"estate.damaged"}),
        (_empty, {"estate.foreign"}),
        (_cut, {"estate.damaged", "estate.unusable"}),
        (_statement("PRAGMA application_id = 1"), {"estate.foreign"}),
        (_statement("PRAGMA user_version = 99"), {"estate.newer"}),
        (_statement("DROP TABLE certificates"), {"estate.damaged"}),
    ],
    ids=["missing", "directory", "noise", "empty", "cut", "foreign", "newer", "table"],
)
def test_an_estate_that_cannot_be_used_is_5_and_one_line(
    command, quickstart, one_line, spoil, codes
):
    spoil(quickstart)
    outcome = command("--estate", quickstart, "list")
    assert outcome.code == 5
    one_line(outcome)
    said = command("--estate", quickstart, "--json", "list")
    assert said.code == 5
    assert said.json["error"]["code"] in codes


@pytest.mark.slow
def test_an_estate_that_another_process_holds_too_long_is_5(
    command, quickstart, one_line, monkeypatch
):
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.1)
    holder = sqlite3.connect(quickstart / "estate.sqlite", isolation_level=None)
    with closing(holder):
        holder.execute("BEGIN EXCLUSIVE")
        outcome = command("--estate", quickstart, *ISSUE)
        assert outcome.code == 5
        one_line(outcome)
        said = command("--estate", quickstart, "--json", *ISSUE)
        assert said.json["error"]["code"] == "estate.locked"
    assert command("--estate", quickstart, *ISSUE).code == 0


def test_the_passphrase_comes_from_a_file(command, locked_away, tmp_path):
    estate, phrase = locked_away
    path = tmp_path / "secret"
    path.write_bytes(phrase.encode() + b"\r\nanything else\n")
    assert command("--estate", estate, "--passphrase-file", path, *ISSUE).code == 0


@pytest.mark.slow
def test_the_passphrase_comes_from_the_environment(locked_away):
    estate, phrase = locked_away
    done = _run("--estate", estate, *ISSUE, SMKI_TESTCA_PASSPHRASE=phrase)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_file_named_comes_before_the_one_in_the_estate(command, quickstart, tmp_path):
    path = tmp_path / "secret"
    path.write_text("wrong\n")
    outcome = command("--estate", quickstart, "--passphrase-file", path, *ISSUE)
    assert outcome.code == 5


def test_no_passphrase_at_all_is_5_and_says_how_to_give_one(command, one_line, locked_away):
    estate, _ = locked_away
    outcome = command("--estate", estate, *ISSUE)
    assert outcome.code == 5
    line = one_line(outcome)
    assert "--passphrase-file FILE" in line
    assert "SMKI_TESTCA_PASSPHRASE" in line


def test_a_wrong_passphrase_is_5_and_changes_nothing(
    command, one_line, locked_away, tmp_path, file_digest
):
    estate, phrase = locked_away
    path = tmp_path / "secret"
    path.write_text(phrase[:-1])
    before = file_digest(estate)
    outcome = command("--estate", estate, "--passphrase-file", path, *ISSUE)
    assert outcome.code == 5
    one_line(outcome)
    said = command("--json", "--estate", estate, "--passphrase-file", path, *ISSUE)
    assert said.json["error"]["code"] == "estate.passphrase"
    assert file_digest(estate) == before


@pytest.mark.slow
def test_what_needs_no_private_key_needs_no_passphrase(command, locked_away, tmp_path):
    estate, _ = locked_away
    for arguments in (
        ("list",),
        ("register", "show"),
        ("check", *ISSUE[1:]),
        ("audit", "verify"),
        ("export", "--format", "pem", "--out", tmp_path / "out"),
    ):
        assert command("--estate", estate, *arguments).code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "input.unreadable"), (b"", "passphrase.empty"), (b"\xff\n", "passphrase.encoding")],
)
def test_a_passphrase_file_that_cannot_be_used_is_4(
    command, quickstart, one_line, tmp_path, content, code
):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    outcome = command("--estate", quickstart, "--passphrase-file", path, *ISSUE)
    assert outcome.code == 4
    one_line(outcome)
    said = command("--json", "--estate", quickstart, "--passphrase-file", path, *ISSUE)
    assert said.json["error"]["code"] == code


@pytest.mark.parametrize("time", ["tomorrow", "2026-13-01", "2026-11-23T09:00:00+01:00", ""])
def test_a_clock_that_tells_no_utc_time_is_4(command, quickstart, one_line, time):
    outcome = command("--clock", time, "--estate", quickstart, *ISSUE)
    assert outcome.code == 4
    one_line(outcome)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("bake",),
        ("--bake", "list"),
        ("list", "--bake"),
        ("list", "more"),
        ("show",),
        ("issue", "x"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2_one_line_and_points_to_help(command, quickstart, one_line, arguments):
    outcome = command("--estate", quickstart, *arguments)
    assert outcome.code == 2
    assert "--help" in one_line(outcome)
    said = command("--estate", quickstart, "--json", *arguments)
    assert said.code == 2
    assert said.err == ""
    assert set(said.json["error"]) == {"code", "message", "remedy"}
    assert said.json["error"]["code"] == "usage"


def test_a_fault_of_ours_is_70_one_line_and_shows_its_traceback_only_when_asked(
    command, quickstart, one_line, monkeypatch
):
    def broken(*_):
        raise RuntimeError("a wheel\ncame off")

    monkeypatch.setattr(AuditLog, "entries", broken)
    outcome = command("--estate", quickstart, "audit", "show")
    assert outcome.code == 70
    line = one_line(outcome)
    assert r"RuntimeError: a wheel\ncame off" in line
    assert "SMKI_TESTCA_TRACEBACK=1" in line
    said = command("--estate", quickstart, "--json", "audit", "show")
    assert said.code == 70
    assert said.json["error"]["code"] == "fault"
    monkeypatch.setenv("SMKI_TESTCA_TRACEBACK", "1")
    with pytest.raises(RuntimeError, match="a wheel"):
        command("--estate", quickstart, "audit", "show")


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "xterm-256color"}])
@pytest.mark.parametrize("arguments", [("list",), ("profiles", "show", "iki"), ("bake",)])
def test_a_pipe_gets_no_escape_codes(quickstart, environment, arguments):
    done = _run("--estate", quickstart, *arguments, **environment)
    assert b"\x1b" not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="script(1) takes other options elsewhere")
@pytest.mark.parametrize(("environment", "styled"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_styles_unless_no_color_is_set(environment, styled):
    if shutil.which("script") is None:
        pytest.skip("script(1) is not installed")
    names = ("NO_COLOR", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        ["script", "-qec", f"{sys.executable} -m smki_testca profiles list", "/dev/null"],
        env={**kept, "TERM": "xterm-256color", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    assert b"organisation-root-ca" in done.stdout
    assert (b"\x1b[" in done.stdout) is styled


@pytest.mark.slow
def test_a_terminal_that_lacks_a_character_is_shown_its_code():
    done = _run("profiles", "show", "dccki", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert rb"2015 \xb636" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("show", "{}"),
        ("lint", "{}"),
        ("import", "{}"),
        ("crl", "verify", "{}"),
        ("register", "whois", "{}"),
        ("export", "--format", "csv", "--out", "{}"),
        ("quickstart", "{}"),
        ("kit", "make", "quickstart", "--out", "{}"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_name_too_long_for_any_file_is_no_fault_of_ours(
    command, quickstart, one_line, file_digest, tmp_path, words
):
    before = file_digest(quickstart)
    name = tmp_path / ("a" * 256)
    outcome = command("--estate", quickstart, *(word.format(name) for word in words))
    assert outcome.code == 4
    assert "File name too long" in one_line(outcome)
    assert file_digest(quickstart) == before


def test_an_estate_with_a_name_too_long_is_5(command, one_line, tmp_path):
    outcome = command("--estate", tmp_path / ("a" * 256), "audit", "verify")
    assert outcome.code == 5
    assert "File name too long" in one_line(outcome)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("expiring",),
        ("expiring", "--within", "36525d"),
        ("renew", "--within", "36525d", "--profile", "organisation"),
        ("renew", "--profile", "organisation", "--days", "36525"),
        ("crl", "issue"),
    ],
    ids=" ".join,
)
def test_on_the_last_day_there_is_commands_work_as_on_any(command, quickstart, words):
    outcome = command("--clock", "9999-12-31", "--estate", quickstart, *words)
    assert outcome.code == 0, outcome.err


@pytest.mark.slow
@pytest.mark.parametrize("module", ["click", "smki_testca.cli.session", "smki_testca.errors"])
def test_ctrl_c_while_the_command_is_loaded_ends_as_later(module):
    program = (
        "import runpy, sys\n"
        "class Pressed:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "sys.argv = ['smki-testca', '--version']\n"
        "runpy.run_module('smki_testca', run_name='__main__')\n"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (130, "", "aborted\n")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell closes streams so")
def test_closed_streams_and_a_full_disk_below_the_output_are_no_faults_of_ours(quickstart):
    def run(words, stream):
        return subprocess.run(
            ["sh", "-c", f'"$0" -m smki_testca --estate . {words} {stream}', sys.executable],
            cwd=quickstart,
            capture_output=True,
            text=True,
            check=False,
        )

    for words in (
        *("ca list", "--json list", "--version", "--help", "crl issue --out -", "crl issue"),
        *("register new -", "renew --label Z1-supplier-ds", "audit verify"),
        "export --format pem --label Z1-supplier-ds --out -",
    ):
        before = (quickstart / "estate.sqlite").read_bytes()
        outcome = run(words, ">&-")
        assert outcome.returncode == 5, words
        assert "Nothing was done" in outcome.stderr
        assert len(outcome.stderr.splitlines()) == 1
        assert (quickstart / "estate.sqlite").read_bytes() == before
    assert run("crl issue", ">/dev/null 2>&-").returncode == 0
    assert run("audit verify", ">/dev/null 2>&-").returncode == 0
    assert run("import -", "<&-").returncode == 4
    if Path("/dev/full").exists():
        assert "No space left" in run("ca list", ">/dev/full").stderr
        outcome = run("--json ca list", ">/dev/full")
        assert outcome.returncode == 5
        assert "No space left" in outcome.stderr
        assert len(outcome.stderr.splitlines()) == 1
        for words in ("list", "audit show", "register notify --flow panel", "profiles list"):
            outcome = run(words, ">/dev/full")
            assert outcome.returncode == 5
            (line,) = outcome.stderr.splitlines()
            assert line.startswith("error: The output cannot be written: No space left")
        for words, code in (("nope", 2), ("show /nope", 4), ("crl issue >/dev/null", 5)):
            assert run(words, "2>/dev/full").returncode == code
    for words in ("list", "--json list", "audit show", "register notify --flow panel"):
        outcome = run(words, "| true")
        assert (outcome.returncode, outcome.stderr) == (0, "")
