import sqlite3
from contextlib import closing

import pytest

CHECK = (
    *("check", "iki", "--participant", "labs-one", "--purpose", "uept"),
    *("--system-name", "lab", "--role", "supplier"),
)


def test_show_gives_every_entry_chained_to_the_one_before(command, quickstart):
    outcome = command("--estate", quickstart, "--json", "audit", "show")
    assert outcome.code == 0
    entries = outcome.json["entries"]
    assert [one["number"] for one in entries] == list(range(1, len(entries) + 1))
    for one in entries:
        assert set(one) == {"number", "at", "action", "body", "digest"}
    assert [one["action"] for one in entries[:1]] == ["estate.create"]
    assert {one["action"] for one in entries} == {
        *("estate.create", "authority.create", "register.import", "issue"),
    }


def test_a_refusal_is_in_the_log_with_its_reasons(command, quickstart):
    refused = command("--estate", quickstart, "--json", *CHECK)
    assert refused.code == 3
    (entry,) = command("--estate", quickstart, "--json", "audit", "show", "--last", "1").json[
        "entries"
    ]
    assert entry["action"] == "check"
    assert entry["body"]["granted"] is False
    assert entry["body"]["reasons"] == refused.json["refusal"]["all"]
    told = command("--estate", quickstart, "audit", "show", "--last", "1").out
    assert "refused iki for labs-one (uept): " in told
    assert refused.json["refusal"]["code"] in told


def test_verify_counts_the_entries(command, quickstart):
    count = len(command("--estate", quickstart, "--json", "audit", "show").json["entries"])
    outcome = command("--estate", quickstart, "--json", "audit", "verify")
    told = {"entries": count, "tiles": 0, "whole": True}
    assert (outcome.code, outcome.json) == (0, told)
    told = command("--estate", quickstart, "audit", "verify")
    assert told.out == f"The audit log is whole: {count} entries.\n"


@pytest.mark.parametrize(
    ("statements", "code"),
    [
        (
            (
                "DROP TRIGGER audit_is_not_changed",
                "UPDATE audit SET body = '{}' WHERE number = 11",
            ),
            "audit.broken",
        ),
        (
            (
                "DROP TRIGGER audit_is_not_cut",
                "DELETE FROM certificates WHERE audit = 15",
                "DELETE FROM audit WHERE number = 15",
            ),
            "audit.broken",
        ),
        (("DELETE FROM certificates WHERE profile = 'iki'",), "audit.certificate"),
        (
            ("UPDATE certificates SET der = x'3000' WHERE profile = 'iki'",),
            "audit.certificate",
        ),
    ],
)
def test_verify_sees_what_was_changed_behind_its_back(
    command, quickstart, one_line, statements, code
):
    with closing(sqlite3.connect(quickstart / "estate.sqlite")) as database, database:
        for statement in statements:
            database.execute(statement)
    outcome = command("--estate", quickstart, "audit", "verify")
    assert outcome.code == 5
    one_line(outcome)
    said = command("--estate", quickstart, "--json", "audit", "verify")
    assert said.json["error"]["code"] == code


@pytest.mark.parametrize("last", ["0", "-1", "many"])
def test_a_number_of_entries_that_is_none_is_wrong_usage(command, quickstart, one_line, last):
    outcome = command("--estate", quickstart, "audit", "show", "--last", last)
    assert outcome.code == 2
    one_line(outcome)


def test_show_prints_what_was_renewed_and_what_was_not(command, quickstart):
    renew = ("renew", "--participant", "supplier-one", "--profile", "organisation")
    assert command("--estate", quickstart, *renew).code == 0
    assert command("--estate", quickstart, "agreement", "suspend", "SEC-2020-001").code == 0
    assert command("--estate", quickstart, *renew).code == 3
    outcome = command("--estate", quickstart, "audit", "show")
    assert outcome.code == 0, outcome.err
    done, refused = (line for line in outcome.out.splitlines() if " renew " in line)
    assert " of them" in done
    assert "agreement.suspended" in refused
