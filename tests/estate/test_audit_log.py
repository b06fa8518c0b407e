from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress

import pytest

from estates import opened, unpacked
from smki_testca.errors import EstateError
from smki_testca.estate.database import Database

TRIGGERS = ("audit_is_not_changed", "audit_is_not_cut")


def tamper(directory, *statements):
    """Change the file behind the estate's back."""
    with closing(sqlite3.connect(directory / "estate.sqlite", isolation_level=None)) as file:
        for trigger in TRIGGERS:
            file.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            file.execute(statement)
            assert file.execute("SELECT changes()").fetchone()[0] > 0, statement


@pytest.fixture
def verify(command, quickstart):
    return lambda: command("--json", "--estate", quickstart, "audit", "verify")


@pytest.fixture
def entries(command, quickstart):
    return lambda: command("--json", "--estate", quickstart, "audit", "show").json["entries"]


def test_an_untouched_log_is_whole(verify, entries):
    outcome = verify()
    assert outcome.code == 0
    assert outcome.json == {
        "entries": len(entries()),
        "tiles": 0,
        "whole": True,
        "remarks": [],
    }


def test_everything_that_quickstart_did_is_told(entries, command, quickstart):
    told = entries()
    actions = [entry["action"] for entry in told]
    assert actions[0] == "estate.create"
    assert actions.count("authority.create") == 8
    assert actions.count("register.import") == 1
    listed = command("--json", "--estate", quickstart, "list").json["certificates"]
    digests = {
        one["serial"]: one["sha256"]
        for entry in told
        for one in entry["body"].get("certificates", ())
    }
    assert digests == {one["serial"]: one["sha256"] for one in listed}


def test_a_granted_request_is_told_with_its_grounds(issue, entries):
    before = len(entries())
    (certificate,) = issue().json["certificates"]
    *earlier, entry = entries()
    assert len(earlier) == before
    assert entry["action"] == "issue"
    assert entry["body"]["granted"] is True
    assert entry["body"]["agreement"] == "BIL-2020-001"
    assert entry["body"]["category"] == "device"
    assert entry["body"]["request"]["device_id"] == "00-DB-12-00-00-00-00-05"
    (told,) = entry["body"]["certificates"]
    assert told == {key: certificate[key] for key in ("serial", "sha256")}


def test_a_refused_request_is_told_with_every_reason(issue, entries, verify):
    outcome = issue(device="90-B3-D5-1F-30-01-00-00")
    assert outcome.code == 3
    entry = entries()[-1]
    assert entry["action"] == "issue"
    assert entry["body"]["granted"] is False
    assert entry["body"]["reasons"] == outcome.json["refusal"]["all"]
    assert "certificates" not in entry["body"]
    assert verify().code == 0


@pytest.mark.parametrize(("participant", "granted"), [("supplier-one", True), ("labs-one", False)])
def test_a_check_is_told_too(command, quickstart, entries, participant, granted):
    before = len(entries())
    outcome = command(
        *("--estate", quickstart, "check", "iki", "--participant", participant),
        *("--purpose", "srept", "--system-name", "one", "--role", "supplier"),
    )
    assert outcome.code == (0 if granted else 3)
    assert len(entries()) == before + 1
    assert (entries()[-1]["action"], entries()[-1]["body"]["granted"]) == ("check", granted)


def test_changes_of_the_register_are_told(command, quickstart, entries):
    estate = ("--estate", quickstart)
    allocate = ("allocate", "supplier-two", "--user-role", "Export Supplier", "--count", "2")
    assert command(*estate, "register", *allocate).code == 0
    assert entries()[-1]["action"] == "register.allocate"
    assert len(entries()[-1]["body"]["ids"]) == 2
    assert command(*estate, "agreement", "suspend", "SEC-2020-003").code == 0
    assert command(*estate, "agreement", "resume", "SEC-2020-003").code == 0
    assert command(*estate, "register", "notify", "--flow", "panel").code == 0
    assert [entry["action"] for entry in entries()[-3:]] == [
        *("agreement.suspend", "agreement.resume", "register.notify")
    ]


def test_the_file_itself_refuses_to_change_or_cut_the_log(quickstart):
    with closing(sqlite3.connect(quickstart / "estate.sqlite")) as file:
        for statement in (
            "UPDATE audit SET body = '{}' WHERE number = 3",
            "DELETE FROM audit WHERE number = 3",
            "DELETE FROM audit",
        ):
            with pytest.raises(sqlite3.DatabaseError, match="append-only"):
                file.execute(statement)


