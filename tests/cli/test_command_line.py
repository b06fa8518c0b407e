"""How every command reads its line, tried with each option of each command."""

import click
import pytest

from smki_testca.cli import cli
from smki_testca.cli.command_line import GLOBAL_OPTIONS, GlobalOptionsCommand
from smki_testca.shipped import shipped


def _commands(group, context, path=()):
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        yield (*path, name), found
        if isinstance(found, click.Group):
            yield from _commands(found, click.Context(found, parent=context), (*path, name))


TOP = click.Context(cli, info_name="smki-testca", **cli.context_settings)
COMMANDS = {" ".join(path): found for path, found in _commands(cli, TOP)}
LEAVES = {name: one for name, one in COMMANDS.items() if not isinstance(one, click.Group)}


def _options(command):
    context = click.Context(command, parent=TOP)
    return [param for param in command.get_params(context) if isinstance(param, click.Option)]


def _own(command):
    return [
        one for one in _options(command) if one not in GLOBAL_OPTIONS and "--help" not in one.opts
    ]


ONCE = [
    (name, option.opts[0])
    for name, command in LEAVES.items()
    for option in _own(command)
    if not option.multiple and not option.is_flag
]
OFTEN = [
    (name, option.opts[0])
    for name, command in LEAVES.items()
    for option in _own(command)
    if option.multiple
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "option"), ONCE, ids=map(" ".join, ONCE))
def test_an_option_with_room_for_one_value_is_refused_when_given_twice(
    command, one_line, name, option
):
    outcome = command(*name.split(), option, "1", option, "1")
    assert outcome.code == 2
    assert f"{option} is given twice" in one_line(outcome)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "option"), OFTEN, ids=map(" ".join, OFTEN))
def test_an_option_that_takes_several_values_is_given_several_times(command, name, option):
    outcome = command(*name.split(), option, "1", option, "2")
    assert "twice" not in outcome.err


def test_an_option_given_twice_is_met_in_every_form_it_can_be_written_in(command, quickstart):
    for line in (("--ca=a", "--ca=b"), ("--ca", "a", "--ca=b")):
        outcome = command("--estate", quickstart, "crl", "show", *line)
        assert outcome.code == 2
        assert "--ca is given twice" in outcome.err
    # The value of one option is not another option.
    assert command("--estate", quickstart, "list", "--label", "--label").code == 0
    outcome = command("--estate", quickstart, "--json", "show", "--", "--asn1", "--asn1")
    assert "twice" not in outcome.json["error"]["message"]


def test_a_flag_given_twice_says_what_it_says_once(command, quickstart, tmp_path):
    line = ("export", "--format", "pem", "--out", tmp_path / "out", "--with-keys", "--with-keys")
    assert command("--estate", quickstart, *line).code == 0
    assert command("--json", "--json", "profiles", "list", "--json").json["profiles"]


def test_a_flag_that_can_be_switched_off_is_no_flag_to_repeat():
    @click.command(cls=GlobalOptionsCommand)
    @click.option("--fast/--slow")
    @click.option("-v", "--verbose", count=True)
    def run(**_):
        """Run."""

    assert run.make_context("run", ["--fast", "-vv", "-v"]).params == {"fast": True, "verbose": 3}
    for line, told in (
        (["--fast", "--slow"], "--fast and --slow are both given. Give one."),
        (["--slow", "--slow"], "--slow is given twice. Give it once."),
    ):
        with pytest.raises(click.UsageError, match=told):
            run.make_context("run", line)


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_takes_the_global_options_after_it(name):
    taken = {opt for option in _options(LEAVES[name]) for opt in option.opts}
    assert {opt for option in GLOBAL_OPTIONS for opt in option.opts} <= taken


@pytest.mark.slow
@pytest.mark.parametrize("path", [(), *(tuple(name.split()) for name in COMMANDS)], ids="-".join)
def test_global_options_are_told_once_in_the_programs_help(command, path):
    text = command(*path, "--help").out
    assert ("--clock TIME" in text) == (path == ())


@pytest.mark.slow
def test_global_options_are_taken_at_any_level(command, quickstart, newcomer):
    wanted = command("--json", "--estate", quickstart, "register", "show").json
    for line in (
        ("register", "show", "--estate", quickstart, "--json"),
        ("register", "--estate", quickstart, "show", "--json"),
        ("--estate", quickstart, "register", "--json", "show"),
        ("--estate", quickstart, "register", "show", "--json", "--estate", quickstart),
        ("register", "show", f"--estate={quickstart}", "--json"),
    ):
        assert command(*line).json == wanted, line
    outcome = command("--estate", quickstart, "register", "show", "--estate", newcomer)
    assert outcome.code == 2
    assert f"--estate is given twice: '{str(quickstart)[:40]}" in outcome.err
    passphrase = newcomer / "passphrase"
    secret = newcomer / "secret"
    passphrase.rename(secret)
    end = ("--passphrase-file", secret, "--clock", "2030-01-01T00:00:00Z", "--estate", newcomer)
    outcome = command("crl", "issue", "--hierarchy", "organisation", *end, "--json")
    assert outcome.code == 0, outcome.out
    assert "2030-01-01" in str(outcome.json)
    assert "clock" in command("--clock", "2030-01-01", "ca", "list", "--clock", "2031-01-01").err


