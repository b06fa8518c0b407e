"""What the command line would refuse of a number or a passphrase, programs are refused, too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smki_testca import (
    Estate,
    EstateError,
    FixedClock,
    Hierarchy,
    InputError,
    KeyUsage,
    RunExportOptions,
    Selection,
    apply_kit,
    export_files,
    export_run,
    make_csr,
)
from smki_testca.register.notifications import Flow

PARTICIPANTS = Path(__file__).parent.parent / "examples" / "participants.toml"
HUGE = 1 << 70
METER: Any = {"device_id": "00-DB-12-00-00-00-01-00", "hw_type": "1.2.826.0.1.8641679.1.2.2.1"}
PURPOSE = "device-and-user-system-tests"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    clock = FixedClock(datetime(2026, 11, 23, 12, tzinfo=UTC))
    with Estate.create(tmp_path_factory.mktemp("api") / "estate", "secret", clock=clock) as estate:
        estate.add_environment("ZAZ1", hierarchies=(Hierarchy.DEVICE,))
        estate.register.import_file(PARTICIPANTS.read_bytes(), PARTICIPANTS.name)
        subject = estate.subject("device", **METER)
        request = estate.request("meters-one", PURPOSE, subject, (KeyUsage.KEY_AGREEMENT,))
        estate.issue(request, label="one")
        yield estate


@pytest.mark.parametrize("parts", [-1, 0])
def test_an_export_is_not_split_into_parts_of_nothing(parts):
    with pytest.raises(InputError) as caught:
        RunExportOptions(split=parts)
    assert str(caught.value) == f"The number of units in a part is {parts}."
    assert (caught.value.code, caught.value.remedy) == ("number.range", "Use 1 or more.")


@pytest.mark.parametrize("count", [-1, 0, 100_001, HUGE])
def test_as_many_ids_are_allocated_as_on_the_command_line(own, count):
    with pytest.raises(InputError) as caught:
        own.register.allocate("supplier-one", "Gas Supplier", count)
    assert caught.value.code == "number.range"


@pytest.mark.parametrize("last", [-1, 0, HUGE])
def test_the_last_entries_are_one_or_more(own, last):
    with pytest.raises(InputError) as caught:
        own.audit.entries(last)
    assert caught.value.code == "number.range"


@pytest.mark.parametrize("number", [-1, HUGE])
def test_there_is_no_run_and_no_notification_of_a_number_beyond_any(own, number):
    for code, call in (
        ("batch.unknown", own.batches.run),
        ("notification.unknown", lambda given: own.register.notification(Flow.PANEL, given)),
    ):
        with pytest.raises(InputError) as caught:
            call(number)
        assert caught.value.code == code


def test_nothing_is_due_within_less_than_no_time(own):
    with pytest.raises(InputError) as caught:
        apply_kit(own, "zaz1", within=timedelta(days=-1))
    assert caught.value.code == "time.period"


UNUSABLE = {"": "passphrase.empty", "\ufeff": "passphrase.empty", "\udc80": "passphrase.encoding"}
OF_KEYS = {text: code for text, code in UNUSABLE.items() if text != "\ufeff"}


@pytest.mark.parametrize(("text", "code"), UNUSABLE.items(), ids=ascii)
def test_an_estate_has_a_passphrase(tmp_path, text, code):
    for given in (text, lambda: text):
        with pytest.raises(InputError) as caught:
            Estate.create(tmp_path / "estate", given)
        assert caught.value.code == code
    assert not (tmp_path / "estate").exists()


@pytest.mark.parametrize(("text", "code"), OF_KEYS.items(), ids=ascii)
@pytest.mark.parametrize("with_keys", [False, True])
def test_keys_are_exported_under_a_passphrase_or_in_the_clear(own, tmp_path, text, code, with_keys):
    records = [record for record in own.select(Selection()) if record.label == "one"]
    options = RunExportOptions(with_keys=with_keys, passphrase=text)
    calls = (
        lambda: export_files(own, records, "pem", with_keys=with_keys, passphrase=text),
        lambda: export_run(own, 1, "csv", tmp_path / "run.csv", options),
        lambda: make_csr("device", "key-agreement", **METER).key_pem(text),
    )
    for call in calls:
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.code == code
    assert not list(tmp_path.iterdir())


def test_what_is_no_text_opens_no_estate(own):
    with (
        Estate.open(own.directory, "\udc80") as locked,
        pytest.raises(EstateError) as caught,
    ):
        locked.unlock()
    assert caught.value.code == "estate.passphrase"


def test_the_uri_of_a_token_is_no_text(own):
    text: Any = "pkcs11:token=smki"
    for call in (
        lambda: own.roll_over(Hierarchy.DEVICE, "Z9", token=text),
        lambda: own.move_authority_key("DZ", text),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.code == "token.uri"
        assert 'TokenUri.parse("pkcs11:' in caught.value.remedy
