"""Names that an estate knows, for a shell to complete: read quickly, without a passphrase."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST = 200
"""The most names returned: nobody chooses from more."""
_WAIT_SECONDS = 0.2


class KnownNames(StrEnum):
    """A kind of name, with the query that finds those that begin with a text."""

    PARTICIPANT = "SELECT id AS name FROM participants"
    AGREEMENT = "SELECT reference AS name FROM agreements"
    ACCOUNT = "SELECT name FROM accounts"
    RUN = "SELECT CAST(id AS TEXT) AS name FROM runs"
    AUTHORITY = "SELECT label AS name FROM certificates WHERE tier <> 'end-entity'"
    LABEL = (
        "SELECT label AS name FROM certificates WHERE tier = 'end-entity'"
        " UNION SELECT json_extract(terms, '$.label') FROM runs"
        " UNION SELECT label FROM externals"
    )


def known_names(path: Path, kind: KnownNames, beginning: str) -> list[str]:
    """Return the names of a kind that begin with a text, sorted, up to ``MOST`` of them.

    The file is only read. If it is no estate's, or is being changed at length, there are none.

    Args:
        path: of the estate's file.
        kind: of the names.
        beginning: of each name; it may be empty.
    """
    # A literal beginning, unlike a LIKE or a GLOB; an index of names serves the lower bound.
    query = (
        f"SELECT DISTINCT name FROM ({kind.value}) WHERE name >= ?1"  # noqa: S608 - ours above
        " AND substr(name, 1, length(?1)) = ?1 ORDER BY name LIMIT ?2"
    )
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        connection = sqlite3.connect(address, timeout=_WAIT_SECONDS, uri=True)
        with closing(connection):
            return [name for (name,) in connection.execute(query, (beginning, MOST))]
    except sqlite3.Error:
        return []
