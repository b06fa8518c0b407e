"""Renders the templates of the portal: text is escaped, and what is not passed is an error."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from smki_testca.clock import iso
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_PACKAGE = "smki_testca.service.portal"
_TYPES = {"portal.css": "text/css", "icon.svg": "image/svg+xml"}
_CODE = re.compile(r"`([^`]+)`")
_COMMAND = re.compile(r"smki-testca (?!csr\b|lint\b)")
"""A command on the estate, which the operator alone has."""
_CELL = re.compile(r"<t[dh](?=[ >])")


class StaticFile(NamedTuple):
    """A file of the pages' looks."""

    content_type: str
    data: bytes


def _static() -> dict[str, tuple[str, StaticFile]]:
    """The path and content of each static file, by its name."""
    folder = files(_PACKAGE).joinpath("static")
    templates = {}
    for name, content_type in _TYPES.items():
        data = folder.joinpath(name).read_bytes()
        # Another content has another path, so that browsers may keep what they have.
        path = f"/static/{hashlib.sha256(data).hexdigest()[:12]}-{name}"
        templates[name] = path, StaticFile(content_type, data)
    return templates


_STATIC = _static()
STATIC = dict(_STATIC.values())
"""The static files by their paths."""


class Templates:
    """The templates, compiled when they are first used."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader(_PACKAGE),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= {
            "time": _time,
            "day": _day,
            "counted": counted,
            "number": _number,
            "labelled": _labelled,
            "remedy": _remedy,
        }
        self._environment.globals["static"] = {name: path for name, (path, _) in _STATIC.items()}

    def render(self, name: str, /, **values: Any) -> str:
        """The text of a page."""
        return self._environment.get_template(name).render(**values)


def _time(instant: datetime) -> str:
    """An instant as people read it: ``2026-11-28 21:30:00 UTC``."""
    return f"{iso(instant)[:19].replace('T', ' ')} UTC"


def _day(instant: datetime) -> str:
    return iso(instant)[:10]


def _number(value: int) -> str:
    return f"{value:,}"


def _labelled(rows: Markup, columns: Sequence[str]) -> Markup:
    """The rows of a table, each cell with the name of its column.

    A narrow screen has no room for columns: there the style sheet puts the name before the cell.

    Args:
        rows: ``<tr>…</tr>`` of a template, in which text is escaped.
        columns: one for each cell of a row.
    """
    first, *others = rows.split("<tr>")
    labels = [escape(column) for column in columns]

    def row(text: str) -> str:
        names = iter(labels)
        return _CELL.sub(lambda cell: f'{cell[0]} data-label="{next(names)}"', text)

    return Markup("<tr>").join([first, *(Markup(row(each)) for each in others)])  # noqa: S704 - escaped by the template


def _remedy(text: str, *, is_operator: bool = True) -> Markup:
    """The remedy, with what is to be typed in its typeface.

    Args:
        text: as errors and findings have it: for people who type commands.
        is_operator: whether it is for one; others ask the operator where it names a command on the
            estate.
    """
    is_asked = text.startswith("Ask the operator")
    asks = _COMMAND.search(text) is not None and not is_operator and not is_asked
    parts = _CODE.split(text)
    marked = (
        escape(part) if n % 2 == 0 else Markup("<code>{}</code>").format(part)
        for n, part in enumerate(parts)
    )
    return Markup("").join(("Ask the operator. " if asks else "", *marked))
