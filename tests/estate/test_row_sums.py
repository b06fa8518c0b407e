"""Every change of a row is bound to the audit log, however it is made."""

# ruff: noqa: SLF001 - rows are changed below the stores, too
# ruff: noqa: PT012 - what fails is a transaction, with its content

import sqlite3
from contextlib import closing
from unittest.mock import Mock

import pytest

from estates import opened, unpacked
from smki_testca.errors import EstateError
from smki_testca.estate import tables
from smki_testca.estate.row_sums import BY_RUN, OF_THE_LOG, RowSum
from smki_testca.estate.tables import declared


@pytest.fixture
def database(estate):
    return estate._database


def _row(number):
    return {"reference": f"A-{number}", "record": b"{}"}


def _insert(database, *numbers):
    for number in numbers:
        database.insert("agreements", _row(number))


def _sum(database, table="agreements"):
    row = database.row("SELECT rows, sum FROM row_sums WHERE name = ?", (table,))
    return RowSum(row["rows"], int.from_bytes(row["sum"]))


def _is_true(database, table="agreements"):
    return _sum(database, table) == database.sum_of_rows(table)


def test_every_table_but_those_of_the_log_is_summed(database):
    assert set(database.summed_tables()) == set(declared().tables) - OF_THE_LOG
    assert set(declared().tables) > BY_RUN


def test_the_sum_does_not_depend_on_the_order_of_changes(database, newcomer):
    for numbers, directory in (((1, 2, 3), None), ((3, 1, 2), newcomer)):
        if directory is None:
            with database.transaction():
                _insert(database, *numbers)
            first = database.sum_of_rows("agreements")
        else:
            with opened(directory) as other, other._database.transaction():
                other._database.execute("DELETE FROM agreements")
                _insert(other._database, *numbers)
    with database.transaction():
        database.execute("DELETE FROM agreements WHERE reference NOT LIKE 'A-%'")
    with opened(newcomer) as other:
        assert _is_true(other._database)
        assert _sum(other._database) == _sum(database) != first
    assert _is_true(database)


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agreements SET record = x'00'",
        "UPDATE agreements SET reference = reference || 'x'",
        "DELETE FROM agreements",
        "DELETE FROM agreements WHERE reference = (SELECT min(reference) FROM agreements)",
        "REPLACE INTO agreements SELECT reference, x'01' FROM agreements",
        """INSERT INTO agreements SELECT reference, x'02' FROM agreements WHERE true
        ON CONFLICT (reference) DO UPDATE SET record = excluded.record""",
        "INSERT OR IGNORE INTO agreements SELECT reference, x'03' FROM agreements",
        "UPDATE OR REPLACE agreements SET reference = 'the same'",
    ],
)
def test_the_sum_follows_each_kind_of_change(database, statement):
    with database.transaction():
        database.execute(statement)
    assert _is_true(database)


def test_a_change_without_an_entry_gets_one(estate, database):
    before = len(estate.audit.entries())
    with estate.transaction():
        _insert(database, 1)
    with estate.transaction():
        pass
    *_, entry = estate.audit.entries()
    assert entry.number == before + 1
    assert (entry.action, entry.body) == ("estate.change", {"tables": ["agreements"]})


def test_what_is_rolled_back_is_not_summed(estate, database):
    before = _sum(database)
    with pytest.raises(KeyError), estate.transaction():
        _insert(database, 1)
        raise KeyError
    with estate.transaction():
        _insert(database, 2)
        with pytest.raises(KeyError), estate.transaction():
            _insert(database, 3)
            estate.audit.append(estate.clock.now(), "never", {})
            raise KeyError
    assert _sum(database).rows == before.rows + 1
    assert _is_true(database)
    assert estate.audit.entries()[-1].action == "estate.change"


def test_the_rows_of_runs_are_summed_run_by_run(estate, database):
    before = database.sum_of_rows("row_ids").rows
    with estate.transaction():
        with pytest.raises(KeyError), estate.transaction():
            database.insert_many("row_ids", ("eui64", "run", "row"), [(bytes(8), 1, 0)])
            raise KeyError
        for start in (0, 5):
            database.insert_many(
                "row_ids",
                ("run", "eui64", "row"),
                ((run, bytes(8), row) for row in range(start, start + 5) for run in (1, 2)),
            )
    assert _is_true(database, "row_ids")
    assert _sum(database, "row_ids").rows == before + 20


@pytest.mark.parametrize("statement", ["DELETE FROM row_ids", "UPDATE row_ids SET row = row + 1"])
def test_the_rows_of_runs_do_not_change(tmp_path, statement):
    with opened(unpacked(2, tmp_path / "old")) as estate:
        with (
            pytest.raises(EstateError, match="the rows of runs do not change"),
            estate.transaction(),
        ):
            estate._database.execute(statement)
        assert estate.audit.verify()


