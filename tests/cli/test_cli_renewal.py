"""``renew``, ``expiring``, ``ca`` and the dates of ``issue``, as a user calls them."""

from __future__ import annotations

import pytest
from icalendar import Calendar

CLOCK = ("--clock", "2028-02-29T12:00:00Z")


@pytest.fixture
def run(command, quickstart):
    def call(*words, code=0, text=False):
        output = () if text else ("--json",)
        outcome = command("--estate", quickstart, *CLOCK, *output, *words)
        assert outcome.code == code, outcome.out + outcome.err
        return outcome if text else outcome.json

    return call


def test_renew_tells_of_each_certificate_what_it_renews(run):
    before = run("list", "--label", "Z1-supplier-ds")["certificates"][0]
    (renewed,) = run("renew", "--label", "Z1-supplier-ds", "--days", "30")["certificates"]
    assert renewed["predecessor"] == before["serial"]
    assert renewed["not_after"] == "2028-03-30T12:00:00Z"
    told = {item["serial"]: item["status"] for item in run("list")["certificates"]}
    assert (told[before["serial"]], told[renewed["serial"]]) == ("N", "I")
    assert run("show", renewed["serial"])["record"]["predecessor"] == before["serial"]
    assert run("show", before["serial"])["record"]["predecessor"] is None


@pytest.mark.slow
@pytest.mark.parametrize("label", ["ESME-ds", "ESME-ka"])
def test_a_renewed_device_and_its_predecessor_are_clean_together(run, command, tmp_path, label):
    run("renew", "--label", label)
    run("export", "--format", "pem", "--out", tmp_path / "kit", "--label", label)
    linted = command("--json", "lint", tmp_path / "kit", "--at", CLOCK[1])
    assert len(list((tmp_path / "kit").rglob("ESME-*.pem"))) == 2
    assert linted.code == 0
    assert [one["findings"] for one in linted.json["files"] if one["findings"]] == []


def test_renew_prints_a_table_for_people(run):
    out = run("renew", "--label", "Z1-supplier-ds", "--until", "2030-01-31", text=True).out
    head, line = out.splitlines()
    assert head.split()[-2:] == ["Serial", "Renews"]
    assert "2030-01-31" in line


def test_a_date_to_renew_until_is_a_whole_day(run):
    (renewed,) = run("renew", "--label", "Z1-supplier-ds", "--until", "2030-01-31")["certificates"]
    assert renewed["not_after"] == "2030-01-31T23:59:59Z"


def test_renew_keeps_the_key_only_if_asked(run):
    def key(serial):
        (found,) = [
            item
            for item in run("show", serial)["fields"].items()
            if item[0] == "subjectPublicKeyInfo"
        ]
        return found[1]

    (new,) = run("renew", "--label", "Z1-supplier-ds", "--new-key")["certificates"]
    (same,) = run("renew", "--serial", new["serial"], "--same-key")["certificates"]
    assert key(new["predecessor"]) != key(new["serial"]) == key(same["serial"])


@pytest.mark.slow
def test_renew_of_what_runs_out_before_a_date_or_within_a_time(run):
    assert {item["profile"] for item in run("renew", "--within", "1000d")["certificates"]} == {
        "dccki"
    }
    told = run("renew", "--expiring-before", "2028-03-01", "--participant", "dcc")
    assert told == {"certificates": [], "warnings": []}


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--same-key",),
        ("--label", "x", "--days", "1", "--until", "2030-01-01"),
        ("--within", "1d", "--expiring-before", "2030-01-01"),
        ("--label", "x", "--days", "0"),
        ("--label", "x", "--days", "36526"),
    ],
    ids=["nothing", "no-selection", "two-ends", "two-limits", "no-days", "too-many-days"],
)
def test_renew_called_wrongly_changes_nothing(run, words):
    entries = len(run("audit", "show")["entries"])
    assert run("renew", *words, code=2)["error"]["code"] == "usage"
    assert len(run("audit", "show")["entries"]) == entries


def test_a_selection_of_nothing_but_what_is_revoked_has_nothing_due(command, quickstart):
    chosen = ("--participant", "supplier-one", "--role", "supplier")
    revoked = command("--estate", quickstart, "revoke", *chosen, "--reason", "superseded")
    assert revoked.code == 0, revoked.err
    outcome = command("--estate", quickstart, "renew", *chosen, "--within", "600w")
    assert (outcome.code, outcome.out, outcome.err) == (0, "nothing is due\n", "")


