import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.resources import files

import pytest

import batches
from estates import opened
from smki_testca.authority.revocation import Reason
from smki_testca.estate.certificates import Selection
from smki_testca.estate.database import APPLICATION_ID, FORMAT
from smki_testca.estate.status import Status
from smki_testca.profiles.model import Hierarchy, Tier


@pytest.fixture
def older(quickstart_original, tmp_path):
    """The quickstart estate as the first format had it."""
    directory = tmp_path / "older"
    shutil.copytree(quickstart_original, directory)
    return _as_the_first_format_had_it(directory)


def _as_the_first_format_had_it(directory):
    path = directory / "estate.sqlite"
    newer = path.rename(directory / "newer.sqlite")
    first = files("smki_testca.estate").joinpath("schema", "1.sql").read_text("utf-8")
    with closing(sqlite3.connect(path)) as made:
        made.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;")
        made.executescript(first)
        made.execute("ATTACH ? AS newer", (str(newer),))
        with made:
            for (table,) in made.execute(
                "SELECT name FROM main.sqlite_master WHERE type = 'table'"
            ):
                columns = ", ".join(
                    name for _, name, *_ in made.execute(f"PRAGMA main.table_info({table})")
                )
                made.execute(
                    f"INSERT INTO {table} ({columns}) SELECT {columns} FROM newer.{table}"  # noqa: S608
                )
    newer.unlink()
    for folder in (directory / "bulk").glob("*"):
        folder.rename(folder.with_name(folder.name.partition("-")[0]))
    return directory


def _tables(directory):
    with closing(sqlite3.connect(directory / "estate.sqlite")) as file:
        return file.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_an_estate_of_the_first_format_works_on_as_one_of_this_format(older, quickstart):
    with opened(older) as estate:
        record = next(estate.select(Selection(label="Z1-supplier-ds")))
        assert estate.status(record) is Status.IN_USE
        estate.set_status(Selection(serial=record.serial), Status.NOT_IN_USE)
        last = estate.audit.entries()[-2]
        assert (last.action, last.body) == ("estate.upgrade", {"from": 1, "to": FORMAT})
        assert estate.audit.verify() == last.number + 1
    assert _tables(older) == _tables(quickstart)


@pytest.mark.slow
def test_its_runs_live_on_and_their_certificates_are_renewed_and_revoked(
    command, quickstart, tmp_path
):
    manifest = batches.write(tmp_path / "rows.csv", batches.mixed())
    issued = command("--estate", quickstart, "batch", "issue", manifest, "--workers", 1)
    assert issued.code == 0, issued.err
    with opened(_as_the_first_format_had_it(quickstart)) as estate:
        assert estate.tiles.verify()
        runs = [one for one in estate.select(Selection()) if one.place is not None]
        assert len(runs) == len(batches.mixed())
        assert {estate.status(one) for one in runs} == {Status.IN_USE}
        (renewal,) = estate.renew(Selection(label="gate"))
        assert estate.status(renewal.predecessor) is Status.NOT_IN_USE
        (revoked,) = estate.revoke(Selection(label="sup-ds"), Reason.SUPERSEDED)
        assert [one.serial for one in estate.select(Selection(status=Status.REVOKED))] == [
            revoked.serial
        ]
        assert estate.issue_revocation_list(Hierarchy.ORGANISATION, Tier.ISSUING).count == 1
        assert estate.audit.verify()


def test_it_is_brought_up_once(older):
    for _ in range(2):
        with opened(older) as estate:
            actions = [entry.action for entry in estate.audit.entries()]
    assert actions.count("estate.upgrade") == 1


def test_an_upgrade_that_fails_leaves_the_estate_as_it_was(older, monkeypatch):
    before = _tables(older)

    def broken(_version):
        yield "CREATE TABLE standings (a)"
        yield "no statement at all"

    with monkeypatch.context() as patch:
        patch.setattr("smki_testca.estate.database._statements", broken)
        with pytest.raises(Exception, match="cannot be used"):
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
