"""What the command says is in plain words, and an option has the same help everywhere."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

import smki_testca
from smki_testca.cli import cli
from source_trees import nodes

SOURCE = Path(smki_testca.__file__).parent

ARCHAIC = re.compile(
    r"(?<!there )\b(is|are) no (?!longer\b)"
    r"|\banew\b|\ball the same\b|\bpassed over\b|\bran out\b|\bruns out\b|\bat hand\b"
    r"|\bstands? against\b|\bof ours\b|\bis told\b|\bgoes? on with\b|\bhas no place\b",
    re.IGNORECASE,
)

RIDDLE = re.compile(r"(What|Whose|Who|Where|How|Why)\b")

ONE_HELP = ("--dry-run", "--if-needed", "--workers", "--engine", "--with-keys", "--with-key")


def _texts(nodes_of_module: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Every text in the code that is no docstring, the parts of f-strings included."""
    for node in nodes_of_module:
        for child in ast.iter_child_nodes(node):
            is_docstring = isinstance(node, ast.Expr)
            if (
                isinstance(child, ast.Constant)
                and isinstance(child.value, str)
                and not is_docstring
            ):
                yield child.lineno, child.value


def test_no_text_of_the_source_has_an_archaic_phrase():
    found = [
        (path.name, line, text)
        for path in SOURCE.rglob("*.py")
        if "shipped" not in path.parts
        for line, text in _texts(nodes(path))
        if ARCHAIC.search(text)
    ]
    assert found == []


def _descriptions(nodes_of_module: Iterable[ast.AST]) -> Iterator[str]:
    """Every docstring, and every text that stands below a constant or an attribute."""
    for node in nodes_of_module:
        match node:
            case ast.Expr(ast.Constant(str(text))):
                yield text.lstrip()


def test_a_docstring_begins_with_what_the_thing_is_or_does():
    found = [
        (path.name, text)
        for path in SOURCE.rglob("*.py")
        if "shipped" not in path.parts
        for text in _descriptions(nodes(path))
        if RIDDLE.match(text)
    ]
    assert found == []


def _commands(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        below = click.Context(command, info_name=name, parent=context)
        yield below.command_path, command
        if isinstance(command, click.Group):
            yield from _commands(command, below)


COMMANDS = dict(_commands(cli, click.Context(cli, info_name="smki-testca", **cli.context_settings)))


def test_every_command_begins_with_a_sentence_and_has_an_example():
    assert len(COMMANDS) > 60
    for name, command in COMMANDS.items():
        first, _, rest = (command.help or "").partition("\n\n")
        assert first.endswith((".", "…")), name
        assert "Example:" in rest, name
        assert not ARCHAIC.search(command.help or ""), name


def test_the_same_option_has_the_same_help_in_every_command():
    helps = defaultdict(set)
    for command in COMMANDS.values():
        for option in command.params:
            if isinstance(option, click.Option):
                for name in option.opts:
                    helps[name].add(option.help)
    for name in ONE_HELP:
        assert len(helps[name]) == 1, (name, helps[name])


def test_the_help_of_an_option_is_a_sentence():
    for name, command in COMMANDS.items():
        for option in command.params:
            if isinstance(option, click.Option) and option.help:
                assert option.help.endswith("."), (name, option.opts)
                assert option.help[:1].isupper() or ":" in option.help, (name, option.opts)
