import csv
import io
import shlex
from pathlib import Path

import pytest

PARTICIPANTS = Path(__file__).parents[2] / "examples" / "participants.toml"
IMPORT_SUPPLIER = "90-B3-D5-1F-30-01-00-00"


def test_import_says_what_it_registered(command, quickstart, tmp_path):
    path = tmp_path / "more.toml"
    path.write_text('[[participant]]\nid = "labs-two"\nname = "Labs Two"\nkind = "other"\n')
    outcome = command("--estate", quickstart, "--json", "register", "import", path)
    assert outcome.code == 0
    assert outcome.json == {"participants": ["labs-two"], "agreements": []}
    again = command("--estate", quickstart, "register", "import", path)
    assert again.out == "1 participant and 0 agreements are registered.\n"


def test_import_reads_standard_input(command, quickstart):
    text = b'[[participant]]\nid = "labs-two"\nname = "Labs Two"\nkind = "other"\n'
    outcome = command("--estate", quickstart, "register", "import", "-", stdin=text)
    assert outcome.code == 0
    assert command("--estate", quickstart, "register", "show", "labs-two").code == 0


def test_show_in_json_gives_each_participant_with_its_ids_in_hyphenated_upper_case(
    command, quickstart
):
    outcome = command("--estate", quickstart, "--json", "register", "show")
    assert outcome.code == 0
    assert list(outcome.json) == ["participants"]
    found = {one["id"]: one for one in outcome.json["participants"]}
    assert set(found) == {
        *("supplier-one", "supplier-two", "network-one", "other-one"),
        *("rdp-one", "meters-one", "labs-one", "dcc"),
    }
    one = found["supplier-one"]
    assert set(one) == {
        *("id", "name", "kind", "signifier", "ranges", "ids"),
        *("market_participant_ids", "registry_entries"),
    }
    assert one["kind"] == "party"
    assert one["signifier"] == "TPTY-SUPPLIER-ONE"
    assert [(entry["eui64"], entry["user_roles"]) for entry in one["ids"]] == [
        ("90-B3-D5-1F-30-01-00-00", ["Import Supplier"]),
        ("90-B3-D5-1F-30-01-00-01", ["Export Supplier"]),
        ("90-B3-D5-1F-30-01-00-02", ["Gas Supplier"]),
        ("90-B3-D5-1F-30-01-00-08", ["Load Controller"]),
        ("90-B3-D5-1F-30-01-00-09", ["Meter Data Retriever"]),
    ]
    assert one["ranges"] == [
        {
            "registry_entry": "90-B3-D5-1F-3",
            "organisation_number": "001",
            "organisation_bits": 12,
            "first": "90-B3-D5-1F-30-01-00-00",
            "last": "90-B3-D5-1F-30-01-FF-FF",
        }
    ]
    assert found["meters-one"]["signifier"] is None
    assert found["meters-one"]["registry_entries"] == ["00-DB-12"]


def test_show_finds_one_participant_by_id_user_role_and_market_participant(command, quickstart):
    def shown(*arguments):
        outcome = command("--estate", quickstart, "--json", "register", "show", *arguments)
        assert outcome.code == 0
        return [one["id"] for one in outcome.json["participants"]]

    assert shown("dcc") == ["dcc"]
    assert shown("--user-role", "Gas Supplier") == ["supplier-one", "supplier-two"]
    assert shown("--user-role", "GT") == ["network-one"]
    assert shown("--market-participant", "SUP2") == ["supplier-two"]
    assert shown("--market-participant", "nobody") == []


def test_show_prints_a_table_with_every_id(command, quickstart):
    out = command("--estate", quickstart, "register", "show", "supplier-one").out
    assert out.splitlines()[0].split() == ["Participant", "Kind", "Signifier", "ID", "Serves"]
    assert len(out.splitlines()) == 6
    assert "90-B3-D5-1F-30-01-00-09  Meter Data Retriever" in out


@pytest.mark.parametrize("term", [IMPORT_SUPPLIER, IMPORT_SUPPLIER.lower(), "90b3d51f30010000"])
def test_whois_an_id_answers_with_its_party_and_what_it_may_do(command, quickstart, term):
    outcome = command("--estate", quickstart, "--json", "register", "whois", term)
    assert outcome.code == 0
    answer = outcome.json
    assert set(answer) == {
        *("participant", "name", "kind", "signifier", "found_by", "value", "ids", "user_roles"),
        *("remote_party_roles", "market_participant_ids", "registry_entries", "issued_here"),
    }
    assert answer["participant"] == "supplier-one"
    assert (answer["found_by"], answer["value"]) == ("eui64", IMPORT_SUPPLIER)
    assert answer["user_roles"] == ["Import Supplier"]
    assert answer["remote_party_roles"] == ["supplier", "xmlSign"]
    assert [one["identifier"] for one in answer["market_participant_ids"]] == ["SUP1"]
    assert answer["issued_here"] is None