def test_a_command_of_a_type_of_the_operators_own_takes_its_profiles_after_it(command, tmp_path):
    folder = tmp_path / "own" / "certificates"
    folder.mkdir(parents=True)
    text = (shipped("profiles") / "certificates" / "device.toml").read_text("utf-8")
    (folder / "meter.toml").write_text(text.replace('name = "device"', 'name = "meter"'), "utf-8")
    own = ("--profiles", tmp_path / "own")
    assert "No such command 'meter'" in command("issue", "meter", "--json").out
    for line in (("issue", "meter", "--help", *own), ("issue", *own, "meter", "--help")):
        assert command(*line).code == 0
    outcome = command("issue", "meter", "--usage", "digital-signature", *own)
    assert "Missing option '--participant'" in outcome.err


def test_an_option_of_a_commands_own_keeps_its_meaning():
    @click.command(cls=GlobalOptionsCommand)
    @click.option("--estate")
    @click.argument("clock")
    def run(**_):
        """Run."""

    context = run.make_context("run", ["--estate", "a", "b", "--json"])
    assert context.params == {"estate": "a", "clock": "b"}
    assert context.obj.as_json
    assert context.obj.setting("estate").value is None


@pytest.mark.parametrize(
    ("line", "is_json"),
    [
        (("lits", "--json"), True),
        (("--json", "lits"), True),
        (("list", "--bogus", "--json"), True),
        (("list", "--status", "--json"), False),
        (("list", "--label", "--json"), False),
        (("show", "--", "--json"), False),
        (("register", "shw", "--json"), True),
        (("issue", "device", "--json"), True),
        (("issue", "device", "--usage", "x", "--json"), True),
        (("crl", "issue", "--hierarchy", "x", "--json"), True),
        (("lint", "missing.pem", "--json"), True),
        (("lint", "--json", "missing.pem"), True),
        (("lint", "--at", "--json", "--", "missing.pem"), True),
        (("register", "--json"), True),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_an_error_is_json_where_the_line_asks_for_json_and_only_there(command, line, is_json):
    outcome = command(*line)
    assert outcome.code in {2, 4}
    if is_json:
        assert outcome.json
        assert outcome.err == ""
    else:
        assert outcome.out == ""
        assert outcome.err.startswith("error: ")


@pytest.mark.parametrize(
    "before",
    [
        (),
        ("--json",),
        ("--clock", "2026-01-01T00:00:00Z"),
        ("--all-findings",),
        ("--fail-on", "error"),
    ],
    ids=" ".join,
)
def test_lint_takes_a_file_whose_name_is_like_an_option_after_two_hyphens(
    command, quickstart, tmp_path, monkeypatch, before
):
    pem = quickstart / "export/pem/ZAZ1/organisation/supplier-one/Z1-supplier-ds.pem"
    (tmp_path / "--asn1").write_bytes(pem.read_bytes())
    monkeypatch.chdir(tmp_path)
    outcome = command("lint", *before, "--", "--asn1")
    assert outcome.code == 0, outcome.err
    assert "--asn1" in outcome.out


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (("expert",), "Did you mean export?"),
        (("LIST",), "Did you mean list"),
        (("register", "alocate"), "Did you mean allocate?"),
        (("issue", "organization"), "Did you mean organisation?"),
        (("csr", "devices"), "Did you mean device?"),
        (("list", "--participent", "x"), "Did you mean --participant?"),
        (("list", "--estatee", "x"), "Did you mean --estate?"),
    ],
    ids=" ".join,
)
def test_what_is_mistyped_is_answered_with_what_was_meant(command, one_line, line, meant):
    outcome = command(*line)
    assert outcome.code == 2
    assert meant in one_line(outcome)


def test_an_option_is_like_none_by_its_hyphens_alone(command, one_line):
    outcome = command("expiring", "--status", "x")
    assert "Did you mean" not in one_line(outcome)


def test_an_error_names_no_command_that_nobody_types(command, one_line):
    outcome = command("lint", "--fail-on", "error", "--fail-on", "warning", "file")
    assert one_line(outcome).endswith("See: smki-testca lint --help\n")


def test_what_is_like_nothing_is_answered_without_a_guess(command, one_line):
    outcome = command("xyzzy")
    assert one_line(outcome) == "error: No such command 'xyzzy'. See: smki-testca --help\n"
