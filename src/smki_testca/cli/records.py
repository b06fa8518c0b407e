"""The columns of certificates in tables, and their printing, as JSON or as a table."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from smki_testca.cli.output import Column, print_outcome, print_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from smki_testca.api import Estate
    from smki_testca.cli.session import Session
    from smki_testca.estate.certificates import Record
    from smki_testca.estate.status import Status
    from smki_testca.roles import Roles


class ListedRecord(NamedTuple):
    """A certificate in a table: its record, and its status where that is shown."""

    record: Record
    status: Status | None


STATUS_COLOURS = {
    "in-use": "green",
    "pending": "cyan",
    "not-in-use": "yellow",
    "expired": "magenta",
    "revoked": "red",
}
"""The colours of the words for statuses."""
DEFAULT = (
    *("label", "id", "profile", "participant", "environment", "role", "usage", "not-after"),
    *("serial", "status", "notes"),
)
"""The columns of a table of certificates, by their names, unless others are asked for."""


def record_columns(roles: Roles, own: Iterable[str] = ()) -> dict[str, Column[ListedRecord]]:
    """Return every column that a table of certificates can have, by name.

    Args:
        roles: the RemotePartyRoles.
        own: the names of the operator's own columns; one that a table has is left out.
    """
    columns = (
        Column("label", "Label", _label, 2, instead="id"),
        Column("id", "EUI-64 or name", _id, 2),
        Column("eui64", "EUI-64", _eui64, 2),
        Column("name", "Name", _name, 4),
        Column("subject", "Subject", _subject, 11),
        Column("profile", "Profile", _profile, 6),
        Column("hierarchy", "Hierarchy", _hierarchy, 11),
        Column("tier", "Tier", _tier, 11),
        Column("participant", "Participant", _participant, 8),
        Column("environment", "Environment", _environment, 7),
        Column("category", "Category", _category, 11),
        Column("role", "Role", partial(_role, roles), 9),
        Column("usage", "Usage", _usage, 3),
        Column("not-before", "Not before", _not_before, 11),
        Column("not-after", "Not after", _not_after, 5),
        Column("issued-at", "Issued at", _issued_at, 11),
        Column("issuer", "Issuer", _issuer, 11),
        Column("serial", "Serial", _serial, 0),
        Column("sha256", "SHA-256", _sha256, 11),
        Column("status", "Status", _status, 1, STATUS_COLOURS),
        Column("notes", "Notes", _notes, is_remark=True),
    )
    own_columns: Iterable[Column[ListedRecord]] = (
        Column(name, name, partial(_own, name), 11) for name in own
    )
    return {column.name: column for column in (*own_columns, *columns)}


def _own(name: str, item: ListedRecord) -> str:
    return item.record.columns.get(name, "")


def print_records(
    records: Sequence[Record], roles: Roles, statuses: Sequence[Status] | None = None
) -> None:
    """Print certificates as a table, each with its status if statuses are given."""
    items = [
        ListedRecord(record, None if statuses is None else statuses[place])
        for place, record in enumerate(records)
    ]
    known = record_columns(roles)
    columns = [known[name] for name in DEFAULT if name != "status" or statuses is not None]
    print_rows(columns, ([column.text(item) for column in columns] for item in items))


def print_with_status(session: Session, estate: Estate, records: Sequence[Record]) -> None:
    """Print certificates of an estate, each with its present status, as JSON or as a table."""
    statuses = [status for _, status in estate.with_statuses(records)]
    if session.as_json:
        certificates = [
            {**record.as_json(), "status": status.value}
            for record, status in zip(records, statuses, strict=True)
        ]
        print_outcome(session, {"certificates": certificates})
        return
    print_records(records, estate.library.roles, statuses)


def role_name(code: int | None, roles: Roles) -> str:
    """Return a role's name with its code; only the code if it has no name."""
    if code is None:
        return ""
    role = roles.by_code(code)
    return f"{code:02X}" if role is None else f"{role.name} ({role.hex})"


def _label(item: ListedRecord) -> str:
    return item.record.label or ""


def _id(item: ListedRecord) -> str:
    record = item.record
    return str(record.eui64) if record.eui64 is not None else record.name or ""


def _eui64(item: ListedRecord) -> str:
    return "" if item.record.eui64 is None else str(item.record.eui64)


def _name(item: ListedRecord) -> str:
    return item.record.name or ""


def _subject(item: ListedRecord) -> str:
    return item.record.subject


def _profile(item: ListedRecord) -> str:
    return item.record.profile


def _hierarchy(item: ListedRecord) -> str:
    return str(item.record.hierarchy)


def _tier(item: ListedRecord) -> str:
    return item.record.tier.value


def _participant(item: ListedRecord) -> str:
    return item.record.participant or ""


def _environment(item: ListedRecord) -> str:
    return item.record.environment


def _category(item: ListedRecord) -> str:
    return item.record.category or ""


def _role(roles: Roles, item: ListedRecord) -> str:
    return role_name(item.record.role, roles)


def _usage(item: ListedRecord) -> str:
    return item.record.usage


def _not_before(item: ListedRecord) -> str:
    return item.record.not_before.date().isoformat()


def _not_after(item: ListedRecord) -> str:
    return item.record.not_after.date().isoformat()


def _issued_at(item: ListedRecord) -> str:
    from smki_testca.clock import iso

    return iso(item.record.issued_at)


def _issuer(item: ListedRecord) -> str:
    return str(item.record.issuer)


def _serial(item: ListedRecord) -> str:
    return str(item.record.serial)


def _sha256(item: ListedRecord) -> str:
    import hashlib

    return hashlib.sha256(item.record.der).hexdigest()


def _status(item: ListedRecord) -> str:
    return "" if item.status is None else item.status.word


def _notes(item: ListedRecord) -> str:
    """Return what is out of the ordinary; only seeded keys are not secret."""
    notes = [] if item.record.keys_secret else ["not secret"]
    if item.record.key_uri is not None:
        notes.append("key in token")
    return ", ".join([*notes, *(["experimental"] if item.record.experimental else [])])
