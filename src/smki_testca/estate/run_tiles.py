"""Finds the tiles of a run, and checks that they are all that its terms say."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from smki_testca.errors import EstateError
from smki_testca.estate.database import RESTORE
from smki_testca.estate.runs import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.estate.runs import Run
    from smki_testca.estate.terms import Terms
    from smki_testca.estate.tiles import TileRecord, TileStore


def finished_tiles(tiles: TileStore, run: Run) -> list[TileRecord]:
    """The finished tiles of a run, in the order of its rows.

    Every row of the run is in one tile, finished or still to be made; of a run that is done, in a
    finished one.

    Raises:
        EstateError: if a row is in none, or the tiles are others than the run's terms say.
    """
    every = tiles.of_run(run.id)
    finished = [tile for tile in every if tile.digest]
    is_short = run.state is State.DONE and len(finished) < len(every)
    if is_short or not _are_of(every, run.terms):
        raise EstateError(
            "bulk.missing",
            f"The tiles of run {run.id} are not those of its {run.terms.count:,} certificates:"
            f" {sum(tile.count for tile in finished):,} are in its finished tiles.",
            RESTORE,
        )
    return finished


def _are_of(tiles: Sequence[TileRecord], terms: Terms) -> bool:
    """Whether tiles hold each row of the sections once, in order."""
    sections = terms.sections
    starts = list(accumulate((section.count for section in sections), initial=0))
    row = 0
    for tile in tiles:
        if tile.section >= len(sections):
            return False
        is_next = tile.first_row == row == starts[tile.section] + tile.first
        if not is_next or tile.first + tile.count > sections[tile.section].count:
            return False
        row += tile.count
    return row == terms.count
