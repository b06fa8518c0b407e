"""Reads the line of every command: global options anywhere, nothing twice, "did you mean".

The commands are plain ones of click. A group returns each of its commands as a copy of the class
``GlobalOptionsCommand``, so all commands read their lines alike, however they were made.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from typing import Any

import click
from click.core import ParameterSource

from smki_testca.cli.configuration import KEYS
from smki_testca.cli.session import Session
from smki_testca.text import closest


class GlobalOption(click.Option):
    """An option of every command, taken before the command and after it.

    Its value goes to the session.
    """

    def __init__(self, name: str, **attributes: Any) -> None:
        # Under a name that no parameter of a command has, and read before those that may need it.
        super().__init__(
            [f"--{name}", f"global_{name.replace('-', '_')}"],
            multiple=not attributes.get("is_flag"),
            expose_value=False,
            is_eager=True,
            callback=self._give,
            **attributes,
        )
        self.option = name

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the line of help; only the whole program's help has it."""
        return super().get_help_record(ctx) if ctx.parent is None else None

    def _give(self, ctx: click.Context, _: click.Parameter, value: Any) -> None:
        session = ctx.ensure_object(Session)
        if self.option == "json":
            session.as_json |= value
        elif self.option == "no-config":
            session.no_config |= value
        else:
            for each in value:
                session.give(self.option, each)


GLOBAL_OPTIONS = (
    GlobalOption("estate", metavar="DIR", help="The estate to use."),
    GlobalOption("json", is_flag=True, help="Print JSON for programs."),
    GlobalOption(
        "profiles", metavar="DIR", help="Use the profiles in DIR before those of the estate."
    ),
    GlobalOption(
        "passphrase-file",
        metavar="FILE",
        help="Read the estate's passphrase from the first line of FILE.",
    ),
    GlobalOption(
        "token-module", metavar="FILE", help="The PKCS#11 module that reaches tokens with keys."
    ),
    GlobalOption(
        "token-pin-file",
        metavar="FILE",
        help="Read the PIN of tokens from the first line of FILE.",
    ),
    GlobalOption("clock", metavar="TIME", help="Use this UTC time as now, for repeatable runs."),
    GlobalOption("no-config", is_flag=True, help="Do not read smki-testca.toml."),
)
"""The options that every command takes."""
_AHEAD = ("estate", "profiles")
"""Those that tell which options a command has."""
_ANY_LENGTH = 10_000


