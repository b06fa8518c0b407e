import hashlib
import sqlite3
from contextlib import closing

import pytest

import batches
from estates import opened, unpacked
from smki_testca.errors import EstateError

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


def _shown(command, estate, *words):
    entries = command("--json", "--estate", estate, "audit", "show", *words).json["entries"]
    return [(entry["number"], entry["action"]) for entry in entries]


def test_show_picks_the_entries_of_an_action_and_of_a_participant(command, quickstart):
    all_of_them = _shown(command, quickstart)
    created = [each for each in all_of_them if each[1] == "authority.create"]
    assert _shown(command, quickstart, "--action", "authority") == created
    assert _shown(command, quickstart, "--action", "authority", "--last", "2") == created[-2:]
    of_rdp = _shown(command, quickstart, "--participant", "rdp-one")
    assert [action for _, action in of_rdp] == ["register.import", "issue", "issue"]
    assert (
        _shown(command, quickstart, "--participant", "rdp-one", "--action", "issue") == of_rdp[1:]
    )
    nothing = command("--estate", quickstart, "audit", "show", "--participant", "nobody")
    assert (nothing.code, nothing.err) == (0, "No entry fits.\n")


def test_show_tells_details_in_words_and_within_a_line(command, quickstart):
    told = command("--estate", quickstart, "audit", "show").out
    assert not set("{}[]'") & set(told)
    assert max(map(len, told.splitlines())) < 200


def test_verify_counts_the_entries(command, quickstart):
    count = len(command("--estate", quickstart, "--json", "audit", "show").json["entries"])
    outcome = command("--estate", quickstart, "--json", "audit", "verify")
    told = {"entries": count, "tiles": 0, "whole": True, "remarks": []}
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


@pytest.mark.slow
def test_verify_tells_now_and_then_how_far_it_is(command, quickstart, monkeypatch):
    batches.issue(command, quickstart, *batches.range_of(3))
    assert command("--estate", quickstart, "audit", "verify", "--keys").err == ""
    monkeypatch.setattr("smki_testca.cli.output.HEARTBEAT_SECONDS", 0)
    told = command("--estate", quickstart, "audit", "verify", "--keys").err
    assert "tiles: 0 of 1" in told
    assert "private keys: 3" in told


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


def _estate(quickstart):
    return ("--estate", quickstart)


def test_the_log_continues_from_a_head_that_was_kept(command, quickstart, one_line):
    kept = command("--json", *_estate(quickstart), "audit", "head").json
    assert set(kept) == {"number", "digest"}
    digest = kept["digest"]
    assert command(*_estate(quickstart), "audit", "head").out == f"{digest}\n"
    copied = (quickstart / "estate.sqlite").read_bytes()
    for state in ("suspend", "resume"):
        assert command(*_estate(quickstart), "agreement", state, "SEC-2020-001").code == 0
    newer = command("--json", *_estate(quickstart), "audit", "head").json
    assert newer["number"] == kept["number"] + 2
    for head in (digest, digest.upper(), newer["digest"]):
        verified = command(*_estate(quickstart), "audit", "verify", "--head", head)
        assert verified.code == 0, verified.err
    # The file of earlier, put back, is whole, and only lacks what came later.
    (quickstart / "estate.sqlite").write_bytes(copied)
    assert command(*_estate(quickstart), "audit", "verify", "--head", digest).code == 0
    rolled_back = command(*_estate(quickstart), "audit", "verify", "--head", newer["digest"])
    assert rolled_back.code == 5
    one_line(rolled_back)
    said = command("--json", *_estate(quickstart), "audit", "verify", "--head", "0" * 64)
    assert said.json["error"]["code"] == "audit.head"


def _bind(directory, number, table="agreements"):
    """Bind the rows that a table has now to the last entry, as the program would, but by SQL."""
    with opened(directory) as estate:
        found = estate._database.sum_of_rows(table)  # noqa: SLF001 - no API gives it
    digest = found.digest(table)
    with closing(sqlite3.connect(directory / "estate.sqlite")) as file, file:
        states = f'{{"{table}":"{digest}"}}'
        file.execute("INSERT INTO audit_states VALUES (?, ?)", (number, states))
        file.execute(
            "UPDATE row_sums SET rows = ?, sum = ?, audit = ? WHERE name = ?",
            (found.rows, found.octets, number, table),
        )
        (last,) = file.execute("SELECT digest FROM audit WHERE number = ?", (number,)).fetchone()
        head = hashlib.sha256(last + states.encode()).digest()
        file.execute("UPDATE meta SET value = ? WHERE name = 'audit-head'", (head,))


