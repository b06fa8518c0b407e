"""Rows of a manifest: usages, cells that options fill, own columns, and labels made from them."""

import json
from pathlib import Path

import pytest

import batches
import csrs
from batches import device_id
from smki_testca.errors import InputError
from smki_testca.issuance.batch import column_names
from smki_testca.issuance.batch.column_names import ColumnNames
from smki_testca.issuance.batch.manifest import columns
from smki_testca.labels import LabelTemplate
from smki_testca.profiles import Library

KINDS = pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
KNOWN = columns(Library())


@pytest.fixture
def batch(command, quickstart):
    """Runs a command of ``batch``; returns how it ended."""

    def run(verb, *words, text=False):
        kind = () if text else ("--json",)
        return command(*kind, "--estate", quickstart, "batch", verb, *words)

    return run


@pytest.fixture
def listed(command, quickstart):
    """Lists certificates of the estate."""

    def run(*words):
        outcome = command("--json", "--estate", quickstart, "list", *words)
        assert outcome.code == 0, outcome.err
        return outcome.json["certificates"]

    return run


def _of_batch(outcome):
    assert outcome.code == 0, outcome.out + outcome.err
    return json.loads(outcome.out.splitlines()[-1])["run"]


def _usages(certificates):
    return sorted(one["usage"] for one in certificates)


BOTH = ["digital-signature", "key-agreement"]


@pytest.mark.slow
@KINDS
@pytest.mark.parametrize("usage", ["both", ""])
def test_a_row_of_both_usages_or_none_makes_a_certificate_of_each(
    batch, listed, tmp_path, usage, kind
):
    path = batches.write(tmp_path / f"rows.{kind}", [batches.device(usage=usage, label="x")])
    assert batch("check", path).json == {"accepted": 1, "certificates": 2, "problems": []}
    assert _of_batch(batch("issue", path))["issued"] == 2
    assert _usages(listed("--eui64", device_id(0x100))) == BOTH


@pytest.mark.slow
def test_an_organisation_takes_both_usages_and_a_profile_that_fixes_them_none(
    batch, listed, tmp_path
):
    rows = [batches.organisation(usage="both", label="twin"), batches.iki(usage="both")]
    path = batches.write(tmp_path / "rows.csv", rows)
    (problem,) = batch("check", path).json["problems"]
    assert (problem["line"], problem["error"]["code"]) == (3, "request.incomplete")
    batch("issue", path)
    assert _usages(listed("--label", "twin")) == BOTH


def test_the_usages_of_a_row_are_refused_together_and_told_of_once(batch, tmp_path):
    row = batches.device(usage="both", **{"device-id": batches.SUPPLIER_ID})
    path = batches.write(tmp_path / "rows.csv", [row, batches.device()])
    answer = batch("check", path).json
    assert [one["line"] for one in answer["problems"]] == [2]
    assert answer["accepted"] == 1


def test_both_usages_of_a_row_count_for_the_quota(batch, tmp_path):
    path = batches.write(tmp_path / "rows.csv", [batches.device(usage="both")] * 51)
    answer = batch("check", "--again", path).json
    assert (answer["accepted"], answer["certificates"]) == (50, 100)
    (problem,) = answer["problems"]
    assert problem["refusal"]["code"] == "device_id.issuance_anomaly"


def test_a_public_key_is_of_one_usage(batch, tmp_path):
    (tmp_path / "key.der").write_bytes(csrs.spki(csrs.new_key()))
    rows = [
        batches.device(usage="both", **{"public-key-file": "key.der"}),
        batches.device(**{"public-key-file": "key.der"}),
    ]
    (problem,) = batch("check", batches.write(tmp_path / "rows.csv", rows)).json["problems"]
    assert (problem["line"], problem["error"]["code"]) == (2, "manifest.key_usage")


