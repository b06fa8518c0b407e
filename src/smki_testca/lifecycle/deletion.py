"""Deletes other people's certificates and keys from an estate; never what the estate issued."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smki_testca.errors import InputError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.externals import DELETED
from smki_testca.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smki_testca.estate.certificates import Record
    from smki_testca.estate.externals import ExternalRecord
    from smki_testca.estate.stores import Stores


@dataclass(frozen=True, slots=True)
class Deletion:
    """The certificates and keys that were deleted.

    Attributes:
        records: the certificates.
        keys: how many private keys went with them.
    """

    records: tuple[ExternalRecord, ...]
    keys: int

    def as_json(self) -> dict[str, Any]:
        """The records as ``deleted``, and the number of ``keys``."""
        return {"deleted": [record.as_json() for record in self.records], "keys": self.keys}


def delete_externals(estate: Stores, records: Sequence[ExternalRecord]) -> Deletion:
    """Delete external certificates, all or none, and the private keys that no other one has.

    The audit log records the digests of what went.

    Raises:
        InputError: if one was signed again: the certificate that was issued for it refers to it.
    """
    with estate.transaction():
        # Another process may have deleted or signed some meanwhile.
        known = estate.externals.by_digests(record.sha256 for record in records)
        records = [known[record.sha256] for record in records if record.sha256 in known]
        if not records:
            raise InputError("delete.nothing", "What was to be deleted is gone already.")
        _check_not_signed(records)
        keys = estate.externals.remove(records)
        body = {
            "externals": [
                {"sha256": record.sha256.hex(), "source": record.source, "label": record.label}
                for record in records
            ],
            "external_keys": [identifier.hex() for identifier in keys],
        }
        estate.audit.append(estate.clock.now(), DELETED, body)
    return Deletion(tuple(records), len(keys))


def _check_not_signed(records: Sequence[ExternalRecord]) -> None:
    """Check that no certificate of the estate refers to one that is to be deleted."""
    signed_again = [record for record in records if record.re_signed]
    if not signed_again:
        return
    first = signed_again[0]
    more = len(signed_again) - 1
    others = f" So were {counted(more, 'other')} of the selection." if more else ""
    raise InputError(
        "external.re_signed",
        f"{first.name} was signed again as {first.re_signed[0]}, which refers to it: it cannot be"
        f" deleted.{others}",
        "Leave it out of the selection. Nothing was deleted.",
    )


def issued_with(estate: Stores, digest: bytes) -> Record | None:
    """The certificate that the estate issued alone, not in a run, with a SHA-256."""
    issued = estate.certificates.select(Selection())
    return next((each for each in issued if hashlib.sha256(each.der).digest() == digest), None)


def issued_error(record: Record) -> InputError:
    """The error for a certificate that the estate issued, which is never deleted."""
    return InputError(
        "delete.issued",
        f"Certificate {record.serial} was issued by this estate, and what was issued is never"
        " deleted: clients and devices may have it.",
        f"Revoke it (smki-testca revoke --serial {record.serial}), or take it out of use"
        f" (smki-testca set-status not-in-use --serial {record.serial}).",
    )
