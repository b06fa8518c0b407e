"""Batches from Python: rows, ranges and CSRs, and what their runs made."""

import csv
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from csr_zips import csr_zip, device_csr

from batches import DEVICE_PURPOSE, HW_TYPE, device, device_id, organisation
from smki_testca import (
    AlreadySoError,
    BatchOptions,
    Eui64,
    Existing,
    InputError,
    KeyForm,
    KeyUsage,
    Refusal,
    RunExportOptions,
    Selection,
    SigningOptions,
    Status,
    export_run,
)
from smki_testca.estate.runs import State
from smki_testca.x509.keys import key_id
from smki_testca.x509.private_keys import public_key_info

DEFAULTS = {
    "profile": "device",
    "participant": "meters-one",
    "purpose": DEVICE_PURPOSE,
    "hw-type": HW_TYPE,
}
ONE = {"workers": 1}
METERS = SigningOptions(participant="meters-one", purpose=DEVICE_PURPOSE)


def _id(number):
    """The ID of a Device that has no certificate yet."""
    return device_id(0x500 + number)


def _row(number, **cells):
    return {"device_id": _id(number), **cells}


def _range(estate, number=0x300, usages=tuple(KeyUsage)):
    first = estate.subject("device", device_id=device_id(number), hw_type=HW_TYPE)
    return estate.request("meters-one", DEVICE_PURPOSE, first, usages)


@pytest.mark.slow
def test_rows_are_issued_as_a_manifest_of_them_is(estate, tmp_path):
    rows = [device(number) for number in (1, 2)] + [organisation()]
    path = tmp_path / "devices.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, sorted({name for row in rows for name in row}))
        writer.writeheader()
        writer.writerows(rows)
    options = BatchOptions(existing=Existing.AGAIN)
    found = []
    for source in (rows, path, str(path)):
        outcome = estate.batches.issue(source, options, **ONE)
        outcome.check()
        assert (outcome.count, outcome.rows, outcome.problems) == (3, 3, ())
        assert outcome.run == estate.batches.run(outcome.run.id)
        assert outcome.run.state is State.DONE
        records = list(estate.batches.records(outcome.run.id))
        found.append([(each.profile, each.eui64, each.usage, each.role) for each in records])
    assert found[0] == found[1] == found[2]
    assert len(set(found[0])) == 3


def test_rows_take_underscores_ids_empty_cells_and_columns_of_ones_own(estate):
    rows = [
        {"device_id": Eui64.parse(_id(1)), "serial_number": "M1", "label": None},
        {"device-id": _id(2), "usage": "key-agreement", "serial_number": ""},
    ]
    options = BatchOptions(label="meter-{id}-{usage}")
    outcome = estate.batches.issue(rows, options, defaults=DEFAULTS, **ONE)
    assert outcome.columns == ("serial_number",)
    records = list(estate.batches.records(outcome.run.id))
    assert sorted((each.label, each.columns.get("serial_number")) for each in records) == [
        (f"meter-{_id(1)}-ds", "M1"),
        (f"meter-{_id(1)}-ka", "M1"),
        (f"meter-{_id(2)}-ka", None),
    ]


def test_a_row_that_is_wrong_is_told_and_the_others_are_issued(estate):
    rows = (_row(1), _row(2, colour="red", usage="blue"), {"device_id": "90-B3-D5-1F-00-00-00-01"})
    outcome = estate.batches.issue(rows, defaults=DEFAULTS, **ONE)
    assert [(each.line, each.error.code) for each in outcome.problems] == [
        (2, "request.usage"),
        (3, "device_id.outside_own_registry_entry"),
    ]
    assert (outcome.count, outcome.problem_count) == (2, 2)
    for _ in range(2):
        with pytest.raises(InputError, match=r"^Line 2: .* 1 more line is wrong, too") as error:
            outcome.check()
        assert error.value.code == "request.usage"
    refused = replace(outcome, problems=outcome.problems[1:], problem_count=1)
    with pytest.raises(Refusal, match=r"Line 3: "):
        refused.check()