def test_rows_of_a_run_come_in_ascending_order(estate, database):
    with pytest.raises(ValueError, match="ascending"), estate.transaction():
        for row in (2, 1):
            database.insert_many("row_ids", ("eui64", "run", "row"), [(bytes(8), 1, row)])
    assert estate.audit.verify()


def test_an_estate_that_is_only_read_has_no_triggers_set_up(database):
    connection = database._connection
    count = "SELECT count(*) FROM temp.sqlite_master"
    database.rows("SELECT * FROM certificates")
    assert connection.execute(count).fetchone()[0] == 0
    with database.transaction():
        pass
    assert connection.execute(count).fetchone()[0] > 2 * len(declared().tables)


def _behind(directory, *statements):
    with closing(sqlite3.connect(directory / "estate.sqlite", isolation_level=None)) as file:
        for statement in statements:
            file.execute(statement)


def _sql_of(name):
    """The SQL of a trigger, to put it back."""
    return next(sql for _, found, sql in declared().objects if found == name)


def test_another_change_does_not_hide_one_behind_the_back_of_the_estate(quickstart):
    _behind(
        quickstart, "UPDATE participants SET record = CAST(replace(record, 'One', 'Two') AS BLOB)"
    )
    with opened(quickstart) as estate:
        estate.register.allocate("supplier-two", "Export Supplier", 1)
        with pytest.raises(EstateError, match="The table participants differs from"):
            estate.audit.verify()


def test_nothing_is_bound_to_a_sum_that_was_changed(quickstart):
    _behind(
        quickstart,
        "DELETE FROM agreements WHERE reference = 'SEC-2020-003'",
        "UPDATE row_sums SET rows = rows - 1 WHERE name = 'agreements'",
    )
    with opened(quickstart) as estate:
        entries = estate.audit.entries()
        with pytest.raises(EstateError, match="sum of its rows was changed") as raised:
            estate.register.set_suspended("BIL-2020-001", suspended=True)
        assert raised.value.code == "audit.rows"
        assert estate.audit.entries() == entries


def test_nothing_is_added_to_a_log_that_was_cut(quickstart):
    _behind(
        quickstart,
        "DROP TRIGGER audit_is_not_cut",
        "DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)",
        _sql_of("audit_is_not_cut"),
    )
    with opened(quickstart) as estate:
        with pytest.raises(EstateError, match="cut off or was changed after entry") as raised:
            estate.register.set_suspended("BIL-2020-001", suspended=True)
        assert raised.value.code == "audit.broken"
        with pytest.raises(EstateError, match="cut off or was changed at its end"):
            estate.audit.head()


def test_a_table_that_is_added_later_is_followed(estate, database):
    with estate.transaction():
        database.execute("CREATE TABLE later (a INTEGER PRIMARY KEY, b TEXT)")
        database.row_sums.follow()
        database.insert("later", {"a": 1, "b": "x"})
    assert _is_true(database, "later")
    assert estate.audit.entries()[-1].body == {"tables": ["later"]}


FOREIGN = {
    "trigger evil was added": [
        "CREATE TRIGGER evil BEFORE UPDATE ON agreements BEGIN SELECT RAISE(IGNORE); END",
        """CREATE TRIGGER worse AFTER INSERT ON audit
        BEGIN UPDATE participants SET record = CAST(replace(record, 'One', 'Two') AS BLOB); END""",
    ],
    "trigger sqlite_evil was added": [
        "PRAGMA writable_schema = ON",
        """INSERT INTO sqlite_master VALUES ('trigger', 'sqlite_evil', 'agreements', 0,
        'CREATE TRIGGER sqlite_evil AFTER UPDATE ON agreements
        BEGIN DELETE FROM notifications; END')""",
    ],
    "view stray was added": ["CREATE VIEW stray AS SELECT * FROM keys"],
    "index stray was added": ["CREATE INDEX stray ON keys (secret)"],
    "table stray was added": ["CREATE TABLE stray (a)"],
    "table sqlite_stat1 was added": ["ANALYZE"],
    "table agreements was changed": [
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = sql || ' ' WHERE name = 'agreements'",
    ],
    "trigger audit_is_not_cut was removed": ["DROP TRIGGER audit_is_not_cut"],
}


@pytest.mark.slow
@pytest.mark.parametrize("said", FOREIGN)
def test_nothing_is_written_to_a_file_with_a_foreign_schema(command, quickstart, said):
    _behind(quickstart, *FOREIGN[said])
    before = (quickstart / "estate.sqlite").read_bytes()
    for words in (("agreement", "suspend", "SEC-2020-003"), ("audit", "verify")):
        outcome = command("--json", "--estate", quickstart, *words)
        assert outcome.code == 5
        assert outcome.json["error"]["code"] == "audit.schema"
        assert said in outcome.json["error"]["message"]
    assert command("--estate", quickstart, "list").code == 0  # what only reads goes on
    assert (quickstart / "estate.sqlite").read_bytes() == before


