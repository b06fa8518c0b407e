"""Sources of rows: a range of Device IDs, a manifest, or the rows of a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from smki_testca.collector import without_collector
from smki_testca.errors import InputError
from smki_testca.identifiers import Eui64
from smki_testca.input_files import read_regular
from smki_testca.issuance.batch import manifest as manifests
from smki_testca.issuance.batch.column_names import ColumnNames
from smki_testca.issuance.batch.existing import ManifestId
from smki_testca.issuance.batch.row_requests import from_manifest
from smki_testca.register.requests import Delivery
from smki_testca.text import use_one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from smki_testca.estate.stores import Stores
    from smki_testca.issuance.batch.manifest import ManifestLine
    from smki_testca.issuance.batch.planning import BatchPlan
    from smki_testca.profiles import Library
    from smki_testca.register.requests import Request

MAX_ROW_FILE_OCTETS = 1 << 16
"""The longest public key or CSR that a row of a manifest names, in octets."""


class RowSource(Protocol):
    """A source of the rows of a batch.

    Attributes:
        name: as a run's terms have it.
    """

    @property
    def name(self) -> Literal["range", "manifest"]: ...  # noqa: D102 - above

    def manifest_id(self) -> ManifestId | None:
        """The manifest, as a run records it; None if there is none.

        Raises:
            InputError: if it cannot be read.
        """
        ...

    def add_to(self, plan: BatchPlan) -> None:
        """Add the rows to the plan of a new run.

        Raises:
            InputError: if the rows as a whole cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Range:
    """A range of consecutive Device IDs, with a certificate of each usage for each ID.

    Attributes:
        request: its subject has the first Device ID.
        count: the number of Device IDs.
    """

    request: Request
    count: int
    name: Literal["range"] = "range"

    def manifest_id(self) -> None:
        """None; see ``RowSource.manifest_id``."""

    def add_to(self, plan: BatchPlan) -> None:
        """Add the range to a plan; see ``RowSource.add_to``."""
        plan.add_range(self.request, self.count)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The rows of a manifest; the files that it names lie beside it.

    Attributes:
        estate: that will issue.
        path: of the manifest.
        defaults: for cells that are empty or lacking, by column.
        delivery: how the certificates reach their holders.
        watch: yields the rows that it is given, and may show how many there were.
    """

    estate: Stores
    path: Path
    defaults: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = Delivery.LOCAL
    watch: Callable[[Iterable[Any]], Iterable[Any]] = iter
    name: Literal["manifest"] = "manifest"

    def manifest_id(self) -> ManifestId:
        """The digest of the file, and what its cells are filled with."""
        return ManifestId(manifests.digest(self.path), _filled(self))

    def add_to(self, plan: BatchPlan) -> None:
        """Add the rows of the file to a plan; see ``RowSource.add_to``.

        Raises:
            InputError: if it cannot be read, or was changed meanwhile.
        """
        known = manifests.columns(self.estate.library)
        _add(plan, self, manifests.lines(self.path, known), self.path.parent)
        if manifests.digest(self.path) != plan.manifest.sha256:
            raise InputError(
                "manifest.changed",
                f"{self.path} was changed while it was read.",
                "Repeat the command when the file is complete.",
            )


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that a program states; the files that they name lie in the working directory.

    Attributes:
        estate: that will issue.
        rows: the cells of each row by column, as in a manifest; iterated again where the batch is
            planned again.
        defaults, delivery, watch: as of a ``Manifest``.
    """

    estate: Stores
    rows: Iterable[Mapping[str, str | Eui64 | None]]
    defaults: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = Delivery.LOCAL
    watch: Callable[[Iterable[Any]], Iterable[Any]] = iter
    name: Literal["manifest"] = "manifest"

    def manifest_id(self) -> None:
        """None: the rows are no file that could come again; see ``RowSource.manifest_id``."""

    def add_to(self, plan: BatchPlan) -> None:
        """Add the rows to a plan; see ``RowSource.add_to``."""
        _add(plan, self, _lines(self.rows, self.estate.library), Path())


def _add(
    plan: BatchPlan, source: Manifest | Rows, rows: Iterable[ManifestLine], folder: Path
) -> None:
    """Add the requests of some rows to a plan; the files that they name lie in a folder."""

    def read(name: str) -> bytes:
        return read_regular(folder / name, MAX_ROW_FILE_OCTETS)

    requests = from_manifest(
        source.estate, rows, read, options=_filled(source), delivery=source.delivery
    )
    with without_collector():
        plan.add_all(source.watch(requests))


def _filled(source: Manifest | Rows) -> dict[str, str]:
    """The values that cells are filled with, as a run records them.

    Raises:
        InputError: if a column cannot be filled.
    """
    estate, defaults = source.estate, source.defaults
    known = manifests.fillable(estate.library)
    filled = {name.replace("_", "-"): text for name, text in defaults.items() if text}
    unknown = sorted(filled.keys() - set(known))
    if unknown:
        raise InputError(
            "manifest.column",
            f"There is no default for the column {unknown[0]}.",
            use_one_of(known),
        )
    filled["environment"] = estate.environment(filled.get("environment"))
    return filled


def _lines(
    rows: Iterable[Mapping[str, str | Eui64 | None]], library: Library
) -> Iterator[ManifestLine]:
    """The lines that a manifest of some rows would have, numbered from 1."""
    names = ColumnNames(Path("The row"), manifests.columns(library))
    for number, row in enumerate(rows, 1):
        if number > manifests.MAX_ROWS:
            raise InputError(
                "manifest.too_long",
                f"There are over {manifests.MAX_ROWS:,} rows.",
                "Issue them in several runs.",
            )
        header = list(row)
        named = header if row.keys() <= names.known else names.named(header)
        cells = map(_text, row.values())
        yield manifests.checked(
            number, manifests.present(dict(zip(named, cells, strict=True))), names
        )


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return str(cell)
    if isinstance(cell, Eui64):
        return str(cell)
    raise TypeError(f"a cell is text or an Eui64, not {type(cell).__name__}")