def test_all_or_nothing_and_a_dry_run_issue_nothing(estate):
    rows = [_row(1), _row(1)]
    whole = BatchOptions(all_or_nothing=True)
    outcome = estate.batches.issue(rows, whole, defaults=DEFAULTS)
    assert (outcome.run, outcome.count, outcome.problem_count) == (None, 0, 1)
    entries = len(list(estate.audit.entries()))
    planned = estate.batches.issue(rows, BatchOptions(dry_run=True), defaults=DEFAULTS)
    assert (planned.run, planned.count, planned.problem_count) == (None, 2, 1)
    assert len(list(estate.audit.entries())) == entries
    assert estate.batches.runs() == []


def test_rows_that_can_be_iterated_once_are_issued_whole(estate):
    outcome = estate.batches.issue((_row(number) for number in (1, 2)), defaults=DEFAULTS, **ONE)
    assert outcome.count == 4


@pytest.mark.slow
def test_what_is_in_use_is_refused_skipped_replaced_or_issued_again(estate):
    rows = [_row(1)]
    batches = estate.batches
    first = batches.issue(rows, defaults=DEFAULTS, **ONE)
    refused = batches.issue(rows, defaults=DEFAULTS)
    assert [each.error.code for each in refused.problems] == ["batch.in_use"]
    skipped = batches.issue(rows, BatchOptions(existing=Existing.SKIP), defaults=DEFAULTS)
    assert (skipped.run, skipped.skipped_count, list(skipped.skipped)) == (None, 2, [1])
    # From a program without type checks.
    by_name = BatchOptions(existing="replace")  # type: ignore[arg-type]
    replaced = batches.issue(rows, by_name, defaults=DEFAULTS, **ONE)
    assert (replaced.count, replaced.retired) == (2, 2)
    old = [estate.status(each) for each in batches.records(first.run.id)]
    assert set(old) == {Status.NOT_IN_USE}
    again = batches.issue(rows, BatchOptions(existing=Existing.AGAIN), defaults=DEFAULTS, **ONE)
    assert again.count == 2
    assert any("in use already" in warning for warning in again.warnings)


@pytest.mark.parametrize(
    ("rows", "defaults", "code"),
    [
        ([], {}, "manifest.empty"),
        ([{"colour": "red"}], {}, "manifest.column"),
        ([{"device_id": "1", "device-id": "2"}], {}, "manifest.column"),
        ([_row(1)], {"device-id": device_id(1)}, "manifest.column"),
        ([_row(1)], {"colour": "red"}, "manifest.column"),
        ("missing.csv", {}, "input.unreadable"),
    ],
)
def test_rows_that_cannot_be_read_as_a_whole_are_refused(estate, rows, defaults, code):
    with pytest.raises(InputError) as error:
        estate.batches.issue(rows, defaults=defaults)
    assert error.value.code == code
    assert estate.batches.runs() == []


def test_a_cell_of_another_type_is_a_mistake_of_the_program(estate):
    with pytest.raises(TypeError, match="text or an Eui64, not int"):
        estate.batches.issue([{"device_id": 5}], defaults=DEFAULTS)


@pytest.mark.parametrize("octets", [0, 7, 65])
def test_a_seed_of_another_length_is_refused(octets):
    with pytest.raises(InputError, match="8 to 64 octets"):
        BatchOptions(seed=bytes(octets))


def test_a_range_has_a_certificate_of_each_usage_for_each_id(estate):
    calls = []
    seeded = BatchOptions(seed=b"seed" * 2, label="meter-{usage}")
    outcome = estate.batches.issue_range(
        _range(estate), 5, seeded, workers=1, progress=lambda *call: calls.append(call)
    )
    assert (outcome.count, outcome.rows, outcome.is_range) == (10, 0, True)
    records = list(estate.batches.records(outcome.run.id))
    assert {each.label for each in records} == {"meter-ds", "meter-ka"}
    assert not any(each.keys_secret for each in records)
    assert calls[0] == (0, 10)
    assert calls[-1] == (10, 10)
    with pytest.raises(InputError) as error:
        estate.batches.issue_range(_range(estate, 0x400), 5, seeded)
    assert error.value.code == "batch.seed"


def test_a_range_that_the_gate_refuses_is_a_refusal_with_every_reason(estate):
    others = estate.subject("device", device_id="90-B3-D5-1F-30-01-00-00", hw_type=HW_TYPE)
    request = estate.request("meters-one", DEVICE_PURPOSE, others, tuple(KeyUsage))
    with pytest.raises(Refusal) as refusal:
        estate.batches.issue_range(request, 5)
    assert "device_id.outside_own_registry_entry" in {each.code for each in refusal.value.reasons}
    assert estate.batches.runs() == []


