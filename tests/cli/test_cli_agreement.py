import pytest

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
    table = command("--estate", quickstart, "agreement", "show").out
    assert len(table.splitlines()) == 8


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
