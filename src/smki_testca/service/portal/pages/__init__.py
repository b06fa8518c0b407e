"""The pages of the portal, each a module of this package that declares ``PAGE``."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smki_testca.service.portal.page_declaration import Page


def pages() -> list[Page]:
    """Every page, in the order of the navigation."""
    every_page: list[Page] = [
        import_module(f"{__name__}.{module.name}").PAGE for module in iter_modules(__path__)
    ]
    return sorted(every_page, key=lambda page: (page.place, page.path))
