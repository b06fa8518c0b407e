"""Damaged estates: the audit tells, and every command ends with one clear line."""

import random
import sqlite3
from contextlib import closing
from functools import cache

import pytest

import damage
from estates import opened
from smki_testca.errors import EstateError
from smki_testca.estate.certificates import Selection
from smki_testca.estate.database import RESTORE


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return damage.make(tmp_path_factory.mktemp("damage") / "estate")


@pytest.fixture
def judge(original, tmp_path):
    return damage.Judge(original, tmp_path / "copy")


@pytest.fixture
def octets(original):
    return (original / damage.FILE).read_bytes()


@pytest.mark.slow
def test_the_audit_tells_of_every_flip_that_changes_what_a_command_says(judge, octets):
    for name, damaged in damage.flips(octets, 150, random.Random(2)):
        judge.judge(name, damaged)
    assert not judge.faults
    assert judge.told >= judge.changed > 0


def test_the_estate_has_rows_in_every_table(original):
    with closing(sqlite3.connect(original / damage.FILE)) as file:
        for (table,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            assert file.execute(f"SELECT count(*) FROM {table}").fetchone()[0], table  # noqa: S608


@pytest.mark.slow
def test_the_audit_tells_of_every_edit(original, octets, tmp_path):
    copy = damage.copied(original, tmp_path / "copy")
    edits = 0
    for name, damaged in damage.edits(octets):
        (copy / damage.FILE).write_bytes(damaged)
        outcome = damage.run(copy, damage.VERIFY)
        assert outcome.code == 5, (name, outcome.output)
        assert len(outcome.output.splitlines()) == 1, (name, outcome.output)
        assert RESTORE in outcome.output, (name, outcome.output)
        edits += 1
    assert edits > 250


@cache
def _meter(directory):
    with opened(directory, damage.LATER) as estate:
        (record,) = estate.certificates.select(Selection(label="meter"))
    return str(record.serial)


@pytest.mark.parametrize(
    ("table", "change", "command", "said"),
    [
        ("certificates", "not_after = 'soon'", "list", "serial"),
        ("certificates", "not_after = '2031-01-01T00:00:00'", "list", "not a UTC time"),
        ("certificates", "hierarchy = CAST(x'FF' AS TEXT)", "list", "hierarchy is not text"),
        ("certificates", "tier = 'no tier'", "list", "no tier"),
        ("certificates", "role = 'x'", "list", "role is not a whole number or empty"),
        ("certificates", "eui64 = x'00'", "list", "8 octets"),
        ("participants", "record = x'7B'", "register show", "id "),
        ("participants", "record = CAST(record AS TEXT)", "register show", "record is not octets"),
        ("runs", "terms = x'7B7D'", "batch list", "id '"),
        ("runs", "state = 'walking'", "batch list", "walking"),
        ("runs", "created = ''", "batch list", "id '"),
        ("tiles", "count = -1", "list", "out of its range"),
        ("tiles", "section = 9", "list", "section 9"),
        ("tiles", "first_row = 1", "list", "not as its file says"),
        ("revocation_lists", "this_update = 'x'", "crl list", "number '1'"),
        ("standings", "status = 'Z'", "status", "number"),
    ],
)
def test_a_damaged_row_is_named(original, tmp_path, table, change, command, said):
    copy = damage.copied(original, tmp_path / "copy")
    with closing(sqlite3.connect(copy / damage.FILE)) as file, file:
        file.execute(f"UPDATE {table} SET {change}")  # noqa: S608 - one of the above
    words = tuple(command.split())
    if command == "status":
        words += (_meter(original),)
    outcome = damage.run(copy, words)
    assert outcome.code == 5, outcome.output
    assert len(outcome.output.splitlines()) == 1
    assert said in outcome.output
    assert RESTORE in outcome.output
    assert "disk" not in outcome.output


def test_nothing_is_signed_with_a_key_that_is_not_of_the_cas_certificate(quickstart, command):
    with closing(sqlite3.connect(quickstart / damage.FILE)) as file, file:
        # That of an end entity: the lowest of all may be the CA's own.
        file.execute(
            "UPDATE certificates SET key_id ="
            " (SELECT key_id FROM certificates WHERE label = 'Z1-supplier-ds')"
        )
    outcome = command("--estate", quickstart, "crl", "issue", "--hierarchy", "organisation")
    assert outcome.code == 5
    assert "is not that of its certificate" in outcome.err
    assert RESTORE in outcome.err


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (0, 0, "file is not a database"),
        (63, 0, "it has format 0"),
        (60, 0xFF, "which no version made"),
        (63, 2, "index batch_requests_by_run was added"),
    ],
)
def test_a_damaged_header_is_told(original, tmp_path, place, value, said):
    copy = damage.copied(original, tmp_path / "copy")
    octets = bytearray((copy / damage.FILE).read_bytes())
    octets[place] = value
    (copy / damage.FILE).write_bytes(octets)
    outcome = damage.run(copy, ("list",))
    assert outcome.code == 5
    assert said in outcome.output


def test_a_schema_that_is_not_utf8_is_told(original, tmp_path):
    copy = damage.copied(original, tmp_path / "copy")
    octets = (copy / damage.FILE).read_bytes()
    (copy / damage.FILE).write_bytes(
        octets.replace(b"CREATE TABLE runs", b"CREATE TABLE \xff\xfens")
    )
    outcome = damage.run(copy, ("list",))
    assert outcome.code == 5, outcome.output
    assert "is damaged" in outcome.output


def test_the_order_in_which_an_entry_lists_certificates_is_bound(quickstart):
    with opened(quickstart) as estate:
        renewed = estate.renew(Selection(profile="organisation"))
        assert len(renewed) > 1
        assert estate.audit.verify()
    with closing(sqlite3.connect(quickstart / damage.FILE)) as file, file:
        file.execute("UPDATE certificates SET rowid = 10000 - rowid")
    with opened(quickstart) as estate, pytest.raises(EstateError, match="in another order"):
        estate.audit.verify()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE certificates SET key_id = x'00' WHERE label = 'ESME-ds'", "key id of certificate"),
        (
            "UPDATE certificates SET not_after = '2099-01-01T00:00:00Z' WHERE label = 'ESME-ds'",
            "notAfter of certificate",
        ),
        ("UPDATE certificates SET label = 'x' WHERE label = 'ESME-ds'", "a row was changed"),
        ("DELETE FROM participants WHERE id = 'labs-one'", "rows, and the log has"),
        ("DELETE FROM keys", "it has 0 rows, and the log has"),
    ],
)
def test_the_audit_says_as_well_as_it_can_what_was_changed(quickstart, statement, said):
    with closing(sqlite3.connect(quickstart / damage.FILE)) as file, file:
        file.execute(statement)
    with opened(quickstart) as estate, pytest.raises(EstateError, match=said) as raised:
        estate.audit.verify()
    assert raised.value.code == "audit.rows"
    assert raised.value.remedy == RESTORE
