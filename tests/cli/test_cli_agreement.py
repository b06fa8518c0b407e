import pytest

from smki_testca.shipped import shipped

REQUEST = (
    *("check", "device", "--participant", "meters-one"),
    *("--purpose", "device-and-user-system-tests", "--device-id", "00-DB-12-00-00-00-00-05"),
    *("--hw-type", "1.2.3", "--usage", "key-agreement"),
)

LABS = """
[[agreement]]
reference = "BIL-1"
participant = "labs-one"
kind = "bilateral"
from = 2020-01-01
until = 2099-12-31
purposes = ["device-and-user-system-tests"]
categories = ["device"]
environments = ["ZAZ1"]
obligations = ["security-requirements-of-the-etad"]
"""


def test_add_registers_an_agreement_and_says_so(command, quickstart, tmp_path):
    path = tmp_path / "labs.toml"
    path.write_text(LABS)
    outcome = command("--estate", quickstart, "--json", "agreement", "add", path)
    assert outcome.code == 0
    assert outcome.json == {
        "agreements": [
            {
                "reference": "BIL-1",
                "participant": "labs-one",
                "kind": "bilateral",
                "from": "2020-01-01",
                "until": "2099-12-31",
                "suspended": False,
                "purposes": ["device-and-user-system-tests"],
                "categories": ["device"],
                "environments": ["ZAZ1"],
                "obligations": ["security-requirements-of-the-etad"],
                "remote_delivery": False,
            }
        ]
    }
    shown = command("--estate", quickstart, "--json", "agreement", "show", "BIL-1")
    assert shown.json == outcome.json


def test_show_lists_every_agreement(command, quickstart):
    outcome = command("--estate", quickstart, "--json", "agreement", "show")
    assert outcome.code == 0
    assert {one["reference"] for one in outcome.json["agreements"]} == {
        *(f"SEC-2020-00{number}" for number in range(5)),
        "RDP-2020-001",
        "BIL-2020-001",
    }


def test_show_prints_every_term_in_80_columns(command, quickstart):
    out = command("--estate", quickstart, "agreement", "show").out
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("Agreement ") for line in lines) == 7
    one = command("--estate", quickstart, "agreement", "show", "RDP-2020-001").out
    assert {line.rstrip() for line in one.splitlines()} <= {line.rstrip() for line in lines}
    said = " ".join(one.split())
    for term in (
        *("from 2020-01-01, without end", "not suspended", "organisation-rdp"),
        *("Environments ZAZ1, UIT-A, UIT-B", "Remote delivery agreed", "modification-testing"),
        "Obligations security-requirements-of-the-etad",
    ):
        assert term in said


FREED = LABS.replace('obligations = ["security-requirements-of-the-etad"]', "obligations = []")
MAY_WE = (
    *("check", "device", "--participant", "labs-one", "--purpose", "device-and-user-system-tests"),
    *("--device-id", "00-DB-13-00-00-00-00-05", "--hw-type", "1.2.3", "--usage", "key-agreement"),
)


@pytest.fixture
def labs(command, quickstart, tmp_path):
    """Runs a command with a file of agreements as its last argument."""

    def run(*arguments, text=LABS):
        path = tmp_path / "labs.toml"
        path.write_text(text)
        return command("--estate", quickstart, "--json", "agreement", *arguments, path)

    path = tmp_path / "entry.toml"
    path.write_text(
        '[[participant]]\nid = "labs-one"\nname = "Labs One"\nkind = "other"\n'
        'registry-entries = ["00-DB-13"]\n'
    )
    assert command("--estate", quickstart, "register", "import", path).code == 0
    return run


def test_the_remedy_for_a_missing_obligation_is_a_command_that_adds_it(command, quickstart, labs):
    assert labs("add", text=FREED).code == 0
    refused = command("--estate", quickstart, "--json", *MAY_WE).json["refusal"]
    assert [one["code"] for one in refused["all"]] == ["obligation.not_accepted"]
    assert "smki-testca agreement replace FILE" in refused["remedy"]
    replaced = labs("replace")
    assert replaced.code == 0
    assert replaced.json["agreements"][0]["obligations"] == ["security-requirements-of-the-etad"]
    assert command("--estate", quickstart, *MAY_WE).code == 0


@pytest.mark.slow
def test_what_an_agreement_was_before_stays_readable(command, quickstart, labs):
    labs("add", text=FREED)
    assert "history" not in command("--estate", quickstart, "--json", "agreement", "show").out
    labs("replace")
    command("--estate", quickstart, "agreement", "suspend", "BIL-1")
    command("--estate", quickstart, "agreement", "end", "BIL-1", "--on", "2030-06-30")
    shown = command("--estate", quickstart, "--json", "agreement", "show", "BIL-1").json
    history = shown["agreements"][0]["history"]
    assert [(one["change"], one["before"], one["after"]) for one in history] == [
        (
            "replace",
            {"obligations": []},
            {"obligations": ["security-requirements-of-the-etad"]},
        ),
        ("suspend", {"suspended": False}, {"suspended": True}),
        ("end", {"until": "2099-12-31"}, {"until": "2030-06-30"}),
    ]
    out = command("--estate", quickstart, "agreement", "show", "BIL-1").out
    for line in ("obligations was none", "suspended at 20", "until was 2099-12-31"):
        assert line in out
    entries = command("--estate", quickstart, "--json", "audit", "show", "--last", "3").json
    first, _, last = (entry["body"] for entry in entries["entries"])
    assert (first["before"]["obligations"], last["after"]["until"]) == ([], "2030-06-30")
    assert last["before"] == {**last["after"], "until": "2099-12-31"}
    assert command("--estate", quickstart, "audit", "verify").code == 0


