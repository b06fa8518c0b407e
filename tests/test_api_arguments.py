"""What the command line would refuse of a number or a passphrase, programs are refused, too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smki_testca import (
    Estate,
    FixedClock,
    Hierarchy,
    InputError,
    RunExportOptions,
    apply_kit,
)
from smki_testca.register.notifications import Flow

PARTICIPANTS = Path(__file__).parent.parent / "examples" / "participants.toml"
HUGE = 1 << 70


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    clock = FixedClock(datetime(2026, 11, 23, 12, tzinfo=UTC))
    with Estate.create(tmp_path_factory.mktemp("api") / "estate", "secret", clock=clock) as estate:
        estate.add_environment("ZAZ1", hierarchies=(Hierarchy.DEVICE,))
        estate.register.import_file(PARTICIPANTS.read_bytes(), PARTICIPANTS.name)
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
