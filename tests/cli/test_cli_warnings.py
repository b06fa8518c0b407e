"""The gate's warnings and R24, in every command that asks it, as text and as JSON."""

from __future__ import annotations

import zipfile

import pytest

import batches
import csrs

SAID = (
    "supplier-one asks for Device IDs in the Registry Entry 00-DB-12, which is meters-one's (R24)."
)
DEVICE = (
    *("device", "--participant", "supplier-one", "--purpose", "uept"),
    *("--device-id", batches.device_id(5), "--hw-type", batches.HW_TYPE),
    *("--usage", "digital-signature"),
)
RANGE = (
    *("--profile", "device", "--participant", "supplier-one", "--purpose", "uept"),
    *("--hw-type", batches.HW_TYPE, "--usage", "digital-signature"),
    *("--first-id", batches.device_id(0x1000), "--count", "30"),
)
SUBMITTED = ("--participant", "supplier-one", "--purpose", batches.DEVICE_PURPOSE)
SECOND_DCC = """
[[participant]]
id = "dcc-two"
name = "Another"
kind = "dcc"
signifier = "TDCC-TWO"
"""
EXCLUSIVE = """
[[participant]]
id = "meters-one"
name = "Meters One"
kind = "manufacturer"
registry-entries = [{ value = "00-DB-12", exclusive = true }]
"""


@pytest.fixture
def words(tmp_path):
    """The command lines that ask for a manufacturer's Device IDs as a supplier, by their name."""
    (tmp_path / "device.csr").write_bytes(csrs.pem(csrs.device(csrs.new_key())))
    with zipfile.ZipFile(tmp_path / "requests.zip", "w") as zipped:
        for number in range(3):
            zipped.writestr(f"{number}.csr", csrs.pem(csrs.device(csrs.new_key())))
    rows = [batches.device(0x200 + n, participant="supplier-one") for n in range(20)]
    manifest = batches.write(tmp_path / "rows.csv", [*rows, batches.device(0x300)])
    out = ("--out", tmp_path / "response.zip", "--force")
    return {
        "check": ("check", *DEVICE),
        "issue": ("issue", *DEVICE),
        "sign": ("sign", tmp_path / "device.csr", *SUBMITTED),
        "batch check": ("batch", "check", manifest),
        "batch check of a range": ("batch", "check", *RANGE),
        "batch issue": ("batch", "issue", manifest),
        "batch issue of a range": ("batch", "issue", *RANGE),
        "batch sign": ("batch", "sign", tmp_path / "requests.zip", *SUBMITTED, *out),
    }


NAMES = [
    *("check", "issue", "sign", "batch check", "batch check of a range"),
    *("batch issue", "batch issue of a range", "batch sign"),
]