def _options(**changed):
    cells = {
        "profile": "device",
        "participant": "meters-one",
        "purpose": batches.DEVICE_PURPOSE,
        "hw-type": batches.HW_TYPE,
        "usage": "key-agreement",
    } | changed
    return [word for name, text in cells.items() if text for word in (f"--{name}", text)]


@pytest.mark.slow
@KINDS
def test_options_fill_the_columns_that_a_manifest_lacks(batch, listed, tmp_path, kind):
    rows = [{"device-id": device_id(number)} for number in (0x101, 0x102)]
    path = batches.write(tmp_path / f"rows.{kind}", rows)
    assert _of_batch(batch("issue", path, *_options()))["issued"] == 2
    (one,) = listed("--eui64", device_id(0x102))
    assert (one["participant"], one["usage"]) == ("meters-one", "key-agreement")


@pytest.mark.slow
def test_a_cell_comes_before_the_option_and_an_empty_one_is_filled(batch, listed, tmp_path):
    rows = [
        {"device-id": device_id(0x101), "usage": "digital-signature"},
        {"device-id": device_id(0x102), "usage": ""},
    ]
    path = batches.write(tmp_path / "rows.csv", rows)
    batch("issue", path, *_options())
    assert _usages(listed("--eui64", device_id(0x101))) == ["digital-signature"]
    assert _usages(listed("--eui64", device_id(0x102))) == ["key-agreement"]


@pytest.mark.parametrize("words", [("--usage", "both"), ("--usage", BOTH[0], "--usage", BOTH[1])])
def test_the_option_fills_both_usages_too(batch, tmp_path, words):
    path = batches.write(tmp_path / "rows.csv", [{"device-id": device_id(0x101)}])
    answer = batch("check", path, *_options(usage=""), *words).json
    assert answer["certificates"] == 2


def test_an_option_fills_only_what_the_certificate_type_of_a_row_takes(batch, tmp_path):
    (tmp_path / "a.csr").write_bytes(csrs.pem(csrs.device(csrs.new_key())))
    rows = [
        batches.iki(participant="supplier-one"),
        {"csr-file": "a.csr", "label": "c"},
        batches.device(**{"hw-type": "", "usage": ""}),
    ]
    path = batches.write(tmp_path / "rows.jsonl", rows)
    assert batch("check", path, *_options()).json["problems"] == []


def test_a_row_that_nothing_fills_says_which_option_would(batch, tmp_path):
    path = batches.write(tmp_path / "rows.csv", [{"device-id": device_id(0x101)}])
    (problem,) = batch("check", path, *_options(participant="")).json["problems"]
    assert problem["error"]["code"] == "request.incomplete"
    assert "--participant" in problem["error"]["remedy"]


def test_the_delivery_of_the_command_is_that_of_each_row(batch, tmp_path):
    path = batches.write(tmp_path / "rows.csv", [batches.device()])
    (problem,) = batch("check", path, "--delivery", "remote").json["problems"]
    assert problem["refusal"]["code"] == "delivery.not_agreed"


@pytest.mark.slow
def test_neither_a_check_nor_a_dry_run_needs_the_passphrase(batch, quickstart, tmp_path):
    (quickstart / "passphrase").unlink()
    path = batches.write(tmp_path / "rows.csv", [batches.device()])
    assert batch("check", path).json["accepted"] == 1
    assert batch("check", *batches.range_of(3, 0x1000)).json["accepted"] == 3
    assert batch("issue", path, "--dry-run").json["run"]["count"] == 1


# Columns of the operator's own.


