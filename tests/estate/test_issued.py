"""What was issued before is counted alike for one Device, for many, and for a category."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import batches
from estates import opened
from smki_testca.estate.certificates import Selection
from smki_testca.estate.runs import State
from smki_testca.estate.terms import Secrets, Section, SectionRow, Terms
from smki_testca.estate.tiles import TileRecord
from smki_testca.identifiers import Eui64

NOW = datetime(2030, 1, 1, tzinfo=UTC)
BASE = 0x00DB12 << 40
TILE = 3
"""Rows of a tile, so that few rows make several."""

PARTS = st.tuples(
    st.one_of(
        st.tuples(st.integers(0, 8), st.integers(1, 8)),  # a range: its first ID, how many
        st.lists(st.integers(0, 12), min_size=1, max_size=8),  # the ID of each row
    ),
    st.sampled_from(["device", "other"]),
)
RUNS = st.lists(
    st.tuples(
        st.lists(PARTS, min_size=1, max_size=3),
        st.sampled_from(State),
        st.sets(st.integers(0, 8)),  # which tiles are finished
    ),
    max_size=3,
)


def _section(ids, category):
    is_range = isinstance(ids, tuple)
    return Section(
        profile="device",
        participant="meters-one",
        participant_name="Meters",
        signifier=None,
        purpose=batches.DEVICE_PURPOSE,
        environment="ZAZ1",
        category=category,
        agreement="BIL-2020-001",
        issuer="01",
        count=ids[1] if is_range else len(ids),
        first_id=BASE + ids[0] if is_range else None,
    )


def _add_run(estate, parts, state, finished):
    """Note a run; give what of it counts, as the ID and category of each certificate."""
    sections = [_section(*part) for part in parts]
    terms = Terms(source="manifest", at=NOW.isoformat(), seeded=False, sections=sections)
    run = estate.runs.add(terms, Secrets(secrets.token_bytes(16), bytes(32)), NOW)
    counted, number, first_row = [], 0, 0
    for place, (ids, category) in enumerate(parts):
        is_range = isinstance(ids, tuple)
        values = list(range(ids[0], ids[0] + ids[1])) if is_range else ids
        for first in range(0, len(values), TILE):
            some = values[first : first + TILE]
            rows = [SectionRow(line, BASE + value) for line, value in enumerate(some, 1)]
            estate.tiles.add(
                TileRecord(run, number, place, first, first_row, len(some)),
                None if is_range else msgspec.msgpack.encode(rows),
                "meters-one",
            )
            done = state is State.DONE or number in finished
            if done:
                estate.tiles.finish(run, number, bytes([1] * 32), len(some), NOW)
            if done or state is not State.CANCELLED:
                counted += [(BASE + value, category) for value in some]
            number, first_row = number + 1, first_row + len(some)
    if state is not State.RUNNING:
        estate.runs.set_state(run, state, NOW)
    return counted


@pytest.fixture(scope="module")
def with_singles(quickstart_original, tmp_path_factory):
    directory = tmp_path_factory.mktemp("issued") / "estate"
    shutil.copytree(quickstart_original, directory)
    with opened(directory) as estate:
        estate.unlock()
        yield estate


class _UndoneError(Exception):
    """Ends a transaction, so that the next example begins with the same estate."""


@pytest.mark.slow
def test_counts_are_those_of_a_plain_count(with_singles):
    estate = with_singles
    singles = [
        (record.eui64.value, record.category)
        for record in estate.select(Selection(profile="device"))
        if record.eui64 is not None
    ]
    assert singles

    @given(RUNS, st.integers(0, 14), st.integers(0, 14))
    def compare(runs, one, other):
        first, last = Eui64(BASE + min(one, other)), Eui64(BASE + max(one, other))
        with contextlib.suppress(_UndoneError), estate.transaction():
            counted = [
                *singles,
                *(entry for run in runs for entry in _add_run(estate, *run)),
            ]
            whole = Counter(value for value, _ in counted)
            expected = {
                value: count for value, count in whole.items() if first.value <= value <= last.value
            }
            assert estate.issued.for_devices(first, last) == expected
            for value in range(first.value, last.value + 1):
                assert estate.issued.for_device(Eui64(value)) == whole[value]
            most = estate.issued.most_for_devices(first, last)
            assert most >= max(expected.values(), default=0)
            if not any(isinstance(ids, tuple) for parts, *_ in runs for ids, _ in parts):
                assert most == max(expected.values(), default=0)
            for category in ("device", "other"):
                have = sum(name == category for _, name in counted)
                assert estate.issued.in_category("meters-one", category) == have
            raise _UndoneError

    compare()


def test_a_cancelled_run_of_a_range_counts_with_the_ids_it_issued(estate):
    first, last = Eui64(BASE + 0x7000), Eui64(BASE + 0x7008)
    with estate.transaction():
        _add_run(estate, [((0x7000, 9), "device")], State.CANCELLED, {1})
    assert estate.issued.most_for_devices(first, last) == 1
    assert estate.issued.most_for_devices(first, Eui64(BASE + 0x7002)) == 0
    assert sorted(estate.issued.for_devices(first, last)) == [BASE + 0x7003 + n for n in range(3)]
