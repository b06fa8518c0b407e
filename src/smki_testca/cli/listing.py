"""``list``: lists the certificates of an estate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from smki_testca.cli.lists import ListTerms, print_list
from smki_testca.cli.numbers import number_from
from smki_testca.cli.records import DEFAULT, ListedRecord, record_columns
from smki_testca.cli.selection import own_selection, selecting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from smki_testca.cli.session import Session


@click.command("list")
@click.option(
    "--external", is_flag=True, help="List imported certificates, not those of the estate."
)
@selecting
@click.option(
    "--columns",
    metavar="NAME,…",
    multiple=True,
    help="Show these columns, in this order. See docs/selecting.md.",
)
@click.option(
    "--sort",
    metavar="NAME",
    multiple=True,
    help="Sort by this column; -NAME for the reverse. By default in the order of issue.",
)
@click.option("--limit", type=number_from(1), metavar="N", help="List only the first N.")
@click.pass_obj
def list_(
    session: Session,
    /,
    columns: tuple[str, ...],
    sort: tuple[str, ...],
    limit: int | None,
    *,
    external: bool,
    **given: tuple[str, ...],
) -> None:
    """List the certificates of an estate, or those that fit every option.

    An option of the selection may be given several times: a certificate must fit any of its values.

    \b
    Example:
      smki-testca --estate estate list --participant supplier-one --label 'Z1-*'
      --status in-use --status pending --sort -not-after
    """
    terms = ListTerms(tuple(name for each in columns for name in each.split(",")), sort, limit)
    with session.open() as estate:
        if external:
            from smki_testca.cli.external import list_externals

            list_externals(session, estate, given, terms)
            return
        known = record_columns(estate.library.roles, estate.runs.own_columns())
        terms = ListTerms(_own_named(terms.columns, known), _own_named(terms.sort, known), limit)
        certificates = estate.with_statuses(estate.select(own_selection(estate, given)))
        print_list(
            session,
            terms,
            "certificates",
            (ListedRecord(record, status) for record, status in certificates),
            known,
            DEFAULT,
            _as_json,
        )


def _own_named(names: Sequence[str], known: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of columns, the operator's own as the header of a manifest may have them.

    A hyphen before a name stays.
    """
    from smki_testca.issuance.batch.column_names import own_name

    def named(text: str) -> str:
        own = own_name(text)
        return own if own is not None and own in known and text not in known else text

    return tuple(
        f"{text[:1]}{named(text[1:])}" if text[:1] == "-" else named(text) for text in names
    )


def _as_json(item: ListedRecord) -> dict[str, Any]:
    status = None if item.status is None else item.status.value
    return {**item.record.as_json(), "status": status}
