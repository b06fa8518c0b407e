import os
import shlex
import subprocess
import sys
from typing import Any

import click
import pytest

import certificate_types as types
from smki_testca import __version__
from smki_testca.cli import cli


def _commands(group, path=()):
    context = click.Context(group, **group.context_settings)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        yield (*path, name)
        if isinstance(found, click.Group):
            yield from _commands(found, (*path, name))


COMMANDS = [(), *_commands(cli)]

DOCUMENTED = {
    "quickstart",
    "init",
    "account add",
    "register import",
    "register show",
    "register whois",
    "register allocate",
    "register notify",
    "agreement add",
    "agreement show",
    "agreement suspend",
    "agreement resume",
    "check organisation",
    "check device",
    "check dccki",
    "check iki",
    "issue organisation",
    "issue device",
    "issue dccki",
    "issue iki",
    "sign",
    "list",
    "show",
    "export",
    "profiles list",
    "profiles show",
    "profiles check",
    "revoke",
    "reject",
    "status",
    "set-status",
    "crl issue",
    "crl list",
    "crl show",
    "crl verify",
    "audit show",
    "audit verify",
}


def test_every_command_that_other_programs_call_is_there():
    assert {" ".join(path) for path in COMMANDS} >= DOCUMENTED


@pytest.mark.slow
@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: "-".join(path) or "top")
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_shows_an_example_that_begins_with_the_command_itself(command, path, option):
    outcome = command(*path, option)
    assert outcome.code == 0
    assert outcome.err == ""
    assert f"Usage: {' '.join(('smki-testca', *path))}" in outcome.out
    lines = outcome.out.split("Example:\n", 1)[1].split("\n\n")[0].splitlines()
    assert lines[0].lstrip().startswith("smki-testca ")
    words = " ".join(line.strip() for line in lines).split()
    assert all(word in words for word in path[:1])


def _leaf(path):
    found: Any = cli
    context = click.Context(cli, info_name="smki-testca", **cli.context_settings)
    for name in path:
        found = found.get_command(context, name)
        context = click.Context(found, info_name=name, parent=context)
    return found


@pytest.mark.parametrize("path", sorted(DOCUMENTED))
def test_the_example_in_help_is_a_call_that_the_command_accepts(path):
    found = _leaf(path.split())
    example = found.help.split("Example:\n", 1)[1].split("\n\n")[0].replace("\n", " ")
    words = shlex.split(example)
    arguments = words[words.index(path.split()[-1]) + 1 :]
    top = click.Context(cli, **cli.context_settings)
    context = found.make_context(path, arguments, parent=top)
    assert context.args == []


def test_version_is_the_packages(command):
    outcome = command("--version")
    assert outcome.code == 0
    assert outcome.out == f"smki-testca, version {__version__}\n"


@pytest.mark.parametrize("path", [(), ("register",), ("issue",), ("profiles",)])
def test_a_group_without_a_command_shows_its_help_and_ends_with_2(command, path):
    outcome = command(*path)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("Usage: smki-testca")
    assert "Commands:" in outcome.err


def test_the_help_of_a_group_cuts_no_line_about_its_commands_short(command):
    groups = {path[:-1] for path in COMMANDS if path}
    assert len(groups) > 10
    for group in groups:
        _, listed = command(*group, "--help").out.split("\nCommands:\n")
        assert "..." not in listed, group


def test_the_help_of_check_says_that_only_the_gate_is_asked(command):
    assert "Ask the gate whether it grants" in command("check", "device", "--help").out
    assert "Ask the gate" not in command("issue", "device", "--help").out


def test_a_group_without_a_command_is_wrong_usage_in_json(command):
    outcome = command("--json", "register")
    assert outcome.code == 2
    assert outcome.json["error"]["code"] == "usage"


@pytest.mark.slow
def test_bash_completion_completes_commands():
    environment = {
        **os.environ,
        "_SMKI_TESTCA_COMPLETE": "bash_complete",
        "COMP_WORDS": "smki-testca regi",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "smki_testca"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "plain,register\n"


def test_bash_completion_prints_a_script_that_bash_accepts():
    environment = {**os.environ, "_SMKI_TESTCA_COMPLETE": "bash_source"}
    done = subprocess.run(
        [sys.executable, "-m", "smki_testca"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "complete -o nosort -F _smki_testca_completion smki-testca" in done.stdout


_COMMANDING = r"\u001b[31mred\u0007\u202e"


def test_texts_of_an_operators_type_are_no_commands_to_the_terminal(command, tmp_path):
    described = f'help = "A {_COMMANDING}."\nmetavar = "M{_COMMANDING}"'
    text = types.changed(
        "certificates/dccki-personnel.toml",
        ('summary = "A', f'summary = "{_COMMANDING}\\nA'),
        ('help = "The person."\nmetavar = "NAME"', described),
    )
    types.write(tmp_path, "certificates/dccki-personnel.toml", text)
    for words in (("issue", "dccki-personnel"), ("csr", "dccki-personnel"), ("check",)):
        outcome = command("--profiles", tmp_path, *words, "--help")
        assert outcome.code == 0
        assert "[31mred" in outcome.out
        assert set(outcome.out) - {"\n"} <= set(map(chr, range(32, 127)))


@pytest.mark.parametrize("example", ["nothing", '--x \\"y', "it's", "--with-key --force --all"])
def test_an_example_of_any_form_is_shown(command, tmp_path, example):
    text = types.changed("certificates/dccki-personnel.toml")
    lines = (
        f'example = "{example}"' if line.startswith("example") else line
        for line in text.splitlines()
    )
    types.write(tmp_path, "certificates/dccki-personnel.toml", "\n".join(lines) + "\n")
    assert command("--profiles", tmp_path, "csr", "--help").code == 0
    outcome = command("--profiles", tmp_path, "csr", "dccki-personnel", "--help")
    assert outcome.code == 0
    assert "--common-name" in outcome.out
    assert "--key dccki-personnel.key" in " ".join(outcome.out.split())
    shown = command("--profiles", tmp_path, "issue", "dccki-personnel", "--help").out
    assert example.replace("\\", "") in shown