@pytest.mark.slow
@pytest.mark.parametrize("version", [None, 1, 2])
def test_rows_bound_to_the_entry_of_a_head_later_do_not_continue_from_it(
    command, quickstart, tmp_path, version
):
    directory = quickstart if version is None else unpacked(version, tmp_path / "old")
    command("--estate", directory, *CHECK)  # its entry changes no rows
    kept = command("--json", "--estate", directory, "audit", "head").json
    verify = ("--json", "--estate", directory, "audit", "verify", "--head", kept["digest"])
    assert command(*verify).code == 0
    with closing(sqlite3.connect(directory / "estate.sqlite")) as file, file:
        file.execute("UPDATE agreements SET record = CAST(replace(record, '20', '21') AS BLOB)")
        assert file.execute("SELECT changes()").fetchone()[0]
    _bind(directory, kept["number"])
    assert command(*verify[:-2]).code == 0  # written anew, it is whole in itself
    assert command(*verify).json["error"]["code"] == "audit.head"


def test_the_digest_of_an_entry_is_no_head_where_it_does_not_cover_the_rows(command, quickstart):
    entries = command("--json", *_estate(quickstart), "audit", "show").json["entries"]
    verify = ("--json", *_estate(quickstart), "audit", "verify", "--head")
    assert command(*verify, entries[-1]["digest"]).json["error"]["code"] == "audit.head"


def test_the_last_entry_of_an_older_format_is_a_head(command, tmp_path):
    directory = unpacked(2, tmp_path / "old")
    with closing(sqlite3.connect(directory / "estate.sqlite")) as file:
        (last,) = file.execute("SELECT digest FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    verify = ("--json", "--estate", directory, "audit", "verify", "--head", last.hex())
    assert command(*verify).code == 0


@pytest.mark.parametrize("digest", ["", "00", "0" * 63, "0" * 65, "g" * 64, "\u0660" * 64])
def test_a_head_that_is_no_digest_is_wrong_usage(command, quickstart, one_line, digest):
    outcome = command(*_estate(quickstart), "audit", "verify", "--head", digest)
    assert outcome.code == 2
    one_line(outcome)


def test_the_head_covers_the_rows_not_only_the_entries(command, quickstart):
    before = command(*_estate(quickstart), "audit", "head").out
    entries = command("--json", *_estate(quickstart), "audit", "show", "--last", "1").json
    assert entries["entries"][0]["digest"] != before.strip()


def test_time_that_runs_backward_is_remarked_on(command, quickstart):
    for time, state in (
        ("2031-05-01", "suspend"),
        ("2030-01-01", "resume"),
        ("2032-01-01", "suspend"),
    ):
        call = ("--clock", time, *_estate(quickstart), "agreement", state, "SEC-2020-001")
        assert command(*call).code == 0
    outcome = command(*_estate(quickstart), "audit", "verify")
    assert outcome.code == 0
    (line,) = outcome.err.splitlines()
    assert line.startswith("remark: Entry ")
    assert "2030-01-01T00:00:00Z, before entry " in line
    remarks = command("--json", *_estate(quickstart), "audit", "verify").json["remarks"]
    assert [f"remark: {remark}" for remark in remarks] == [line]


def test_every_private_key_is_unsealed_and_paired(command, quickstart):
    outcome = command(*_estate(quickstart), "audit", "verify", "--keys")
    assert outcome.code == 0
    assert outcome.out.endswith(" 38 private keys fit.\n")
    assert command("--json", *_estate(quickstart), "audit", "verify", "--keys").json["keys"] == 38


def test_keys_of_runs_and_imported_ones_are_paired(command, tmp_path):
    directory = unpacked(2, tmp_path / "old")
    outcome = command("--json", "--estate", directory, "audit", "verify", "--keys")
    assert outcome.code == 0, outcome.out
    with opened(directory) as estate:
        sealed = len(estate._database.rows("SELECT id FROM keys"))  # noqa: SLF001 - none counts them
    # One more is imported, and a run of a range and one of a manifest have four in their tiles.
    assert outcome.json["keys"] == sealed + 1 + 4


def test_a_key_that_is_another_certificates_is_told(quickstart):
    with closing(sqlite3.connect(quickstart / "estate.sqlite")) as file, file:
        file.execute("UPDATE keys SET sealed = (SELECT sealed FROM keys ORDER BY id LIMIT 1)")
    with opened(quickstart) as estate, pytest.raises(EstateError) as raised:
        estate.verify_keys()
    assert raised.value.code == "audit.key"


def test_keys_are_not_verified_with_a_wrong_passphrase(command, quickstart, tmp_path):
    (tmp_path / "wrong").write_text("wrong\n")
    call = ("--passphrase-file", tmp_path / "wrong", *_estate(quickstart), "audit", "verify")
    assert command("--json", *call, "--keys").json["error"]["code"] == "estate.passphrase"
    assert command("--json", *call).code == 0
