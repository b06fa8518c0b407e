"""``device``: load, update, show and check, as a person and a program see them."""

from __future__ import annotations

import json
import os
import shlex

import pytest

from smki_testca import Device
from smki_testca.cli.device import device as group


@pytest.fixture
def pem(quickstart):
    """The folder of the Organisation Certificates that quickstart made."""
    return quickstart / "export" / "pem" / "ZAZ1" / "organisation"


@pytest.fixture
def run(command, pem, tmp_path, monkeypatch):
    """Runs ``smki-testca device`` in a folder with an estate and, once it is loaded, a Device."""
    assert pem.is_relative_to(tmp_path)
    monkeypatch.chdir(tmp_path)

    def call(line, **options):
        return command(*shlex.split(f"device {line}"), **options)

    return call


@pytest.fixture
def loaded(run):
    outcome = run("load estate --type esme --cell supplier/KA/prepayment=Z1-supplierPP-ka")
    assert outcome.code == 0, outcome.err
    return run


@pytest.mark.slow
def test_the_three_commands_work_one_after_the_other_as_typed(run, pem):
    loaded = run("load estate --type esme")
    assert loaded.code == 0, loaded.err
    assert "device.json is ESME of ZAZ1: 8 of 9 cells are filled." in loaded.out
    assert "supplier/KA/prepayment is empty" in loaded.err
    new, issuing = pem / "supplier-one" / "Z1-supplier-ds.pem", pem / "ca" / "Z1.pem"
    updated = run(f"update {new} --path {issuing}")
    assert updated.code == 0, updated.out
    assert updated.out.startswith("supplier/DS: 0 success\n")
    shown = run("show")
    assert shown.code == 0
    assert "networkOperator/KA" in shown.out
    assert all(len(line.rstrip()) <= 80 for line in shown.out.splitlines())
    assert "empty" in shown.out


def test_a_refused_one_ends_with_1_and_the_file_keeps_the_old(loaded, pem, tmp_path):
    before = (tmp_path / "device.json").read_bytes()
    outcome = loaded(f"update {pem / 'supplier-one' / 'Z1-supplier-ds.pem'}")
    assert outcome.code == 1
    assert "supplier/DS: 10 noTrustAnchor" in outcome.out
    assert "The cell keeps what it holds." in outcome.out
    assert "device.path.issuer, observed: RTDS" in outcome.out
    assert (tmp_path / "device.json").read_bytes() == before


def test_the_others_of_the_same_command_are_kept(loaded, pem, tmp_path):
    good, chain = pem / "supplier-one" / "Z1-supplierPP-ka.pem", pem / "ca" / "Z1-chain.pem"
    (tmp_path / "junk.der").write_bytes(b"junk")
    outcome = loaded(f"update junk.der {good} --cell supplier/DS --cell auto --path {chain} --json")
    assert outcome.code == 1
    answers = outcome.json["answers"]
    assert [(each["status"], each["status_name"]) for each in answers] == [
        (5, "badCertificate"),
        (0, "success"),
    ]
    assert [each["replaced"] for each in answers] == [False, True]
    document = json.loads((tmp_path / "device.json").read_bytes())
    cells = {cell["cell"]: cell["certificate"] for cell in document["cells"]}
    assert cells["supplier/KA"] == cells["supplier/KA/prepayment"]
    assert answers[0]["old"]["eui64"] == "90-B3-D5-1F-30-01-00-00"


def test_of_a_cell_that_the_device_lacks_nothing_is_said(loaded, pem):
    other = pem / "other-one" / "otherUser-ds.pem"
    outcome = loaded(f"update {other} --path {pem / 'ca' / 'Z1-chain.pem'}")
    assert "other/DS: 25 trustAnchorNotFound" in outcome.out
    assert "ESME has no cell other/DS." in outcome.out
    assert "old:" not in outcome.out
    assert "The cell keeps" not in outcome.out