def test_what_was_renewed_is_not_due_again_however_it_is_selected(command, quickstart):
    (first,) = command("--estate", quickstart, "--json", "list", "--label", "Z1-supplier-ds").json[
        "certificates"
    ]
    given = (
        "--estate",
        quickstart,
        "--json",
        "--clock",
        f"{first['not_after'][:4]}-01-01T00:00:00Z",
    )
    for chosen in (("Z1-supplier-ds", 1), ("Z1-supplier-ds", 0), ("Z1-supplier-d*", 0)):
        label, count = chosen
        outcome = command(*given, "renew", "--label", label, "--within", "52w")
        assert (outcome.code, len(outcome.json["certificates"])) == (0, count), label
    outcome = command(*given, "renew", "--label", "none")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "selection.nothing")


def test_a_label_that_no_certificate_has_is_a_mistake_also_where_nothing_is_due(
    command, quickstart
):
    due = ("--estate", quickstart, "--json", "renew", "--within", "1d")
    for label, remedy in (
        ("Z1-suplier-ds", "Did you mean Z1-supplier-ds?"),
        ("none", "See: smki-testca list --columns label"),
    ):
        outcome = command(*due, "--label", "ESME-ds", "--label", label)
        assert outcome.code == 4
        assert outcome.json["error"]["code"] == "selection.nothing"
        assert repr(label) in outcome.json["error"]["message"]
        assert outcome.json["error"]["remedy"] == remedy
    assert command(*due, "--label", "Z1-*").code == 0


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--label", "nope*", "a label that fits 'nope*'"),
        ("--eui64", "00-DB-12-00-00-00-FF-FF", "the EUI-64 00-DB-12-00-00-00-FF-FF"),
        ("--serial", "0" * 31 + "1", "no certificate 0000"),
    ],
)
def test_so_is_what_fits_no_certificate(command, quickstart, option, value, named):
    outcome = command("--estate", quickstart, "renew", "--within", "1d", option, value)
    assert outcome.code == 4
    assert named in outcome.err
    known = {"--label": "ESME*", "--eui64": "90-B3-D5-1F-30-01-00-00"}
    if option in known:
        outcome = command("--estate", quickstart, "renew", "--within", "1d", option, known[option])
        assert (outcome.code, outcome.out) == (0, "nothing is due\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--label", "Z1-supplier-ds", "--until", "2028-02-28"), "validity.past"),
        (("--profile", "device", "--days", "30"), "validity.fixed"),
        (("--label", "Z1-supplier-ds", "--until", "someday"), "time.form"),
        (("--within", "soon"), "time.period"),
        (("--label", "Z1"), "renew.authority"),
        (("--serial", "5A" * 16), "certificate.unknown"),
    ],
)
def test_what_cannot_be_renewed_is_said_and_nothing_changed(run, words, code):
    before = run("list")
    assert run("renew", *words, code=4)["error"]["code"] == code
    assert run("list") == before


def test_a_refusal_of_the_gate_is_3(run):
    run("agreement", "suspend", "SEC-2020-001")
    told = run("renew", "--participant", "supplier-one", code=3)
    assert told["refusal"]["code"] == "agreement.suspended"
    purpose = run("renew", "--label", "dccki-rdp-one", "--purpose", "live", code=3)
    assert purpose["refusal"]["code"] == "purpose.not_a_testing_service"


def test_expiring_lists_what_runs_out_as_json_and_as_a_table(run):
    told = run("expiring", "--within", "1000d")
    assert told["before"] == "2030-11-25T12:00:00Z"
    assert {item["kind"] for item in told["expiring"]} == {"certificate"}
    out = run("expiring", "--within", "1000d", text=True).out
    assert len(out.splitlines()) == 1 + len(told["expiring"])
    assert all(item["id"] in out for item in told["expiring"])
    assert run("expiring", "--within", "1h", text=True).out == "nothing expires in that time\n"


def test_expiring_prints_a_calendar_the_same_each_time(run):
    words = ("expiring", "--within", "1000d", "--icalendar", "--alarm", "7d")
    first, second = (run(*words, text=True).out for _ in range(2))
    assert first == second
    events = Calendar.from_ical(first).walk("VEVENT")
    assert len(events) == len(run("expiring", "--within", "1000d")["expiring"])
    assert first.count("TRIGGER:-P7D") == len(events)
    assert run("expiring", "--icalendar", code=2)["error"]["code"] == "usage"


def test_where_nothing_is_due_no_calendar_is_printed(command, quickstart):
    outcome = command("--estate", quickstart, "expiring", "--within", "1h", "--icalendar")
    assert (outcome.code, outcome.out) == (0, "")
    assert "Nothing is due before" in outcome.err