@pytest.mark.slow
@KINDS
def test_own_columns_are_kept_told_of_and_found_again(batch, listed, tmp_path, kind):
    rows = [
        batches.device(0x101, usage="both", serial_number="SN1", line="A"),
        batches.device(0x102, serial_number="SN2"),
        batches.organisation(label="none"),
    ]
    path = batches.write(tmp_path / f"rows.{kind}", rows)
    assert batch("check", path).json["own_columns"] == ["serial_number", "line"]
    assert _of_batch(batch("issue", path))["own_columns"] == ["serial_number", "line"]
    found = listed("--where", "serial_number=SN1")
    assert [one["eui64"] for one in found] == [device_id(0x101)] * 2
    assert {json.dumps(one["columns"]) for one in found} == {
        json.dumps({"serial_number": "SN1", "line": "A"})
    }
    (other,) = listed("--eui64", device_id(0x102))
    assert other["columns"] == {"serial_number": "SN2"}
    (without,) = listed("--label", "none")
    assert "columns" not in without
    assert listed("--where", "serial_number=SN1", "--where", "line=B") == []
    assert len(listed("--where", "line=A", "--where", "Serial Number=SN1")) == 2
    assert listed("--where", "serial_number=SN") == []


@pytest.mark.slow
def test_a_person_is_told_which_columns_are_kept(batch, tmp_path):
    path = batches.write(tmp_path / "rows.csv", [batches.device(model="M", **{"Batch No": "7"})])
    outcome = batch("issue", path, text=True)
    assert "Columns of your own are kept: model, batch_no.\n" in outcome.err


@pytest.mark.slow
def test_columns_that_later_lines_of_json_begin_are_kept(batch, listed, tmp_path):
    rows = [
        batches.device(0x101, model="M1"),
        batches.device(0x102),
        batches.device(0x103, line="L3", model="M3"),
    ]
    batch("issue", batches.write(tmp_path / "rows.jsonl", rows))
    told = [listed("--eui64", device_id(n))[0].get("columns") for n in (0x101, 0x102, 0x103)]
    assert told == [{"model": "M1"}, None, {"model": "M3", "line": "L3"}]


@pytest.mark.slow
def test_own_columns_are_there_after_a_run_is_resumed(batch, listed, tmp_path, monkeypatch):
    def no_cut(*_):
        raise InputError("batch.workers", "None.")

    path = batches.write(tmp_path / "rows.csv", [batches.device(0x101, serial_number="SN1")])
    with monkeypatch.context() as patch:
        patch.setattr("smki_testca.issuance.batch.engines.LocalEngine.make", no_cut)
        batch("issue", path)
    assert listed("--where", "serial_number=SN1") == []
    batch("resume", 1)
    assert [one["eui64"] for one in listed("--where", "serial_number=SN1")] == [device_id(0x101)]


def _named(*header):
    return ColumnNames(Path("rows.csv"), KNOWN).named([*header, "profile"])[:-1]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("serial_number", "serial_number"),
        ("Serial Number", "serial_number"),
        ("serial-number", "serial_number"),
        *((each, each) for each in ("model", "line", "site", "pallet", "type", "firmware_version")),
        *((each, each) for each in ("batch", "stage", "supplier", "hw_revision", "_x1", "name")),
    ],
)
def test_a_column_of_another_name_is_the_operators_own(header, name):
    assert _named(header) == [name]


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        ("partcipant", "participant"),
        ("Particpant ", "participant"),
        ("purpos", "purpose"),
        ("enviroment", "environment"),
        ("usages", "usage"),
        ("useage", "usage"),
        ("lable", "label"),
        ("device", "device-id"),
        ("deviceids", "device-id"),
        ("hw_typ", "hw-type"),
        ("hw", None),
        ("csr", "csr-file"),
        ("public_key", "public-key-file"),
        ("eui64", "device-id"),
        ("eui-64", "device-id"),
        ("EUI 64", "device-id"),
        ("profiles", "profile"),
    ],
)
def test_a_known_column_misspelt_is_refused_with_the_one_meant(header, meant):
    if meant is None:  # two letters are too few to tell
        assert _named(header) == [header]
        return
    with pytest.raises(InputError) as raised:
        _named(header)
    assert raised.value.code == "manifest.column"
    assert f"Did you mean {meant}?" in raised.value.remedy


