"""The output of the command: tables for people, JSON for programs, progress on stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from dataclasses import (
    dataclass,
    field,
)
from itertools import islice
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    TypeVar,
)

import click

from smki_testca.cli.terminal_cells import padded, width_of
from smki_testca.errors import SmkiTestcaError
from smki_testca.text import plain

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from smki_testca.cli.folding import Cell
    from smki_testca.cli.session import Session

Item = TypeVar("Item")

T = TypeVar("T")

_INDENT = "  "


def say(*lines: str, err: bool = False) -> None:
    """Print lines of text, on standard output or standard error.

    Text of others, such as a label or a file's name, neither adds lines nor controls the terminal.
    """
    for line in lines:
        click.echo(plain(line), err=err)


def say_folded(text: str, *, indented: bool = False, whole_words: bool = False) -> None:
    """Print a text in lines that fit the terminal, or 80 columns; the further ones are indented.

    Args:
        text: of one line.
        indented: whether the first line is, too.
        whole_words: whether a word that is longer than a line, such as a path, stays whole.
    """
    from smki_testca.cli.folding import folded

    width = shutil.get_terminal_size().columns - len(_INDENT)
    for place, line in enumerate(folded(plain(text), width, whole_words=whole_words)):
        say(f"{_INDENT if place or indented else ''}{line}")


def print_document(text: str) -> None:
    """Print a document of several lines as it is: PEM, CSV, JSON, SARIF or iCalendar.

    On a terminal, its control characters are escaped.
    """
    if sys.stdout.isatty():
        say(*text.splitlines())
    else:
        click.echo(text, nl=False)


def print_progress(text: str, *, last: bool) -> None:
    """Print a line on standard error over the one before; the last one stays."""
    click.echo(f"\r{plain(text)}", err=True, nl=last)


def print_json(document: Any) -> None:
    """Print one JSON document on standard output; it is ASCII."""
    click.echo(json.dumps(document, indent=2))


def print_outcome(session: Session, document: dict[str, Any]) -> None:
    """Print what a command did as a JSON document, with ``dry_run`` and ``changed`` where asked."""
    print_json({**document, **outcome_marks(session)})


def outcome_marks(session: Session, *, changed: bool = True) -> dict[str, bool]:
    """The keys of a JSON document that say of a command that it was tried, or that it was needed.

    Args:
        session: of the command.
        changed: whether there was anything to change, for a command with ``--if-needed``.
    """
    return {
        **({"dry_run": True} if session.dry_run else {}),
        **({"changed": changed} if session.if_needed else {}),
    }


def anchor_mark(fault: SmkiTestcaError | None) -> dict[str, Any]:
    """Return what JSON says of a log that does not continue its newest anchor; nothing otherwise.

    Args:
        fault: of ``Anchors.note_fault``.
    """
    return {} if fault is None else {"anchor_fault": fault.as_json()["error"]}


def print_json_line(document: Any) -> None:
    """Print one JSON document on one line of standard output."""
    click.echo(json.dumps(document))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    title: str = "",
    *,
    least: Sequence[str] = (),
    whole: bool = False,
    prose: bool = False,
) -> None:
    """Print a table: in colour on a terminal unless NO_COLOR is set, never cut off in a pipe.

    On a terminal that is too narrow, words are folded, but nothing that is copied, such as a serial
    number or a time. Where that is not enough, columns are left out, and a last line on standard
    error names them; or else each cell has a line of its own.

    Args:
        columns: their headings.
        rows: for each column a cell.
        title: a line above the table.
        least: the columns that may be left out, the first one first.
        whole: whether no cell is folded, such as a path: where the table does not fit, each cell
            that is not empty has a line of its own.
        prose: whether its cells are sentences to read, folded in a pipe, too.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from smki_testca.cli.folding import GAP, folded, layout, total

    # Text from others, such as a label, must not control the terminal.
    lines = [
        [tuple(map(plain, (cell,) if isinstance(cell, str) else cell)) for cell in row]
        for row in rows
    ]
    available = shutil.get_terminal_size().columns if prose or sys.stdout.isatty() else _WIDE
    if whole and _widest(columns, lines) > available:
        _print_whole(columns, lines)
        return
    places, widths = layout(
        [[(column,) for column in columns], *lines],
        [columns.index(each) for each in least],
        available,
    )
    if total(widths) > available and len(columns) > _PAIR:
        pairs: list[Sequence[Cell]] = []
        for row in lines:
            pairs += [*zip(columns, row, strict=True), ("", "")]
        print_table(("", ""), pairs[:-1], title)
        return
    table = Table(box=None, pad_edge=False, padding=(0, GAP // 2), show_header=any(columns))

    def text(cell: Iterable[str], width: int) -> Text:
        # As Text, so that rich does not read brackets in a name as markup.
        return Text("\n".join(part for line in cell for part in folded(line, width)))

    for place, width in zip(places, widths, strict=True):
        table.add_column(text([columns[place]], width), width=width, no_wrap=True)
    for row in lines:
        table.add_row(
            *(text(row[place], width) for place, width in zip(places, widths, strict=True))
        )
    width = max(available, total(widths))
    console = Console(
        color_system="auto" if _in_colour() else None,
        width=width,
        highlight=False,
        soft_wrap=width > available or available == _WIDE,
    )
    if title:
        say(*folded(plain(title), available))
    with console.capture() as printed:
        console.print(table)
    # Blanks at the end only make a line longer. It is not printed by click, which takes a terminal
    # in ASCII for one in UTF-8: a character that it lacks is shown by its code.
    sys.stdout.write("\n".join(line.rstrip() for line in printed.get().split("\n")))
    if len(places) < len(columns):
        left_out = [name for place, name in enumerate(columns) if place not in places]
        _say_left_out(left_out, WIDEN)


def _widest(columns: Sequence[str], rows: Sequence[Sequence[Sequence[str]]]) -> int:
    """The width of a table in which nothing is folded."""
    from smki_testca.cli.folding import total

    cells = zip(*([(column,) for column in columns], *rows), strict=True)
    return total([max(len(line) for cell in column for line in cell) for column in cells])


def _print_whole(columns: Sequence[str], rows: Sequence[Sequence[Sequence[str]]]) -> None:
    """Print each cell that is not empty on a line, after the name of its column."""
    for number, row in enumerate(rows):
        if number:
            say("")
        for column, cell in zip(columns, row, strict=True):
            if any(cell):
                say(f"{column}: {' '.join(cell)}")


def _say_left_out(names: Sequence[str], remedy: str) -> None:
    """Say on standard error which columns a terminal is too narrow for, in lines that fit."""
    from smki_testca.cli.folding import folded

    line = f"not shown for lack of width: {', '.join(names)}. {remedy}"
    say(*folded(line, shutil.get_terminal_size().columns), err=True)


WIDEN = "Make the terminal wider, or use --json."
"""The remedy where a terminal is too narrow for a column."""
_PAIR = 2
_WIDE = 10_000
"""The width of a table that is not on a terminal."""


def print_warnings(warnings: Iterable[str]) -> None:
    """Print warnings on standard error, one line each."""
    for warning in warnings:
        say(f"warning: {warning}", err=True)


@dataclass(frozen=True, slots=True)
class Column(Generic[Item]):
    """A column of a table whose rows are printed as they come.

    Attributes:
        name: on the command line.
        title: its heading.
        text: the cell of an item.
        rank: on a terminal that is too narrow, the columns of the highest rank are left out first;
            those of rank 0 never are.
        colours: of cells, by their text.
        is_remark: whether its cells, at the end of a row, are mostly empty: it has no width then.
        instead: the name of a column that tells a row apart where the cell of this one is empty:
            if it is left out, its cell stands here.
    """

    name: str
    title: str
    text: Callable[[Item], str]
    rank: int = 0
    colours: Mapping[str, str] = field(default_factory=dict)
    is_remark: bool = False
    instead: str = ""


_FIRST_ROWS = 100
"""The rows that a table is laid out by, before the first is printed."""
_ROWS_AT_A_TIME = 200
_GAP = "  "


def print_rows(
    columns: Sequence[Column[Any]],
    rows: Iterable[Sequence[str]],
    *,
    whole: bool = False,
    remedy: str = WIDEN,
    ahead: int = _FIRST_ROWS,
) -> int:
    """Print a table row by row, as the rows come; return how many they were.

    A row is one line, and no cell is folded or cut. Where a terminal is too narrow, columns are
    left out, and a last line on standard error names them.

    Args:
        columns: of the table.
        rows: for each column a cell.
        whole: whether to print every column, however narrow the terminal.
        remedy: what to do about columns that are left out.
        ahead: the rows that the table is laid out by, before the first is printed.
    """
    remaining = iter(rows)
    first = [[plain(cell) for cell in row] for row in islice(remaining, ahead)]
    titles = [
        "" if column.is_remark and not any(row[place] for row in first) else column.title
        for place, column in enumerate(columns)
    ]
    widths = [
        max([width_of(title), *(width_of(row[place]) for row in first)])
        for place, title in enumerate(titles)
    ]
    places = list(range(len(columns)))
    if sys.stdout.isatty() and not whole:
        empty = {place for place in places if not any(row[place] for row in first)}
        places = _fitting(columns, widths, empty)
    stand_ins = _stand_ins(columns, places)
    for place, other in stand_ins.items():
        titles[place] = f"{titles[place]} or {titles[other]}"
    colours = {place: columns[place].colours if _in_colour() else {} for place in places}

    def coloured(place: int, cell: str) -> str:
        text, colour = padded(cell, widths[place]), colours[place].get(cell)
        return text if colour is None else click.style(text, fg=colour)

    def line(cells: Sequence[str]) -> str:
        shown = [
            (place, cells[place] or cells[stand_ins[place]] if place in stand_ins else cells[place])
            for place in places
        ]
        return _GAP.join([coloured(place, cell) for place, cell in shown]).rstrip()

    heading = line(titles)
    click.echo("\n".join([heading, *map(line, first)]))
    count = len(first)
    while some := list(islice(remaining, _ROWS_AT_A_TIME)):
        click.echo("\n".join(line([plain(cell) for cell in row]) for row in some))
        count += len(some)
    if len(places) < len(columns):
        left_out = [column.name for place, column in enumerate(columns) if place not in places]
        _say_left_out(left_out, remedy)
    return count


def _in_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _stand_ins(columns: Sequence[Column[Any]], places: Sequence[int]) -> dict[int, int]:
    """Return, for columns that are shown, the places of those that stand in for empty cells."""
    left_out = {each.name: place for place, each in enumerate(columns) if place not in places}
    return {
        place: left_out[columns[place].instead]
        for place in places
        if columns[place].instead in left_out
    }


def _fitting(columns: Sequence[Column[Any]], widths: list[int], empty: set[int]) -> list[int]:
    """Return the places of the columns that fit the width of a terminal.

    A column that may show another's cells is as wide as those need.
    """
    available = shutil.get_terminal_size().columns + len(_GAP)
    by_name = {column.name: place for place, column in enumerate(columns)}
    chosen: list[int] = []
    # Those without a cell so far come last.
    for place in sorted(
        range(len(columns)), key=lambda place: (place in empty, columns[place].rank)
    ):
        other = by_name.get(columns[place].instead)
        if other is not None and other not in chosen:
            both = widths[place] + widths[other] + 2 * len(_GAP)
            if both > available:
                widths[place] = max(widths[place], widths[other])
        needed = widths[place] + len(_GAP)
        if columns[place].rank == 0 or needed <= available:
            chosen.append(place)
            available -= needed
    return sorted(chosen)


def print_json_list(name: str, documents: Iterable[str]) -> None:
    """Print a JSON document with one list, item by item as they come, each on a line.

    If an error ends the list, the document ends with it, and the command with its exit code.

    Args:
        name: the key of the list.
        documents: the items, as JSON.
    """
    remaining = iter(documents)
    some, ending = list(islice(remaining, _FIRST_ROWS)), ""
    click.echo(f"{{{json.dumps(name)}: [", nl=False)
    separator, error = "\n  ", None
    while some:
        click.echo(separator + ",\n  ".join(some), nl=False)
        separator, ending = ",\n  ", "\n"
        try:
            some = list(islice(remaining, _ROWS_AT_A_TIME))
        except SmkiTestcaError as caught:
            some, error = [], caught
    if error is None:
        click.echo(f"{ending}]}}")
        return
    click.echo(f"{ending}], {json.dumps(error.as_json())[1:]}")
    click.get_current_context().exit(error.exit_code)


HEARTBEAT_SECONDS = 30.0
"""The time between lines that report on long work, where standard error is no terminal."""
_REDRAW_SECONDS = 0.1


class Progress:
    """Shows on standard error how far long work is.

    On a terminal, one line is written over and over once the work takes over a second. Elsewhere,
    such as in the log of a job, a line follows every ``HEARTBEAT_SECONDS``.

    Args:
        activity: what is done, such as ``issuing``.
        monotonic: tells seconds that never go back.
    """

    def __init__(self, activity: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._activity = activity
        self._monotonic = monotonic
        self._start = self._beat = self._looked = monotonic()
        self._drawn: float | None = None
        self._first: int | None = None
        self._state: tuple[int, int | None] = (0, None)

    def __call__(self, done: int, total: int | None = None) -> None:
        """Show the number done, and the number of all if that is known."""
        if self._first is None:
            self._first = done
        self._state = done, total
        self.tick()

    def tick(self) -> None:
        """Show again what was shown last, if it is time: nothing more is done yet."""
        now = self._monotonic()
        done, total = self._state
        # To ask whether there is a terminal takes as long as the work on some rows.
        if done != total and now - self._looked < min(_REDRAW_SECONDS, HEARTBEAT_SECONDS):
            return
        self._looked = now
        if sys.stderr is None:
            return
        if not sys.stderr.isatty():
            if now - self._beat >= HEARTBEAT_SECONDS:
                self._beat = now
                say(self._text(now), err=True)
            return
        if done == total:
            if self._drawn is not None:
                self._drawn = None
                print_progress(f"{self._text(now)}  ", last=True)
        elif now - (self._start + 1 if self._drawn is None else self._drawn) > _REDRAW_SECONDS:
            self._drawn = now
            print_progress(f"{self._text(now)}  ", last=False)

    def over(self, items: Iterable[T], total: int | None = None) -> Iterator[T]:
        """Yield items, and show how many were drawn."""
        done = 0
        for done, item in enumerate(items, 1):
            yield item
            self(done, total)
        if total is None and done:
            self(done, done)

    def _text(self, now: float) -> str:
        done, total = self._state
        spent = now - self._start
        rate = (done - (self._first or 0)) / spent if spent > 0 else 0.0
        parts = [f"{done}" if total is None else f"{done} of {total}"]
        if rate >= 1:
            parts.append(f"{rate:.0f} a second")
        if rate and total is not None and total > done:
            parts.append(f"{(total - done) / rate:.0f} s left")
        elif not rate:
            parts.append(f"{spent:.0f} s")
        return f"{self._activity}: {', '.join(parts)}"
