"""``crl issue --all``, and where commands say that a CA owes a list."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from cryptography import x509
from icalendar import Calendar

CLOCK = ("--clock", "2028-02-29T12:00:00Z")
OWED = (
    "warning: The CA Z1 owes a revocation list: 1 revocation on no list yet. Issue every list that"
    " is due: smki-testca crl issue --all --out DIR\n"
)


@pytest.fixture
def run(command, quickstart):
    def call(*words, code=0, clock=CLOCK):
        outcome = command("--estate", quickstart, *clock, *words)
        assert outcome.code == code, outcome.out + outcome.err
        return outcome

    return call


@pytest.fixture
def rolled(run):
    """The command, on an estate with a roll-over and a revocation of the older generation."""
    run("ca", "roll-over", "organisation", "--name", "Z1b")
    run("revoke", "--label", "Z1-supplier-ds", "--reason", "superseded")
    return run


def read(path):
    return x509.load_pem_x509_crl(path.read_bytes())


def files_below(folder):
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


@pytest.mark.slow
def test_after_a_roll_over_crl_issue_says_which_ca_owes_the_list(rolled, tmp_path):
    path = tmp_path / "organisation.crl.pem"
    issued = rolled("crl", "issue", "--out", path)
    assert issued.out == "Z1b issued list 1 (organisation-crl) with 0 entries.\n"
    assert issued.err == OWED
    (due,) = rolled("--json", "crl", "issue").json["due"]
    assert (due["name"], due["tier"], due["reason"], due["waiting"], due["number"]) == (
        *("Z1", "issuing", "never-issued", 1, None),
    )
    listed = rolled("crl", "list")
    assert listed.err == OWED
    assert rolled("--json", "crl", "list").json["due"] == [due]
    # The way out that it names is one.
    rolled("crl", "issue", "--all", "--out", tmp_path / "lists")
    assert rolled("crl", "issue").err.count("owes") == 0


def test_all_lists_that_are_due_have_a_file_each(rolled, tmp_path):
    out = tmp_path / "lists"
    issued = rolled("crl", "issue", "--all", "--out", out)
    path = out / "ZAZ1" / "organisation" / "Z1.crl.pem"
    assert issued.out == f"Z1 issued list 1 (organisation-crl) with 1 entry. {path}\n"
    assert issued.err == ""
    assert files_below(out) == ["ZAZ1/organisation/Z1.crl.pem"]
    assert len(list(read(path))) == 1
    again = rolled("crl", "issue", "--all", "--out", out)
    assert again.out == "No list is due: nothing was issued.\n"
    assert rolled("--json", "crl", "issue", "--all").json == {
        "revocation_lists": [],
        "warnings": [],
        "due": [],
    }


@pytest.mark.slow
def test_simply_all_lists_and_the_file_of_a_list_is_always_the_same(rolled, tmp_path):
    out = tmp_path / "lists"
    rolled("crl", "issue", "--all", "--out", out)
    rolled("crl", "issue", "--all", "--also-current", "--out", out)
    names = files_below(out)
    assert names == [
        "ZAZ1/dccki/EII-DCCKICA-ZAZ1-Test.crl.pem",
        "ZAZ1/dccki/Root-DCCKICA-ZAZ1-Test.arl.pem",
        "ZAZ1/iki/Issuing-ICA-ZAZ1-Test.crl.pem",
        "ZAZ1/iki/Root-ICA-ZAZ1-Test.arl.pem",
        "ZAZ1/organisation/Z1.crl.pem",
        "ZAZ1/organisation/Z1b.crl.pem",
        "ZAZ1/organisation/ZA.arl.pem",
    ]
    number = read(out / "ZAZ1/organisation/Z1.crl.pem").extensions.get_extension_for_class(
        x509.CRLNumber
    )
    assert number.value.crl_number == 2
    for name in names:
        verified = rolled("crl", "verify", out / name)
        assert verified.code == 0


@pytest.mark.slow
def test_all_lists_of_one_hierarchy_as_der_or_of_the_roots(run, tmp_path):
    words = ("crl", "issue", "--all", "--also-current", "--der")
    run(*words, "--hierarchy", "organisation", "--out", tmp_path / "one")
    assert files_below(tmp_path / "one") == [
        "ZAZ1/organisation/Z1.crl",
        "ZAZ1/organisation/ZA.arl",
    ]
    assert (tmp_path / "one/ZAZ1/organisation/Z1.crl").read_bytes()[0] == 0x30
    run(*words, "--arl", "--out", tmp_path / "roots")
    assert {PurePosixPath(one).suffix for one in files_below(tmp_path / "roots")} == {".arl"}
    run(*words, "--environment", "SIT-A", "--out", tmp_path / "none", code=5)


@pytest.mark.slow
def test_without_a_folder_all_lists_are_printed(rolled):
    printed = rolled("crl", "issue", "--all", "--also-current")
    assert printed.out.count("-----BEGIN X509 CRL-----") == 7
    assert printed.err.count(" issued list ") == 7
    with_json = rolled("--json", "crl", "issue", "--all", "--also-current").json
    assert len(with_json["revocation_lists"]) == 7
    assert all("BEGIN X509 CRL" in one["pem"] for one in with_json["revocation_lists"])


@pytest.mark.parametrize(
    "words",
    [
        ("--all", "--ca", "Z1"),
        ("--all", "--at", "2028-01-01"),
        ("--all", "--next-update", "2029-01-01"),
        ("--also-current",),
        ("--all", "--der"),
    ],
)
def test_options_that_do_not_go_with_all_are_refused_and_nothing_is_issued(run, digest, words):
    before = digest()
    assert run("--json", "crl", "issue", *words, code=2).json["error"]["code"] == "usage"
    assert digest() == before


def test_a_folder_that_is_a_file_is_one_clear_error_and_nothing_is_issued(rolled, tmp_path):
    (tmp_path / "taken").write_text("a file")
    before = len(rolled("--json", "crl", "list", "--all").json["revocation_lists"])
    told = rolled("--json", "crl", "issue", "--all", "--out", tmp_path / "taken", code=4)
    assert told.json["error"]["code"] == "crl.unwritable"
    assert len(rolled("--json", "crl", "list", "--all").json["revocation_lists"]) == before


def test_ca_list_shows_the_list_that_each_ca_owes(rolled):
    states = {one["label"]: one for one in rolled("--json", "ca", "list").json["authorities"]}
    due = states["Z1"]["list_due"]
    assert (due["profile"], due["waiting"]) == ("organisation-crl", 1)
    assert due["since"] == "2028-02-29T12:00:00Z"
    assert {name for name, one in states.items() if one["list_due"] is not None} == {"Z1"}
    head, *lines = rolled("ca", "list").out.splitlines()
    assert head.rstrip().endswith("List due")
    (line,) = [one for one in lines if one.startswith("Z1 ")]
    assert line.rstrip().endswith("1 revocation on no list yet")


def test_ca_list_shows_it_once_for_a_ca_with_two_certificates(rolled):
    rolled("ca", "renew", "Z1")
    states = rolled("--json", "ca", "list").json["authorities"]
    owing = [one for one in states if one["list_due"] is not None]
    assert [one["serial"] for one in owing] == [owing[0]["list_due"]["authority"]]


@pytest.mark.slow
def test_expiring_shows_lists_that_are_due_and_that_will_be(rolled):
    rolled("crl", "issue")
    due = rolled("--json", "expiring", "--within", "1d").json["due"]
    assert [(one["name"], one["reason"]) for one in due] == [("Z1", "never-issued")]
    due = rolled("--json", "expiring", "--within", "3d").json["due"]
    assert [(one["name"], one["reason"], one["since"]) for one in due] == [
        ("Z1", "never-issued", "2028-02-29T12:00:00Z"),
        ("Z1b", "run-out", "2028-03-02T12:00:00Z"),
    ]
    lines = rolled("expiring", "--within", "3d").out.splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "List due CA Profile Why",
        "now Z1 organisation-crl 1 revocation on no list yet",
        "2028-03-02 Z1b organisation-crl list 1 expires at 2028-03-02T12:00:00Z",
    ]


def test_the_calendar_has_an_event_for_each_list_that_moves_when_one_is_issued(rolled):
    def events(at, within="3d"):
        printed = rolled("expiring", "--within", within, "--icalendar", clock=("--clock", at))
        found = Calendar.from_ical(printed.out).walk("VEVENT")
        return {str(one["uid"]): (str(one["summary"]), one["dtstart"].dt) for one in found}

    first = events("2028-02-29T12:00:00Z")
    ((uid, (summary, begin)),) = first.items()
    assert summary == "Revocation list of CA Z1 is due"
    assert f"{begin:%Y-%m-%dT%H:%M}" == "2028-02-29T12:00"
    rolled("crl", "issue", "--ca", "Z1")
    moved = events("2028-02-29T12:00:00Z")
    assert f"{moved[uid][1]:%Y-%m-%dT%H:%M}" == "2028-03-02T12:00"
    rolled("ca", "renew", "Z1")
    assert events("2028-02-29T12:00:00Z") == moved


def test_a_configured_environment_leaves_out_no_list_that_is_due(run, tmp_path, monkeypatch):
    run("revoke", "--label", "Z1-supplier-ds", "--reason", "superseded")
    (tmp_path / "smki-testca.toml").write_text('environment = "UIT-A"\n', "utf-8")
    monkeypatch.setenv("SMKI_TESTCA_CONFIG", str(tmp_path / "smki-testca.toml"))
    out = tmp_path / "lists"
    assert run("--json", "crl", "issue", "--all", "--out", out).json["due"] == []
    assert files_below(out) == ["ZAZ1/organisation/Z1.crl.pem"]