@pytest.mark.parametrize("name", ["serial", "status", "not_after", "private_key", "sha256"])
def test_an_own_column_has_no_name_that_exports_have(name):
    with pytest.raises(InputError, match="name lists and exports have") as raised:
        _named(name)
    assert f"device_{name}" in raised.value.remedy


@pytest.mark.parametrize("name", ["Not Before", "notbefore", "SHA-256", "Key ID"])
def test_nor_one_that_is_such_a_name_written_otherwise(name):
    with pytest.raises(InputError, match="name lists and exports have"):
        _named(name)


def test_a_digit_at_the_beginning_of_an_own_column_is_told():
    with pytest.raises(InputError) as raised:
        _named("2nd")
    assert "does not begin with a digit" in raised.value.remedy


def test_own_columns_have_limits(monkeypatch):
    assert _named("a" * 64) == ["a" * 64]
    for wrong in ("a" * 65, "caf\u00e9", "a.b", "7up", "a,b"):
        with pytest.raises(InputError) as raised:
            _named(wrong)
        assert raised.value.code == "manifest.column"
    monkeypatch.setattr(column_names, "MAX_OWN_COLUMNS", 2)
    assert _named("first_a", "second_b") == ["first_a", "second_b"]
    with pytest.raises(InputError, match="over 2 columns of your own"):
        _named("first_a", "second_b", "third_c")


def test_two_spellings_of_one_own_column_are_an_error():
    with pytest.raises(InputError, match="twice, as 'Serial Number', too"):
        _named("Serial Number", "serial_number")


@pytest.mark.slow
@KINDS
def test_a_control_character_in_an_own_column_is_a_problem_of_its_row(batch, tmp_path, kind):
    rows = [batches.device(0x101, model="M\x1b[31m"), batches.device(0x102, model="\u00e4")]
    path = batches.write(tmp_path / f"rows.{kind}", rows)
    (problem,) = batch("check", path).json["problems"]
    assert problem["error"]["code"] == "manifest.line"
    assert "its model has a line break or another control character" in problem["error"]["message"]


@pytest.mark.parametrize("where", ["serial_number", "=x", "serial_number=", "a.b=x"])
def test_where_takes_a_column_and_its_value(command, quickstart, where):
    outcome = command("--estate", quickstart, "list", "--where", where)
    assert outcome.code == 2
    assert "COLUMN=VALUE" in outcome.err


@pytest.mark.slow
def test_where_selects_for_commands_that_need_a_selection(batch, command, quickstart, tmp_path):
    rows = [batches.device(n, serial_number=f"SN{n}") for n in (0x101, 0x102)]
    batch("issue", batches.write(tmp_path / "rows.csv", rows))
    words = ("set-status", "not-in-use", "--where", f"serial_number=SN{0x102}")
    outcome = command("--json", "--estate", quickstart, *words)
    assert outcome.code == 0, outcome.err
    assert [one["eui64"] for one in outcome.json["certificates"]] == [device_id(0x102)]


@pytest.mark.slow
def test_a_renewed_certificate_keeps_the_columns(batch, command, quickstart, listed, tmp_path):
    rows = [batches.device(n, serial_number=f"SN{n}") for n in (0x101, 0x102)]
    batch("issue", batches.write(tmp_path / "rows.csv", rows))
    words = ("renew", "--where", f"serial_number=SN{0x101}")
    for _ in range(2):
        outcome = command("--json", "--estate", quickstart, *words)
        assert outcome.code == 0, outcome.err
    found = listed("--where", f"serial_number=SN{0x101}")
    assert [one["status"] for one in sorted(found, key=lambda one: one["status"])] == list("INN")
    assert {one["eui64"] for one in found} == {device_id(0x101)}
    assert command("--estate", quickstart, "audit", "verify").code == 0


# Labels.


