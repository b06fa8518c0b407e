import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import pytest

from estates import opened, unpacked
from smki_testca.authority.revocation import Reason
from smki_testca.errors import EstateError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.database import FORMAT
from smki_testca.estate.status import Status
from smki_testca.estate.tables import declared
from smki_testca.profiles.model import Hierarchy, Tier

LATER = datetime(2030, 3, 1, tzinfo=UTC)


@pytest.fixture
def older(tmp_path):
    """An estate of the first format."""
    return unpacked(1, tmp_path / "older")


def _tables(directory):
    with closing(sqlite3.connect(directory / "estate.sqlite")) as file:
        return file.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_an_estate_of_the_first_format_works_on_as_one_of_this_format(older, quickstart):
    with opened(older, LATER) as estate:
        record = next(estate.select(Selection(label="supplier")))
        assert estate.status(record) is Status.IN_USE
        estate.set_status(Selection(serial=record.serial), Status.NOT_IN_USE)
        last = estate.audit.entries()[-2]
        assert (last.action, last.body) == ("estate.upgrade", {"from": 1, "to": FORMAT})
        assert estate.audit.verify() == last.number + 1
    assert _tables(older) == _tables(quickstart)


@pytest.mark.slow
def test_its_runs_live_on_and_their_certificates_are_renewed_and_revoked(older):
    with opened(older, LATER) as estate:
        assert estate.tiles.verify() == 2
        runs = [one for one in estate.select(Selection()) if one.place is not None]
        assert len(runs) == 4
        assert {estate.status(one) for one in runs} == {Status.IN_USE}
        (renewal,) = estate.renew(Selection(label="row"))
        assert renewal.predecessor.place is not None
        assert estate.status(renewal.predecessor) is Status.NOT_IN_USE
        (revoked,) = estate.revoke(Selection(label="supplier"), Reason.SUPERSEDED)
        assert [one.serial for one in estate.select(Selection(status=Status.REVOKED))] == [
            revoked.serial
        ]
        assert estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING).count == 1
        assert estate.audit.verify()


def test_an_estate_of_the_third_format_keeps_its_sums_and_verifies(tmp_path, quickstart):
    directory = unpacked(3, tmp_path / "third")
    with opened(directory, LATER) as estate:
        last = estate.audit.entries()[-1]
        assert (last.action, last.body) == ("estate.upgrade", {"from": 3, "to": FORMAT})
        assert estate.audit.verify() == last.number
        assert estate.tiles.verify() == 3
        (row,) = [one for one in estate.select(Selection(label="row")) if one.place]
        assert (dict(row.columns), estate.status(row)) == ({}, Status.NOT_IN_USE)
        assert len(list(estate.select(Selection(label="range")))) == 3
    assert _tables(directory) == _tables(quickstart)


@pytest.mark.parametrize(
    ("version", "column", "site"), [(4, "site", "north"), (5, "plant", "north")]
)
def test_an_estate_of_a_later_format_keeps_its_columns_and_verifies(
    tmp_path, quickstart, version, column, site
):
    directory = unpacked(version, tmp_path / "later")
    with opened(directory, LATER) as estate:
        last = estate.audit.entries()[-1]
        assert (last.action, last.body) == ("estate.upgrade", {"from": version, "to": FORMAT})
        assert estate.audit.verify() == last.number
        assert estate.tiles.verify() == 2
        rows = list(estate.select(Selection(label="row")))
        assert [dict(row.columns) for row in rows] == [{column: site}] * 2
        assert len(list(estate.select(Selection(label="range")))) == 3
        assert [one.name for one in estate.accounts.all()] == ["tester"] * (version == 5)
    assert _tables(directory) == _tables(quickstart)


def test_a_row_that_was_changed_before_the_upgrade_is_told_of_after_it(tmp_path):
    directory = unpacked(3, tmp_path / "third")
    with closing(sqlite3.connect(directory / "estate.sqlite")) as file:
        file.execute("UPDATE keys SET secret = 0 WHERE id = (SELECT min(id) FROM keys)")
        file.commit()
    with opened(directory, LATER) as estate, pytest.raises(EstateError, match="keys differs"):
        estate.audit.verify()


@pytest.mark.parametrize("version", [1, 2])
def test_an_upgrade_binds_every_row_to_the_log(tmp_path, version):
    directory = unpacked(version, tmp_path / "upgraded")
    with opened(directory, LATER) as estate:
        entry = estate.audit.entries()[-1]
        assert entry.action == "estate.upgrade"
        assert estate.audit.verify() == entry.number
    with closing(sqlite3.connect(directory / "estate.sqlite")) as file:
        summed = dict(file.execute("SELECT name, rows FROM row_sums"))
        for table, rows in summed.items():
            counted = file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our own
            assert rows == counted - (table == "meta"), table
        assert {"certificates", "participants", "runs", "row_ids", "keys"} <= set(summed)
        file.execute("UPDATE keys SET secret = 0 WHERE id = (SELECT min(id) FROM keys)")
        file.commit()
    with opened(directory, LATER) as estate, pytest.raises(EstateError, match="keys differs"):
        estate.audit.verify()


def test_it_is_brought_up_once(older):
    for _ in range(2):
        with opened(older) as estate:
            actions = [entry.action for entry in estate.audit.entries()]
    assert actions.count("estate.upgrade") == 1


def test_an_upgrade_that_fails_leaves_the_estate_as_it_was(older, monkeypatch):
    before = _tables(older)
    for version in range(1, FORMAT + 1):
        declared(version)  # what is known of each format is not what this breaks

    def broken(_version):
        yield "CREATE TABLE standings (a)"
        yield "no statement at all"

    with monkeypatch.context() as patch:
        patch.setattr("smki_testca.estate.tables.statements", broken)
        with pytest.raises(Exception, match="is damaged: near"):
            opened(older)
    assert _tables(older) == before
    with opened(older) as estate:
        assert estate.audit.verify()


@pytest.mark.slow
def test_of_several_processes_that_open_it_at_once_one_brings_it_up(command, older):
    words = [sys.executable, "-m", "smki_testca", "--estate", str(older), "list"]
    running = [subprocess.Popen(words, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [one.wait() for one in running] == [0] * 3
    outcome = command("--json", "--estate", older, "audit", "show")
    actions = [entry["action"] for entry in outcome.json["entries"]]
    assert actions.count("estate.upgrade") == 1