def test_time_is_checked_unless_the_command_disapplies_it(loaded, pem):
    send = f"update {pem / 'supplier-one' / 'Z1-supplier-ds.pem'} --path {pem / 'ca' / 'Z1.pem'}"
    late = "--at 2045-01-01T00:00:00Z"
    refused = loaded(f"{send} {late}")
    assert refused.code == 1
    assert "supplier/DS: 5 badCertificate" in refused.out
    assert "without checks of time: 0 success" in refused.out
    taken = loaded(f"{send} {late} --no-time-checks")
    assert taken.code == 0
    assert "with checks of time: 5 badCertificate" in taken.out
    of_clock = loaded(f"{send} --clock 2045-01-01T00:00:00Z")
    assert of_clock.code == 1


def test_a_mode_a_use_case_and_an_answer_that_is_asked_for(loaded, pem):
    send = f"update {pem / 'supplier-one' / 'Z1-supplier-ds.pem'} --path {pem / 'ca' / 'Z1.pem'}"
    for options, said in (
        ("--mode 3", "127 other"),
        ("--mode supplierByTransCoS", "0 success"),
        ("--use-case CS02f", "127 other"),
        ("--answer insufficientMemory", "17 insufficientMemory"),
        ("--answer supplier/DS=30", "30 resourcesBusy"),
        ("--answer supplier/KA=30", "0 success"),
    ):
        outcome = loaded(f"{send} {options}")
        assert f"supplier/DS: {said}" in outcome.out, options
        assert outcome.code == (0 if said == "0 success" else 1)


def test_a_certificate_comes_from_standard_input_or_in_der(loaded, pem, tmp_path):
    text = (pem / "supplier-one" / "Z1-supplier-ds.pem").read_bytes()
    assert loaded(f"update - --path {pem / 'ca' / 'Z1.pem'}", stdin=text).code == 0
    held = Device.read(tmp_path / "device.json").certificate("supplier/KA")
    assert held is not None
    (tmp_path / "ka.der").write_bytes(held)
    assert loaded(f"update ka.der --path {pem / 'ca' / 'Z1.pem'}").code == 0


def test_show_in_json_has_every_cell(loaded):
    document = loaded("show --json").json
    assert (document["device_type"], document["device_type_number"]) == ("ESME", 1)
    names = [cell["cell"]["name"] for cell in document["cells"]]
    assert len(names) == 9
    assert all(cell["holds"]["key_identifier"] for cell in document["cells"])


def test_a_hub_shows_its_root_though_its_cell_is_not_known(run):
    assert run("load estate --type CHF --device hub.json").code == 0
    shown = run("show --device hub.json")
    assert "(root)" in shown.out
    assert "note: Three cells were seen" in shown.out


def test_answers_lists_every_status_rule_and_mode(run):
    text = run("answers").out
    assert all(len(line.rstrip()) <= 80 for line in text.splitlines())
    assert "device.asked_for" in text
    document = run("answers --json").json
    statuses = {(each["command"], each["status"]) for each in document["statuses"]}
    assert statuses == {
        *(("replacement", number) for number in (0, 5, 10, 17, 25, 30, 127)),
        *(("own", number) for number in range(8)),
        *(("csr", number) for number in (1, 2, 3)),
        *(("join", number) for number in (7, 11)),
    }
    assert [mode["number"] for mode in document["modes"]] == list(range(12))
    for each in (*document["statuses"], *document["rules"], *document["modes"]):
        assert each.get("status_name", each.get("name")) in text
        assert each["basis"] in {"observed", "assumed"}
        assert each["source"]