def test_a_range_is_of_certificates_that_embed_an_id(estate):
    subject = estate.subject("dccki", common_name="gateway.test")
    request = estate.request("supplier-one", "uept", subject)
    with pytest.raises(ValueError, match="embed an ID"):
        estate.batches.issue_range(request, 5)


@pytest.mark.slow
def test_records_come_with_their_private_keys(estate):
    issued = estate.batches.issue_range(_range(estate), 2, **ONE)
    pairs = list(estate.batches.records_with_keys(issued.run.id))
    assert [record for record, _ in pairs] == list(estate.batches.records(issued.run.id))
    for record, key in pairs:
        made: Any = load_der_private_key(key, None)
        assert key_id(public_key_info(made)) == record.key_id
    signed = estate.batches.sign({"a": device_csr()}, METERS, **ONE)
    assert [key for _, key in estate.batches.records_with_keys(signed.outcome.run.id)] == [None]


def test_a_run_that_was_interrupted_is_resumed_or_cancelled(estate):
    class _StopError(Exception):
        pass

    def stop(_issued, _total):
        raise _StopError

    for number in (0x300, 0x400):
        with pytest.raises(_StopError):
            estate.batches.issue_range(_range(estate, number), 3, progress=stop)
    assert [run.state for run in estate.batches.runs()] == [State.INTERRUPTED] * 2
    assert estate.batches.resume(1, workers=1).state is State.DONE
    with pytest.raises(AlreadySoError):
        estate.batches.resume(1)
    assert estate.batches.cancel(2).state is State.CANCELLED
    for change in (estate.batches.cancel, estate.batches.resume):
        with pytest.raises(InputError) as error:
            change(2)
        assert error.value.code == "batch.state"
    assert len(list(estate.batches.records(1))) == 6
    assert list(estate.batches.records(2)) == []


def test_a_run_that_there_is_not_is_told(estate, tmp_path):
    batches = estate.batches
    for ask in (batches.run, batches.records, batches.records_with_keys, batches.resume):
        with pytest.raises(InputError) as error:
            list(ask(7))
        assert error.value.code == "batch.unknown"
    for ask in (batches.cancel, batches.verify, batches.delivery_note, batches.response):
        with pytest.raises(InputError) as error:
            ask(7)
        assert error.value.code == "batch.unknown"
    with pytest.raises(InputError):
        export_run(estate, 7, "device-csv", tmp_path / "devices.csv")


@pytest.mark.slow
def test_a_run_is_verified_alone_and_against_a_list(estate, tmp_path):
    run = estate.batches.issue_range(_range(estate), 2, **ONE).run.id
    verified = estate.batches.verify(run, workers=1)
    assert (verified.certificates, verified.keys, verified.findings) == (4, 4, [])
    listed = tmp_path / "list.csv"
    listed.write_text(f"device-id\n{device_id(0x300)}\n{device_id(0x999)}\n")
    found = estate.batches.verify(run, against=str(listed), workers=1)
    assert found.listed == 2
    assert {str(each.eui64) for each in found.findings} == {device_id(0x301), device_id(0x999)}


def test_a_delivery_note_is_a_value_text_and_html(estate, command, quickstart):
    run = estate.batches.issue_range(_range(estate), 2, **ONE).run.id
    note = estate.batches.delivery_note(run)
    whole = b"".join(each.der for each in estate.batches.records(run))
    assert note.sha256 == hashlib.sha256(whole).hexdigest()
    assert (note.count, str(note.first_id), str(note.last_id)) == (
        *(4, device_id(0x300)),
        device_id(0x301),
    )
    printed = command("--estate", quickstart, "batch", "note", str(run))
    assert printed.out == note.as_text()
    page = command("--estate", quickstart, "batch", "note", str(run), "--format", "html")
    assert page.out == note.as_html()


