"""The navigation of the portal, which every page shows."""

from __future__ import annotations

from typing import NamedTuple


class NavigationEntry(NamedTuple):
    """A page in the navigation.

    Attributes:
        title: of the page.
        path: of the page.
    """

    title: str
    path: str

    def leads_to(self, path: str) -> bool:
        """Whether a path is that of the page, or of one below it."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))