@pytest.mark.slow
def test_labels_are_made_from_the_row(batch, listed, tmp_path):
    rows = [
        batches.device(0x101, usage="both", serial_number="SN1", label=""),
        batches.device(0x102, serial_number="SN2", label="own-{id}"),
        batches.device(0x103, serial_number="SN3", label="plain"),
    ]
    path = batches.write(tmp_path / "rows.csv", rows)
    batch("issue", path, "--label", "{serial_number}-{usage}{{}}")
    labels = {
        number: sorted(one["label"] for one in listed("--eui64", device_id(number)))
        for number in (0x101, 0x102, 0x103)
    }
    assert labels == {
        0x101: ["SN1-ds{}", "SN1-ka{}"],
        0x102: [f"own-{device_id(0x102)}"],
        0x103: ["plain"],
    }


@pytest.mark.slow
def test_labels_of_a_range_are_made_too(batch, listed):
    words = batches.range_of(2, 0x1000, *BOTH, label="{id}/{usage}")
    assert _of_batch(batch("issue", *words))["label"] == "{id}/{usage}"
    found = listed("--label", f"{device_id(0x1001)}/ka")
    assert [(one["eui64"], one["usage"]) for one in found] == [(device_id(0x1001), BOTH[1])]


@pytest.mark.slow
@pytest.mark.parametrize("label", ["{serial_number}", "{id", "{}", "{id!r}", "{id:>9}", "a}b"])
def test_a_label_that_cannot_be_made_is_refused_before_a_run_begins(batch, tmp_path, label):
    path = batches.write(tmp_path / "rows.csv", [batches.device(label=label)])
    (problem,) = batch("check", path).json["problems"]
    assert problem["error"]["code"] == "label.template"
    outcome = batch("issue", *batches.range_of(2, 0x1000), "--label", label)
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "label.template")
    assert batch("list").json == {"runs": []}


def test_a_label_that_becomes_too_long_is_a_problem_of_its_row(batch, tmp_path):
    row = batches.device(label="{model}" * 5, model="x" * 41)
    (problem,) = batch("check", batches.write(tmp_path / "rows.csv", [row])).json["problems"]
    assert problem["error"]["code"] == "request.label"


def test_a_label_without_braces_is_no_template():
    assert LabelTemplate.of("plain") == "plain"
    assert LabelTemplate.of(None) is None
    assert LabelTemplate("{{a}}").fill({}) == "{a}"


@pytest.fixture
def two_of_own(command, quickstart, tmp_path):
    rows = [
        batches.device(0x101, serial_number="SN1", model="M1"),
        batches.device(0x102, serial_number="SN2", model="M1"),
        batches.device(0x103, serial_number="SN3", model="M2"),
    ]
    batches.issue(command, quickstart, batches.write(tmp_path / "rows.csv", rows))
    return lambda *words, text=False: command(
        *(() if text else ("--json",)), "--estate", quickstart, "list", *words
    )


def test_an_own_column_given_twice_selects_any_of_the_values(two_of_own):
    def ids(*words):
        return [one["eui64"] for one in two_of_own(*words).json["certificates"]]

    some = ("--where", "Serial Number=SN1", "--where", "serial_number=SN3")
    assert ids(*some) == [device_id(0x101), device_id(0x103)]
    assert ids(*some, "--where", "model=M2") == [device_id(0x103)]


def test_a_column_that_no_manifest_has_is_refused_with_those_there_are(two_of_own):
    outcome = two_of_own("--where", "serial_nmber=SN1")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "selection.column")
    assert "Did you mean serial_number?" in outcome.json["error"]["remedy"]
    assert "model" in outcome.json["error"]["remedy"]


def test_own_columns_are_listed_and_sorted_by(two_of_own):
    words = ("--where", "model=M1", "--columns", "Serial Number,model", "--sort", "-serial-number")
    lines = two_of_own(*words, text=True).out.splitlines()
    assert [line.split() for line in lines[-2:]] == [["SN2", "M1"], ["SN1", "M1"]]
    assert two_of_own("--columns", "colour").code == 2