def test_ca_list_says_of_a_ca_that_issues_after_its_end_that_it_is_expired(command, quickstart):
    listed = ("--estate", quickstart, "ca", "list")
    assert "though" not in command(*listed).out
    rows = command("--clock", "2099-01-01", *listed).out.splitlines()[1:]
    assert rows
    assert all("expired  yes, though expired" in row for row in rows)


def test_ca_list_tells_generations_and_which_one_issues(run):
    (renewed,) = run("ca", "renew", "Z1")["certificates"]
    (rolled,) = run("ca", "roll-over", "organisation", "--name", "Z1b")["certificates"]
    told = [
        (item["serial"], item["label"], item["generation"], item["issues_now"], item["status"])
        for item in run("ca", "list")["authorities"]
        if item["profile"] == "organisation-issuing-ca"
    ]
    assert told == [
        (renewed["predecessor"], "Z1", 1, False, "N"),
        (renewed["serial"], "Z1", 1, False, "I"),
        (rolled["serial"], "Z1b", 2, True, "I"),
    ]
    lines = run("ca", "list", text=True).out.splitlines()
    assert len(lines) == 11
    assert "OU=07, CN=Z1b" in "".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("renew", "Z9"), "ca.unknown"),
        (("renew", "Z1", "--environment", "Mars"), "environment.unknown"),
        (("roll-over", "organisation", "--name", "ZA"), "ca.name_taken"),
        (("roll-over", "organisation", "--name", "Z1bcd"), "ca.name"),
    ],
)
def test_what_no_ca_can_be_is_said_and_nothing_changed(run, words, code):
    before = run("ca", "list")
    assert run("ca", *words, code=4)["error"]["code"] == code
    assert run("ca", "list") == before


def test_a_ca_is_printed_for_people_after_its_renewal_and_roll_over(run):
    assert "Z1" in run("ca", "renew", "Z1", text=True).out
    assert "Z1b" in run("ca", "roll-over", "organisation", "--name", "Z1b", text=True).out


DEVICE = (
    *("issue", "organisation", "--participant", "supplier-one", "--purpose", "uept"),
    *("--id", "90-B3-D5-1F-30-01-00-00", "--role", "supplier", "--usage", "key-agreement"),
)


@pytest.mark.parametrize(
    ("words", "begins", "ends", "status"),
    [
        (
            ("--not-before", "2020-01-01", "--not-after", "2020-12-31"),
            *("2020-01-01T00:00:00Z", "2020-12-31T23:59:59Z", "E"),
        ),
        (
            ("--not-before", "2030-01-01T06:00:00Z", "--not-after", "2030-02-01T06:00:00Z"),
            *("2030-01-01T06:00:00Z", "2030-02-01T06:00:00Z", "I"),
        ),
    ],
    ids=["expired", "not-yet-valid"],
)
def test_issue_makes_expired_and_not_yet_valid_certificates_on_demand(
    run, words, begins, ends, status
):
    (made,) = run(*DEVICE, *words)["certificates"]
    assert (made["not_before"], made["not_after"]) == (begins, ends)
    (listed,) = run("list", "--serial", made["serial"])["certificates"]
    assert listed["status"] == status


def test_issue_with_dates_the_wrong_way_round_issues_nothing(run):
    before = run("list")
    words = ("--not-before", "2030-01-02", "--not-after", "2030-01-01")
    assert run(*DEVICE, *words, code=4)["error"]["code"] == "validity.order"
    assert run("list") == before


def test_the_way_to_the_next_generation_can_be_typed(command, quickstart):
    here = ("--estate", quickstart, "--json")
    assert command(*here, "revoke", "--label", "Z1", "--reason", "superseded").code == 0
    error = command(*here, "ca", "renew", "Z1").json["error"]
    (warning,) = command(*here, "renew", "--label", "Z1-supplier-ds").json["warnings"]
    for text in (error["remedy"], warning):
        typed = text.partition("smki-testca ")[2].replace("NAME", "Z1b").split()
        assert typed == [
            "ca",
            "roll-over",
            "organisation",
            "--environment",
            "ZAZ1",
            "--name",
            "Z1b",
        ]
    assert command(*here, *typed).code == 0
    assert command(*here, "revoke", "--label", "dccki-dcc-gateway", "--reason", "superseded")
    error = command(*here, "renew", "--label", "dccki-dcc-gateway").json["error"]
    assert error["remedy"] == "Issue another with a new key."
