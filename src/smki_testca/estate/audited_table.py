"""A table of the estate that must agree with the audit log, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.errors import EstateError
from smki_testca.estate.database import RESTORE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from smki_testca.estate.audit_entry import Entry


def _none(entry: Entry) -> Iterable[Any]:
    """No rows: most tables only grow."""
    del entry
    return ()


@dataclass(frozen=True, slots=True)
class AuditedTable:
    """A table of the estate that must agree with the audit log.

    A row is a key with a value; both must be the same in the table and in the log.

    Attributes:
        code: of the error where they differ.
        recorded: gives the rows that an entry records.
        removed: gives the keys of the rows whose removal an entry records.
        rows: gives the rows that the table holds.
        name: describes a row for an error.
        lost: starts the error for a key that only the log has; by default from the row's name.
        in_order: whether the table lists the rows in the order of the log.
    """

    code: str
    recorded: Callable[[Entry], Iterable[tuple[Any, Any]]]
    rows: Callable[[], Iterable[tuple[Any, Any]]]
    name: Callable[[Any, Any], str]
    lost: Callable[[Any], str] | None = None
    in_order: bool = False
    removed: Callable[[Entry], Iterable[Any]] = _none

    def verify(self, recorded: dict[Any, Any]) -> None:
        """Compare the table with the rows that the log records.

        Raises:
            EstateError: for the first row that differs, or is in only one of them.
        """
        order = list(recorded)
        listed = []
        for key, value in self.rows():
            listed.append((key, value))
            if recorded.pop(key, None) != value:
                raise EstateError(
                    self.code, f"The audit log does not record {self.name(key, value)}.", RESTORE
                )
        if recorded:
            key = min(recorded)
            tells = f"The audit log records {self.name(key, recorded[key])}"
            if self.lost is not None:
                tells = self.lost(key)
            raise EstateError(self.code, f"{tells}, which the estate lacks.", RESTORE)
        if self.in_order:
            for expected, (key, value) in zip(order, listed, strict=True):
                if key != expected:
                    raise EstateError(
                        self.code,
                        f"The audit log records {self.name(key, value)} in another order.",
                        RESTORE,
                    )
