"""An input of an operator's own has no name that a command, a kit or a function uses already."""

import inspect

import click
import msgspec
import pytest

import certificate_types as types
from smki_testca.api import Estate
from smki_testca.authority.csr_builder import make_csr
from smki_testca.cli import cli
from smki_testca.errors import InputError
from smki_testca.kits.documents import DevicesTable, RequestTable, SeriesTable
from smki_testca.profiles import Library
from smki_testca.profiles.inputs import INPUT_TYPES

COMMANDS = (
    *(("issue",), ("check",), ("csr",), ("sign",)),
    *(("batch", "issue"), ("batch", "check"), ("batch", "sign")),
)
"""The commands that have the inputs of certificate types as options, or take them otherwise."""


def _commands(command, path, context):
    yield path, command
    if isinstance(command, click.Group):
        inner = click.Context(command, parent=context, info_name="x")
        for name in command.list_commands(inner):
            if any(words[: len(path) + 1] == (*path, name)[: len(words)] for words in COMMANDS):
                yield from _commands(command.get_command(inner, name), (*path, name), inner)


def _options():
    for path, command in _commands(cli, (), None):
        if path and not any(words == path[: len(words)] for words in COMMANDS):
            continue
        for parameter in command.params:
            names = (*parameter.opts, *parameter.secondary_opts)
            yield from (name.removeprefix("--") for name in names if name.startswith("--"))


def _names():
    names = set(_options())
    for shape in (RequestTable, SeriesTable, DevicesTable):
        names |= {field.encode_name for field in msgspec.structs.fields(shape)}
    for function in (Estate.subject, make_csr):
        parameters = inspect.signature(function).parameters.values()
        named = (each.name for each in parameters if each.kind is not each.VAR_KEYWORD)
        names |= {name.replace("_", "-") for name in named}
    # What a certificate type may take is no name of its own, but describes that input.
    return sorted(names - {each.option for each in INPUT_TYPES.values()} | {"id"})


def test_the_names_are_found():
    assert {"participant", "out", "force", "estate", "key", "cell-usage", "seed", "id"} <= {
        *_names()
    }


@pytest.mark.parametrize("name", _names())
def test_no_input_of_its_own_has_the_name_of_something_else(tmp_path, name):
    table = f'[inputs.{name}]\ntype = "text"\nhelp = "A."\n'
    text = types.changed(
        "certificates/dccki.toml", ("[inputs.common-name]", f"{table}\n[inputs.common-name]")
    )
    types.write(tmp_path, "certificates/dccki.toml", text)
    with pytest.raises(InputError, match="malformed or reserved"):
        Library(tmp_path).profile("dccki")