def test_whois_begins_with_the_participant(command, quickstart):
    out = command("--estate", quickstart, "register", "whois", IMPORT_SUPPLIER).out
    assert out.splitlines()[0].startswith("Participant ")


def test_whois_a_signifier_answers_with_all_its_ids(command, quickstart):
    answer = command("--estate", quickstart, "--json", "register", "whois", "TRDP-ONE").json
    assert (answer["participant"], answer["kind"]) == ("rdp-one", "rdp")
    assert answer["found_by"] == "signifier"
    assert [one["eui64"] for one in answer["ids"]] == ["90-B3-D5-1F-30-05-00-00"]


def test_whois_a_device_id_answers_with_its_manufacturer(command, quickstart):
    answer = command(
        "--estate", quickstart, "--json", "register", "whois", "00-DB-12-FF-FF-FF-FF-FF"
    ).json
    assert (answer["participant"], answer["found_by"]) == ("meters-one", "device-id")


@pytest.mark.parametrize(
    ("name", "participant", "found_by"),
    [
        ("organisation/supplier-one/Z1-supplier-ds", "supplier-one", "eui64"),
        ("device/meters-one/ESME-ka", "meters-one", "device-id"),
        ("dccki/rdp-one/dccki-rdp-one", "rdp-one", "signifier"),
    ],
)
def test_whois_a_certificate_answers_with_who_presents_it(
    command, quickstart, name, participant, found_by
):
    path = quickstart / "export" / "pem" / "ZAZ1" / f"{name}.pem"
    answer = command("--estate", quickstart, "--json", "register", "whois", path).json
    assert (answer["participant"], answer["found_by"]) == (participant, found_by)
    assert answer["issued_here"] is True


@pytest.mark.slow
def test_whois_says_in_plain_words_when_a_certificate_is_of_another_estate(
    command, quickstart, tmp_path
):
    other = tmp_path / "other"
    assert command("quickstart", other).code == 0
    path = other / "export" / "pem" / "ZAZ1" / "dccki" / "supplier-one" / "dccki-supplier-one.pem"
    outcome = command("--estate", quickstart, "register", "whois", path)
    assert outcome.code == 0
    assert "supplier-one, Supplier One (party)" in outcome.out
    assert "NOT of this estate" in outcome.out


@pytest.mark.parametrize("term", ["90-B3-D5-1F-30-01-00-77", "TPTY-NOBODY", "no-such-file.pem"])
def test_whois_nobody_is_one_line_and_4(command, quickstart, one_line, term):
    outcome = command("--estate", quickstart, "register", "whois", term)
    assert outcome.code == 4
    one_line(outcome)
    said = command("--estate", quickstart, "--json", "register", "whois", term)
    assert said.json["error"]["code"] == "whois.nobody"


def test_whois_names_the_holder_of_the_range_of_an_id_not_allocated(command, quickstart):
    outcome = command("--estate", quickstart, "register", "whois", "90-B3-D5-1F-30-01-00-77")
    assert "in the range of supplier-one" in outcome.err


def test_allocate_counts_on_in_hexadecimal(command, quickstart):
    outcome = command(
        *("--estate", quickstart, "--json", "register", "allocate", "supplier-one"),
        *("--user-role", "Gas Supplier", "--count", "8"),
    )
    assert outcome.code == 0
    assert outcome.json == {
        "participant": "supplier-one",
        "ids": [f"90-B3-D5-1F-30-01-00-{last:02X}" for last in range(0x0A, 0x12)],
    }
    outcome = command(
        "--estate", quickstart, "register", "allocate", "supplier-one", "--user-role", "ES"
    )
    assert outcome.out == "90-B3-D5-1F-30-01-00-12\n"


def test_an_allocated_id_can_be_used_at_once(command, quickstart):
    eui64 = command(
        "--estate", quickstart, "register", "allocate", "other-one", "--user-role", "MDR"
    ).out.strip()
    outcome = command(
        *("--estate", quickstart, "issue", "organisation", "--participant", "other-one"),
        *("--purpose", "uept", "--id", eui64, "--role", "other", "--usage", "key-agreement"),
    )
    assert outcome.code == 0


