"""Estates that older versions made open, verify and go on; the order of columns is no matter."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from estates import opened, unpacked
from smki_testca.authority.revocation import Reason
from smki_testca.errors import EstateError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.status import Status
from smki_testca.identifiers import Eui64
from smki_testca.profiles.model import Hierarchy, Tier

LATER = datetime(2030, 3, 1, tzinfo=UTC)
METER = Eui64.parse("00-DB-12-00-00-00-00-01")


@pytest.fixture
def old(tmp_path):
    return lambda version: unpacked(version, tmp_path / "old")


def _reordered(directory):
    """Have the columns of every table in another order than this version would make them."""
    with closing(sqlite3.connect(directory / "estate.sqlite")) as file, file:
        for (trigger,) in file.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            file.execute(f"DROP TRIGGER {trigger}")
        tables = file.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            info = file.execute(f"PRAGMA table_info ({table})").fetchall()
            columns = [f"{name} {kind}" for _, name, kind, *_ in reversed(info)]
            names = ", ".join(name for _, name, *_ in info)
            keys = sorted((place, name) for _, name, _, _, _, place in info if place)
            columns.append(f"PRIMARY KEY ({', '.join(name for _, name in keys)})")
            file.execute(f"CREATE TABLE other ({', '.join(columns)})")
            file.execute(
                f"INSERT INTO other ({names}) SELECT {names} FROM {table}"  # noqa: S608 - our own
                f" ORDER BY {'rowid' if table in {'certificates', 'externals'} else '1'}"
            )
            file.execute(f"DROP TABLE {table}")
            file.execute(f"ALTER TABLE other RENAME TO {table}")


def _told(estate):
    """Everything that the stores of an estate tell."""
    records = list(estate.select(Selection()))
    return {
        "records": records,
        "keys": estate.private_keys(records),
        "histories": [estate.history(one) for one in records],
        "successors": [estate.renewal_links.successors(one.serial) for one in records],
        "lists": estate.revocation_lists(current_only=False),
        "externals": [
            (one, estate.externals.private_key(one)) for one in estate.externals.select()
        ],
        "runs": [(one, estate.runs.secrets(one.id)) for one in estate.runs.all()],
        "tiles": [estate.tiles.of_run(one.id) for one in estate.runs.all()],
        "entries": estate.audit.entries(),
        "register": estate.register.load(),
    }


@pytest.mark.parametrize("version", [1, 2])
def test_an_estate_of_an_older_version_tells_what_it_holds(old, version):
    with opened(old(version), LATER) as estate:
        assert estate.audit.verify() == len(estate.audit.entries())
        assert estate.tiles.verify() == 2
        records = list(estate.select(Selection()))
        ends = [one for one in records if one.tier is Tier.END_ENTITY]
        assert len(ends) == {1: 6, 2: 8}[version]
        assert len(list(estate.run_certificates.select(Selection()))) == 4
        # The meter by itself, of the manifest and of the range; in format 2 one more, renewed.
        assert estate.issued.for_device(METER) == {1: 3, 2: 4}[version]
        for record in ends:
            assert estate.by_serial(record.serial) == record
            assert estate.private_key(record)
        statuses = [(one.label, estate.status(one).value) for one in ends]
        if version == 1:
            assert {status for _, status in statuses} == {"I"}
            assert estate.audit.entries()[-1].action == "estate.upgrade"
        else:
            assert sorted(statuses) == [
                ("meter", "P"),
                *[("range", "I")] * 3,
                *[("row", "I"), ("row", "N")],
                *[("supplier", "N"), ("supplier", "R")],
            ]
            (crl,) = estate.revocation_lists(current_only=True)
            assert (crl.number, crl.count) == (1, 1)
            externals = estate.externals.select()
            assert [one.has_key for one in externals] == [False, False, True]
            assert estate.externals.private_key(externals[-1])


@pytest.mark.slow
@pytest.mark.parametrize("version", [1, 2])
def test_an_estate_of_an_older_version_goes_on(old, command, version):
    directory = old(version)
    with opened(directory, LATER) as estate:
        before = len(estate.audit.entries())
        renewed = estate.renew(Selection(label="range"))
        assert len(renewed) == 3
        estate.set_status(Selection(label="meter"), Status.NOT_IN_USE)
        if version == 1:
            estate.revoke(Selection(label="supplier"), Reason.SUPERSEDED)
        crl = estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING)
        assert (crl.number, crl.count) == (version, 1)
        estate.register.allocate("supplier-two", "Export Supplier", 1)
        assert estate.audit.verify() > before
    at = ("--clock", "2030-03-02T00:00:00Z", "--estate", directory)
    issued = command(
        *(*at, "batch", "issue", "--again", "--profile", "device", "--participant", "meters-one"),
        *("--purpose", "device-and-user-system-tests", "--hw-type", "1.2.826.0.1.8641679.1.2.2.1"),
        *("--usage", "key-agreement", "--first-id", str(METER), "--count", 2, "--workers", 1),
    )
    assert issued.code == 0, issued.err
    with opened(directory, LATER) as estate:
        assert estate.issued.for_device(METER) == {1: 5, 2: 6}[version]
        assert estate.audit.verify()
        assert estate.tiles.verify() == 3


def test_the_order_of_columns_changes_nothing_that_is_told(old):
    directory = old(2)
    with opened(directory, LATER) as estate:
        before = _told(estate)
    assert before["externals"]
    assert before["lists"]
    assert any(before["successors"])
    _reordered(directory)
    with opened(directory, LATER) as estate:
        assert _told(estate) == before
        with pytest.raises(EstateError) as raised:
            estate.audit.verify()
        assert raised.value.code == "audit.schema"  # it is told last: all rows are as the log tells