def test_a_run_is_exported_as_the_command_does(estate, command, quickstart, tmp_path):
    run = estate.batches.issue_range(_range(estate), 2, **ONE).run.id
    words = ("--format", "device-csv", "--with-keys", "--key-form", "raw")
    done = command(
        *("--estate", quickstart, "batch", "export", str(run)),
        *(*words, "--out", tmp_path / "by-command.csv"),
    )
    assert done.code == 0, done.err
    options = RunExportOptions(with_keys=True, key_form=KeyForm.RAW)
    written = export_run(estate, run, "device-csv", tmp_path / "by-program.csv", options)
    assert (written.certificates, written.devices, written.left_out) == (4, 2, 0)
    files = [tmp_path / f"by-{who}.csv" for who in ("command", "program")]
    assert files[0].read_bytes() == files[1].read_bytes()
    with pytest.raises(InputError) as error:
        export_run(estate, run, "device-csv", str(files[0]), options)
    assert error.value.code == "export.exists"
    export_run(estate, run, "device-csv", files[0], replace(options, force=True))


def test_the_export_of_a_run_in_no_format_of_runs_is_told(estate, tmp_path):
    run = estate.batches.issue_range(_range(estate), 1, **ONE).run.id
    with pytest.raises(InputError) as error:
        export_run(estate, run, "jks", tmp_path / "out")
    assert error.value.code == "export.format"
    with pytest.raises(ValueError, match="pem"):
        RunExportOptions(key_form="pem")  # type: ignore[arg-type]


@pytest.mark.slow
def test_csrs_are_signed_by_name_from_a_zip_a_folder_and_a_table(estate, tmp_path):
    given = {"one.csr": device_csr(1), "two.csr": b"nonsense", "three.csr": device_csr(3)}
    zipped, folder = tmp_path / "meters.zip", tmp_path / "meters"
    zipped.write_bytes(csr_zip(*given.items()))
    folder.mkdir()
    for name, octets in given.items():
        (folder / name).write_bytes(octets)
    for csrs in (given, zipped, str(folder)):
        signed = estate.batches.sign(csrs, METERS, **ONE)
        assert sorted(signed.names) == sorted(given)
        assert set(signed.certificates) == {"one.csr", "three.csr"}
        assert {name: each.code for name, each in signed.refused.items()} == {
            "two.csr": "der.length"
        }
        run = signed.outcome.run.id
        assert signed.response() == estate.batches.response(run)
        by_der = {each.der: each for each in estate.batches.records(run)}
        assert by_der[signed.certificates["one.csr"]].label == "one"


@pytest.mark.slow
def test_csrs_of_devices_with_a_certificate_are_skipped_if_that_is_asked_for(estate):
    estate.batches.sign({"one": device_csr(0x61)}, METERS, **ONE)
    skipping = replace(METERS, skip_existing=True)
    signed = estate.batches.sign(
        {"one": device_csr(0x61), "two": device_csr(0x62)}, skipping, **ONE
    )
    assert set(signed.certificates) == {"two"}
    assert (signed.outcome.skipped_count, signed.signed, signed.refused) == (1, {2}, {})


def test_a_dry_run_of_csrs_signs_none(estate):
    csrs = {"one": device_csr(1), "two": b"nonsense"}
    signed = estate.batches.sign(csrs, replace(METERS, dry_run=True), **ONE)
    assert (signed.outcome.run, signed.outcome.count, signed.signed) == (None, 1, {1})
    assert signed.certificates == {}
    assert estate.batches.runs() == []


def test_what_is_no_batch_of_csrs_is_told(estate, tmp_path):
    for csrs in ({}, {"a/b": device_csr()}, {"": device_csr()}, tmp_path):
        with pytest.raises(InputError) as error:
            estate.batches.sign(csrs, METERS)
        assert error.value.code == "batch.csrs"
    with pytest.raises(ValueError, match="nobody"):
        estate.batches.sign({"a": device_csr()}, replace(METERS, taken_as="nobody"))
    run = estate.batches.issue_range(_range(estate), 1, **ONE).run.id
    with pytest.raises(InputError) as error:
        estate.batches.response(run)
    assert error.value.code == "batch.no_response"


def test_single_csrs_are_signed_beside_batches(estate):
    estate.unlock()
    for number in range(3):
        record, _ = estate.sign(device_csr(number), "meters-one", DEVICE_PURPOSE)
        assert list(estate.select(Selection(serial=record.serial))) == [record]