def test_allocate_to_the_end_of_the_range_and_no_further(command, quickstart, one_line, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(
        """
[[participant]]
id = "small"
name = "Sixteen IDs"
kind = "party"
signifier = "SMALL"
ids = [{ eui64 = "90-B3-D5-1F-3F-F0-00-A0", user-roles = ["Other User"] }]
[[participant.ranges]]
registry-entry = "90-B3-D5-1F-3"
organisation-number = "FF000A"
organisation-bits = 24
"""
    )
    assert command("--estate", quickstart, "register", "import", path).code == 0
    outcome = command(
        *("--estate", quickstart, "--json", "register", "allocate", "small"),
        *("--user-role", "Other User", "--count", "15"),
    )
    assert outcome.json["ids"][-1] == "90-B3-D5-1F-3F-F0-00-AF"
    outcome = command("--estate", quickstart, "register", "allocate", "small", "--user-role", "OU")
    assert outcome.code == 4
    assert "0 IDs left" in one_line(outcome)


def test_a_notification_lists_only_what_changed_since_the_last_of_its_flow(command, quickstart):
    def notify(flow):
        outcome = command("--estate", quickstart, "--json", "register", "notify", "--flow", flow)
        assert outcome.code == 0
        return outcome.json

    first = notify("panel")
    assert set(first) == {"flow", "number", "at", "changes"}
    assert (first["flow"], first["number"]) == ("panel", 1)
    assert set(first["changes"][0]) == {"change", "participant", "signifier", "eui64"}
    assert len(first["changes"]) == 15
    assert notify("panel")["changes"] == []
    command("--estate", quickstart, "register", "allocate", "other-one", "--user-role", "OU")
    third = notify("panel")
    assert third["number"] == 3
    assert third["changes"] == [
        {
            "change": "added",
            "participant": "other-one",
            "signifier": "TPTY-OTHER-ONE",
            "eui64": "90-B3-D5-1F-30-04-00-01",
        }
    ]
    party = notify("party")
    assert party["number"] == 1
    assert set(party["changes"][0]) == {
        *("change", "participant", "signifier", "eui64", "user_role"),
    }
    market = notify("market")
    assert set(market["changes"][0]) == {
        *("change", "participant", "signifier", "scheme", "identifier", "role_code", "eui64"),
    }


def test_a_notification_in_csv_says_the_same_as_in_json(command, quickstart):
    command("--estate", quickstart, "register", "notify", "--flow", "party")
    command(
        "--estate", quickstart, "register", "allocate", "other-one", "--user-role", "Other User"
    )
    outcome = command(
        "--estate", quickstart, "register", "notify", "--flow", "party", "--format", "csv"
    )
    assert outcome.code == 0
    rows = list(csv.DictReader(io.StringIO(outcome.out, newline="")))
    assert rows == [
        {
            "change": "added",
            "participant": "other-one",
            "signifier": "TPTY-OTHER-ONE",
            "eui64": "90-B3-D5-1F-30-04-00-01",
            "user_role": "Other User",
        }
    ]
    assert outcome.out.endswith("\r\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "nobody"), "participant.unknown"),
        (("show", "--user-role", "Baker"), "user_role.unknown"),
        (("allocate", "nobody", "--user-role", "IS"), "participant.unknown"),
        (("allocate", "supplier-one", "--user-role", "Baker"), "user_role.unknown"),
        (("allocate", "meters-one", "--user-role", "IS"), "allocation.no_range"),
        (("allocate", "dcc", "--user-role", "DCC", "--count", "99999"), "allocation.exhausted"),
    ],
)
def test_a_wrong_name_or_number_changes_nothing(
    command, quickstart, one_line, file_digest, arguments, code
):
    before = file_digest(quickstart)
    outcome = command("--estate", quickstart, "register", *arguments)
    assert outcome.code == 4
    one_line(outcome)
    said = command("--estate", quickstart, "--json", "register", *arguments)
    assert said.json["error"]["code"] == code
    assert file_digest(quickstart) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("allocate", "supplier-one"),
        ("allocate", "supplier-one", "--user-role", "IS", "--count", "0"),
        ("allocate", "supplier-one", "--user-role", "IS", "--count", "some"),
        ("notify",),
        ("notify", "--flow", "dcc"),
        ("notify", "--flow", "panel", "--format", "xml"),
        ("whois",),
        ("import",),
    ],
)
def test_wrong_usage_is_2_and_one_line(command, quickstart, one_line, arguments):
    outcome = command("--estate", quickstart, "register", *arguments)
    assert outcome.code == 2
    assert "--help" in one_line(outcome)
    said = command("--estate", quickstart, "--json", "register", *arguments)
    assert said.code == 2
    assert said.json["error"]["code"] == "usage"


