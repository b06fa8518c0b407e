"""One entry of the audit log: a decision or a change, chained to the entry before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the audit log.

    Attributes:
        number: counts from 1.
        at: UTC, ISO 8601.
        action: the kind of decision or change, such as ``issue``.
        body: the details.
        digest: SHA-256 over the link before it and this entry, hexadecimal. The link is the digest
            of the entry before; or, where a transaction that changed rows ended with that, SHA-256
            over its digest and those of the changed tables.
    """

    number: int
    at: str
    action: str
    body: dict[str, Any]
    digest: str

    def as_json(self) -> dict[str, Any]:
        """The entry as a JSON object."""
        return {
            "number": self.number,
            "at": self.at,
            "action": self.action,
            "body": self.body,
            "digest": self.digest,
        }
