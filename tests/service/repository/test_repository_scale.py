"""What is found by EUI-64 or serial number is looked up, however many certificates there are."""

from __future__ import annotations

import pytest

import work
from estates import copied_with_run, opened
from smki_testca.identifiers import Eui64, SerialNumber
from smki_testca.service.repository import published

RANGE = (
    *("--profile", "device", "--participant", "meters-one", "--workers", "1"),
    *("--purpose", "device-and-user-system-tests", "--hw-type", "1.2.826.0.1.8641679.1.2.2.1"),
    *("--usage", "digital-signature", "--usage", "key-agreement"),
    *("--first-id", "00-DB-12-01-00-00-00-00"),
)
FIRST = Eui64.parse("00-DB-12-01-00-00-00-00").value


@pytest.mark.slow
def test_a_search_in_a_large_estate_is_as_much_work_as_in_a_small_one(newcomer_original, tmp_path):
    done = []
    for count in (5, 1000):
        directory = copied_with_run(
            newcomer_original, tmp_path / str(count), *RANGE, "--count", count
        )
        with work.counted() as one, opened(directory) as estate:
            found = published.by_alt_name(estate, Eui64(FIRST + count - 1))
            assert {each.usage for each in found} == {"DS", "KA"}
            assert published.by_serial(estate, found[0].serial) == found[0]
            assert published.by_serial(estate, SerialNumber(12345)) is None
            assert published.by_alt_name(estate, Eui64(FIRST + count)) == []
        done.append(one)
    small, large = done
    assert large.calls < 1.5 * small.calls
    assert large.steps < 1.5 * small.steps + 1000
