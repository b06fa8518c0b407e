"""No whole number on the command line is larger than what keeps it can hold."""

from __future__ import annotations

import click
import pytest

from smki_testca.cli import cli

TOO_LARGE = "99999999999999999999"


def _parameters(command, path=()):
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from _parameters(command.get_command(context, name), (*path, name))
    else:
        for parameter in command.params:
            yield " ".join((*path, parameter.name)), parameter


NUMBERS = {
    name: parameter
    for name, parameter in _parameters(cli)
    if isinstance(parameter.type, click.types.IntParamType)
}


def test_there_are_whole_numbers_to_look_at():
    assert {"batch resume run", "audit show last", "register allocate count"} <= NUMBERS.keys()


@pytest.mark.parametrize("parameter", NUMBERS.values(), ids=NUMBERS)
def test_every_whole_number_has_a_range_that_fits(parameter):
    assert isinstance(parameter.type, click.IntRange)
    assert parameter.type.min >= -(1 << 63)
    assert parameter.type.max < 1 << 63


@pytest.mark.parametrize("number", ["1_0", " 10", "10 ", "\u0661\u0660", "1e1", "0x10", "10.0", ""])
def test_only_digits_are_a_whole_number(number):
    with pytest.raises(click.UsageError, match="is not a valid whole number"):
        cli.main(["--estate", "none", "audit", "show", "--last", number], standalone_mode=False)


@pytest.mark.parametrize(
    "command",
    [
        *(("batch", name, TOO_LARGE) for name in ("resume", "show", "cancel")),
        ("batch", "resume", "9" * 5_000),
        ("batch", "export", TOO_LARGE, "--format", "csv", "--out", "rows.csv"),
        ("audit", "show", "--last", TOO_LARGE),
        ("crl", "show", TOO_LARGE),
        ("register", "allocate", "one", "--user-role", "x", "--count", TOO_LARGE),
        ("kit", "make", "quickstart", "--devices", TOO_LARGE),
    ],
)
def test_a_number_that_is_too_large_is_wrong_usage(command):
    with pytest.raises(click.UsageError):
        cli.main(["--estate", "none", *command], standalone_mode=False)
