"""Option values that are names of the library, an operator's own included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.session import Session
from smki_testca.profiles import Library

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def library_of(context: click.Context | None) -> Library:
    """Return the library of a command line's session; without a session, the shipped one."""
    session = None if context is None else context.find_object(Session)
    return Library() if session is None else session.library()


class HierarchyName(click.ParamType[Any]):
    """The name of a hierarchy of ``hierarchies.toml``."""

    name = "hierarchy"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Return the names of all hierarchies, for the usage line."""
        return self._choice(ctx).get_metavar(param, ctx)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check that there is such a hierarchy, and return its name."""
        return self._choice(ctx).convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin with the incomplete one."""
        return self._choice(ctx).shell_complete(ctx, param, incomplete)

    def _choice(self, context: click.Context | None) -> click.Choice[str]:
        return click.Choice([hierarchy.value for hierarchy in library_of(context).hierarchies])


class HierarchyWithLists(click.Option):
    """The option of a hierarchy; by default the first one whose CAs sign revocation lists."""

    def get_default(self, ctx: click.Context, call: bool = True) -> Any:  # noqa: ARG002, FBT001, FBT002 - click's own signature
        """Return the name of that hierarchy; None if no hierarchy of the library has lists."""
        hierarchies = library_of(ctx).hierarchies.values()
        return next((str(each.name) for each in hierarchies if each.revocation_lists), None)