def test_check_judges_a_certificate_of_the_devices_own(loaded, quickstart):
    folder = quickstart / "export" / "pem" / "ZAZ1" / "device"
    own, path = folder / "meters-one" / "ESME-ds.pem", folder / "ca" / "DZ1-chain.pem"
    done = loaded(f"check {own} --path {path} --id 00-DB-12-00-00-00-00-01")
    assert (done.code, done.out.splitlines()[0]) == (0, "00-DB-12-00-00-00-00-01: 0 success")
    for options, said in (
        ("--id 00-DB-12-00-00-00-00-02", (2, "wrongDeviceIdentity")),
        ("--usage key-agreement", (3, "invalidKeyUsage")),
        ("--answer 6", (6, "certificateStorageFailed")),
    ):
        outcome = loaded(f"check {own} --path {path} {options} --json")
        assert outcome.code == 1
        assert (outcome.json["status"], outcome.json["status_name"]) == said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "exit_code", "code"),
    [
        ("load estate --type tardis", 4, "device.type"),
        ("load estate --type gpf", 4, "device.no_cells"),
        ("load nothing --type esme", 5, "estate.missing"),
        ("load . --type esme", 4, "device.no_cells"),
        ("load estate --type esme --cell supplier/KA", 2, "usage"),
        ("load estate --type esme --cell supplier/KA=nobody", 4, "device.certificate"),
        ("load estate --type esme --cell supplier/DS=a --cell supplier/DS=b", 2, "usage"),
        ("load estate --type gsme", 4, "export.exists"),
        ("show --device nothing.json", 4, "device.file"),
        ("update nothing.pem", 4, "input.unreadable"),
        ("update estate/passphrase", 4, "device.cell_name"),
        ("update estate/passphrase --cell a --cell b", 2, "usage"),
        ("update estate/passphrase --cell tardis/DS", 4, "role.unknown"),
        ("update estate/passphrase --cell supplier/DS --mode 99", 4, "device.mode_name"),
        ("update estate/passphrase --cell supplier/DS --use-case X", 4, "device.use_case_name"),
        ("update estate/passphrase --cell supplier/DS --answer 99", 4, "device.status_name"),
        ("update estate/passphrase --cell supplier/DS --answer =5", 2, "usage"),
        ("update estate/passphrase --cell supplier/DS --answer 5 --answer 10", 2, "usage"),
        ("update estate/passphrase --cell supplier/DS --at never", 4, "time.form"),
        ("update estate", 4, "input.unreadable"),
        ("update", 2, "usage"),
        ("check estate/passphrase --id 1", 4, "eui64.form"),
    ],
)
def test_what_cannot_be_done_is_one_line_with_a_code(loaded, tmp_path, line, exit_code, code):
    before = (tmp_path / "device.json").read_bytes()
    outcome = loaded(f"{line} --json")
    assert (outcome.code, outcome.json["error"]["code"]) == (exit_code, code)
    text = loaded(line)
    assert text.code == exit_code
    assert len(text.err.splitlines()) == 1
    assert "Traceback" not in text.err
    assert (tmp_path / "device.json").read_bytes() == before


def test_a_pem_file_without_a_certificate_is_not_sent(loaded, quickstart):
    key = next(quickstart.rglob("Z1-supplier-ds.key"))
    outcome = loaded(f"update {key} --cell supplier/DS --json")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "document.unknown_kind")


def test_load_takes_the_place_of_a_device_only_by_force(loaded, tmp_path):
    assert loaded("load estate --type gsme --force").code == 0
    assert Device.read(tmp_path / "device.json").kind.name == "GSME"


@pytest.mark.parametrize("content", ["", "my notes", '{"format": "another"}', "[" * 100_000])
def test_load_overwrites_no_file_of_another_kind(loaded, tmp_path, content):
    (tmp_path / "mine.txt").write_text(content)
    outcome = loaded("load estate --type gsme --device mine.txt --force --json")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "device.file")
    assert (tmp_path / "mine.txt").read_text() == content
    assert loaded("load estate --type gsme --device new.json --force").code == 0


def test_load_writes_no_file_of_an_estate(loaded):
    outcome = loaded("load estate --type gsme --device estate/estate.sqlite-wal --json")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "export.estate")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_is_not_waited_for(loaded, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for line in ("update pipe --json", "check pipe --json"):
        outcome = loaded(line)
        assert (outcome.code, outcome.json["error"]["code"]) == (4, "input.unreadable")


def test_more_than_a_command_carries_is_an_error(loaded, pem):
    path = " ".join(f"--path {pem / 'ca' / 'Z1-chain.pem'}" for _ in range(2))
    outcome = loaded(f"update {pem / 'supplier-one' / 'Z1-supplier-ds.pem'} {path} --json")
    assert (outcome.code, outcome.json["error"]["code"]) == (4, "device.too_many")


def test_every_command_of_the_group_has_an_example():
    assert set(group.commands) == {"load", "update", "show", "check", "answers"}
    assert all("Example:" in (each.help or "") for each in group.commands.values())