class ConfiguredOption(click.Option):
    """An option whose value the configuration has where the command line does not.

    It is for what a request says, never for what selects certificates: a command must not act on
    fewer or more of them for a line in a file.
    """

    def __init__(self, *arguments: Any, key: str | None = None, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self._key = key or self.opts[0].removeprefix("--")

    def consume_value(self, ctx: click.Context, opts: Any) -> tuple[Any, ParameterSource]:
        """Return the value, and where click is to say that it comes from."""
        value, source = super().consume_value(ctx, opts)
        session = ctx.find_object(Session)
        if source is ParameterSource.DEFAULT and session is not None and not ctx.resilient_parsing:
            configured = session.setting(self._key).value
            if configured is not None:
                return configured, ParameterSource.DEFAULT_MAP
        return value, source


def configured(option: str) -> type[click.Option]:
    """Return the class of an option that is one of every request of its certificate type."""
    return ConfiguredOption if option in KEYS else click.Option


class GlobalOptionsCommand(click.Command):
    """A command that takes the global options, too, and no option twice."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters, and the global options that these leave free."""
        params = super().get_params(ctx)
        own = {name for param in params for name in param.opts}
        params = [*params, *(each for each in GLOBAL_OPTIONS if own.isdisjoint(each.opts))]
        if ctx.resilient_parsing:
            from smki_testca.cli.completion import completing

            return [completing(param, ctx) for param in params]
        return params

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options; none that takes one value is taken twice."""
        if not ctx.resilient_parsing:
            session = ctx.ensure_object(Session)
            seen = _Seen.of(ctx, args)
            # Known before anything is found wrong, so that errors are printed as the user asks.
            session.as_json |= seen.asks_for_json
            session.no_config |= seen.shuns_configuration
            session.ahead = seen.ahead
            seen.check_repeats(ctx, args)
        return super().parse_args(ctx, args)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence of the help, whole: a group's help folds it."""
        del limit
        return super().get_short_help_str(_ANY_LENGTH)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write where the global options are explained, and what the command says at the end."""
        if ctx.parent is not None:
            formatter.write_paragraph()
            formatter.write_text(
                "--estate, --json and the other global options of smki-testca --help are taken"
                " here, too."
            )
        super().format_epilog(ctx, formatter)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The options in a line, collected before it is read and past its mistakes.

    Attributes:
        asks_for_json: whether ``--json`` is in it.
        shuns_configuration: whether ``--no-config`` is.
        ahead: the global options that tell which options a command has.
        options: each option, as often as it is there.
    """

    asks_for_json: bool
    shuns_configuration: bool
    ahead: dict[str, str]
    options: tuple[click.Option, ...]

    @classmethod
    def of(cls, ctx: click.Context, args: list[str], *, beyond: bool = False) -> _Seen:
        """Look through what is left of a line.

        Args:
            ctx: of the command.
            args: what is left.
            beyond: whether to look beyond the name of a command of a group.
        """
        parser = ctx.command.make_parser(ctx)
        parser.ignore_unknown_options = True
        parser.allow_interspersed_args |= beyond
        ctx.resilient_parsing = True
        try:
            values, _, order = parser.parse_args(args=list(args))
        finally:
            ctx.resilient_parsing = False
        met = {each.option: values[each.name] for each in GLOBAL_OPTIONS if each in order}
        return cls(
            "json" in met,
            "no-config" in met,
            {name: met[name][0] for name in _AHEAD if name in met},
            tuple(param for param in order if isinstance(param, click.Option)),
        )

    def check_repeats(self, ctx: click.Context, args: list[str]) -> None:
        """Refuse an option that is there more than once and takes one value.

        A flag says the same each time, which is no harm, unless it can also be switched off.

        Args:
            ctx: of the command.
            args: what is left of the line.

        Raises:
            click.UsageError: if there is one.
        """
        for option in dict.fromkeys(self.options):
            takes_several = option.multiple or option.count
            is_harmless = option.is_flag and not option.secondary_opts
            if self.options.count(option) > 1 and not takes_several and not is_harmless:
                names = [name for name in args if name in (*option.opts, *option.secondary_opts)]
                if len(set(names)) > 1 and option.secondary_opts:
                    ctx.fail(f"{' and '.join(dict.fromkeys(names))} are both given. Give one.")
                name = names[0] if option.secondary_opts and names else option.opts[0]
                ctx.fail(f"{name} is given twice. Give it once.")


class GlobalOptionsGroup(GlobalOptionsCommand, click.Group):
    """A group that takes the global options, and whose commands take them."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, which takes the global options, too."""
        command = super().get_command(ctx, cmd_name)
        return None if command is None else with_global_options(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that a line names."""
        if ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        session = ctx.ensure_object(Session)
        seen = _Seen.of(ctx, args[1:], beyond=True)
        session.ahead = seen.ahead
        # The names of some commands, such as those of issue, depend on the configuration.
        session.no_config |= seen.shuns_configuration
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            session.as_json |= seen.asks_for_json
            if args[0].startswith("-"):
                raise
            meant = closest(args[0], self.list_commands(ctx))
            ctx.fail(f"No such command {args[0]!r}. {did_you_mean(meant)}")


class OptionsOrCommand(GlobalOptionsGroup):
    """A group that is a command with options of its own, unless one of its commands is named first.

    The line of such a command is read as if the group had no options, so that none is missing.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options, or the name of a command."""
        ctx.meta[_NAMED] = _first_word(args) in self.commands
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options; those that every command has where one of the group's is named."""
        params = super().get_params(ctx)
        if not ctx.meta.get(_NAMED):
            return params
        return [param for param in params if param not in self.params]


_NAMED = f"{__name__}.named"


def _first_word(args: list[str]) -> str:
    """Return the first word of a line that is neither an option of every command nor its value."""
    words = iter(args)
    for word in words:
        name, has_value, _ = word.partition("=")
        option = next((each for each in GLOBAL_OPTIONS if name in each.opts), None)
        if option is None:
            return word
        if not option.is_flag and not has_value:
            next(words, None)
    return ""


def did_you_mean(meant: str | None) -> str:
    """Return the question after a word that is like a mistyped one; nothing if there is none."""
    return "" if meant is None else f"Did you mean {meant}?"


def with_global_options(command: click.Command) -> click.Command:
    """Return a copy of a command that takes the global options, unless it takes them already."""
    if isinstance(command, GlobalOptionsCommand):
        return command
    kind: Any = type(command)
    copied = copy.copy(command)
    copied.__class__ = _with_global_options(kind)
    return copied


@cache
def _with_global_options(kind: Any) -> type[click.Command]:
    bases = (GlobalOptionsGroup if issubclass(kind, click.Group) else GlobalOptionsCommand, kind)
    return type(kind.__name__, bases, {})