def test_the_schema_is_checked_again_when_it_was_changed(quickstart, monkeypatch):
    with opened(quickstart) as estate:
        objects = Mock(wraps=tables.objects)
        monkeypatch.setattr(tables, "objects", objects)
        estate.register.set_suspended("SEC-2020-003", suspended=True)
        estate.register.set_suspended("SEC-2020-003", suspended=False)
        assert objects.call_count == 1
        _behind(quickstart, *FOREIGN["trigger evil was added"])
        entries = estate.audit.entries()
        for _ in range(2):
            with pytest.raises(EstateError, match="trigger evil was added"):
                estate.register.set_suspended("SEC-2020-003", suspended=True)
        assert estate.audit.entries() == entries
        _behind(quickstart, "DROP TRIGGER evil", "DROP TRIGGER worse")
        estate.register.set_suspended("SEC-2020-003", suspended=True)
        assert estate.audit.verify()


@pytest.mark.parametrize("version", [1, 2])
def test_an_old_estate_with_a_foreign_schema_is_not_upgraded(tmp_path, version):
    directory = unpacked(version, tmp_path / "old")
    _behind(directory, "CREATE TRIGGER evil AFTER INSERT ON audit BEGIN SELECT 1; END")
    with pytest.raises(EstateError, match="trigger evil was added"):
        opened(directory)


NEWEST = "rowid = (SELECT max(rowid) FROM certificates)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE row_sums SET sum = x'00' || sum WHERE name = 'agreements'", "sum of its rows"),
        ("UPDATE row_sums SET sum = substr(sum, 2) WHERE name = 'agreements'", "sum of its rows"),
        ("UPDATE row_sums SET audit = 1 WHERE name = 'agreements'", "sum of its rows"),
        ("DELETE FROM row_sums WHERE name = 'agreements'", "sum of its rows"),
        ("INSERT INTO row_sums VALUES ('externals', 0, zeroblob(256), 1)", "sum of its rows"),
        ("UPDATE certificates SET rowid = rowid + 1000", "order of its rows"),
        ("UPDATE certificates SET rowid = -rowid", "in another order"),
        ("UPDATE certificates SET rowid = 10000 WHERE rowid = 5", "in another order"),
        (f"UPDATE certificates SET rowid = 999 WHERE {NEWEST}", "order of its rows"),  # noqa: S608 - our own
    ],
)
def test_sums_and_the_order_of_rows_are_told_to_the_octet(quickstart, statement, said):
    _behind(quickstart, statement)
    with opened(quickstart) as estate, pytest.raises(EstateError, match=said):
        estate.audit.verify()


def test_the_order_of_external_certificates_is_told(tmp_path):
    directory = unpacked(2, tmp_path / "old")
    with opened(directory):
        pass
    _behind(directory, "UPDATE externals SET rowid = rowid + 7")
    with opened(directory) as estate, pytest.raises(EstateError, match="order of its rows"):
        estate.audit.verify()


def test_the_number_of_an_earlier_state_that_was_the_same_is_told(quickstart):
    with opened(quickstart) as estate:
        for suspended in (True, False, True):
            estate.register.set_suspended("SEC-2020-003", suspended=suspended)
    _behind(quickstart, "UPDATE row_sums SET audit = audit - 2 WHERE name = 'agreements'")
    with opened(quickstart) as estate, pytest.raises(EstateError, match="sum of its rows"):
        estate.audit.verify()


def test_a_sum_that_was_changed_for_one_command_is_told_later(quickstart):
    """The program must not bind rows to the log because a made-up state of them lay there."""
    with opened(quickstart) as estate:
        number = next(
            entry.number
            for entry in estate.audit.entries()
            if not estate._database.rows(
                "SELECT number FROM audit_states WHERE number = ?", (entry.number,)
            )
        )
    _behind(quickstart, "DELETE FROM agreements WHERE reference = 'SEC-2020-001'")
    with opened(quickstart) as estate:
        found = estate._database.sum_of_rows("agreements")
    digest = found.digest("agreements")
    with closing(sqlite3.connect(quickstart / "estate.sqlite", isolation_level=None)) as file:
        file.execute(
            "INSERT INTO audit_states VALUES (?, ?)", (number, f'{{"agreements":"{digest}"}}')
        )
        file.execute(
            "UPDATE row_sums SET rows = ?, sum = ?, audit = ? WHERE name = 'agreements'",
            (found.rows, found.octets, number),
        )
    with opened(quickstart) as estate:
        estate.register.set_suspended("SEC-2020-003", suspended=True)
    _behind(
        quickstart,
        "DROP TRIGGER audit_states_are_not_cut",
        f"DELETE FROM audit_states WHERE number = {number}",  # noqa: S608 - a number
        _sql_of("audit_states_are_not_cut"),
    )
    with opened(quickstart) as estate, pytest.raises(EstateError, match="continues from rows"):
        estate.audit.verify()