def corrected(command, quickstart, *arguments):
    return command("--estate", quickstart, "--json", "register", "correct", *arguments)


def test_correct_changes_what_is_named_and_prints_before_and_now(command, quickstart):
    arguments = ("supplier-two", "--signifier", "TPTY-2", "--name", "Supplier II")
    outcome = corrected(command, quickstart, *arguments)
    assert outcome.code == 0
    assert set(outcome.json) == {"before", "participant"}
    assert outcome.json["before"] == {
        **outcome.json["participant"],
        "name": "Supplier Two",
        "signifier": "TPTY-SUPPLIER-TWO",
    }
    shown = command("--estate", quickstart, "--json", "register", "show", "supplier-two").json
    assert shown["participants"] == [outcome.json["participant"]]
    ranges = ("register", "correct", "supplier-two", "--range", "90-B3-D5-1F-3:0A1")
    out = command("--estate", quickstart, *ranges).out
    assert max(map(len, out.splitlines())) <= 80
    said = " ".join(out.split())
    assert "Corrected Before Now ranges 90-B3-D5-1F-30-03-00-00 90-B3-D5-1F-30-A1-00-00" in said
    assert "ids 90-B3-D5-1F-30-03-00-00 none 90-B3-D5-1F-30-03-00-01" in said
    assert command("--estate", quickstart, "audit", "verify").code == 0


def test_an_import_that_may_not_change_a_participant_names_the_command_that_may(
    command, quickstart, tmp_path
):
    path = tmp_path / "two.toml"
    path.write_text(
        '[[participant]]\nid = "supplier-two"\nname = "Supplier Two"\nkind = "party"\n'
        'signifier = "TPTY-2"\n'
    )
    outcome = command("--estate", quickstart, "--json", "register", "import", path)
    assert outcome.json["error"]["code"] == "participant.changed"
    assert outcome.json["error"]["remedy"].endswith(
        "smki-testca register correct supplier-two --signifier TPTY-2"
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["manufacturer", "party signified"])
def test_the_remedy_of_an_import_that_may_not_change_a_kind_makes_it_possible(
    command, quickstart, kind
):
    name, _, signifier = kind.partition(" ")
    given = ("--kind", name, *(("--signifier", "LABS-ONE") if signifier else ()))
    changed = command("--estate", quickstart, "register", "correct", "labs-one", *given)
    assert changed.code == 0, changed.err
    arguments = ("--estate", quickstart, "register", "import", PARTICIPANTS)
    outcome = command(*arguments)
    assert outcome.code == 4
    assert "a other" not in outcome.err
    assert "None" not in outcome.err
    assert "to become of kind other without a Signifier" in outcome.err
    remedy = shlex.split(outcome.err.partition("smki-testca register correct ")[2])
    assert remedy == ["labs-one", "--kind", "other"]
    assert command("--estate", quickstart, "register", "correct", *remedy).code == 0
    assert command(*arguments).code == 0


def test_the_remedy_for_an_id_not_allocated_allocates_that_id(command, quickstart):
    eui64 = "90-B3-D5-1F-30-01-00-77"
    asked = (
        *("--estate", quickstart, "check", "organisation", "--participant", "supplier-one"),
        *("--purpose", "uept", "--id", eui64, "--role", "supplier", "--usage", "key-agreement"),
    )
    remedy = shlex.split(command(*asked).err.partition("smki-testca ")[2].replace(" R ", " IS "))
    outcome = command("--estate", quickstart, *remedy)
    assert (outcome.code, outcome.out) == (0, f"{eui64}\n"), outcome.err
    assert command(*asked).code == 0


@pytest.mark.parametrize(
    ("more", "exit_code", "code"),
    [
        (("--id", "90-B3-D5-1F-30-03-00-01"), 4, "allocation.outside_range"),
        (("--id", "90-B3-D5-1F-30-01-00-00"), 4, "allocation.taken"),
        (("--id", "90-B3"), 4, "eui64.form"),
        (("--id", "90-B3-D5-1F-30-01-00-77", "--user-role", "DCC"), 4, "user_role.kind"),
        (("--id", "90-B3-D5-1F-30-01-00-77", "--count", "1"), 2, "usage"),
    ],
)
@pytest.mark.shows("R12")
def test_an_id_that_cannot_be_allocated_is_refused_and_changes_nothing(
    command, quickstart, file_digest, more, exit_code, code
):
    before = file_digest(quickstart)
    role = () if "--user-role" in more else ("--user-role", "IS")
    outcome = command(
        *("--estate", quickstart, "--json", "register", "allocate", "supplier-one"), *role, *more
    )
    assert (outcome.code, outcome.json["error"]["code"]) == (exit_code, code)
    assert file_digest(quickstart) == before