def test_a_replaced_agreement_stays_suspended(command, quickstart, labs):
    labs("add", text=FREED)
    command("--estate", quickstart, "agreement", "suspend", "BIL-1")
    assert labs("replace").json["agreements"][0]["suspended"] is True
    assert command("--estate", quickstart, *MAY_WE).code == 3


def test_an_ended_agreement_refuses_from_the_day_after(command, quickstart):
    end = ("agreement", "end", "BIL-2020-001", "--on", "2026-03-31")
    outcome = command("--estate", quickstart, *end)
    assert (outcome.code, outcome.out) == (*(0, "Agreement BIL-2020-001 ended on 2026-03-31.\n"),)
    on_the_day = ("--estate", quickstart, "--clock", "2026-03-31T23:59:59Z")
    assert command(*on_the_day, *REQUEST).code == 0
    after = command("--estate", quickstart, "--clock", "2026-04-01", "--json", *REQUEST)
    assert (after.code, after.json["refusal"]["code"]) == (3, "agreement.expired")
    again = command("--estate", quickstart, "--json", *end)
    assert (again.code, again.json["error"]["code"]) == (4, "agreement.state")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "code"),
    [
        (LABS, "agreement.unchanged"),
        (LABS.replace("BIL-1", "BIL-2"), "agreement.unknown"),
        (LABS.replace("labs-one", "meters-one"), "agreement.participant"),
        (LABS.replace('["device"]', '["cakes"]'), "agreement.category"),
        (LABS + LABS.replace("BIL-1", "BIL-2"), "agreement.unknown"),
        (FREED + LABS.replace("BIL-1", "BIL-2"), "agreement.unknown"),
        ("", "agreement.no_table"),
    ],
)
def test_what_cannot_replace_an_agreement_changes_nothing(
    quickstart, file_digest, labs, text, code
):
    labs("add")
    before = file_digest(quickstart)
    outcome = labs("replace", text=text)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, code)
    assert file_digest(quickstart) == before


def test_several_agreements_are_replaced_at_once_and_those_that_are_the_same_stay(
    command, quickstart, tmp_path
):
    text = (shipped("examples") / "participants.toml").read_text()
    path = tmp_path / "participants.toml"
    assert text.count("remote-delivery = true") > 2
    path.write_text(text.replace("remote-delivery = true", "remote-delivery = false", 2))
    outcome = command("--estate", quickstart, "agreement", "replace", path)
    assert outcome.code == 0
    assert [line.split(" is replaced; ")[1] for line in outcome.out.splitlines()] == [
        *2 * ["other terms: remote delivery."],
    ]
    assert command("--estate", quickstart, "audit", "verify").code == 0


@pytest.mark.shows("R2")
def test_a_suspended_agreement_refuses_until_it_is_resumed(command, quickstart):
    assert command("--estate", quickstart, *REQUEST).code == 0
    outcome = command("--estate", quickstart, "agreement", "suspend", "BIL-2020-001")
    assert (outcome.code, outcome.out) == (0, "Agreement BIL-2020-001 is suspended.\n")
    refused = command("--estate", quickstart, "--json", *REQUEST)
    assert refused.code == 3
    assert refused.json["refusal"]["code"] == "agreement.suspended"
    outcome = command("--estate", quickstart, "--json", "agreement", "resume", "BIL-2020-001")
    assert outcome.json["agreements"][0]["suspended"] is False
    assert command("--estate", quickstart, *REQUEST).code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "none"), "agreement.unknown"),
        (("suspend", "none"), "agreement.unknown"),
        (("resume", "BIL-2020-001"), "agreement.state"),
        (("end", "none", "--on", "2030-01-01"), "agreement.unknown"),
        (("end", "BIL-2020-001", "--on", "2019-12-31"), "agreement.dates"),
        (("end", "BIL-2020-001", "--on", "soon"), "time.form"),
        (("replace", "no-such-file.toml"), "input.unreadable"),
        (("add", "no-such-file.toml"), "input.unreadable"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    command, quickstart, one_line, file_digest, arguments, code
):
    before = file_digest(quickstart)
    outcome = command("--estate", quickstart, "agreement", *arguments)
    assert outcome.code == 4
    one_line(outcome)
    said = command("--estate", quickstart, "--json", "agreement", *arguments)
    assert said.json["error"]["code"] == code
    assert file_digest(quickstart) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("until = 2099-12-31", "until = 2019-12-31"), "agreement.dates"),
        (('"labs-one"', '"nobody"'), "participant.unknown"),
        (('["device-and-user-system-tests"]', '["baking"]'), "agreement.purpose"),
        (('["device"]', '["cakes"]'), "agreement.category"),
        (('["ZAZ1"]', '["LIVE"]'), "agreement.environment"),
        (('"bilateral"', '"handshake"'), "toml.shape"),
        (("from = 2020-01-01", 'from = "soon"'), "toml.shape"),
        (("from = 2020-01-01", ""), "toml.shape"),
        (('"BIL-1"', '"BIL-2020-001"'), "agreement.reference"),
        (("reference", "referense"), "toml.shape"),
    ],
)
def test_a_broken_agreement_is_one_line_and_changes_nothing(
    command, quickstart, one_line, file_digest, tmp_path, change, code
):
    path = tmp_path / "labs.toml"
    path.write_text(LABS.replace(*change))
    assert path.read_text() != LABS
    before = file_digest(quickstart)
    outcome = command("--estate", quickstart, "agreement", "add", path)
    assert outcome.code == 4
    one_line(outcome)
    said = command("--estate", quickstart, "--json", "agreement", "add", path)
    assert said.json["error"]["code"] == code
    assert set(said.json["error"]) == {"code", "message", "remedy"}
    assert file_digest(quickstart) == before