REPEAT = (
    "INSERT INTO audit SELECT 1 + max(number), at, action, body, previous, digest FROM audit",
)
SWAP = (
    "UPDATE audit SET number = -5 WHERE number = 5",
    "UPDATE audit SET number = 5 WHERE number = 6",
    "UPDATE audit SET number = 6 WHERE number = -5",
)


@pytest.mark.parametrize(
    ("statements", "entry"),
    [
        (["UPDATE audit SET body = replace(body, 'supplier', 'Supplier') WHERE number = 10"], 10),
        (["UPDATE audit SET at = '2020-01-01T00:00:00Z' WHERE number = 4"], 4),
        (["UPDATE audit SET action = 'nothing' WHERE number = 1"], 1),
        (["UPDATE audit SET digest = zeroblob(32) WHERE number = 7"], 7),
        (["UPDATE audit SET previous = zeroblob(32) WHERE number = 7"], 7),
        (["DELETE FROM audit WHERE number = 12"], 12),
        (["DELETE FROM audit WHERE number = 1"], 1),
        (["DELETE FROM audit WHERE number BETWEEN 3 AND 9"], 3),
        (SWAP, 5),
        (
            [
                "DELETE FROM audit WHERE number = 12",
                "UPDATE audit SET number = number - 1 WHERE number > 12",
            ],
            12,
        ),
        (REPEAT, None),
    ],
)
def test_tampering_is_found_at_its_entry(quickstart, verify, entries, statements, entry):
    expected = entry or len(entries()) + 1
    tamper(quickstart, "DELETE FROM certificates", *statements)
    outcome = verify()
    assert outcome.code == 5
    error = outcome.json["error"]
    assert error["code"] == "audit.broken"
    assert f"entry {expected}." in error["message"]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM certificates WHERE label = 'ESME-ds'",
        "UPDATE certificates SET der = zeroblob(length(der)) WHERE label = 'ESME-ds'",
        "UPDATE certificates SET audit = 2 WHERE label = 'ESME-ds'",
        "UPDATE certificates SET serial = randomblob(16) WHERE label = 'ESME-ds'",
    ],
)
def test_log_and_certificates_must_tell_the_same(quickstart, verify, statement):
    tamper(quickstart, statement)
    outcome = verify()
    assert outcome.code == 5
    assert outcome.json["error"]["code"] == "audit.certificate"


def test_a_log_cut_off_at_its_end_is_found(quickstart, command, verify, entries):
    estate = ("--estate", quickstart)
    assert command(*estate, "agreement", "suspend", "SEC-2020-003").code == 0
    kept = len(entries()) - 1
    tamper(quickstart, "DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)")
    outcome = verify()
    assert outcome.code == 5
    assert f"cut off after entry {kept}." in outcome.json["error"]["message"]


def test_a_certificate_slipped_in_is_found(quickstart, verify):
    columns = "profile, hierarchy, tier, family, environment, usage, key_id, issuer, not_before"
    columns += ", not_after, issued_at, audit"
    tamper(
        quickstart,
        f"INSERT INTO certificates (serial, der, {columns})"  # noqa: S608 - our own columns
        f" SELECT randomblob(16), der, {columns} FROM certificates LIMIT 1",
    )
    assert verify().json["error"]["code"] == "audit.certificate"


@pytest.mark.parametrize("table", ["certificates", "audit"])
def test_certificate_and_entry_are_kept_together_or_not_at_all(
    issue, entries, verify, digest, monkeypatch, table
):
    insert_many = Database.insert_many

    def full(database, into, columns, rows):
        if into == table:
            raise sqlite3.OperationalError("the disk is full")
        insert_many(database, into, columns, rows)

    before, told = digest(), len(entries())
    with monkeypatch.context() as patch:
        patch.setattr(Database, "insert_many", full)
        outcome = issue()
    assert outcome.code == 5
    assert "the disk is full" in outcome.json["error"]["message"]
    assert (digest(), len(entries())) == (before, told)
    assert verify().code == 0


def test_the_last_entries_can_be_shown_alone(command, quickstart, entries):
    last = command("--json", "--estate", quickstart, "audit", "show", "--last", "3")
    assert last.json["entries"] == entries()[-3:]