def test_a_kind_of_other_user_roles_needs_the_ids_withdrawn_and_the_error_says_so(
    command, quickstart
):
    outcome = corrected(command, quickstart, "supplier-two", "--kind", "rdp")
    assert "--withdraw-id all" in outcome.json["error"]["remedy"]
    withdrawn = ("supplier-two", "--kind", "rdp", "--withdraw-id", "all")
    assert corrected(command, quickstart, *withdrawn).json["participant"]["kind"] == "rdp"


@pytest.mark.parametrize(
    "term", ["00-DB-12", "00-db-12-0", "meters-one", "00-DB-12-00-00-00-00-01"]
)
def test_whois_a_registry_entry_and_what_lies_under_it_shows_the_entries(command, quickstart, term):
    answer = command("--estate", quickstart, "--json", "register", "whois", term).json
    assert answer["participant"] == "meters-one"
    assert answer["registry_entries"] == ["00-DB-12"]
    printed = command("--estate", quickstart, "register", "whois", term).out
    assert "00-DB-12 (MA-L)" in printed


@pytest.mark.parametrize("term", ["90-B3-D5-1F-3", "00-DB-99"])
def test_whois_a_registry_entry_of_no_participant_is_one_line_and_4(
    command, quickstart, one_line, term
):
    outcome = command("--estate", quickstart, "register", "whois", term)
    assert outcome.code == 4
    assert f"Registry Entry {term}" in one_line(outcome)


def test_whois_of_certificates_of_cas_alone_says_that_nobody_is_found(
    command, quickstart, tmp_path
):
    folder = quickstart / "export" / "pem" / "ZAZ1" / "organisation" / "ca"
    path = tmp_path / "cas.pem"
    path.write_bytes((folder / "ZA.pem").read_bytes() + (folder / "Z1.pem").read_bytes())
    outcome = command("--estate", quickstart, "register", "whois", path)
    assert outcome.code == 4
    assert outcome.err.startswith("error: No certificate in ")
    assert outcome.err.count("\n") == 1


def test_all_ids_are_withdrawn_and_then_the_participant_can_be_removed(command, quickstart):
    arguments = ("supplier-two", "--withdraw-id", "all")
    assert corrected(command, quickstart, *arguments).json["participant"]["ids"] == []
    end = ("agreement", "end", "SEC-2020-003", "--on", "2020-12-31")
    assert command("--estate", quickstart, *end).code == 0
    outcome = command("--estate", quickstart, "register", "remove", "supplier-two")
    assert outcome.out == "Participant supplier-two is removed from the register.\n"
    gone = command("--estate", quickstart, "--json", "register", "show", "supplier-two")
    assert gone.json["error"]["code"] == "participant.unknown"
    assert command("--estate", quickstart, "audit", "verify").code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (("correct", "supplier-one"), 2, "usage"),
        (("correct", "supplier-one", "--kind", "baker"), 2, "usage"),
        (("correct", "supplier-one", "--exception", "t"), 2, "usage"),
        (("correct", "supplier-one", "--signifier", "X"), 4, "participant.contradicted"),
        (("correct", "supplier-one", "--signifier", ""), 4, "signifier.form"),
        (("correct", "supplier-one", "--withdraw-id", "X"), 4, "eui64.form"),
        (("correct", "supplier-two", "--range", "X"), 4, "id_range.form"),
        (("remove", "supplier-one"), 4, "participant.in_use"),
        (("remove", "nobody"), 4, "participant.unknown"),
    ],
)
def test_what_cannot_be_corrected_or_removed_is_one_line_and_changes_nothing(
    command, quickstart, one_line, file_digest, arguments, exit_code, code
):
    before = file_digest(quickstart)
    outcome = command("--estate", quickstart, "register", *arguments)
    assert outcome.code == exit_code
    one_line(outcome)
    said = command("--estate", quickstart, "--json", "register", *arguments)
    assert said.json["error"]["code"] == code
    assert file_digest(quickstart) == before


@pytest.mark.parametrize("words", [("notify", "--flow", "x"), ("show", "a", "b"), ("notify",)])
def test_a_usage_error_is_sentences(command, quickstart, one_line, words):
    outcome = command("--estate", quickstart, "register", *words)
    assert outcome.code == 2
    assert ". See: smki-testca register " in one_line(outcome)