def warnings_of(document):
    """The warnings, wherever a command's JSON has them."""
    for key in ("authorisation", "run"):
        if isinstance(document.get(key), dict):
            document = document[key]
    return document["warnings"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_party_is_told_once_whose_device_ids_it_asks_for(command, quickstart, words, name):
    outcome = command("--estate", quickstart, *words[name])
    assert outcome.code == 0, outcome.err
    assert [line for line in outcome.err.splitlines() if "warning" in line] == [f"warning: {SAID}"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_json_tells_it_once_too(command, quickstart, words, name):
    outcome = command("--estate", quickstart, "--json", *words[name])
    assert outcome.code == 0, outcome.out
    assert warnings_of(outcome.json) == [SAID]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.shows("R24")
def test_an_exclusive_registry_entry_is_refused_to_everybody_else(
    command, quickstart, words, tmp_path, name
):
    (tmp_path / "exclusive.toml").write_text(EXCLUSIVE)
    assert (
        command("--estate", quickstart, "register", "import", tmp_path / "exclusive.toml").code == 0
    )
    outcome = command("--estate", quickstart, "--json", *words[name])
    if name == "batch sign":
        assert (outcome.code, outcome.json["refused"]) == (1, 3)
        codes = {problem["code"] for problem in outcome.json["problems"]}
        assert codes == {"device_id.exclusive_registry_entry"}
        return
    if name in {"batch check", "batch issue"}:
        assert outcome.code == 1
        problems = outcome.json.get("run", outcome.json)["problems"]
        refusals = [problem["refusal"] for problem in problems]
        assert len(refusals) == 20
    else:
        assert outcome.code == 3
        refusals = [outcome.json["refusal"]]
    assert {refusal["code"] for refusal in refusals} == {"device_id.exclusive_registry_entry"}
    assert {refusal["rule"] for refusal in refusals} == {"R24"}
    assert all("of meters-one" in refusal["reason"] for refusal in refusals)


def test_the_register_shows_which_entry_is_exclusive(command, quickstart, tmp_path):
    def shown(*shape):
        return command("--estate", quickstart, *shape, "register", "show", "meters-one")

    assert "exclusive" not in shown().out
    assert "exclusive_registry_entries" not in shown("--json").json["participants"][0]
    (tmp_path / "exclusive.toml").write_text(EXCLUSIVE)
    command("--estate", quickstart, "register", "import", tmp_path / "exclusive.toml")
    assert "00-DB-12  Registry Entry (MA-L), exclusive" in shown().out
    (meters,) = shown("--json").json["participants"]
    assert meters["registry_entries"] == meters["exclusive_registry_entries"] == ["00-DB-12"]


def test_warnings_of_a_batch_beyond_a_limit_are_counted(command, quickstart, tmp_path, monkeypatch):
    monkeypatch.setattr("smki_testca.issuance.batch.planning.LISTED_WARNINGS", 1)
    rows = [
        *(batches.device(0x200 + n, participant="supplier-one") for n in range(3)),
        *(batches.device(0x300 + n, participant="supplier-two") for n in range(3)),
    ]
    path = batches.write(tmp_path / "two.csv", rows)
    outcome = command("--estate", quickstart, "--json", "batch", "check", path)
    assert outcome.code == 0, outcome.out
    assert (outcome.json["warnings"], outcome.json["warnings_not_listed"]) == ([SAID], 3)
    text = command("--estate", quickstart, "batch", "check", path)
    assert text.err == f"warning: {SAID}\n3 more warnings are not listed.\n"


def test_the_look_alike_is_told_outside_zaz1(command, quickstart):
    asked = (
        *("check", "organisation", "--participant", "supplier-one", "--purpose", "uept"),
        *("--id", batches.SUPPLIER_ID, "--role", "supplier", "--usage", "key-agreement"),
    )
    here = command("--estate", quickstart, "--json", *asked)
    assert here.json["authorisation"]["warnings"] == []
    elsewhere = command("--estate", quickstart, "--json", *asked, "--environment", "UIT-A")
    (warning,) = elsewhere.json["authorisation"]["warnings"]
    assert "90-B3-D5-1F-3" in warning


@pytest.mark.parametrize("role", ["DCC", "RDP"])
def test_no_party_becomes_the_dcc(command, quickstart, one_line, file_digest, tmp_path, role):
    before = file_digest(quickstart)
    outcome = command(
        "--estate", quickstart, "register", "allocate", "supplier-one", "--user-role", role
    )
    assert outcome.code == 4
    assert "(R23)" in one_line(outcome)
    (tmp_path / "second.toml").write_text(SECOND_DCC)
    outcome = command("--estate", quickstart, "register", "import", tmp_path / "second.toml")
    assert outcome.code == 4
    assert "dcc-two cannot be the DCC: dcc is" in one_line(outcome)
    assert file_digest(quickstart) == before


KIT = """
name = "lent"
title = "A supplier asks for a maker's Device IDs"

[[participant]]
id = "meters-one"
name = "Meters One"
kind = "manufacturer"
registry-entries = ["00-DB-12"]

[[participant]]
id = "supplier-one"
name = "Supplier One"
kind = "party"
signifier = "TPTY-SUPPLIER-ONE"

[[agreement]]
reference = "LENT"
participant = "supplier-one"
kind = "sec-accession"
from-days = -1
purposes = ["uept"]
categories = ["device"]
obligations = ["security-requirements-of-the-etad"]

[[{table}]]
{keys}
participant = "supplier-one"
purpose = "uept"
hw-type = "1.2.826.0.1.8641679.1.2.2.1"
usages = ["digital-signature"]
"""
REQUEST = ("request", 'profile = "device"\ndevice-id = "00-DB-12-00-00-00-00-01"')
DEVICES = (
    "devices",
    'type = "ESME"\nfirst-id = "00-DB-12-00-00-00-00-01"\ncount = 3\nlabel = "{number}"',
)


@pytest.mark.slow
@pytest.mark.parametrize(("table", "keys"), [REQUEST, DEVICES], ids=["request", "devices"])
def test_a_kit_tells_its_warnings_once(command, tmp_path, table, keys):
    (tmp_path / "own" / "kits").mkdir(parents=True)
    text = KIT.replace("{table}", table).replace("{keys}", keys)
    (tmp_path / "own" / "kits" / "lent.toml").write_text(text)
    words = ("--profiles", tmp_path / "own", "kit", "make", "lent", "--format", "csv", "--out")
    outcome = command("--json", *words, tmp_path / "one")
    assert outcome.json["warnings"] == [SAID]
    assert command(*words, tmp_path / "two").err == f"warning: {SAID}\n"