def test_bodies_hold_no_secret(entries, quickstart):
    text = json.dumps(entries())
    assert (quickstart / "passphrase").read_text().strip() not in text
    assert "PRIVATE" not in text


@pytest.fixture
def old_estate(tmp_path):
    """An estate that has rows in every table that the log tells of."""
    directory = unpacked(2, tmp_path / "old")
    with opened(directory):
        return directory


def _column(directory, query):
    with closing(sqlite3.connect(directory / "estate.sqlite")) as file:
        return [value for (value,) in file.execute(query).fetchall()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "named", "changed", "lacking"),
    [
        (
            "certificates",
            "SELECT hex(serial) FROM certificates",
            "certificate {}",
            "The audit log records certificate {}",
        ),
        (
            "tiles",
            "SELECT number || ' of run ' || run FROM tiles ORDER BY run",
            "tile {}",
            "The audit log records tile {}",
        ),
        (
            "revocations",
            "SELECT hex(serial) FROM revocations",
            "the revocation of {}",
            "The audit log records the revocation of {}",
        ),
        (
            "revocation_lists",
            "SELECT audit FROM revocation_lists",
            "revocation list 1",
            "Entry {} of the audit log records a revocation list",
        ),
        (
            "externals",
            "SELECT lower(hex(sha256)) FROM externals",
            "external certificate {}",
            "The audit log records external certificate {}",
        ),
    ],
)
@pytest.mark.parametrize("is_gone", [True, False])
def test_an_error_names_the_row_that_does_not_fit(
    old_estate, command, table, named, changed, lacking, is_gone
):
    names = _column(old_estate, named)
    if is_gone:
        tamper(old_estate, f"DELETE FROM {table}")  # noqa: S608 - one of our own
        expected = [f"{lacking.format(min(names))}, which the estate lacks."]
    else:
        tamper(old_estate, f"UPDATE {table} SET audit = 1")  # noqa: S608 - one of our own
        expected = [f"The audit log does not record {changed.format(name)}." for name in names]
    outcome = command("--json", "--estate", old_estate, "audit", "verify")
    assert outcome.json["error"]["message"] in expected
    code = {"certificates": "certificate", "tiles": "tile", "revocations": "revocation"}
    code |= {"revocation_lists": "revocation_list", "externals": "external"}
    assert outcome.json["error"]["code"] == f"audit.{code[table]}"


def test_of_several_faults_the_first_in_the_order_of_tables_is_told(old_estate, command):
    order = ["certificates", "tiles", "revocations", "revocation_lists", "externals"]
    tamper(old_estate, *(f"DELETE FROM {table}" for table in order))  # noqa: S608 - our own
    outcome = command("--json", "--estate", old_estate, "audit", "verify")
    assert outcome.json["error"]["code"] == "audit.certificate"


@pytest.mark.parametrize("body", [{}, {"reference": ["x"]}, {"reference": "x", "before": 3}])
def test_an_entry_that_is_not_as_its_action_has_it_is_told_as_damage(estate, body):
    with estate.transaction():
        number = estate.audit.append(estate.clock.now(), "agreement.replace", body)
    with pytest.raises(EstateError, match=f"cannot be read at entry {number}") as caught:
        estate.register.agreement_changes()
    assert caught.value.code == "audit.broken"


def test_what_was_taken_back_within_a_transaction_is_not_continued_from(quickstart):
    with opened(quickstart) as estate:
        now, last = estate.clock.now(), estate.audit.head().number
        with estate.transaction():
            estate.audit.append(now, "test.kept", {})
            _take_back(estate, now)
            assert estate.audit.append(now, "test.next", {}) == last + 2
            assert estate.audit.newest_digest().hex() == estate.audit.entry(last + 2).digest
        _take_back(estate, now)
        with estate.transaction():
            assert estate.audit.append(now, "test.after", {}) == last + 3
        actions = [entry.action for entry in estate.audit.entries(3)]
        assert actions == ["test.kept", "test.next", "test.after"]
        estate.audit.verify()


def _take_back(estate, now):
    """Have an entry taken back with its transaction, or its part of one."""
    with suppress(ZeroDivisionError), estate.transaction():
        estate.audit.append(now, "test.gone", {})
        raise ZeroDivisionError
