"""Options whose values are names that profiles define, an operator's own included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.session import Session
from smki_testca.profiles import Library

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def library_of(context: click.Context | None) -> Library:
    """The profiles that a command line leads to; the shipped ones while a shell completes it."""
    session = None if context is None else context.find_object(Session)
    return Library() if session is None else session.library()


class HierarchyName(click.ParamType[Any]):
    """The name of a hierarchy of ``hierarchies.toml``."""

    name = "hierarchy"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """The hierarchies that there are."""
        return self._choice(ctx).get_metavar(param, ctx)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See that there is such a hierarchy."""
        return self._choice(ctx).convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete its name."""
        return self._choice(ctx).shell_complete(ctx, param, incomplete)

    def _choice(self, context: click.Context | None) -> click.Choice[str]:
        return click.Choice([one.value for one in library_of(context).hierarchies])
